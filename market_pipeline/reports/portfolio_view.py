"""Everything a person sees of one portfolio at the end of one session, gathered from the tables.

The terminal, the HTML report and whatever comes later show this and ask for nothing more. Nothing
published after the next opening bell is in it, so a past session looks as it did. Never writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pandas as pd

from market_pipeline.domain.books import CASH, OPTION, PRIVATE
from market_pipeline.domain.errors import NothingStored
from market_pipeline.domain.headlines import SANDBOX_SUFFIX
from market_pipeline.domain.lots import CLOSED, STALE, UNPRICED
from market_pipeline.domain.symbols import underlying_of
from market_pipeline.reports.portfolio_breakdown import (
    PnlTable,
    SectorWeight,
    pnl_by_holding,
    weights_by_sector,
)
from market_pipeline.reports.portfolio_risk import PortfolioRisk, portfolio_risk
from market_pipeline.reports.portfolio_rows import (
    FindingRow,
    HeadlineRow,
    NoteRow,
    PositionRow,
    SnapshotRow,
    ValuePoint,
    rows_of,
)
from market_pipeline.reports.session_rows import SessionRows
from market_pipeline.warehouse import Warehouse

LIVE, SANDBOX = "live", "sandbox"


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """One portfolio at the end of `session`.

    Positions stand largest value first, those without one last; `history` rises to the session;
    `headlines` are newest first. `data_kind` is live or sandbox, `sources` who gave the prices.
    `book_as_of_date` and `book_file` are None where only transactions tell of it.
    """

    portfolio_id: str
    name: str
    session: date
    data_kind: str
    book_as_of_date: date | None
    book_file: str | None
    transaction_files: tuple[str, ...]
    sources: tuple[str, ...]
    snapshot: SnapshotRow
    positions: tuple[PositionRow, ...]
    history: tuple[ValuePoint, ...]
    pnl: PnlTable
    sectors: tuple[SectorWeight, ...]
    risk: PortfolioRisk
    headlines: tuple[HeadlineRow, ...]
    findings: tuple[FindingRow, ...]
    notes: tuple[NoteRow, ...]

    @property
    def is_sandbox(self) -> bool:
        """Whether any of it is made up."""
        return self.data_kind == SANDBOX

    @property
    def has_options(self) -> bool:
        """Whether it holds any option."""
        return any(each.asset_class == OPTION for each in self.positions)

    @property
    def stale(self) -> tuple[PositionRow, ...]:
        """Positions valued at an earlier session's price."""
        return tuple(each for each in self.positions if each.status == STALE)

    @property
    def unpriced(self) -> tuple[PositionRow, ...]:
        """Positions that no price could be found for, and that count nowhere."""
        return tuple(each for each in self.positions if each.status == UNPRICED)


def portfolio_view(
    warehouse: Warehouse,
    portfolio_id: str,
    session: date,
    *,
    history_sessions: int = 252,
    headline_limit: int = 20,
) -> PortfolioView:
    """Gather what the tables say of a portfolio at the end of `session`.

    Raises InputError for a portfolio that is not there (NotASession for a date that is none),
    NothingStored where the session has no snapshot of it.
    """
    told = SessionRows(warehouse, session)
    return view_of(
        told, portfolio_id, history_sessions=history_sessions, headline_limit=headline_limit
    )


def view_of(
    told: SessionRows, portfolio_id: str, *, history_sessions: int = 252, headline_limit: int = 20
) -> PortfolioView:
    """Gather the same as `portfolio_view`; what portfolios share is read once for all of them."""
    warehouse, session = told.warehouse, told.session
    name, book = told.name_of(portfolio_id), told.books.get(portfolio_id)
    history = _history(told, portfolio_id, history_sessions)
    snapshot = _snapshot(warehouse, portfolio_id, session)
    held = warehouse.read(
        "portfolio_positions", first=session, last=session, where={"portfolio_id": portfolio_id}
    )
    listed = held.loc[~held["asset_class"].isin([CASH, PRIVATE]), "symbol"]
    symbols = sorted({*listed, *map(underlying_of, listed)})
    headlines = told.headlines_on(symbols, headline_limit)
    sources = tuple(sorted(set(held["source"].dropna())))
    return PortfolioView(
        portfolio_id=portfolio_id,
        name=name,
        session=session,
        data_kind=_data_kind(told, [*sources, *(each.source for each in headlines)]),
        book_as_of_date=book.as_of_date if book else None,
        book_file=book.source_file if book else None,
        transaction_files=told.transaction_files(portfolio_id),
        sources=sources,
        snapshot=snapshot,
        positions=_positions(held),
        history=history,
        pnl=pnl_by_holding(rows_of(held, PositionRow), snapshot),
        sectors=_sectors(warehouse, session, held, symbols),
        risk=portfolio_risk(warehouse, portfolio_id, session),
        headlines=headlines,
        findings=_findings(warehouse, session, symbols),
        notes=told.notes_on(symbols),
    )


def _snapshot(warehouse: Warehouse, portfolio_id: str, session: date) -> SnapshotRow:
    where = {"portfolio_id": portfolio_id}
    frame = warehouse.read("portfolio_snapshots", first=session, last=session, where=where)
    if frame.empty:
        raise NothingStored(
            f"there is no snapshot of {portfolio_id} in the session of {session} yet: "
            f"`market-pipeline backfill --from {session} --to {session}` makes it"
        )
    return rows_of(frame, SnapshotRow)[0]


def _positions(held: pd.DataFrame) -> tuple[PositionRow, ...]:
    rows = rows_of(held[held["status"] != CLOSED], PositionRow)
    return tuple(sorted(rows, key=_largest_first))


def _largest_first(row: PositionRow) -> tuple[Decimal, int]:
    return -abs(row.market_value_usd or Decimal(0)), row.position_no


def _history(told: SessionRows, portfolio_id: str, count: int) -> tuple[ValuePoint, ...]:
    calendar, session = told.calendar, told.session
    frame = told.warehouse.read(
        "portfolio_snapshots",
        first=calendar.shift(session, 1 - count) if count > 1 else session,
        last=session,
        where={"portfolio_id": portfolio_id},
    )
    days = [day.date() for day in frame["session_date"]]
    after_gap = [
        at > 0 and calendar.previous(day) > days[at - 1]  # an unforeseen closure looks like a gap
        for at, day in enumerate(days)
    ]
    return rows_of(frame.assign(is_after_gap=pd.Series(after_gap, dtype=object)), ValuePoint)


def _sectors(
    warehouse: Warehouse, session: date, held: pd.DataFrame, symbols: list[str]
) -> tuple[SectorWeight, ...]:
    """Weigh sectors by what the session's metrics say of each symbol."""
    told = warehouse.read(
        "symbol_daily_metrics", first=session, last=session, symbols=symbols,
        columns=["symbol", "sector"],
    ).dropna()  # fmt: skip
    sectors = dict(zip(told["symbol"], told["sector"], strict=True))
    return weights_by_sector(_positions(held), sectors)


def _findings(warehouse: Warehouse, session: date, symbols: list[str]) -> tuple[FindingRow, ...]:
    frame = warehouse.read("quarantine", first=session, last=session, symbols=symbols)
    return rows_of(frame.sort_values(["symbol", "asset", "rule", "value"]), FindingRow)


def _data_kind(told: SessionRows, sources: Sequence[str]) -> str:
    """Say what the warehouse is dedicated to; a sandbox row anywhere outweighs that."""
    if any(source.endswith(SANDBOX_SUFFIX) for source in sources):
        return SANDBOX
    return told.data_kind or LIVE
