"""What all portfolios of a session share, read once: names, files, headlines, notes.

A report of one portfolio reads these as well; a hundred of them would read them a hundred times.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import pandas as pd

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.factors import ASSET as FACTORS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.reports.portfolio_rows import HeadlineRow, NoteRow, rows_of
from market_pipeline.warehouse import Warehouse

HEADLINE_DAYS = 30
"""How many days back headlines are looked for."""


@dataclass(frozen=True)
class SessionRows:
    """Rows of one session, as they were when first asked for; raises NotASession for no session."""

    warehouse: Warehouse
    session: date

    def __post_init__(self) -> None:
        self.calendar.require_session(self.session)

    @property
    def calendar(self) -> TradingCalendar:
        """The exchange's sessions."""
        return TradingCalendar.xnys()

    @cached_property
    def books(self) -> dict[str, Book]:
        """Every book by its portfolio."""
        return {one.portfolio_id: one for one in self.warehouse.books()}

    @cached_property
    def _transaction_files(self) -> list[tuple[str, str]]:
        return [(name, file) for name, file, _ in self.warehouse.transactions.hashes()]

    @cached_property
    def names(self) -> dict[str, str]:
        """Names by portfolio, in that order; one of transactions only has no other name."""
        ids = {name: name for name, _ in self._transaction_files}
        return dict(sorted((ids | {key: one.name for key, one in self.books.items()}).items()))

    def name_of(self, portfolio_id: str) -> str:
        """Name a portfolio; raises InputError for one that is not there."""
        if portfolio_id not in self.names:
            known = ", ".join(self.names) or "none"
            raise InputError(f"there is no portfolio {portfolio_id[:64]!r}; there are: {known}")
        return self.names[portfolio_id]

    def transaction_files(self, portfolio_id: str) -> tuple[str, ...]:
        """Name the files of a portfolio's transactions."""
        return tuple(file for name, file in self._transaction_files if name == portfolio_id)

    def headlines_on(self, symbols: Collection[str], limit: int) -> tuple[HeadlineRow, ...]:
        """Give the newest headlines on `symbols` published before the next session opened."""
        wanted = set(symbols)
        frame = self._headlines
        concerned = [not wanted.isdisjoint(named) for named in frame["symbols"]]
        return rows_of(frame[pd.Series(concerned, dtype=bool)].head(limit), HeadlineRow)

    @cached_property
    def _headlines(self) -> pd.DataFrame:
        following = self.calendar.next(self.session)
        frame = self.warehouse.read(
            "headlines", first=self.session - timedelta(days=HEADLINE_DAYS), last=following
        )
        frame["symbols"] = [tuple(text.split(",")) for text in frame["symbols"]]
        frame = frame[frame["published_at"] < pd.Timestamp(self.calendar.open_at(following))]
        return frame.sort_values(
            ["published_at", "headline_hash"],
            ascending=[False, True], kind="stable", ignore_index=True,
        )  # fmt: skip

    def notes_on(self, symbols: Collection[str]) -> tuple[NoteRow, ...]:
        """Give notes on `symbols` (`AAPL`, `AAPL:market`), and those on a factor as a whole."""
        return tuple(
            row
            for row in self._notes
            if row.subject.partition(":")[0] in symbols
            or (row.asset == FACTORS and ":" not in row.subject)
        )

    @cached_property
    def _notes(self) -> tuple[NoteRow, ...]:
        frame = self.warehouse.read("enrichment_compute_log", first=self.session, last=self.session)
        return rows_of(frame, NoteRow)

    @cached_property
    def data_kind(self) -> str | None:
        """What the warehouse is dedicated to; None before its first run."""
        return self.warehouse.meta_get("data_kind")
