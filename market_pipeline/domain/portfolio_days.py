"""One portfolio in each session of a range: its lots, its cash, and what they add up to.

Exact, as arrays of ten-billionths over sessions. Belongs here: adding lots up. Does not: a lot's
own worth (`lots`), rows of tables (`snapshots`), statistics.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.books import CASH
from market_pipeline.domain.exact import WHOLE, Amounts, whole, zeros
from market_pipeline.domain.frames import Floats
from market_pipeline.domain.ledger import CashMove, Ledger
from market_pipeline.domain.lots import LotDays, PriceTable, lot_days

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CashDays:
    """What transactions made of cash: the balance at each session's end, and what moved it.

    `earned` is interest and dividends less fees of no lot; `is_touched` marks moves.
    """

    balance: Amounts
    interest: Amounts
    dividends: Amounts
    fees: Amounts
    is_touched: Flags

    @property
    def earned(self) -> Amounts:
        """What cash itself gained in each session."""
        return np.asarray(self.interest + self.dividends - self.fees)


@dataclass(frozen=True, slots=True)
class PortfolioDays:
    """A portfolio in the sessions from place `begin` of the price table on.

    The first session's flows and gains include all that came before. Always, after a portfolio's
    first session: equity = equity before + pnl + flow + gap, and equity + unpriced_cost - invested
    = realised + unrealised.
    """

    ledger: Ledger
    sessions: tuple[date, ...]
    lots: tuple[LotDays, ...]
    cash_moves: CashDays
    long: Amounts
    short: Amounts
    cash: Amounts
    pnl: Amounts
    flow: Amounts
    gap: Amounts
    invested: Amounts
    dividends: Amounts
    fees: Amounts
    realised: Amounts
    unrealised: Amounts
    unpriced_cost: Amounts
    is_first: Flags
    """Where the session before saw nothing of it: there is no daily P&L."""

    @property
    def equity(self) -> Amounts:
        """All positions and cash."""
        return np.asarray(self.long - self.short + self.cash)

    @property
    def before(self) -> Amounts:
        """Equity of the session before, zero in a first one."""
        shifted = np.concatenate([zeros(1), self.equity[:-1]])[: len(self.sessions)]
        return np.where(self.is_first, 0, shifted)


def follow(ledger: Ledger, table: PriceTable, begin: int) -> PortfolioDays:
    """Follow a portfolio through the sessions of `table` from place `begin` on."""
    count = len(table.days) - begin
    lots = tuple(lot_days(lot, table, begin) for lot in ledger.lots)
    moves = _cash(ledger, table, begin)
    listed = [each for each in lots if each.lot.asset_class != CASH]
    long = _sum(count, (np.where(each.value > 0, each.value, 0) for each in listed))
    short = -_sum(count, (np.where(each.value < 0, each.value, 0) for each in listed))
    cash = _sum(count, (each.value for each in lots if each.lot.asset_class == CASH))
    flow = _sum(count, (each.flow for each in lots)) + _cash_flow(moves)
    dividends = _sum(count, (each.dividends for each in lots)) + moves.dividends
    fees = _sum(count, (each.fees for each in lots)) + moves.fees
    gains = _sum(count, (each.gain for each in lots))
    return PortfolioDays(
        ledger, tuple(table.sessions[begin:]), lots, moves,
        long=long, short=short, cash=cash + moves.balance,
        pnl=_sum(count, (each.pnl for each in lots)) + moves.earned,
        flow=flow,
        gap=_sum(count, (each.gap for each in lots)),
        invested=np.add.accumulate(flow),
        dividends=dividends, fees=fees,
        realised=gains + np.add.accumulate(dividends + moves.interest - fees),
        unrealised=_sum(
            count, (np.where(each.is_unpriced, 0, each.value - each.cost) for each in lots)
        ),
        unpriced_cost=_sum(count, (np.where(each.is_unpriced, each.cost, 0) for each in lots)),
        is_first=_firsts(ledger, table, begin),
    )  # fmt: skip


def dated_flows(days: PortfolioDays) -> dict[date, float]:
    """Give all money put in from outside (taken out: negative) by day, entries at their cost, USD.

    Of the whole past, also before the sessions that are followed.
    """
    found: dict[date, int] = {}
    for each in days.lots:
        for change in each.changes:
            moved = whole(change.paid) - whole(change.dividends) + whole(change.fees)
            found[change.on] = found.get(change.on, 0) + moved
    for move in days.ledger.cash:
        earned = whole(move.interest) + whole(move.dividends) - whole(move.fees)
        moved = (whole(move.amount) if days.ledger.keeps_cash else 0) - earned
        found[move.on] = found.get(move.on, 0) + moved
    last = days.sessions[-1]
    return {day: amount / WHOLE for day, amount in found.items() if amount and day <= last}


def symbol_values(days: PortfolioDays) -> dict[str, Floats]:
    """Give the net value of each symbol's lots in every session, USD; cash is left out."""
    found: dict[str, Floats] = {}
    for each in days.lots:
        if each.lot.asset_class != CASH:
            value = each.value.astype(np.float64) / WHOLE
            found[each.lot.last_symbol] = found.get(each.lot.last_symbol, 0.0) + value
    return found


def daily_returns(days: PortfolioDays) -> Floats:
    """Give P&L over equity before plus flows, as fractions; NaN in a first session and on no base.

    Money that moves counts as there for the whole session.
    """
    base = days.before + days.flow
    has_return = ~days.is_first & (base > 0).astype(bool)
    has_return[:1] = False  # what came before is in its flows
    found = np.full(len(base), np.nan)
    found[has_return] = (days.pnl[has_return] / base[has_return]).astype(np.float64)
    return found


def _sum(count: int, amounts: Iterable[Amounts]) -> Amounts:
    total = zeros(count)
    for each in amounts:
        total = total + each
    return total


def _firsts(ledger: Ledger, table: PriceTable, begin: int) -> Flags:
    """Mark the sessions before which nothing was held, and the very first there is."""
    places = np.arange(begin, len(table.days))
    if ledger.start is None:
        return np.ones(len(places), dtype=bool)
    return np.asarray((places == 0) | (places <= bisect_left(table.sessions, ledger.start)))


def _cash(ledger: Ledger, table: PriceTable, begin: int) -> CashDays:
    count = len(table.days) - begin
    placed = [(bisect_left(table.sessions, move.on) - begin, move) for move in ledger.cash]
    placed = [(at, move) for at, move in placed if at < count]
    touched = np.zeros(count, dtype=bool)
    for at, _ in placed:
        touched[max(at, 0)] |= at >= 0

    def daily(amount: Callable[[CashMove], int]) -> Amounts:
        found = zeros(count)
        for at, move in placed:
            found[max(at, 0)] += amount(move)
        return found

    moved = daily(lambda move: whole(move.amount))
    return CashDays(
        np.add.accumulate(moved) if ledger.keeps_cash else zeros(count),
        daily(lambda move: whole(move.interest)),
        daily(lambda move: whole(move.dividends)),
        daily(lambda move: whole(move.fees)),
        touched,
    )


def _cash_flow(moves: CashDays) -> Amounts:
    """Give the money that moved into the balance, less what it earned itself."""
    count = len(moves.balance)
    before = np.concatenate([zeros(1), moves.balance[:-1]])[:count]
    return np.asarray(moves.balance - before - moves.earned)
