"""When news is stale: by the minute in a session, by the session outside."""

from datetime import UTC, datetime, timedelta

import pytest

from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.reads.freshness import FRESH_FOR, is_stale

CALENDAR = TradingCalendar.xnys()


def new_york(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("as_of", "now", "stale"),
    [
        (new_york(20, 12, 46), new_york(20, 13), False),
        (new_york(20, 12, 44), new_york(20, 13), True),
        (new_york(20, 15, 45), new_york(20, 20), False),  # the evening after
        (new_york(20, 15, 44), new_york(20, 20), True),
        (new_york(20, 16), new_york(22, 12), False),  # the weekend
        (new_york(20, 12), new_york(22, 12), True),
        (new_york(20, 16), new_york(23, 9, 31), False),  # Monday, nothing owed yet
        (new_york(20, 16), new_york(23, 9, 44), False),
        (new_york(20, 16), new_york(23, 9, 46), True),
        (new_york(27, 12, 45), new_york(27, 15), False),  # a half day, over at 13:00
        (new_york(27, 12, 44), new_york(27, 15), True),
        (None, new_york(22, 12), True),
    ],
)
def test_staleness_is_owed_collection(as_of: datetime | None, now: datetime, stale: bool) -> None:
    """Fifteen minutes in a session; the end of the last one outside."""
    assert is_stale(as_of, now, CALENDAR, FRESH_FOR) is stale


def test_the_bound_is_a_setting() -> None:
    """Ten minutes old: stale for five, fresh for fifteen."""
    now = new_york(20, 13)
    as_of = now - timedelta(minutes=10)
    assert is_stale(as_of, now, CALENDAR, timedelta(minutes=5))
    assert not is_stale(as_of, now, CALENDAR, timedelta(minutes=15))
