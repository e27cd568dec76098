"""Which option contracts exist: expirations, when each is listed, the grid of strikes.

Belongs here: rules over dates and price levels. Does not: prices of options, quotes.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox.market import Floats

_FRIDAY = 4
_LONG_DATED, _QUARTERLY, _SERIAL = 900, 300, 100
"""Days before expiry on which January, quarterly and other contracts are listed."""

_STEPS = ((10, "0.5"), (25, "1"), (100, "2.5"), (250, "5"), (1000, "10"))
_WIDEST_STEP = "50"
_BELOW_LOW, _ABOVE_HIGH = 0.8, 1.25


def listed_on(expiration: date) -> date:
    """Give the day on which contracts of an expiration begin to trade."""
    if expiration.month == 1:
        return expiration - timedelta(days=_LONG_DATED)
    if expiration.month % 3 == 0:
        return expiration - timedelta(days=_QUARTERLY)
    return expiration - timedelta(days=_SERIAL)


def expirations(calendar: TradingCalendar, first: date, last: date) -> Iterator[date]:
    """Give the monthly expirations from `first` to `last`: third Fridays, or the day before."""
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        expiration = calendar.session_on_or_before(_third_friday(year, month))
        if first <= expiration <= last:
            yield expiration
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def alive(calendar: TradingCalendar, day: date) -> list[date]:
    """List the expirations that trade on `day`, its own included."""
    end = min(day + timedelta(days=_LONG_DATED), calendar.all_sessions[-1])
    return [e for e in expirations(calendar, day, end) if listed_on(e) <= day]


def strikes(year_of_closes: Floats) -> list[Decimal]:
    """List the strikes around the last year's range of closes, evenly spaced."""
    typical = float(np.median(year_of_closes))
    step = Decimal(next((s for top, s in _STEPS if typical < top), _WIDEST_STEP))
    lowest = Decimal(str(_BELOW_LOW * float(year_of_closes.min()))) // step
    highest = Decimal(str(_ABOVE_HIGH * float(year_of_closes.max()))) // step + 1
    return [step * n for n in range(max(int(lowest), 1), int(highest) + 1)]


def _third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)
