"""What every portfolio was worth in a session, and what changed it since the one before.

Ledgers and prices in, `portfolio_snapshots` and `portfolio_positions` out. A session is computed
from what people stated and from prices, never from a stored snapshot, so it can be replayed alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from market_pipeline.domain.books import CASH
from market_pipeline.domain.carried import PRICES_BEFORE, RETURNS_BEFORE, Carried, Chain, link
from market_pipeline.domain.concentration import concentration
from market_pipeline.domain.exact import WHOLE, Amounts, decimals
from market_pipeline.domain.frames import DATE_DTYPE, Floats, empty_frame
from market_pipeline.domain.ledger import CASH_NO, CASH_SYMBOL, Ledger, symbols_of
from market_pipeline.domain.lots import (
    BOOK_SOURCE,
    CLOSED,
    MANUAL,
    PRICED,
    STALE,
    STATUSES,
    UNPRICED,
    LotDays,
    PriceTable,
)
from market_pipeline.domain.made_from import made_from
from market_pipeline.domain.option_splits import series_on
from market_pipeline.domain.performance import (
    LONG_WINDOW,
    SHORT_WINDOW,
    money_weighted_returns,
    realised_volatility,
)
from market_pipeline.domain.portfolio_days import (
    Flags,
    PortfolioDays,
    dated_flows,
    symbol_values,
)

SNAPSHOT_COLUMNS = (
    "session_date", "portfolio_id", "market_value_usd", "cash_usd", "equity_usd", "long_usd",
    "short_usd", "gross_usd", "net_usd", "daily_pnl_usd", "flows_usd", "gap_usd",
    "daily_return_pct", "position_count", "stale_count", "unpriced_count", "stale_symbols",
    "unpriced_symbols", "long_count", "short_count", "dividends_usd", "interest_usd", "fees_usd",
    "invested_usd", "unpriced_cost_usd", "realised_pnl_usd", "unrealised_pnl_usd",
    "cumulative_pnl_usd", "growth", "twr_pct", "mwr_pct", "volatility_21d_pct",
    "volatility_63d_pct", "herfindahl", "effective_positions", "top_3_weight_pct",
    "top_10_weight_pct", "completeness_pct", "made_from",
)  # fmt: skip

POSITION_COLUMNS = (
    "session_date", "portfolio_id", "position_no", "symbol", "asset_class", "quantity",
    "multiplier", "price_usd", "price_date", "market_value_usd", "daily_pnl_usd",
    "unrealised_pnl_usd", "status", "source", "cost_usd", "flows_usd", "gap_usd", "dividends_usd",
    "fees_usd", "realised_pnl_usd",
)  # fmt: skip

SESSIONS_BEFORE = RETURNS_BEFORE + PRICES_BEFORE
"""Sessions of prices that a session depends on, beside the growth of the one before it."""

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Portfolios as `SNAPSHOT_COLUMNS`, their positions as `POSITION_COLUMNS`.

    `carried` are the portfolios at the end of the last session.
    """

    portfolios: pd.DataFrame
    positions: pd.DataFrame
    carried: tuple[Carried, ...]


def snapshot_range(
    ledgers: Sequence[Ledger],
    prices: pd.DataFrame,
    *,
    sessions: Sequence[date],
    first: date,
    before: Mapping[str, Carried] | None = None,
) -> Snapshots:
    """Value every portfolio in each session from `first` to the last of `sessions`.

    `before` are portfolios at the end of the session before `first`, by id. `sessions` rise without
    a gap, from `PRICES_BEFORE` sessions before `first` for those (fewer only where there are none),
    for others from before their start; `prices` are `market_data_cache` rows of all of them.
    However a range is cut into blocks, its rows are the same.
    Always equity = equity before + P&L + flows + gap, exactly, P&L being NULL in a portfolio's
    first session. Rules: docs/portfolios.md.
    """
    table = PriceTable(prices, sessions, symbols_of(ledgers))
    known = before or {}
    portfolios: list[Columns] = []
    positions: list[Columns] = []
    carried = []
    for ledger in ledgers:  # one after the other: of each only rows and what is carried are kept
        chain = link(ledger, table, first, known.get(ledger.portfolio_id))
        wanted = np.arange(len(chain.days.sessions)) >= chain.place
        portfolios.append(_portfolio_columns(chain, wanted))
        positions.extend(_position_columns(chain.days, table, wanted))
        carried.append(chain.carried())
    return Snapshots(
        _framed(portfolios, SNAPSHOT_COLUMNS, "portfolio_id"),
        _framed(positions, POSITION_COLUMNS, "portfolio_id", "position_no"),
        tuple(carried),
    )


# -- portfolios ------------------------------------------------------------------------------


def _portfolio_columns(chain: Chain, wanted: Flags) -> Columns:
    days = chain.days
    equity, net = days.equity[wanted], (days.long - days.short)[wanted]
    is_first = days.is_first[wanted]
    pnl = days.pnl[wanted]
    flow = np.where(is_first, equity, days.flow[wanted])

    def money(amounts: Amounts) -> list[Any]:
        return decimals(amounts[wanted])

    return {
        "session_date": _dates(days, wanted),
        "portfolio_id": [days.ledger.portfolio_id] * int(wanted.sum()),
        "market_value_usd": decimals(net),
        "cash_usd": money(days.cash),
        "equity_usd": decimals(equity),
        "long_usd": money(days.long),
        "short_usd": money(days.short),
        "gross_usd": money(days.long + days.short),
        "net_usd": decimals(net),
        "daily_pnl_usd": _unless(is_first, decimals(pnl)),
        "flows_usd": decimals(flow),
        "gap_usd": decimals(np.where(is_first, 0, days.gap[wanted])),
        "daily_return_pct": 100 * chain.returns[chain.known :],
        **_counts(days, wanted),
        "dividends_usd": money(days.dividends),
        "interest_usd": money(days.cash_moves.interest),
        "fees_usd": money(days.fees),
        "invested_usd": money(days.invested),
        "unpriced_cost_usd": money(days.unpriced_cost),
        "realised_pnl_usd": money(days.realised),
        "unrealised_pnl_usd": money(days.unrealised),
        "cumulative_pnl_usd": money(days.equity + days.unpriced_cost - days.invested),
        **_performance(chain, wanted),
        **_spread(days, wanted),
        "made_from": list(map(made_from(days.ledger).on, _days(days, wanted))),
    }


def _performance(chain: Chain, wanted: Flags) -> Columns:
    """Give the statistics of returns."""
    days, grown = chain.days, chain.growth
    dates, equity = _days(days, wanted), days.equity[wanted].astype(np.float64) / WHOLE
    has_begun = ~days.is_first[wanted]

    def volatility(window: int) -> Floats:
        return 100 * realised_volatility(chain.returns, window)[chain.known :]

    return {
        "growth": grown,
        "twr_pct": np.where(has_begun, 100 * (grown - 1.0), np.nan),
        "mwr_pct": 100 * money_weighted_returns(dated_flows(days), dates, equity),
        "volatility_21d_pct": volatility(SHORT_WINDOW),
        "volatility_63d_pct": volatility(LONG_WINDOW),
    }


def _spread(days: PortfolioDays, wanted: Flags) -> Columns:
    """Give how concentrated it is, and how many of its lots have a price of the session."""
    found = concentration(symbol_values(days), len(days.sessions))
    held = np.zeros(len(days.sessions))
    good = np.zeros(len(days.sessions))
    for each in days.lots:
        held += each.is_in_book
        good += np.isin(each.status, (STATUSES.index(PRICED), STATUSES.index(MANUAL)))
    complete = np.divide(100 * good, held, out=np.full(len(held), np.nan), where=held > 0)
    return {
        "herfindahl": found.herfindahl[wanted],
        "effective_positions": found.effective[wanted],
        "top_3_weight_pct": 100 * found.top_3[wanted],
        "top_10_weight_pct": 100 * found.top_10[wanted],
        "completeness_pct": complete[wanted],
    }


def _unless(is_missing: Flags, values: Sequence[Any]) -> list[Any]:
    return [None if gone else value for gone, value in zip(is_missing, values, strict=True)]


def _counts(days: PortfolioDays, wanted: Flags) -> Columns:
    count = int(wanted.sum())
    held = np.zeros(count, dtype=np.int64) + (days.cash_moves.balance != 0)[wanted].astype(bool)
    long, short = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    stale: list[list[str]] = [[] for _ in range(count)]
    unpriced: list[list[str]] = [[] for _ in range(count)]
    dates = [day for day, is_wanted in zip(days.sessions, wanted, strict=True) if is_wanted]
    for each in days.lots:
        status = each.status[wanted]
        held += status != STATUSES.index(CLOSED)
        if each.lot.asset_class != CASH:
            long += (each.quantity[wanted] > 0).astype(bool)
            short += (each.quantity[wanted] < 0).astype(bool)
        for name, found in ((STALE, stale), (UNPRICED, unpriced)):
            for at in np.flatnonzero(status == STATUSES.index(name)):
                found[at].append(series_on(each.lot.series, dates[at]).symbol)
    return {
        "position_count": held,
        "long_count": long,
        "short_count": short,
        "stale_count": np.array([len(names) for names in stale], dtype=np.int64),
        "unpriced_count": np.array([len(names) for names in unpriced], dtype=np.int64),
        "stale_symbols": [",".join(sorted(set(names))) for names in stale],
        "unpriced_symbols": [",".join(sorted(set(names))) for names in unpriced],
    }


# -- positions -------------------------------------------------------------------------------


def _position_columns(days: PortfolioDays, table: PriceTable, wanted: Flags) -> Iterable[Columns]:
    """Give the rows of each lot in the sessions it is held, or that did something to it."""
    for each in days.lots:
        shown = wanted & (each.is_in_book | each.is_touched)
        if shown.any():
            yield _lot_columns(days, each, table, shown)
    moves = days.cash_moves
    held = (moves.balance != 0).astype(bool)
    shown = wanted & (held | moves.is_touched)
    if shown.any():
        yield _cash_columns(days, shown)


def _lot_columns(days: PortfolioDays, each: LotDays, table: PriceTable, shown: Flags) -> Columns:
    lot, count = each.lot, int(shown.sum())
    status = each.status[shown]
    is_unpriced, is_closed = each.is_unpriced[shown], ~each.is_in_book[shown]
    income = (each.dividends - each.fees)[shown]
    has_no_pnl = days.is_first[shown] | (~each.is_known[shown] & (income == 0).astype(bool))
    places = each.price_place[shown]
    prices = np.append(table.days, np.datetime64("NaT"))[places]

    def money(amounts: Amounts) -> list[Any]:
        return decimals(amounts[shown])

    return {
        "session_date": _dates(days, shown),
        "portfolio_id": [days.ledger.portfolio_id] * count,
        "position_no": np.full(count, lot.number),
        "symbol": [series_on(lot.series, day).symbol for day in _days(days, shown)],
        "asset_class": [lot.asset_class] * count,
        "quantity": money(each.quantity),
        "multiplier": np.full(count, lot.multiplier),
        "price_usd": _unless(is_unpriced | is_closed, money(each.price)),
        "price_date": prices.astype(DATE_DTYPE),
        "market_value_usd": _unless(is_unpriced, money(each.value)),
        "daily_pnl_usd": _unless(has_no_pnl, money(each.pnl)),
        "unrealised_pnl_usd": _unless(is_unpriced, money(each.value - each.cost)),
        "status": [STATUSES[code] for code in status],
        "source": _unless(is_unpriced | is_closed, list(each.source[shown])),
        "cost_usd": money(each.cost),
        "flows_usd": decimals(np.where(days.is_first[shown], each.value[shown], each.flow[shown])),
        "gap_usd": decimals(np.where(days.is_first[shown], 0, each.gap[shown])),
        "dividends_usd": money(each.dividends),
        "fees_usd": money(each.fees),
        "realised_pnl_usd": decimals(
            (each.gain + np.add.accumulate(each.dividends - each.fees))[shown]
        ),
    }


def _cash_columns(days: PortfolioDays, shown: Flags) -> Columns:
    """Give the rows of the position that holds what transactions brought into cash."""
    moves, count = days.cash_moves, int(shown.sum())
    balance, earned = moves.balance[shown], moves.earned
    flow = np.where(days.is_first, moves.balance, moves.balance - _earlier(moves.balance) - earned)
    nothing = decimals([0] * count)
    is_closed = (balance == 0).astype(bool)
    return {
        "session_date": _dates(days, shown),
        "portfolio_id": [days.ledger.portfolio_id] * count,
        "position_no": np.full(count, CASH_NO),
        "symbol": [CASH_SYMBOL] * count,
        "asset_class": [CASH] * count,
        "quantity": decimals(balance),
        "multiplier": np.full(count, 1),
        "price_usd": _unless(is_closed, decimals([WHOLE] * count)),
        "price_date": np.full(count, np.datetime64("NaT"), dtype=DATE_DTYPE),
        "market_value_usd": decimals(balance),
        "daily_pnl_usd": _unless(days.is_first[shown], decimals(earned[shown])),
        "unrealised_pnl_usd": nothing,
        "status": [CLOSED if closed else MANUAL for closed in is_closed],
        "source": _unless(is_closed, [BOOK_SOURCE] * count),
        "cost_usd": decimals(balance),
        "flows_usd": decimals(flow[shown]),
        "gap_usd": nothing,
        "dividends_usd": decimals(moves.dividends[shown]),
        "fees_usd": decimals(moves.fees[shown]),
        "realised_pnl_usd": decimals(np.add.accumulate(earned)[shown]),
    }


def _earlier(amounts: Amounts) -> Amounts:
    return np.concatenate([np.full(1, 0, dtype=object), amounts[:-1]])


def _days(days: PortfolioDays, chosen: Flags) -> list[date]:
    return [day for day, is_in in zip(days.sessions, chosen, strict=True) if is_in]


def _dates(days: PortfolioDays, chosen: Flags) -> Any:
    return np.array(_days(days, chosen), dtype=DATE_DTYPE)


def _framed(parts: Sequence[Columns], columns: Sequence[str], *keys: str) -> pd.DataFrame:
    """Put the columns of all parts together, sorted by session and `keys`."""
    if not any(len(part["session_date"]) for part in parts):
        return empty_frame(columns)
    frame = pd.DataFrame({name: _joined([part[name] for part in parts]) for name in columns})
    return frame.sort_values(["session_date", *keys], ignore_index=True)


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    cells = np.empty(sum(map(len, parts)), dtype=object)
    cells[:] = [value for part in parts for value in part]
    return cells
