"""One position over time: how much of it there is, what it is worth, what a session did to it.

Exact: every amount is a Decimal with ten decimals. Which price is good enough for a session is
decided here; adding positions up to a portfolio stands in `snapshots`.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import prod

import pandas as pd

from market_pipeline.domain.books import CASH, PRIVATE, STOCK, Position

MAX_PRICE_AGE = 5
"""A missing price is replaced by the last one, at most this many sessions old."""

PRICED, STALE, UNPRICED, MANUAL = "priced", "stale", "unpriced", "manual"
BOOK_SOURCE = "book"
ZERO = Decimal("0E-10")

_UNIT = Decimal("1E-10")
_ONE = Decimal(1)
# Vendors derive some ratios from rounded prices: 7 for 1 has been seen as 6.999997.
_SPLIT_ROUNDING = Fraction(5, 1_000_000)
_LARGEST_OLD_SHARES = 50


@dataclass(frozen=True, slots=True)
class Mark:
    """What a position in the book is worth in a session; price and value None: unpriced."""

    status: str
    price: Decimal | None = None
    price_date: date | None = None
    value: Decimal | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What happened to a position since the session before.

    Change of value in the book = pnl + flow + gap; pnl is None where a price is missing at
    either end, and the change is then a gap.
    """

    pnl: Decimal | None
    flow: Decimal
    gap: Decimal


@dataclass(frozen=True, slots=True)
class Lot:
    """A position with its quantity in the units of split-adjusted prices, and its exact cost."""

    position: Position
    quantity: Decimal
    cost: Decimal

    def is_in_book(self, day: date) -> bool:
        """From its entry on; not on its exit date, nor after an option's expiration."""
        p = self.position
        has_left = p.exit_date is not None and day >= p.exit_date
        has_expired = p.expiration_date is not None and day > p.expiration_date
        return p.entry_date <= day and not has_left and not has_expired

    def was_traded_within(self, previous: date, day: date) -> bool:
        """Whether it was both entered and left after `previous` and up to `day`."""
        p = self.position
        return p.exit_date is not None and previous < p.entry_date <= p.exit_date <= day

    def proceeds(self, day: date) -> Decimal | None:
        """What leaving by `day` brought; None where nobody said (an option that expired)."""
        p = self.position
        if p.exit_date is None or p.exit_date > day or p.exit_price_usd is None:
            return None
        return amount(p.quantity, p.multiplier, _ONE if p.asset_class == CASH else p.exit_price_usd)


class PriceHistory:
    """The prices of some symbols by place of their session, exact and findable with an age."""

    def __init__(
        self, market_data: pd.DataFrame, sessions: Sequence[date], symbols: Collection[str]
    ) -> None:
        """Read `market_data_cache` rows of `symbols` in `sessions` (rising)."""
        self._sessions = sessions
        place = {day: at for at, day in enumerate(sessions)}
        rows = market_data[market_data["symbol"].isin(list(symbols))].sort_values("session_date")
        self._found: dict[str, tuple[list[int], list[Decimal], list[str]]] = {}
        for day, symbol, price, source in zip(
            rows["session_date"].dt.date, rows["symbol"], rows["price_usd"], rows["source"],
            strict=True,
        ):  # fmt: skip
            if day in place:
                places, prices, sources = self._found.setdefault(symbol, ([], [], []))
                places.append(place[day])
                prices.append(exact(price))
                sources.append(source)

    def last(self, symbol: str, at: int) -> tuple[Decimal, date, str] | None:
        """Give price, its date and source at place `at` or up to `MAX_PRICE_AGE` before it."""
        places, prices, sources = self._found.get(symbol, ([], [], []))
        n = bisect_right(places, at) - 1
        if n < 0 or at - places[n] > MAX_PRICE_AGE:
            return None
        return prices[n], self._sessions[places[n]], sources[n]


def exact(number: float) -> Decimal:
    """Turn a float into the shortest decimal that reads back as it, at ten decimals."""
    return Decimal(repr(float(number))).quantize(_UNIT)


def amount(quantity: Decimal, multiplier: int, price: Decimal) -> Decimal:
    """Value a quantity, at ten decimals."""
    return (quantity * multiplier * price).quantize(_UNIT)


def split_ratio(number: float) -> Fraction:
    """Read a vendor's new shares per old: the plain ratio it is a rounding of, else as it is."""
    ratio = Fraction(repr(float(number)))
    plain = ratio.limit_denominator(_LARGEST_OLD_SHARES)
    return plain if abs(plain - ratio) <= ratio * _SPLIT_ROUNDING else ratio


def lot_of(
    position: Position, as_of_date: date, splits: Mapping[str, Sequence[tuple[date, float]]]
) -> Lot:
    """Restate a position in the units of split-adjusted prices.

    The file counts as of `as_of_date`, prices are adjusted for every split known: those with an
    ex-date after it multiply a stock's quantity, whatever the session asked for. Cost is what
    the file says, untouched by splits.
    """
    price = _ONE if position.asset_class == CASH else position.entry_price_usd
    later = [
        split_ratio(ratio)
        for ex_date, ratio in splits.get(position.symbol, ())
        if position.asset_class == STOCK and ex_date > as_of_date
    ]
    factor = prod(later, start=Fraction(1))
    quantity = position.quantity * factor.numerator / factor.denominator
    cost = amount(position.quantity, position.multiplier, price)
    return Lot(position, quantity.quantize(_UNIT), cost)


def mark(lot: Lot, prices: PriceHistory, sessions: Sequence[date], at: int) -> Mark | None:
    """Value a lot in session `at`; None where it is not in the book."""
    position, day = lot.position, sessions[at]
    if not lot.is_in_book(day):
        return None
    if position.asset_class in (CASH, PRIVATE):
        price = _ONE if position.asset_class == CASH else position.entry_price_usd
        return Mark(MANUAL, price.quantize(_UNIT), None, lot.cost, BOOK_SOURCE)
    found = prices.last(position.symbol, at)
    if found is None:
        return Mark(UNPRICED)
    price, price_date, source = found
    value = amount(lot.quantity, position.multiplier, price)
    return Mark(PRICED if price_date == day else STALE, price, price_date, value, source)


def move(lot: Lot, days: tuple[date, date], before: Mark | None, now: Mark | None) -> Move:
    """Say what the time from the first to the second of `days` did to a lot.

    A lot that came in between flows in at its entry price, one that left flows out at its exit
    price, one that left without a price (expired) at its last value; the rest is P&L.
    """
    previous, day = days
    if before is None and now is None and not lot.was_traded_within(previous, day):
        return Move(ZERO, ZERO, ZERO)
    start = lot.cost if before is None else before.value
    proceeds = lot.proceeds(day)
    end = now.value if now is not None else start if proceeds is None else proceeds
    flow = ZERO
    if before is None:
        flow += lot.cost
    if now is None and end is not None:
        flow -= end
    change = worth(now) - worth(before)
    if start is None or end is None:
        return Move(None, flow, change - flow)
    return Move(end - start, flow, ZERO)


def worth(at: Mark | None) -> Decimal:
    """What a mark adds to the book: nothing where it is not in it or has no price."""
    return ZERO if at is None or at.value is None else at.value
