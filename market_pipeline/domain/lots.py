"""What one lot is worth in each session, and what the session did to it.

Exact: amounts are whole numbers of ten-billionths, arrays over sessions. Which price is good enough
for a session is decided here; what happened to a lot stands in `ledger`, adding lots up to a
portfolio in `snapshots`.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.exact import (
    WHOLE,
    Amounts,
    array,
    decimals,
    divided,
    product,
    whole,
    wholes_of_floats,
    zeros,
)
from market_pipeline.domain.ledger import Change, Lot
from market_pipeline.domain.option_splits import Series

MAX_PRICE_AGE = 5
"""A missing price is replaced by the last one, at most this many sessions old."""

PRICED, STALE, UNPRICED, MANUAL, CLOSED = "priced", "stale", "unpriced", "manual", "closed"
STATUSES = (CLOSED, PRICED, STALE, UNPRICED, MANUAL)
"""By the code that arrays hold; `closed`: left since the session before, or nothing but income."""

BOOK_SOURCE = "book"

Places = npt.NDArray[np.int64]
_CLOSED, _PRICED, _STALE, _UNPRICED, _MANUAL = range(len(STATUSES))


@dataclass(frozen=True, slots=True)
class Quotes:
    """The last good price in each session: the place it is of (-1: none), in whose terms, whose.

    `terms` are places in the series; `sources` are of each session's own price.
    """

    prices: Amounts
    places: Places
    terms: Places
    sources: npt.NDArray[np.object_]


class PriceTable:
    """The prices of some symbols by place of their session, exact, and the last good of each."""

    def __init__(
        self, market_data: pd.DataFrame, sessions: Sequence[date], symbols: Collection[str]
    ) -> None:
        """Read `market_data_cache` rows of `symbols` in `sessions` (rising)."""
        self.sessions = sessions
        self.days = np.array(sessions, dtype="datetime64[D]")
        rows = market_data[market_data["symbol"].isin(list(symbols))].sort_values("session_date")
        days = rows["session_date"].to_numpy().astype("datetime64[D]")
        places = np.searchsorted(self.days, days)
        is_in = places < len(self.days)
        is_in[is_in] = self.days[places[is_in]] == days[is_in]
        rows = rows[is_in].assign(place=places[is_in])
        self._rows = {
            str(symbol): (group["place"].to_numpy(), group["price_usd"], group["source"])
            for symbol, group in rows.groupby("symbol", sort=False)
        }
        self._quotes: dict[tuple[Series, ...], Quotes] = {}

    def quotes(self, series: tuple[Series, ...]) -> Quotes:
        """Give the last good prices of what is called by `series`, one after the other.

        A symbol counts only while it is the holding's: it may have meant another contract before.
        """
        if series not in self._quotes:
            self._quotes[series] = self._last_good(series)
        return self._quotes[series]

    def _last_good(self, series: Sequence[Series]) -> Quotes:
        count = len(self.days)
        prices, sources = zeros(count), np.full(count, None, dtype=object)
        own, terms = np.full(count, -1), np.zeros(count, dtype=np.int64)
        begins = [bisect_left(self.sessions, each.since) for each in series]
        for term, (each, begin) in enumerate(zip(series, begins, strict=True)):
            end = begins[term + 1] if term + 1 < len(begins) else count
            if each.symbol not in self._rows:
                continue
            places, found, of = self._rows[each.symbol]
            is_its = (places >= begin) & (places < end)
            at = places[is_its]
            prices[at] = wholes_of_floats(found[is_its])
            sources[at] = of[is_its].to_numpy()
            own[at], terms[at] = at, term
        last = np.maximum.accumulate(own) if count else own
        last[np.arange(count) - last > MAX_PRICE_AGE] = -1
        return Quotes(prices[last], last, terms[last], sources[last])


@dataclass(frozen=True, slots=True)
class LotDays:
    """A lot in each session: what it was at the end, and what the time since the one before did.

    `pnl` is without meaning where `is_known` is not set: a price was missing at either end. Change
    of `value` = pnl + flow + gap always, pnl counting only where it is known. `gain` is what
    closing has gained so far; `cost` is of what is open. `changes` are the lot's, and its lapse.
    """

    lot: Lot
    changes: Sequence[Change]
    status: npt.NDArray[np.int8]
    quantity: Amounts
    price: Amounts
    price_place: Places
    source: npt.NDArray[np.object_]
    value: Amounts
    cost: Amounts
    gain: Amounts
    paid: Amounts
    dividends: Amounts
    fees: Amounts
    pnl: Amounts
    gap: Amounts
    is_known: npt.NDArray[np.bool_]
    is_touched: npt.NDArray[np.bool_]

    @property
    def is_in_book(self) -> npt.NDArray[np.bool_]:
        """Where it is held at the end of the session."""
        return np.asarray(self.status != _CLOSED)

    @property
    def is_unpriced(self) -> npt.NDArray[np.bool_]:
        """Where it is held, and worth nobody knows what."""
        return np.asarray(self.status == _UNPRICED)

    @property
    def flow(self) -> Amounts:
        """Money that moved into it, less income that moved out."""
        return np.asarray(self.paid - self.dividends + self.fees)


def lot_days(lot: Lot, table: PriceTable, begin: int) -> LotDays:
    """Follow a lot through the sessions from place `begin` on; what came before is in the first."""
    count = len(table.days) - begin
    changes = _settled(lot, table)
    happened = _Happened(changes, table, begin)
    quantity, cost = happened.running("quantity"), happened.running("cost")
    paid, dividends, fees = (happened.daily(name) for name in ("paid", "dividends", "fees"))
    gain = cost - happened.running("paid")
    marks = _marks(lot, table, begin, quantity)
    ends = marks.status != _UNPRICED
    is_known = ends & np.concatenate([[True], ends[:-1]])[:count]
    before = np.concatenate([zeros(1), marks.value[:-1]])[:count]
    income = dividends - fees
    unexplained = marks.value - before - paid
    return LotDays(
        lot, changes, marks.status, marks.quantity, marks.price, marks.price_place, marks.source,
        marks.value, cost, gain, paid, dividends, fees,
        pnl=income + np.where(is_known, unexplained, 0),
        gap=np.where(is_known, 0, unexplained),
        is_known=is_known, is_touched=happened.touched,
    )  # fmt: skip


def worth_on(lot: Lot, table: PriceTable, at: int) -> int | None:
    """Value what is left of a lot in one session; None where it has no price."""
    quantity = array([whole(lot.quantity)])
    marks = _marks(lot, table, at, quantity)
    return None if marks.status[0] == _UNPRICED else int(marks.value[0])


def _settled(lot: Lot, table: PriceTable) -> list[Change]:
    """Give what happened to a lot, and its lapse at its last value where that has come.

    One that came and lapsed between two sessions leaves at its cost, one without a price at
    nothing.
    """
    if lot.lapses_on is None or not lot.quantity:
        return lot.changes
    at = bisect_left(table.sessions, lot.lapses_on)
    if at == len(table.sessions):
        return lot.changes
    if at == 0 or lot.entry_date > table.sessions[at - 1]:
        left = lot.cost
    else:
        left = decimals([worth_on(lot, table, at - 1) or 0])[0]
    return [*lot.changes, Change(lot.lapses_on, -lot.quantity, -lot.cost, -left, is_lapse=True)]


class _Happened:
    """Changes by the session that saw them, from place `begin` on."""

    def __init__(self, changes: Sequence[Change], table: PriceTable, begin: int) -> None:
        self._count = len(table.days) - begin
        self._changes: list[tuple[int, Change]] = []
        self.touched = np.zeros(self._count, dtype=bool)
        for change in changes:
            at = bisect_left(table.sessions, change.on) - begin
            if at < self._count:
                self._changes.append((max(at, 0), change))
                self.touched[max(at, 0)] |= at >= 0

    def daily(self, name: str) -> Amounts:
        """Give what came of an amount in each session."""
        found = zeros(self._count)
        for at, change in self._changes:
            amount = getattr(change, name)
            if amount:
                found[at] += whole(amount)
        return found

    def running(self, name: str) -> Amounts:
        """Give what has come of an amount up to each session."""
        if all(at == 0 for at, _ in self._changes):
            total = sum(whole(getattr(change, name)) for _, change in self._changes)
            return np.full(self._count, total, dtype=object)
        return np.add.accumulate(self.daily(name))


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a lot is in each session: its count in the terms of the day, its price, its value."""

    status: npt.NDArray[np.int8]
    quantity: Amounts
    price: Amounts
    price_place: Places
    source: npt.NDArray[np.object_]
    value: Amounts


def _marks(lot: Lot, table: PriceTable, begin: int, quantity: Amounts) -> _Marks:
    """Value `quantity` of a lot in the sessions from place `begin` on, one for each given."""
    held = quantity != 0
    held = held.astype(bool)
    span = slice(begin, begin + len(quantity))
    nowhere = np.full(len(quantity), -1)
    if not held.any():
        none = zeros(len(quantity))
        status = np.zeros(len(quantity), dtype=np.int8)
        return _Marks(status, quantity, none, nowhere, _named(None, len(quantity)), none)
    if lot.values:
        price = _manual(lot, table.days[span])
        status = np.where(held, _MANUAL, _CLOSED).astype(np.int8)
        value = _times(quantity, lot.multiplier, price)
        source = _named(BOOK_SOURCE, len(quantity))
        return _Marks(status, quantity, price, nowhere, source, value)
    quotes = table.quotes(lot.series)
    places, price = quotes.places[span], quotes.prices[span]
    fresh = places == np.arange(begin, begin + len(quantity))
    status = np.where(places < 0, _UNPRICED, np.where(fresh, _PRICED, _STALE))
    status = np.where(held, status, _CLOSED).astype(np.int8)
    is_good = held & (places >= 0)
    units, shown = quantity, price
    if len(lot.series) > 1:
        now = _terms(lot, table, span)
        value = _times(_in_terms(lot, quantity, quotes.terms[span]), lot.multiplier, price)
        units = _in_terms(lot, quantity, now)
        shown = _restated(lot, price, quotes.terms[span], now)
    else:
        value = _times(quantity, lot.multiplier, price)
    return _Marks(
        status, units, np.where(is_good, shown, 0), np.where(is_good, places, -1),
        quotes.sources[span], np.where(is_good, value, 0),
    )  # fmt: skip


def _named(name: str | None, count: int) -> npt.NDArray[np.object_]:
    return np.full(count, name, dtype=object)


def _manual(lot: Lot, days: npt.NDArray[np.datetime64]) -> Amounts:
    """Give the manual value in force on each day, the first one before any."""
    since = np.array([day for day, _ in lot.values], dtype="datetime64[D]")
    values = array([whole(value) for _, value in lot.values])
    return np.asarray(values[np.maximum(np.searchsorted(since, days, side="right") - 1, 0)])


def _times(quantity: Amounts, multiplier: int, price: Amounts) -> Amounts:
    """Value quantities; whole ones (most) need no rounding."""
    units = quantity * multiplier
    if not (units % WHOLE).any():
        return np.asarray((units // WHOLE) * price)
    return product(units, price)


def _terms(lot: Lot, table: PriceTable, span: slice) -> Places:
    """Give the place of the series in force in each session."""
    since = np.array([each.since for each in lot.series], dtype="datetime64[D]")
    found = np.searchsorted(since, table.days[span], side="right") - 1
    return np.asarray(found, dtype=np.int64)


def _in_terms(lot: Lot, quantity: Amounts, terms: Places) -> Amounts:
    """Count `quantity`, which is in the last terms, in others."""
    last = lot.series[-1].ratio
    found = quantity.copy()
    for term in np.unique(terms):
        ratio = lot.series[term].ratio / last
        is_it = terms == term
        found[is_it] = divided(quantity[is_it] * ratio.numerator, ratio.denominator)
    return found


def _restated(lot: Lot, price: Amounts, terms: Places, now: Places) -> Amounts:
    """Show a price of earlier terms in those of the day, as a split divides it."""
    found = price.copy()
    for at in np.flatnonzero(terms != now):
        ratio = lot.series[terms[at]].ratio / lot.series[now[at]].ratio
        found[at] = divided(price[at : at + 1] * ratio.numerator, ratio.denominator)[0]
    return found
