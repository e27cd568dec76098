"""A daily bar parted into hours that make it up again: same open, high, low, close and volume.

The hours depend on (seed, symbol, date) and the daily bar alone. Belongs here: drawing them, and
which have begun. Does not: any wire format.
"""

from datetime import datetime
from typing import Any

import numpy as np

from market_pipeline.domain.intraday import hours_of
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox.market import Bars, Floats, HourBars
from market_pipeline.sandbox.randomness import stream

_HOUR_S = 3600
_DECIMALS = 4
"""Of every price the sandbox makes up: rounding leaves the daily extremes where they are."""

_BUSIEST, _LAST_IS_HALF = 2.0, 0.5
_COLUMNS = ("open", "high", "low", "close", "volume")


def hours_of_days(seed: int, symbol: str, days: Bars, calendar: TradingCalendar) -> HourBars:
    """Part each daily bar that is a session and whole; others have no hours."""
    starts: list[int] = []
    parts: list[tuple[Floats, ...]] = []
    for at, day in enumerate(days.days.tolist()):
        row = [float(getattr(days, name)[at]) for name in _COLUMNS]
        if not calendar.is_session(day) or not np.isfinite(row[:4]).all():
            continue
        hours = hours_of(calendar, day)
        starts += [int(hour.starts_at.timestamp()) for hour in hours]
        parts.append(_parted(stream(seed, symbol, "hours", day.toordinal()), row, len(hours)))
    columns = zip(*parts, strict=True) if parts else ([np.empty(0)] for _ in _COLUMNS)
    opened, high, low, close, volume = (np.concatenate(list(column)) for column in columns)
    return HourBars(np.array(starts, dtype=np.int64), opened, high, low, close, volume)


def begun(hours: HourBars, now: datetime) -> HourBars:
    """Keep the hours that have begun at `now`; the newest, while it lasts, as far as it has come.

    The last bar of a session lasts half an hour: past its close nothing moves any more.
    """
    second = int(now.timestamp())
    count = int(np.searchsorted(hours.started_at, second, side="right"))
    kept = {name: getattr(hours, name)[:count].copy() for name in ("started_at", *_COLUMNS)}
    if not count:
        return HourBars(**kept)
    lasts = _HOUR_S if _is_followed(hours, count - 1) else _HOUR_S // 2
    share = (second - int(kept["started_at"][-1])) / lasts
    if share >= 1:
        return HourBars(**kept)
    opened = kept["open"][-1]
    for name in ("high", "low", "close"):
        kept[name][-1] = round(opened + share * (kept[name][-1] - opened), _DECIMALS)
    kept["volume"][-1] = np.floor(share * kept["volume"][-1])
    return HourBars(**kept, live_at=second)


def _is_followed(hours: HourBars, at: int) -> bool:
    """Say whether an hour of the same session follows."""
    following = at + 1 < len(hours)
    return following and int(hours.started_at[at + 1] - hours.started_at[at]) == _HOUR_S


def _parted(draw: np.random.Generator, row: list[float], count: int) -> tuple[Floats, ...]:
    """Walk from open to close within the day's range; one hour has its high, one its low."""
    opened, high, low, close, volume = row
    high, low = max(row[:4]), min(row[:4])
    steps = draw.standard_normal(count)
    # A bridge: a walk whose end is bent to the close, kept inside the range.
    walk = np.cumsum(steps) - steps.sum() * np.arange(1, count + 1) / count
    scale = (high - low) / 4
    line = opened + (close - opened) * np.arange(1, count + 1) / count
    closes = np.clip(np.round(line + scale * walk, _DECIMALS), low, high)
    closes[-1] = close
    opens = np.concatenate(([opened], closes[:-1]))
    reach = draw.uniform(0, 0.5, (2, count))
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    highs = np.minimum(np.round(top + reach[0] * (high - top), _DECIMALS), high)
    lows = np.maximum(np.round(bottom - reach[1] * (bottom - low), _DECIMALS), low)
    highs[int(draw.integers(count))] = high
    lows[int(draw.integers(count))] = low
    return opens, highs, lows, closes, _shared(draw, volume, count)


def _shared(draw: np.random.Generator, volume: float, count: int) -> Floats:
    """Share whole numbers out, more of them to the first and the last hours."""
    if not np.isfinite(volume):
        return np.full(count, np.nan)
    middle = np.abs(np.linspace(-1, 1, count))
    weights: Any = draw.uniform(0.7, 1.3, count) * (1 + (_BUSIEST - 1) * middle**2)
    weights[-1] *= _LAST_IS_HALF
    shares: Floats = np.floor(volume * weights / weights.sum())
    shares[0] += volume - shares.sum()
    return shares
