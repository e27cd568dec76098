"""Keys as Dagster hands them to assets: dates written and read, ranges that skip closed days."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.automation.jobs import range_tags
from market_pipeline.partitions import (
    calendar_days,
    covers,
    date_key,
    key_date,
    latest_session,
    next_key_at,
    trading_sessions,
)
from market_pipeline_tests.fakes import CALENDAR

SESSIONS, NEWS_DAYS = trading_sessions(date(2026, 1, 2)), calendar_days(date(2026, 1, 2))
DAYS = st.dates(date(2005, 2, 1), date(2031, 11, 30))
INSTANTS = st.datetimes(
    datetime(2006, 1, 1), datetime(2031, 11, 1), timezones=st.just(UTC)  # noqa: DTZ001  # bounds take no zone
)  # fmt: skip
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@given(DAYS)
def test_a_key_reads_back_as_its_date(day: date) -> None:
    """Writing and reading are inverse, and keys sort as dates do."""
    assert key_date(date_key(day)) == day
    assert date_key(day) < date_key(day + timedelta(days=1))


@pytest.mark.parametrize("text", ["2026-13-01", "2026-02-30", "20261120", "", "2026-11-20T00:00"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """A key that is no date is an error, not another date."""
    with pytest.raises(ValueError, match=r"."):
        key_date(text)


@given(st.lists(DAYS, min_size=1, max_size=20))
def test_a_range_is_covered_from_its_first_to_its_last_key(days: list[date]) -> None:
    """In whatever order the keys come."""
    assert covers(date_key(day) for day in days) == (min(days), max(days))


@pytest.mark.parametrize(
    ("partitions", "first", "last", "expected"),
    [
        (SESSIONS, "2026-11-20", "2026-11-20", ["2026-11-20"]),
        (SESSIONS, "2026-11-19", "2026-11-20", ["2026-11-19", "2026-11-20"]),
        (SESSIONS, "2026-09-04", "2026-09-09", ["2026-09-04", "2026-09-08", "2026-09-09"]),
        (NEWS_DAYS, "2026-09-05", "2026-09-07", ["2026-09-05", "2026-09-06", "2026-09-07"]),
    ],
    ids=["a day", "two days", "over Labour Day", "a weekend of news"],
)
def test_a_run_over_a_range_gets_exactly_its_days(
    partitions: dg.TimeWindowPartitionsDefinition, first: str, last: str, expected: list[str]
) -> None:
    """The tags of a range become the keys of the sessions inside it, closed days left out."""
    seen: list[str] = []

    @dg.asset(partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def sees(context: dg.AssetExecutionContext) -> None:
        seen.extend(context.partition_keys)

    job = dg.Definitions(assets=[sees]).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(tags=range_tags(first, last), run_config=QUIET).success
    assert seen == expected


def test_a_holiday_is_no_key_though_dagster_would_take_it() -> None:
    """`has_partition_key` tells; asking Dagster for the window of a holiday gives a neighbour's."""
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    with dg.partition_loading_context(effective_dt=now):
        assert SESSIONS.has_partition_key("2026-11-20")
        for closed in ("2026-09-07", "2026-11-14", "2026-11-15", "2026-11-23", "2025-12-31"):
            assert not SESSIONS.has_partition_key(closed), closed


@given(INSTANTS)
def test_the_latest_key_has_closed_and_the_next_one_is_to_come(now: datetime) -> None:
    """At any instant: the latest session is over, and the next key appears later than now."""
    latest, coming = latest_session(CALENDAR, now), next_key_at(CALENDAR, now)
    assert CALENDAR.close_at(latest) < now < coming
    assert latest_session(CALENDAR, coming) == CALENDAR.next(latest)
    assert latest_session(CALENDAR, coming - timedelta(microseconds=1)) == latest


@given(INSTANTS)
def test_the_latest_key_is_never_ahead_of_the_last_close(now: datetime) -> None:
    """Between the close and midnight UTC a session is complete and has no key yet."""
    latest, completed = latest_session(CALENDAR, now), CALENDAR.last_completed(now)
    assert latest in (completed, CALENDAR.previous(completed))
