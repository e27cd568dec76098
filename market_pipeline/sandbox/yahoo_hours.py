"""The body of an hourly chart in Yahoo's form: no adjusted closes, the sessions' trading periods.

While an hour is forming its bar stands in the chart as far as it has come, and behind it a row of
the moment, as Yahoo appends it. Does not: any number of its own.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

import numpy as np

from market_pipeline.domain.sessions import NEW_YORK, OPEN_TIME
from market_pipeline.sandbox.market import Floats, HourBars, Listing
from market_pipeline.sandbox.yahoo_chart import (
    QUOTE_FIELDS,
    VALID_RANGES,
    WINTER_OFFSET,
    listing_meta,
)

HOURLY_NAMES = ("1h", "60m")


def hour_body(
    hours: HourBars,
    period: tuple[int, int],
    listing: Listing,
    close_at: Callable[[date], datetime],
) -> str:
    """Write the answer for the hours that begin in `period` (unix seconds, the end left out)."""
    rows = slice(*(int(np.searchsorted(hours.started_at, second)) for second in period))
    stamps = hours.started_at[rows].tolist()
    columns = {name: _values(getattr(hours, name)[rows]) for name in QUOTE_FIELDS}
    if hours.live_at is not None:
        stamps.append(hours.live_at)
        price = _values(hours.close[-1:])
        for name in QUOTE_FIELDS:
            columns[name] += [0] if name == "volume" else price
    meta = listing_meta(listing) | {
        "tradingPeriods": [[period] for period in _trading_periods(stamps, close_at)],
        "dataGranularity": "1h",
        "range": "",
        "validRanges": VALID_RANGES,
    }
    result: dict[str, object] = {"meta": meta}
    if stamps:
        result["timestamp"] = stamps
    result["indicators"] = {"quote": [columns if stamps else {}]}
    return json.dumps({"chart": {"result": [result], "error": None}}, separators=(",", ":"))


def _trading_periods(
    stamps: Sequence[int], close_at: Callable[[date], datetime]
) -> Iterator[dict[str, object]]:
    """Give the regular hours of each session that has a row."""
    days = dict.fromkeys(datetime.fromtimestamp(second, NEW_YORK).date() for second in stamps)
    for day in days:
        start = datetime.combine(day, OPEN_TIME, tzinfo=NEW_YORK)
        yield {
            "timezone": "EST",
            "start": int(start.timestamp()),
            "end": int(close_at(day).timestamp()),
            "gmtoffset": WINTER_OFFSET,
        }


def _values(column: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in column.tolist()]
