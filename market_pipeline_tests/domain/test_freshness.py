"""When news is stale: by the quarter of an hour in a session, by the hour outside."""

from datetime import UTC, date, datetime, timedelta

import pytest

from market_pipeline.domain.freshness import freshness, oldest_kept
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar

CALENDAR = TradingCalendar.xnys()


def new_york(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("delivered_at", "now", "stale"),
    [
        (new_york(20, 12, 45), new_york(20, 13), False),
        (new_york(20, 12, 44), new_york(20, 13), True),
        (new_york(20, 9), new_york(20, 9, 40), False),  # ten minutes into the session
        (new_york(20, 9), new_york(20, 9, 46), True),
        (new_york(20, 19), new_york(20, 20, 15), False),  # the evening: hourly
        (new_york(20, 19), new_york(20, 20, 16), True),
        (new_york(22, 11), new_york(22, 12), False),  # a Sunday
        (new_york(20, 16), new_york(22, 12), True),
        (new_york(27, 13), new_york(27, 14), False),  # a half day, over at 13:00
        (None, new_york(22, 12), True),
    ],
)
def test_news_is_stale_when_a_collection_is_overdue(
    delivered_at: datetime | None, now: datetime, stale: bool
) -> None:
    """Fifteen minutes in a session, seventy-five outside and in a session's first minutes."""
    assert freshness(delivered_at, now, CALENDAR).is_stale is stale


def test_the_bound_in_market_hours_is_a_setting() -> None:
    """Ten minutes old: stale for five, fresh for fifteen."""
    now = new_york(20, 13)
    delivered_at = now - timedelta(minutes=10)
    assert freshness(delivered_at, now, CALENDAR, timedelta(minutes=5)).is_stale
    assert not freshness(delivered_at, now, CALENDAR, timedelta(minutes=15)).is_stale


def test_it_says_when_and_how_old() -> None:
    """In words: the last delivery, its age, and the bound where that is passed."""
    now = new_york(20, 13)
    assert str(freshness(None, now, CALENDAR)) == "never delivered"
    late = str(freshness(now - timedelta(minutes=40), now, CALENDAR))
    assert late == "last delivered 2026-11-20 17:20 UTC, 40 minutes ago (stale beyond 15)"
    assert "stale" not in str(freshness(now, now, CALENDAR))


@pytest.mark.parametrize(
    ("waits_for", "stale", "said"),
    [
        (None, False, "last delivered 2026-11-20 17:58 UTC, 2 minutes ago"),
        (14, False, "last delivered and made stories 2026-11-20 17:46 UTC, 14 minutes ago"),
        (16, True, "last delivered and made stories 2026-11-20 17:44 UTC, 16 minutes ago"
                   " (stale beyond 15)"),
    ],
)  # fmt: skip
def test_what_waits_to_be_made_stories_ages_the_news(
    waits_for: int | None, stale: bool, said: str
) -> None:
    """However recent the last delivery: what nobody can read yet is not there."""
    now = new_york(20, 13)
    waiting_since = None if waits_for is None else now - timedelta(minutes=waits_for)
    stand = freshness(now - timedelta(minutes=2), now, CALENDAR, waiting_since=waiting_since)
    assert (stand.is_stale, str(stand)) == (stale, said)


def test_the_oldest_day_kept_is_new_yorks() -> None:
    """Ninety days before the day that New York still has in the evening."""
    late = datetime(2026, 11, 21, 4, 59, tzinfo=UTC)
    assert oldest_kept(late, timedelta(days=90)) == date(2026, 8, 22)
