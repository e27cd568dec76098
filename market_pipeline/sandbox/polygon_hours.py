"""Polygon's half hours: two make an hour of the market up again, and trading outside of it is told.

Extended hours stand in the answer as the vendor sends them: a bar before the open and, once the
session is over, one with the closing auction. Does not: any wire format.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime

import numpy as np

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.sandbox.market import HourBars

_HALF_S, _HOUR_S = 1800, 3600
_DECIMALS = 4
_OUTSIDE_SHARE, _BEFORE, _AFTER = 0.02, 0.98, 1.01

Row = tuple[int, float, float, float, float, float]
"""Start in unix seconds, open, high, low, close, volume."""


def half_hours(hours: HourBars, close_at: Callable[[date], datetime]) -> HourBars:
    """Part hours into half hours, oldest first; one that is forming is told as far as it has come.

    The high of an hour lies in one half and its low in the other, alternately.
    """
    rows = list(_rows(hours, close_at))
    columns = zip(*rows, strict=True) if rows else ([] for _ in range(6))
    started, opened, high, low, close, volume = (np.array(list(column)) for column in columns)
    return HourBars(started.astype(np.int64), opened, high, low, close, volume)


def _rows(hours: HourBars, close_at: Callable[[date], datetime]) -> Iterator[Row]:
    previous = None
    columns = (hours.started_at, hours.open, hours.high, hours.low, hours.close, hours.volume)
    for at, (start, *prices) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        opened, high, low, close, volume = prices
        day = datetime.fromtimestamp(start, NEW_YORK).date()
        ends = int(close_at(day).timestamp())
        if day != previous:
            yield _outside(start - _HALF_S, opened * _BEFORE, volume)
        previous = day
        is_live = at == len(hours) - 1 and hours.live_at is not None
        now = hours.live_at if is_live and hours.live_at is not None else start + _HOUR_S
        if now - start <= _HALF_S or ends - start <= _HALF_S:
            yield start, opened, high, low, close, volume
        else:
            middle = min(max(round((opened + close) / 2, _DECIMALS), low), high)
            top, bottom = max(opened, middle), min(opened, middle)
            first = np.floor(volume / 2)
            is_high_first = at % 2 == 0
            yield (
                start, opened, high if is_high_first else top, bottom if is_high_first else low,
                middle, first,
            )  # fmt: skip
            top, bottom = max(middle, close), min(middle, close)
            yield (
                start + _HALF_S, middle, top if is_high_first else high,
                low if is_high_first else bottom, close, volume - first,
            )  # fmt: skip
        if start + _HOUR_S >= ends and not is_live:
            yield _outside(ends, close * _AFTER, volume)


def _outside(start: int, price: float, volume: float) -> Row:
    told = round(price, _DECIMALS)
    return start, told, told, told, told, np.floor(volume * _OUTSIDE_SHARE)
