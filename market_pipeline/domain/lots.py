"""One position over time: how much of it there is, what it is worth, what a session did to it.

Exact: every amount is a Decimal with ten decimals. Which price is good enough for a session is
decided here; adding positions up to a portfolio stands in `snapshots`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import prod

import pandas as pd

from market_pipeline.domain.books import CASH, PRIVATE, STOCK, Position
from market_pipeline.domain.option_splits import Series, Splits, series_of, series_on, split_ratio

MAX_PRICE_AGE = 5
"""A missing price is replaced by the last one, at most this many sessions old."""

PRICED, STALE, UNPRICED, MANUAL = "priced", "stale", "unpriced", "manual"
BOOK_SOURCE = "book"
ZERO = Decimal("0E-10")

_UNIT = Decimal("1E-10")
_ONE = Decimal(1)


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
    """A position with its quantity in the units of its prices, and its exact cost.

    `series` are the symbols it is priced under, one after the other: an option's quotes stay in
    the terms of their day, so a split gives it a new symbol and a new count from then on.
    """

    position: Position
    quantity: Decimal
    cost: Decimal
    series: tuple[Series, ...]

    def on(self, day: date) -> Series:
        """Give the series in force on `day`."""
        return series_on(self.series, day)

    def units(self, series: Series) -> Decimal:
        """Count the units of `series` the position has become."""
        ratio = series.ratio
        return (self.quantity * ratio.numerator / ratio.denominator).quantize(_UNIT)

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

    def last(self, symbol: str, at: int, oldest: int) -> tuple[Decimal, date, str] | None:
        """Give the last price, its date and source from place `oldest` to place `at`."""
        places, prices, sources = self._found.get(symbol, ([], [], []))
        n = bisect_right(places, at) - 1
        if n < 0 or places[n] < oldest:
            return None
        return prices[n], self._sessions[places[n]], sources[n]


def exact(number: float) -> Decimal:
    """Turn a float into the shortest decimal that reads back as it, at ten decimals."""
    return Decimal(repr(float(number))).quantize(_UNIT)


def amount(quantity: Decimal, multiplier: int, price: Decimal) -> Decimal:
    """Value a quantity, at ten decimals."""
    return (quantity * multiplier * price).quantize(_UNIT)


def lot_of(position: Position, as_of_date: date, splits: Splits) -> Lot:
    """Restate a position in the units of its prices.

    The file counts as of `as_of_date`. Prices of stocks are adjusted for every split known: those
    with an ex-date after it multiply the quantity, whatever the session asked for. Prices of
    options are not: a split changes series and count from its ex-date on. Cost is what the file
    says, untouched by splits.
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
    return Lot(position, quantity.quantize(_UNIT), cost, series_of(position, as_of_date, splits))


def mark(lot: Lot, prices: PriceHistory, sessions: Sequence[date], at: int) -> Mark | None:
    """Value a lot in session `at`; None where it is not in the book."""
    position, day = lot.position, sessions[at]
    if not lot.is_in_book(day):
        return None
    if position.asset_class in (CASH, PRIVATE):
        price = _ONE if position.asset_class == CASH else position.entry_price_usd
        return Mark(MANUAL, price.quantize(_UNIT), None, lot.cost, BOOK_SOURCE)
    found = _last_price(lot, prices, sessions, at)
    if found is None:
        return Mark(UNPRICED)
    series, price, price_date, source = found
    value = amount(lot.units(series), position.multiplier, price)
    shown = price * series.ratio.numerator / series.ratio.denominator
    present = lot.on(day).ratio
    shown = (shown * present.denominator / present.numerator).quantize(_UNIT)
    return Mark(PRICED if price_date == day else STALE, shown, price_date, value, source)


def _last_price(
    lot: Lot, prices: PriceHistory, sessions: Sequence[date], at: int
) -> tuple[Series, Decimal, date, str] | None:
    """Find the last price good enough for session `at`, and the series it is a price of.

    A series counts only while it is the holding's: its symbol may have meant another contract
    before.
    """
    upto, oldest = at, at - MAX_PRICE_AGE
    for series in reversed(lot.series):
        begin = bisect_left(sessions, series.since)
        if begin <= upto:
            found = prices.last(series.symbol, upto, max(begin, oldest))
            if found is not None:
                return (series, *found)
            upto = begin - 1
    return None


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
