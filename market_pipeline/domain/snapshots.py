"""What every portfolio was worth in a session, and what changed it since the one before.

Books and prices in, `portfolio_snapshots` and `portfolio_positions` out. A session is computed
from books and prices alone, never from a stored snapshot, so it can be replayed by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from itertools import chain

import pandas as pd

from market_pipeline.domain.books import CASH, Book
from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.lots import (
    MAX_PRICE_AGE,
    STALE,
    UNPRICED,
    ZERO,
    Lot,
    Mark,
    Move,
    PriceHistory,
    lot_of,
    mark,
    move,
    worth,
)
from market_pipeline.domain.option_splits import Series, splits_by_symbol

SNAPSHOT_COLUMNS = (
    "session_date", "portfolio_id", "market_value_usd", "cash_usd", "equity_usd", "long_usd",
    "short_usd", "gross_usd", "net_usd", "daily_pnl_usd", "flows_usd", "gap_usd",
    "daily_return_pct", "position_count", "stale_count", "unpriced_count", "stale_symbols",
    "unpriced_symbols",
)  # fmt: skip

POSITION_COLUMNS = (
    "session_date", "portfolio_id", "position_no", "symbol", "asset_class", "quantity",
    "multiplier", "price_usd", "price_date", "market_value_usd", "daily_pnl_usd",
    "unrealised_pnl_usd", "status", "source",
)  # fmt: skip

SESSIONS_BEFORE = MAX_PRICE_AGE + 1
"""Sessions of prices needed before the first date: the one before it may itself be stale."""

# Quantity and price have ten decimals each: 28 digits would round a large product.
_PRECISION = 60

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Portfolios as `SNAPSHOT_COLUMNS`, their positions as `POSITION_COLUMNS`."""

    portfolios: pd.DataFrame
    positions: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Holding:
    """A lot with its worth in two sessions, and what happened between (None: no earlier one).

    `series` is what the lot stands in in the later session.
    """

    lot: Lot
    series: Series
    before: Mark | None
    now: Mark | None
    moved: Move | None

    @property
    def is_cash(self) -> bool:
        return self.lot.position.asset_class == CASH


def snapshot_range(
    books: Sequence[Book],
    prices: pd.DataFrame,
    splits: pd.DataFrame,
    *,
    sessions: Sequence[date],
    first: date,
    last: date,
) -> Snapshots:
    """Value every book in each session from `first` to `last`.

    `sessions` rise without a gap from `SESSIONS_BEFORE` sessions before `first` (fewer only where
    there are none) to `last`; `prices` are `market_data_cache` rows of all of them. `splits`
    (session_date = ex-date, symbol, split_ratio) holds every split known, also later ones: prices
    are adjusted for them. Always equity = equity before + P&L + flows + gap, exactly, P&L being
    NULL (nothing) in a portfolio's first session. Rules: docs/factors.md.
    """
    portfolio_rows: list[Row] = []
    position_rows: list[Row] = []
    with localcontext(prec=_PRECISION):
        known = splits_by_symbol(splits)
        lots_of = {
            book.portfolio_id: [lot_of(held, book.as_of_date, known) for held in book.positions]
            for book in books
        }
        every_lot = chain.from_iterable(lots_of.values())
        symbols = {series.symbol for lot in every_lot for series in lot.series}
        history = PriceHistory(prices, sessions, symbols)
        for book in books:
            lots = lots_of[book.portfolio_id]
            for at, day in enumerate(sessions):
                if first <= day <= last:
                    holdings = _holdings(lots, history, sessions, at)
                    portfolio_rows.append(_portfolio_row(book, day, holdings))
                    position_rows += _position_rows(book, day, holdings)
    return Snapshots(
        _sorted(typed_frame(portfolio_rows, SNAPSHOT_COLUMNS), "portfolio_id"),
        _sorted(typed_frame(position_rows, POSITION_COLUMNS), "portfolio_id", "position_no"),
    )


def _holdings(
    lots: Sequence[Lot], prices: PriceHistory, sessions: Sequence[date], at: int
) -> list[_Holding]:
    """Mark all lots in session `at` and the one before; no moves in a book's first session."""
    previous = sessions[at - 1] if at > 0 else None
    is_first = previous is None or all(lot.position.entry_date > previous for lot in lots)
    holdings = []
    for lot in lots:
        now, series = mark(lot, prices, sessions, at), lot.on(sessions[at])
        if previous is None or is_first:
            holdings.append(_Holding(lot, series, None, now, None))
        else:
            before = mark(lot, prices, sessions, at - 1)
            days = (previous, sessions[at])
            holdings.append(_Holding(lot, series, before, now, move(lot, days, before, now)))
    return holdings


def _portfolio_row(book: Book, day: date, holdings: Sequence[_Holding]) -> Row:
    values = [worth(h.now) for h in holdings if not h.is_cash]
    cash = sum((worth(h.now) for h in holdings if h.is_cash), ZERO)
    long = sum((value for value in values if value > 0), ZERO)
    short = -sum((value for value in values if value < 0), ZERO)
    equity = long - short + cash
    stale, unpriced = _symbols_with(STALE, holdings), _symbols_with(UNPRICED, holdings)
    return {
        "session_date": day,
        "portfolio_id": book.portfolio_id,
        "market_value_usd": long - short,
        "cash_usd": cash,
        "equity_usd": equity,
        "long_usd": long,
        "short_usd": short,
        "gross_usd": long + short,
        "net_usd": long - short,
        **_change(holdings, equity),
        "position_count": sum(h.now is not None for h in holdings),
        "stale_count": len(stale),
        "unpriced_count": len(unpriced),
        "stale_symbols": ",".join(sorted(set(stale))),
        "unpriced_symbols": ",".join(sorted(set(unpriced))),
    }


def _change(holdings: Sequence[_Holding], equity: Decimal) -> Row:
    """Part the change of equity into P&L, flows and gap; a first session is all flow."""
    moves = [h.moved for h in holdings if h.moved is not None]
    if not moves:
        return {
            "daily_pnl_usd": None, "flows_usd": equity, "gap_usd": ZERO, "daily_return_pct": None,
        }  # fmt: skip
    pnl = sum((m.pnl for m in moves if m.pnl is not None), ZERO)
    flows = sum((m.flow for m in moves), ZERO)
    invested = sum((worth(h.before) for h in holdings), ZERO) + flows
    return {
        "daily_pnl_usd": pnl,
        "flows_usd": flows,
        "gap_usd": sum((m.gap for m in moves), ZERO),
        "daily_return_pct": float(pnl / invested * 100) if invested > 0 else None,
    }


def _symbols_with(status: str, holdings: Sequence[_Holding]) -> list[str]:
    return [h.series.symbol for h in holdings if h.now and h.now.status == status]


def _position_rows(book: Book, day: date, holdings: Sequence[_Holding]) -> list[Row]:
    rows = []
    for each in holdings:
        lot, now = each.lot, each.now
        if now is None:
            continue
        rows.append(
            {
                "session_date": day,
                "portfolio_id": book.portfolio_id,
                "position_no": lot.position.position_no,
                "symbol": each.series.symbol,
                "asset_class": lot.position.asset_class,
                "quantity": lot.units(each.series),
                "multiplier": lot.position.multiplier,
                "price_usd": now.price,
                "price_date": now.price_date,
                "market_value_usd": now.value,
                "daily_pnl_usd": each.moved.pnl if each.moved else None,
                "unrealised_pnl_usd": None if now.value is None else now.value - lot.cost,
                "status": now.status,
                "source": now.source,
            }
        )
    return rows


def _sorted(frame: pd.DataFrame, *keys: str) -> pd.DataFrame:
    return frame.sort_values(["session_date", *keys], ignore_index=True)
