"""The exchange's calendar against an independent one, and the partitions made from it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from market_pipeline.domain.errors import InputError, NotASession
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.xnys_closures import CLOSURES, EARLY_CLOSES, FIRST_YEAR, LAST_YEAR
from market_pipeline.partitions import (
    calendar_days,
    date_key,
    key_date,
    latest_session,
    next_key_at,
    trading_sessions,
)

FIRST, LAST = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
CALENDAR = TradingCalendar.xnys()
DAYS = st.dates(date(FIRST_YEAR, 2, 1), date(LAST_YEAR, 11, 30))


@pytest.fixture(scope="module")
def reference() -> exchange_calendars.ExchangeCalendar:
    """Give the calendar of exchange_calendars over the same years."""
    return exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST)


# -- against exchange_calendars ------------------------------------------------------------


def test_sessions_are_those_of_exchange_calendars(
    reference: exchange_calendars.ExchangeCalendar,
) -> None:
    """From 2005 through 2031 both list the same sessions, day for day."""
    expected = [instant.date() for instant in reference.sessions]
    assert expected[0].year == FIRST_YEAR
    assert expected[-1].year == LAST_YEAR
    assert CALENDAR.sessions(FIRST, LAST) == expected


def test_half_days_are_those_of_exchange_calendars(
    reference: exchange_calendars.ExchangeCalendar,
) -> None:
    """Every early close is a half day, and no other session is."""
    expected = [instant.date() for instant in reference.early_closes]
    assert [day for day in CALENDAR.sessions(FIRST, LAST) if CALENDAR.is_half_day(day)] == expected


def test_hours_are_those_of_exchange_calendars(
    reference: exchange_calendars.ExchangeCalendar,
) -> None:
    """Opening and closing instants agree to the second, daylight saving and half days included."""
    opens = [instant.to_pydatetime() for instant in reference.opens]
    closes = [instant.to_pydatetime() for instant in reference.closes]
    sessions = CALENDAR.sessions(FIRST, LAST)
    assert [CALENDAR.open_at(day) for day in sessions] == opens
    assert [CALENDAR.close_at(day) for day in sessions] == closes


def test_closures_are_listed_once_and_only_where_they_matter() -> None:
    """Both lists are sorted, hold weekdays only, and share no day."""
    for listed in (CLOSURES, EARLY_CLOSES):
        days = [date.fromisoformat(text) for text in listed]
        assert days == sorted(set(days))
        assert all(day.weekday() < 5 for day in days)
    assert not set(CLOSURES) & set(EARLY_CLOSES)


# -- the present and the future ------------------------------------------------------------


def test_an_unforeseen_closure_is_a_setting_not_a_release() -> None:
    """An extra closure is no session; its neighbours close ranks, and the rest stays."""
    closed = date(2027, 1, 11)
    calendar = TradingCalendar.xnys((closed,))
    assert CALENDAR.is_session(closed)
    assert not calendar.is_session(closed)
    assert calendar.next(date(2027, 1, 8)) == date(2027, 1, 12)
    assert set(CALENDAR.all_sessions) - set(calendar.all_sessions) == {closed}
    assert "2027-01-11" not in trading_sessions(date(2026, 1, 2), (closed,)).get_partition_keys(
        datetime(2027, 2, 1, tzinfo=UTC)
    )


def test_an_extra_closure_ends_a_half_day() -> None:
    """A half day that is closed altogether is no half day any more."""
    half = date(2026, 11, 27)
    assert CALENDAR.is_half_day(half)
    assert not TradingCalendar.xnys((half,)).is_half_day(half)


@pytest.mark.parametrize(
    ("day", "before", "after", "reason"),
    [
        (date(2026, 11, 26), date(2026, 11, 25), date(2026, 11, 27), "the exchange is closed"),
        (date(2026, 11, 22), date(2026, 11, 20), date(2026, 11, 23), "a Sunday"),
        (date(2012, 10, 30), date(2012, 10, 26), date(2012, 10, 31), "the exchange is closed"),
        (date(2005, 1, 1), None, date(2005, 1, 3), "a Saturday"),
    ],
)
def test_a_closed_day_is_answered_with_its_neighbours(
    day: date, before: date | None, after: date | None, reason: str
) -> None:
    """A date that is no session gives the nearest ones and the reason, at the ends too."""
    assert CALENDAR.nearest(day) == (before, after)
    with pytest.raises(NotASession) as refused:
        CALENDAR.require_session(day)
    assert reason in str(refused.value)
    for neighbour in (before, after):
        assert neighbour is None or neighbour.isoformat() in str(refused.value)


def test_the_neighbours_of_a_session_are_not_itself() -> None:
    """`nearest` is strict on both sides, also on a session."""
    assert CALENDAR.nearest(date(2026, 11, 20)) == (date(2026, 11, 19), date(2026, 11, 23))


def test_the_calendar_says_where_it_ends() -> None:
    """Years outside the list are refused, never guessed."""
    for day in (date(2004, 12, 31), date(2032, 1, 2)):
        with pytest.raises(InputError, match="outside the calendar"):
            CALENDAR.is_session(day)
    with pytest.raises(InputError, match="calendar ends"):
        CALENDAR.next(LAST)


@given(DAYS)
def test_next_and_previous_are_inverse(day: date) -> None:
    """Between a day's neighbours lies no further session, and each leads back over the day."""
    before, after = CALENDAR.previous(day), CALENDAR.next(day)
    assert before < day < after
    between = [day] if CALENDAR.is_session(day) else []
    assert CALENDAR.sessions(before + timedelta(1), after - timedelta(1)) == between
    assert CALENDAR.shift(before, 1 + len(between)) == after


# -- news meets a session ------------------------------------------------------------------


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("published", "session"),
    [
        ("2026-11-20 15:59:59", date(2026, 11, 20)),
        ("2026-11-20 16:00:00", date(2026, 11, 23)),  # at the close it is too late
        ("2026-11-23 00:00:00", date(2026, 11, 23)),
        ("2026-11-22 12:00:00", date(2026, 11, 23)),  # a Sunday
        ("2026-11-26 12:00:00", date(2026, 11, 27)),  # Thanksgiving
        ("2026-11-27 12:59:59", date(2026, 11, 27)),  # a half day
        ("2026-11-27 13:00:00", date(2026, 11, 30)),
        ("2026-03-06 15:59:59", date(2026, 3, 6)),  # the last session of winter time
        ("2026-03-06 16:00:00", date(2026, 3, 9)),
        ("2026-03-09 15:59:59", date(2026, 3, 9)),  # the first of daylight saving
        ("2026-10-30 15:59:59", date(2026, 10, 30)),
        ("2026-11-02 15:59:59", date(2026, 11, 2)),  # and back
    ],
)
def test_news_belongs_to_the_session_it_first_meets(published: str, session: date) -> None:
    """Before the close today's session, from the close on the next one; New York decides."""
    instant = at(published)
    assert CALENDAR.session_meeting(instant) == session
    assert CALENDAR.session_meeting(instant.astimezone(UTC)) == session


def test_the_close_is_an_hour_later_in_utc_in_winter() -> None:
    """16:00 in New York is 20:00 UTC under daylight saving and 21:00 outside it."""
    assert CALENDAR.close_at(date(2026, 3, 6)) == datetime(2026, 3, 6, 21, tzinfo=UTC)
    assert CALENDAR.close_at(date(2026, 3, 9)) == datetime(2026, 3, 9, 20, tzinfo=UTC)
    assert CALENDAR.close_at(date(2026, 11, 27)) == datetime(2026, 11, 27, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "session", "is_open"),
    [
        ("2026-11-20 09:29:59", date(2026, 11, 19), False),
        ("2026-11-20 09:30:00", date(2026, 11, 19), True),
        ("2026-11-20 15:59:59", date(2026, 11, 19), True),
        ("2026-11-20 16:00:00", date(2026, 11, 20), False),
        ("2026-11-27 13:00:00", date(2026, 11, 27), False),
        ("2026-11-28 12:00:00", date(2026, 11, 27), False),
    ],
)
def test_a_session_is_complete_at_its_close(now: str, session: date, is_open: bool) -> None:
    """The last completed session changes at the close, half days included."""
    assert CALENDAR.last_completed(at(now)) == session
    assert CALENDAR.is_open(at(now)) is is_open


# -- parts of the trading day --------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "part"),
    [
        ("2025-11-26T03:59:59", "closed"),
        ("2025-11-26T04:00:00", "pre"),
        ("2025-11-26T09:29:59", "pre"),
        ("2025-11-26T09:30:00", "regular"),
        ("2025-11-26T15:59:59", "regular"),
        ("2025-11-26T16:00:00", "after"),
        ("2025-11-26T19:59:59", "after"),
        ("2025-11-26T20:00:00", "closed"),
        ("2025-11-27T10:00:00", "closed"),  # Thanksgiving
        ("2025-11-28T08:00:00", "pre"),  # a half day
        ("2025-11-28T12:59:59", "regular"),
        ("2025-11-28T13:00:00", "after"),
        ("2025-11-28T16:59:59", "after"),
        ("2025-11-28T17:00:00", "closed"),
        ("2025-11-29T10:00:00", "closed"),  # a Saturday
        ("2025-03-10T09:29:59", "pre"),  # the Monday after clocks went forward
        ("2025-03-10T09:30:00", "regular"),
        ("2025-11-03T04:00:00", "pre"),  # the Monday after they went back
        ("2025-11-03T16:00:00", "after"),
    ],
)
def test_an_instant_falls_in_one_part_of_the_trading_day(instant: str, part: str) -> None:
    """Parts follow New York clocks: half days, holidays, weekends and clock changes included."""
    local = datetime.fromisoformat(instant).replace(tzinfo=NEW_YORK)
    assert CALENDAR.market_session(local) == part
    assert CALENDAR.market_session(local.astimezone(UTC)) == part


def test_extended_hours_keep_new_york_time_over_the_year() -> None:
    """14:00 UTC is before the open in winter and after it in summer."""
    assert CALENDAR.market_session(datetime(2025, 1, 15, 14, tzinfo=UTC)) == "pre"
    assert CALENDAR.market_session(datetime(2025, 7, 15, 14, tzinfo=UTC)) == "regular"


@given(st.datetimes(datetime(FIRST_YEAR, 2, 1), datetime(LAST_YEAR, 11, 30)))  # noqa: DTZ001 -- made aware below
def test_regular_is_exactly_when_the_exchange_is_open(naive: datetime) -> None:
    """`market_session` and `is_open` agree at every instant."""
    instant = naive.replace(tzinfo=UTC)
    assert (CALENDAR.market_session(instant) == "regular") == CALENDAR.is_open(instant)


def test_a_part_of_the_day_needs_an_aware_instant() -> None:
    """A naive instant is refused."""
    with pytest.raises(ValueError, match="aware"):
        CALENDAR.market_session(datetime(2025, 11, 28, 10))  # noqa: DTZ001 -- the case itself


# -- partitions ----------------------------------------------------------------------------


def test_partition_keys_are_the_sessions() -> None:
    """Every session has its key and no other day has one, over fifteen years."""
    keys = trading_sessions(date(2012, 1, 3)).get_partition_keys(datetime(2026, 11, 22, tzinfo=UTC))
    expected = CALENDAR.sessions(date(2012, 1, 3), date(2026, 11, 20))
    assert [key_date(key) for key in keys] == expected
    assert [date_key(day) for day in expected] == keys


@pytest.mark.parametrize("day", [date(2026, 3, 6), date(2026, 3, 9), date(2026, 11, 27)])
def test_a_key_appears_at_midnight_utc_after_the_close(day: date) -> None:
    """One second before 00:00 UTC the session's key is not there; at 00:00 it is."""
    partitions = trading_sessions(date(2026, 1, 2))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    assert CALENDAR.close_at(day) < midnight
    for now, expected in (
        (midnight - timedelta(seconds=1), CALENDAR.previous(day)),
        (midnight, day),
        (midnight + timedelta(hours=1), day),
    ):
        assert partitions.get_partition_keys(now)[-1] == date_key(expected)
        assert latest_session(CALENDAR, now) == expected
    assert next_key_at(CALENDAR, midnight - timedelta(seconds=1)) == midnight


def test_the_weekend_shows_fridays_key_and_no_key_to_come() -> None:
    """On Saturday and Sunday the last key is Friday's: neither hidden nor followed by Monday's."""
    partitions = trading_sessions(date(2026, 1, 2))
    for now in (datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)):
        assert partitions.get_partition_keys(now)[-1] == "2026-11-20"
        assert next_key_at(CALENDAR, now) == datetime(2026, 11, 24, tzinfo=UTC)


def test_news_days_are_new_york_days_with_today() -> None:
    """A news day begins at midnight in New York and is there from its first minute."""
    days = calendar_days(date(2026, 1, 1))
    assert days.get_partition_keys(at("2026-11-20 23:59:00"))[-1] == "2026-11-20"
    assert days.get_partition_keys(at("2026-11-21 00:00:00"))[-1] == "2026-11-21"
    assert days.get_partition_keys(at("2026-01-05 12:00:00")) == [
        f"2026-01-0{number}" for number in range(1, 6)
    ]  # fmt: skip


@given(st.datetimes(datetime(2004, 12, 1), datetime(2032, 2, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - made aware
@example(datetime(2005, 1, 1, 4, 59, 59, tzinfo=UTC))
@example(datetime(2005, 1, 1, 5, tzinfo=UTC))
@example(datetime(2031, 12, 31, 20, 59, 59, tzinfo=UTC))
@example(datetime(2031, 12, 31, 21, tzinfo=UTC))
def test_the_calendar_holds_what_meets_a_session(instant: datetime) -> None:
    """What it holds has a session, and of what it does not hold none can be named."""
    for calendar in (CALENDAR, TradingCalendar.xnys([date(2031, 12, 31)])):
        if calendar.holds(instant):
            assert calendar.session_meeting(instant) >= instant.astimezone(NEW_YORK).date()
        else:
            with pytest.raises(InputError):
                calendar.session_meeting(instant)
