"""What a ledger holds: the lots of a portfolio, what each day did to them, and its cash.

Belongs here: the shapes. Does not: how files and transactions become lots (`bookkeeping`), what
a lot is worth (`lots`).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from market_pipeline.domain.exact import ZERO
from market_pipeline.domain.option_splits import Series
from market_pipeline.domain.transactions import Transaction

CASH_NO, CASH_SYMBOL = 0, "CASH"
"""Number and name of the position that holds what transactions brought into cash."""

Dividends = Mapping[str, Sequence[tuple[date, Decimal]]]
"""Ex-date and USD a share (on the basis of the prices) of declared dividends, dates rising."""
ManualValues = Mapping[tuple[str, date], Sequence[tuple[date, Decimal]]]
"""Values a unit of private holdings, by symbol and entry date: since when, and how much."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a day did to a lot: units and cost that came (or went), money put in, and income.

    `cost` is of what is open; `paid` is before fees and negative for what was taken out. Short:
    both are negative. What closing gained is `cost - paid`. `is_lapse`: it left at its last value,
    which follows from prices.
    """

    on: date
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    paid: Decimal = ZERO
    dividends: Decimal = ZERO
    fees: Decimal = ZERO
    is_lapse: bool = False


@dataclass(slots=True)
class Lot:
    """One lot, its units counted in the terms of the last of its `series`, as prices are.

    On `lapses_on` it leaves at its last value if it is still open: the day after an option's
    expiration, or of an exit without a price. `values` are manual ones since their dates; `splits`
    are those of a stock since its quantity was stated: new shares per old by ex-date.
    """

    number: int
    symbol: str
    asset_class: str
    multiplier: int
    entry_date: date
    lapses_on: date | None
    series: tuple[Series, ...]
    values: tuple[tuple[date, Decimal], ...] = ()
    is_of_file: bool = False
    splits: tuple[tuple[date, Fraction], ...] = ()
    changes: list[Change] = field(default_factory=list)
    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def last_symbol(self) -> str:
        """Name what it is after all splits known."""
        return self.series[-1].symbol

    @property
    def left_on(self) -> date | None:
        """The day it was closed, or lapsed; None while it is open."""
        if self.quantity:
            return self.lapses_on
        return max((change.on for change in self.changes if change.quantity), default=None)

    def add(self, change: Change) -> None:
        """Let a change happen."""
        self.changes.append(change)
        self.quantity += change.quantity
        self.cost += change.cost


@dataclass(frozen=True, slots=True)
class CashMove:
    """What a day did to cash: what came in, and what of it was earned or charged on no lot."""

    on: date
    amount: Decimal
    interest: Decimal = ZERO
    dividends: Decimal = ZERO
    fees: Decimal = ZERO
    flow: Decimal = ZERO
    """Put in by the owner (a deposit), negative for what was taken out."""


@dataclass(frozen=True, slots=True)
class MissedLot:
    """A closing row that chose a day of which no lot was open: it closed the oldest."""

    transaction: Transaction
    is_of_file: bool
    """Whether it closed lots of a file of positions, which may not tell when they were opened."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A portfolio's lots with all that happened to them, and its cash.

    `start` is the first day anything was held or moved. Without `keeps_cash` every transaction is
    paid from outside, and what it brings goes there.
    """

    portfolio_id: str
    start: date | None
    lots: tuple[Lot, ...]
    cash: tuple[CashMove, ...]
    keeps_cash: bool
    missed: tuple[MissedLot, ...] = ()


def symbols_of(ledgers: Iterable[Ledger]) -> set[str]:
    """Name all symbols that the lots of some portfolios are ever priced under."""
    lots = (lot for ledger in ledgers for lot in ledger.lots if not lot.values)
    return {series.symbol for lot in lots for series in lot.series}


def held_counts(ledgers: Sequence[Ledger], sessions: Sequence[date]) -> list[tuple[date, int]]:
    """Count the positions of some portfolios in each of `sessions`, cash included."""
    lots = [lot for ledger in ledgers for lot in ledger.lots]
    entries = sorted(lot.entry_date for lot in lots)
    ends = sorted(end for lot in lots if (end := lot.left_on) is not None)
    cash = sum(ledger.keeps_cash for ledger in ledgers)
    return [(day, bisect_right(entries, day) - bisect_right(ends, day) + cash) for day in sessions]


def oldest_lapse(ledgers: Iterable[Ledger]) -> date | None:
    """Give the first day on which a lot left at its last value, whose price is then needed."""
    lapses = (
        lot.lapses_on
        for ledger in ledgers
        for lot in ledger.lots
        if lot.lapses_on is not None and lot.quantity and not lot.values
    )
    return min(lapses, default=None)
