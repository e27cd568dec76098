"""Rows for a person: what is stored of a date, a symbol or a portfolio, or why there is nothing.

Belongs here: finding the rows and the words for their absence. Does not: how values are written
(`rendering`) or printed (`cli`). Never writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pandas as pd

from market_pipeline.domain.books import CASH
from market_pipeline.domain.errors import InputError, NothingStored
from market_pipeline.domain.freshness import FRESH_FOR
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sentiment import is_low
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.symbols import parse_occ, parse_symbol
from market_pipeline.operations.view import View
from market_pipeline.operations.views import (
    COLLECTIONS,
    DEFINITIONS,
    FETCHES,
    HEADLINES,
    SNAPSHOT,
    view_named,
)
from market_pipeline.reports import figures
from market_pipeline.warehouse import Warehouse

_REASONS_SHOWN = 3
_SYMBOL_COLUMNS = ("symbol", "symbols", "subject")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; `day` None is the latest there is, `limit` 0 is no limit."""

    view: str
    day: date | None = None
    symbols: tuple[str, ...] = ()
    portfolio: str | None = None
    limit: int | None = None
    only_failed: bool = False
    underlying: str | None = None
    """Only options on this stock, where the rows name their underlying."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows with every column, those a person reads first, and what to say of them."""

    view: str
    day: date | None
    frame: pd.DataFrame
    for_people: tuple[str, ...]
    hidden: int
    data_kind: str | None
    warning: str = ""

    @property
    def title(self) -> str:
        """Name the rows and their day."""
        return f"{self.view} of {self.day:%Y-%m-%d, %A}" if self.day else self.view


def show(
    warehouse: Warehouse,
    calendar: TradingCalendar,
    clock: Clock,
    request: Request,
    fresh_for: timedelta = FRESH_FOR,
) -> Shown:
    """Find the rows asked for; headlines older than `fresh_for` in market hours carry a warning.

    Raises NotASession or InputError for a date, symbol or portfolio that cannot be, and
    NothingStored, saying how to make them, where there are no rows.
    """
    view = view_named(request.view)
    request = replace(request, symbols=canonical_symbols(request.symbols))
    subjects = _subjects(warehouse, view, request)
    day = _day(warehouse, calendar, view, request)
    frame = _of_portfolio(warehouse, view, request, _read(warehouse, view, day, subjects, request))
    if frame.empty and view.made_by:
        raise NothingStored(_why_nothing(warehouse, calendar, clock(), view, request, day))
    if view.newest:
        frame = frame.sort_values(view.newest, ascending=False, kind="stable", ignore_index=True)
    limit = view.default_limit if request.limit is None else request.limit
    kept = frame.head(limit) if limit else frame
    warning = ""
    if view is DEFINITIONS:
        kept = kept.assign(skipped=_why_skipped(warehouse, kept))
    if view is HEADLINES:
        kept = _toned(kept)
        stand = warehouse.news.freshness(clock(), calendar, fresh_for)
        warning = f"STALE: news was {stand}" if stand.is_stale else ""
    kind = warehouse.meta_get("data_kind")
    return Shown(view.name, day, kept, view.for_people, len(frame) - len(kept), kind, warning)


def _why_skipped(warehouse: Warehouse, definitions: pd.DataFrame) -> "pd.Series[str]":
    """Say why a definition was not measured in the last session with exposures or notes."""
    asset = "factor_exposures"
    bounds = warehouse.bounds("enrichment_compute_log")
    notes = pd.DataFrame(columns=["subject", "reason"])
    if bounds is not None:
        stored = warehouse.bounds("symbol_factor_exposures")
        last = max(bounds[1], stored[1]) if stored else bounds[1]
        notes = warehouse.read(
            "enrichment_compute_log", first=last, last=last,
            where={"asset": asset, "subject": sorted(set(definitions["name"]))},
        )  # fmt: skip
    reasons = dict(zip(notes["subject"], notes["reason"], strict=True))
    told = definitions["name"].map(reasons).where(definitions["is_active"].astype(bool))
    return told.astype(object).where(told.notna(), None)


def _toned(frame: pd.DataFrame) -> pd.DataFrame:
    """Add how each headline reads, in words, and whether that is little sure."""
    confidence = frame["sentiment_confidence"]
    tones = [figures.tone(*pair) for pair in zip(frame["sentiment_score"], confidence, strict=True)]
    return frame.assign(tone=tones, is_low_confidence=[is_low(value) for value in confidence])


def canonical_symbols(texts: Sequence[str]) -> tuple[str, ...]:
    """Read symbols, of stocks and of options, as our tables write them; InputError names the bad.

    Each stays once, in the order given.
    """
    return tuple(dict.fromkeys(canonical_symbol(text) for text in texts))


def canonical_symbol(text: str) -> str:
    """Read one symbol as our tables write it; raise InputError where it is none."""
    contract = parse_occ(text)
    if contract is not None:
        return contract.occ
    try:
        return parse_symbol(text)
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no symbol: {error}") from None


def _day(
    warehouse: Warehouse, calendar: TradingCalendar, view: View, request: Request
) -> date | None:
    if request.day is not None and view.is_by_session:
        return calendar.require_session(request.day)
    if request.day is not None or view.date_column is None:
        return request.day
    bounds = warehouse.bounds(view.table)
    if bounds is None and view.made_by:
        raise NothingStored(
            f"there are no {view.rows} yet: `market-pipeline backfill --from DATE --to DATE` makes "
            "them, and `market-pipeline demo` makes some from sandbox data"
        )
    return bounds[1] if bounds else None


def _subjects(warehouse: Warehouse, view: View, request: Request) -> frozenset[str] | None:
    """Give the symbols to keep, None for all; of a portfolio's rows the symbols asked for only."""
    asked = frozenset(request.symbols)
    if view.subject not in _SYMBOL_COLUMNS and (
        asked or (request.portfolio and not view.is_of_portfolios)
    ):
        whose = "symbol" if view.is_of_portfolios else "symbol or portfolio"
        raise InputError(f"{view.rows} belong to no {whose}: leave that out")
    if request.portfolio is None:
        return asked or None
    held = _held_symbols(warehouse, request.portfolio)
    if view.is_of_portfolios:
        return asked or None
    return held & asked if asked else held


def _held_symbols(warehouse: Warehouse, portfolio: str) -> frozenset[str]:
    """Give what a portfolio holds and what its transactions name, underlyings included."""
    book, files = warehouse.book(portfolio), warehouse.transactions.files(portfolio)
    if book is None and not files:
        raise InputError(_no_portfolio(warehouse, portfolio))
    positions = book.positions if book else ()
    named = {(p.symbol, p.underlying) for p in positions if p.asset_class != CASH}
    named |= {(t.symbol, t.underlying) for file in files for t in file.transactions if t.symbol}
    return frozenset(symbol for pair in named for symbol in pair if symbol)


def _no_portfolio(warehouse: Warehouse, portfolio: str) -> str:
    known = {book.portfolio_id for book in warehouse.books()}
    known |= {name for name, _, _ in warehouse.transactions.hashes()}
    if known:
        return f"there is no portfolio {portfolio[:64]!r}; there are {', '.join(sorted(known))}"
    return (
        f"there is no portfolio {portfolio[:64]!r}, nor any other: "
        "`market-pipeline portfolio import FILE` brings one"
    )


def _read(
    warehouse: Warehouse,
    view: View,
    day: date | None,
    subjects: frozenset[str] | None,
    request: Request,
) -> pd.DataFrame:
    where: dict[str, object] = {"is_success": False} if request.only_failed else {}
    if view.day_column is not None and day is not None:
        where[view.day_column] = day
    symbols = None
    if subjects is not None and view.subject == "symbol" and view is not SNAPSHOT:
        symbols = sorted(subjects)
    elif subjects is not None and view.subject == "subject":
        where["subject"] = sorted(subjects)
    on = day if view.date_column else None
    frame = warehouse.read(view.table, first=on, last=on, symbols=symbols, where=where)
    if request.underlying is not None:
        frame = frame[frame["underlying"] == canonical_symbol(request.underlying)]
    if view in (FETCHES, COLLECTIONS) and day is not None:
        frame = frame[frame["started_at"].dt.date == day]
    if subjects is not None and view.lists_symbols:
        named = [bool(subjects.intersection(text.split(","))) for text in frame[view.subject]]
        frame = frame[named]
    return frame.reset_index(drop=True)


def _of_portfolio(
    warehouse: Warehouse, view: View, request: Request, frame: pd.DataFrame
) -> pd.DataFrame:
    if not view.is_of_portfolios or frame.empty:
        return frame
    if request.portfolio is not None:
        frame = frame[frame["portfolio_id"] == request.portfolio]
    if view is SNAPSHOT and request.symbols:
        day = frame["session_date"].max()
        held = warehouse.read(
            "portfolio_positions", first=day, last=day, symbols=list(request.symbols)
        )
        frame = frame[frame["portfolio_id"].isin(held["portfolio_id"])]
    return frame.reset_index(drop=True)


def _why_nothing(
    warehouse: Warehouse,
    calendar: TradingCalendar,
    now: datetime,
    view: View,
    request: Request,
    day: date | None,
) -> str:
    asked = " and ".join([*request.symbols, *([request.portfolio] if request.portfolio else [])])
    of_what = f" of {asked}" if asked else ""
    if day is None:
        return f"there are no {view.rows}{of_what}"
    if view.is_by_session and day > calendar.last_completed(now):
        latest = calendar.last_completed(now)
        return (
            f"there are no {view.rows} of {day}: that session is not over yet; the latest one that "
            f"is complete is {latest}"
        )
    if day > now.astimezone(NEW_YORK).date():
        return (
            f"there are no {view.rows} of {day}: that day is yet to come; the latest session that "
            f"is complete is {calendar.last_completed(now)}"
        )
    if asked and not warehouse.read(view.table, first=day, last=day).empty:
        reasons = _recorded_reasons(warehouse, view, request, day)
        return f"there are no {view.rows}{of_what} on {day}, though there are others{reasons}"
    command = f"market-pipeline backfill --from {day} --to {day}"
    if not view.is_by_session:
        command += " --select finviz_headlines,wire_headlines,headlines"
    return f"there are no {view.rows} of {day} yet: `{command}` makes them"


def _recorded_reasons(warehouse: Warehouse, view: View, request: Request, day: date) -> str:
    if request.symbols and view.is_by_session and not view.is_of_portfolios:
        notes = warehouse.read(
            "enrichment_compute_log", first=day, last=day, where={"asset": view.made_by}
        )
        # A note is on a symbol as a whole, or on one answer of it: `KO:market`.
        named = [text.partition(":")[0] in request.symbols for text in notes["subject"]]
        notes = notes[named]
        if not notes.empty:
            told = notes["subject"] + ": " + notes["reason"]
            return "; " + "; ".join(told.head(_REASONS_SHOWN))
        return "; `market-pipeline watchlist add SYMBOL` brings a symbol into the next backfill"
    return ""
