"""Hours of a session out of Polygon's half-hour aggregates, and the source that asks for them.

Polygon's own hours begin at the full hour, with pre-market trades in the first: no sum of them is a
session's hour. Its half hours are parts of ours, so two of them make one exactly.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from market_pipeline.domain.errors import BadPayload
from market_pipeline.domain.intraday import Hour, hours_of
from market_pipeline.domain.ports import Clock, FetchedFrame, Rejected
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.polygon_payloads import VENDOR, parse_aggregates
from market_pipeline.vendors.rows import from_ms
from market_pipeline.vendors.yahoo_hours import empty_hours

HALF_HOUR = timedelta(minutes=30)
_ENDPOINT = "half_hours"
_SPAN = timedelta(days=30)
"""Polygon counts a page's limit in minutes traded: so many days never reach it, and no half hour
is parted by the end of a page."""


class PolygonHours:
    """An `IntradaySource` over the half-hour aggregates of a `PolygonClient`.

    `delay` is how far the plan's data lags: an hour that ended later than that ago would be told
    with its last trades missing and look complete, so it is not told.
    """

    def __init__(
        self, client: PolygonClient, calendar: TradingCalendar, clock: Clock, delay: timedelta
    ) -> None:
        self._client, self._calendar = client, calendar
        self._clock, self._delay = clock, delay

    @property
    def name(self) -> str:
        """Source name kept on every row."""
        return self._client.name

    def hourly_bars(self, symbol: str, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
        """Fetch the bars of `symbol` that begin in [begins_at, ends_at) as `INTRADAY_COLUMNS`.

        Regular trading only, prices split-adjusted by Polygon. Raises a `VendorError`.
        """
        settled = self._clock() - self._delay
        first, last = (at.astimezone(NEW_YORK).date() for at in (begins_at, ends_at))
        hours = [
            hour
            for day in self._calendar.sessions(first, last)
            for hour in hours_of(self._calendar, day)
            if begins_at <= hour.starts_at < ends_at and hour.ends_at <= settled
        ]
        if not hours:
            return FetchedFrame(empty_hours())
        rows: list[Any] = []
        start, end = hours[0].starts_at, hours[-1].ends_at
        while start < end:
            rows += self._client.half_hours(symbol, start, min(start + _SPAN, end))
            start += _SPAN
        return combined(rows, symbol, hours)

    def close(self) -> None:
        """Close the connections of this process."""
        self._client.close()


def combined(rows: Sequence[Any], symbol: str, hours: Sequence[Hour]) -> FetchedFrame:
    """Put half-hour aggregates together as bars of `hours`, in `INTRADAY_COLUMNS`.

    An hour has the open of its first half, the close of its last, the extremes and the sum of
    volumes; a half without a trade has no row. What begins in none of `hours` (before the open,
    after the close) is dropped. An hour with an unreadable half, a second one, or one that begins
    at neither :00 nor :30 is rejected: the rest of it would be another hour's price.
    """
    parts = parse_aggregates(rows, symbol, _ENDPOINT)
    rejected = [*parts.rejected]
    starts = {at: hour.starts_at for hour in hours for at in _halves(hour)}
    frame = parts.frame.assign(starts_at=_hour_of(parts.frame["started_at"], hours))
    frame = frame.dropna(subset=["starts_at"]).sort_values("started_at", ignore_index=True)
    is_odd = ~frame["started_at"].isin(list(starts)) | frame.duplicated("started_at")
    for at in frame.loc[is_odd, "started_at"]:
        rejected.append(
            Rejected(
                symbol, at.astimezone(NEW_YORK).date(), "no_half_hour", f"started_at={at}",
                "the vendor sent a second bar of a half hour, or one that begins at no half hour",
            )
        )  # fmt: skip
    spoilt = {*frame.loc[is_odd, "starts_at"], *_unreadable(rows, parts.frame, hours)}
    good = frame[~frame["starts_at"].isin(list(spoilt))]
    made = good.groupby("starts_at", as_index=False).agg(
        session_date=("session_date", "first"), open=("open", "first"), high=("high", "max"),
        low=("low", "min"), close=("close", "last"), volume=("volume", "sum"),
    )  # fmt: skip
    shape = empty_hours()
    made = made.assign(symbol=symbol).reindex(columns=shape.columns)
    return FetchedFrame(made.astype(shape.dtypes.to_dict()), tuple(rejected))


def _halves(hour: Hour) -> list[pd.Timestamp]:
    count = (hour.ends_at - hour.starts_at) // HALF_HOUR
    return [pd.Timestamp(hour.starts_at + n * HALF_HOUR) for n in range(count)]


def _hour_of(instants: "pd.Series[pd.Timestamp]", hours: Sequence[Hour]) -> "pd.Series[Any]":
    """Give the start of the hour that each instant lies in, missing where it lies in none."""
    found = pd.Series(pd.NaT, index=instants.index, dtype="datetime64[us, UTC]")
    for hour in hours:
        is_in = (instants >= pd.Timestamp(hour.starts_at)) & (instants < pd.Timestamp(hour.ends_at))
        found = found.mask(is_in, pd.Timestamp(hour.starts_at))
    return found


def _unreadable(
    rows: Sequence[Any], read: pd.DataFrame, hours: Sequence[Hour]
) -> set[pd.Timestamp]:
    """Give the starts of the hours that a row was refused in; one without a time spoils all."""
    if len(read) == len(rows):
        return set()
    try:
        told = pd.to_datetime([from_ms(row["t"]) for row in rows], utc=True)
    except (KeyError, TypeError, ValueError):
        said = "a bar without a readable time, so that it is not known which hour lacks it"
        raise BadPayload(VENDOR, _ENDPOINT, said) from None
    lost = pd.Series(told[~told.isin(list(read["started_at"]))])
    return set(_hour_of(lost, hours).dropna())
