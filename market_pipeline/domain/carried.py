"""Portfolios carried from one block of sessions into the next, so that a range is cut anywhere.

Belongs here: what a session needs of those before it, beyond ledgers and prices. Does not: rows of
tables (`snapshots`), how long blocks are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from market_pipeline.domain.exact import ZERO, decimals
from market_pipeline.domain.frames import Floats
from market_pipeline.domain.ledger import Ledger, Lot, symbols_of
from market_pipeline.domain.lots import MAX_PRICE_AGE, LotDays, PriceTable
from market_pipeline.domain.performance import LONG_WINDOW, growth
from market_pipeline.domain.portfolio_days import PortfolioDays, daily_returns, follow

PRICES_BEFORE = MAX_PRICE_AGE + 1
"""Sessions of prices needed before a block: those of the session before it may be stale."""

RETURNS_BEFORE = LONG_WINDOW
"""Sessions to carry a portfolio through before its returns are known as far as any window looks."""

_NO_RETURNS: Floats = np.empty(0)


@dataclass(frozen=True, slots=True)
class Carried:
    """A portfolio at the end of a session.

    `ledger`: its lapsed lots closed, at the value they left at. `growth`: what a dollar has become.
    `returns`: of the last sessions, as many as the next one's windows look back, or all there are.
    `ends`: the session's amounts by column of `portfolio_snapshots`, in USD.
    """

    ledger: Ledger
    growth: float = 1.0
    returns: Floats = field(default_factory=lambda: _NO_RETURNS)
    ends: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chain:
    """A portfolio in a block of sessions, and how it joins on to those before.

    `place` is the block's first session in `days`. `returns` are those of the block and, before
    them, of `known` sessions more; `growth` is of the block.
    """

    days: PortfolioDays
    place: int
    returns: Floats
    known: int
    growth: Floats

    def carried(self) -> Carried:
        """Give the portfolio at the end of the block."""
        days = self.days
        flow = days.equity[-1] if days.is_first[-1] else days.flow[-1]
        unpriced, invested = days.unpriced_cost[-1], days.invested[-1]
        gained = days.equity[-1] + unpriced - invested
        names = ("equity_usd", "flows_usd", "invested_usd", "cumulative_pnl_usd",
                 "unpriced_cost_usd")  # fmt: skip
        amounts = decimals([days.equity[-1], flow, invested, gained, unpriced])
        ledger = replace(days.ledger, lots=tuple(_closed(each) for each in days.lots))
        ends = dict(zip(names, amounts, strict=True))
        return Carried(ledger, float(self.growth[-1]), self.returns[1 - LONG_WINDOW :].copy(), ends)


def link(ledger: Ledger, table: PriceTable, first: date, before: Carried | None) -> Chain:
    """Follow a portfolio through the sessions of `table` from `first` on.

    `before` is the portfolio at the end of the session before; without it the table begins before
    the portfolio does.
    """
    at = int(np.searchsorted(table.days, np.datetime64(first)))
    begin = 0 if before is None else max(at - 1, 0)
    days = follow(ledger, table, begin)
    found = daily_returns(days)
    place = at - begin
    earlier, now = found[:place], found[place:]
    start = growth(earlier)[-1] if len(earlier) else 1.0
    if before is not None:
        earlier, start = before.returns, before.growth
    joined = np.concatenate([earlier, now])
    return Chain(days, place, joined, len(earlier), growth(now, float(start)))


def carry_range(
    portfolios: Sequence[Carried], prices: pd.DataFrame, *, sessions: Sequence[date], first: date
) -> list[Carried]:
    """Carry portfolios from the end of the session before `first` to the last of `sessions`.

    `sessions` rise without a gap from `PRICES_BEFORE` before `first` (fewer only where there are
    none); `prices` are `market_data_cache` rows of them, and from as long before each lapse that is
    not settled. One portfolio is held in memory at a time.
    """
    table = PriceTable(prices, sessions, symbols_of(each.ledger for each in portfolios))
    return [link(each.ledger, table, first, each).carried() for each in portfolios]


def _closed(each: LotDays) -> Lot:
    """Give a lot as it stands after its lapse, where that has come."""
    if len(each.changes) == len(each.lot.changes):
        return each.lot
    return replace(each.lot, changes=list(each.changes), quantity=ZERO, cost=ZERO)
