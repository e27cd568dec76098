"""Polygon's half hours as hours of a session: put together exactly, or not told at all."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from market_pipeline.domain.errors import BadPayload
from market_pipeline.domain.intraday import hours_of
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.polygon_hours import PolygonHours, combined
from market_pipeline.vendors.yahoo import YahooClient
from market_pipeline_tests.fakes import CALENDAR

FRIDAY, HALF_DAY, SUMMER = date(2026, 11, 20), date(2026, 11, 27), date(2026, 7, 10)
NO_DELAY = timedelta(0)


def ny(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def row(at: datetime, close: float = 10.0, **change: Any) -> dict[str, Any]:
    ms = int(at.timestamp() * 1000)
    told = {"t": ms, "o": close - 1, "h": close + 2, "l": close - 2, "c": close, "v": 1e6}
    return told | change


def starts(frame: Any) -> list[str]:
    return [f"{at:%H:%M}" for at in frame["starts_at"].dt.tz_convert(NEW_YORK)]


def test_two_half_hours_are_an_hour() -> None:
    """Open of the first, close of the last, extremes of both, and the sum of their volumes."""
    rows = [row(ny(FRIDAY, 10), 20.0, v=5.0), row(ny(FRIDAY, 9, 30), 10.0, v=3.0)]
    (bar,) = combined(rows, "KO", hours_of(CALENDAR, FRIDAY)).frame.to_dict("records")
    assert bar["starts_at"] == ny(FRIDAY, 9, 30)
    assert [bar[name] for name in ("open", "high", "low", "close", "volume")] == [9, 22, 8, 20, 8]


@pytest.mark.parametrize(("day", "count"), [(FRIDAY, 7), (HALF_DAY, 4), (SUMMER, 7)])
def test_only_regular_trading_counts(day: date, count: int) -> None:
    """From 04:00 to 20:00 are 32 half hours: those before the open and from the close on drop."""
    first = ny(day, 4)
    rows = [row(first + n * timedelta(minutes=30), 10 + n) for n in range(32)]
    told = combined(rows, "KO", hours_of(CALENDAR, day))
    assert told.rejected == ()
    assert starts(told.frame) == [f"{9 + n:02d}:30" for n in range(count)]
    assert told.frame["open"].iloc[0] == 20.0
    closes = CALENDAR.close_at(day)
    last = (closes - first) // timedelta(minutes=30)
    assert told.frame["close"].iloc[-1] == 9.0 + last


@given(st.sets(st.integers(0, 12)), st.permutations(range(13)))
def test_law_nothing_is_lost_and_nothing_counted_twice(traded: set[int], order: list[int]) -> None:
    """Whichever half hours traded, in whatever order they come: volumes and extremes add up."""
    opened = ny(FRIDAY, 9, 30)
    rows = [
        row(opened + n * timedelta(minutes=30), 10.0 + n, v=2.0**n) for n in order if n in traded
    ]
    frame = combined(rows, "KO", hours_of(CALENDAR, FRIDAY)).frame
    assert len(frame) == len({n // 2 for n in traded})
    assert frame["volume"].sum() == sum(2.0**n for n in traded)
    if traded:
        assert frame["high"].max() == 12.0 + max(traded)
        assert frame["low"].min() == 8.0 + min(traded)
        assert frame["close"].iloc[-1] == 10.0 + max(traded)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[1].update(c="cheap"),
        lambda rows: rows[1].pop("v"),
        lambda rows: rows.append(rows[1]),
        lambda rows: rows.append(row(ny(FRIDAY, 10, 15))),
    ],
    ids=["unreadable", "a field is missing", "sent twice", "off the half hour"],
)
def test_an_hour_of_which_a_part_is_wrong_is_not_told(spoil: Callable[[Any], object]) -> None:
    """The rest of it would pass for a whole hour: it is rejected, the other hours are kept."""
    rows = [row(ny(FRIDAY, 9, 30) + n * timedelta(minutes=30), 10.0 + n) for n in range(4)]
    spoil(rows)
    told = combined(rows, "KO", hours_of(CALENDAR, FRIDAY))
    assert starts(told.frame) == ["10:30"]
    assert told.rejected
    assert {each.symbol for each in told.rejected} == {"KO"}


def test_a_bar_of_no_time_spoils_the_answer() -> None:
    """Of which hour it is a part nobody knows."""
    rows = [row(ny(FRIDAY, 9, 30)), row(ny(FRIDAY, 10), t="noon")]
    with pytest.raises(BadPayload, match="without a readable time"):
        combined(rows, "KO", hours_of(CALENDAR, FRIDAY))


def test_recorded_hours_of_the_vendor_are_none_of_ours(vendor_payloads: Path) -> None:
    """GME's recorded 60-minute bars begin at :00, the one at 09:00 with half an hour of pre-market.

    Taken for half hours they give what begins at :00 inside the session and no full hour: the
    reason why half hours are asked for.
    """
    body = json.loads((vendor_payloads / "polygon" / "aggs_GME_60min_desc.json").read_bytes())
    at = [datetime.fromtimestamp(each["t"] / 1000, NEW_YORK) for each in body["results"]]
    assert {each.minute for each in at} == {0}
    assert {each.hour for each in at} > {4, 9, 16, 19}
    nine = next(each for each in body["results"] if each["t"] == 1638453600000)
    assert nine["v"] == 1.52924e6


@pytest.fixture
def clock() -> list[datetime]:
    return [ny(FRIDAY, 12, 35)]


def test_through_the_wire_the_hours_are_those_of_the_first_source(clock: list[datetime]) -> None:
    """One market told by both vendors: the same bars to the last digit, in one request."""
    now = lambda: clock[0]  # noqa: E731
    with SandboxServer(create_app(generated(7, clock=now), now)) as server:
        polygon = PolygonClient(f"{server.url}/polygon", SecretStr("any"))
        hours = PolygonHours(polygon, CALENDAR, now, NO_DELAY)
        yahoo = YahooClient(f"{server.url}/yahoo")
        clock[0] = ny(HALF_DAY, 20)
        span = (ny(date(2026, 11, 16), 9, 30), ny(HALF_DAY, 13))
        ours, theirs = hours.hourly_bars("KO", *span), yahoo.hourly_bars("KO", *span)
        assert (ours.rejected, len(ours.frame)) == ((), 8 * 7 + 4)
        assert ours.frame.equals(theirs.frame)
        assert hours.hourly_bars("ZZTOP", *span).frame.empty
        yahoo.close()
        hours.close()


@pytest.mark.parametrize(
    ("delay", "hour", "minute", "expected"),
    [
        (0, 12, 30, ["09:30", "10:30", "11:30"]), (0, 12, 29, ["09:30", "10:30"]),
        (15, 12, 35, ["09:30", "10:30"]), (15, 12, 45, ["09:30", "10:30", "11:30"]),
        (15, 9, 35, []),
    ],
)  # fmt: skip
def test_an_hour_whose_end_has_not_come_through_yet_is_not_told(
    delay: int, hour: int, minute: int, expected: list[str], clock: list[datetime]
) -> None:
    """A delayed plan tells an hour that lacks its last minutes: partial bars are never stored."""
    now = lambda: clock[0]  # noqa: E731
    clock[0] = ny(FRIDAY, hour, minute)
    with SandboxServer(create_app(generated(7, clock=now), now)) as server:
        polygon = PolygonClient(f"{server.url}/polygon", SecretStr("any"))
        hours = PolygonHours(polygon, CALENDAR, now, timedelta(minutes=delay))
        told = hours.hourly_bars("KO", ny(FRIDAY, 9, 30), ny(FRIDAY, 16))
        assert starts(told.frame) == expected
        hours.close()
