"""When hourly bars are collected, and what a tick says that does not."""

from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.automation.intraday_clock import crons
from market_pipeline.definitions import build_defs
from market_pipeline.domain.intraday import hours_of
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.settings import forget_settings
from market_pipeline_tests.automation.test_schedules import tick

CALENDAR = TradingCalendar.xnys()
FRIDAY, HALF_DAY = date(2026, 11, 20), date(2026, 11, 27)
SESSIONS = CALENDAR.sessions(date(2025, 1, 2), date(2027, 12, 31))


def ny(day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


@pytest.fixture
def chosen(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the state folder with one symbol chosen."""
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_SYMBOLS", "KO")
    forget_settings()
    return state_dir


@given(st.sampled_from(SESSIONS), st.integers(1, 29))
def test_a_tick_follows_the_end_of_every_hour(day: date, delay: int) -> None:
    """Law: whatever the delay, on whole days, half days and around changes of the clock."""
    midnight = ny(day, 0, 0)
    ticks = set()
    for cron in crons(delay):
        each = cron_string_iterator(midnight.timestamp(), cron, str(NEW_YORK))
        while (at := next(each)).date() == day:
            ticks.add(at)
    due = {hour.ends_at + timedelta(minutes=delay) for hour in hours_of(CALENDAR, day)}
    assert due <= ticks
    assert len(ticks) == 8


@pytest.mark.parametrize(
    ("day", "times"),
    [
        (FRIDAY, [(10, 35), (11, 35), (12, 35), (13, 35), (14, 35), (15, 35), (16, 5)]),
        (HALF_DAY, [(10, 35), (11, 35), (12, 35), (13, 5)]),
        (date(2026, 3, 9), [(10, 35), (16, 5)]),  # the first session of summer time
    ],
)
def test_hours_are_collected_minutes_after_they_end(
    chosen: Path, day: date, times: list[tuple[int, int]]
) -> None:
    """Five minutes, for today and the five sessions before, once a tick."""
    for hour, minute in times:
        request = tick(chosen, "intraday_bars", ny(day, hour, minute))
        assert isinstance(request, dg.RunRequest), (hour, minute)
        assert request.tags["dagster/asset_partition_range_end"] == day.isoformat()
        first = CALENDAR.shift(day, -5).isoformat()
        assert request.tags["dagster/asset_partition_range_start"] == first
        assert request.run_key == f"intraday_bars:{ny(day, hour, minute).isoformat()}"


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (ny(FRIDAY, 13, 5), "no hour has just ended: the session of 2026-11-20 ends at 16:00"),
        (ny(HALF_DAY, 13, 35), "the session of 2026-11-27 ends at 13:00, a half day"),
        (ny(HALF_DAY, 16, 5), "the session of 2026-11-27 ends at 13:00, a half day"),
        (ny(date(2026, 11, 21), 10, 35), "2026-11-21 is no session: a Saturday"),
        (ny(date(2026, 11, 26), 10, 35), "2026-11-26 is no session: the exchange is closed"),
    ],
)
def test_other_ticks_say_why_they_rest(chosen: Path, at: datetime, reason: str) -> None:
    """No hour has ended, the half day is over, a weekend, a holiday."""
    skipped = tick(chosen, "intraday_bars", at)
    assert isinstance(skipped, dg.SkipReason)
    assert reason in (skipped.skip_message or "")


def test_without_a_chosen_symbol_nothing_runs(state_dir: Path) -> None:
    """The tick names the settings that choose."""
    skipped = tick(state_dir, "intraday_bars", ny(FRIDAY, 10, 35))
    assert isinstance(skipped, dg.SkipReason)
    assert "MARKET_PIPELINE_INTRADAY_SYMBOLS" in (skipped.skip_message or "")


@pytest.mark.parametrize(("minutes", "collected"), [
    ("60", 7), ("120", 4), ("180", 3), ("720", 1),
])  # fmt: skip
def test_hours_are_collected_seldomer_and_the_last_one_always(
    chosen: Path, monkeypatch: pytest.MonkeyPatch, minutes: str, collected: int
) -> None:
    """Of the seven hours of a session every nth, counted back from its close."""
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_MINUTES", minutes)
    forget_settings()
    ends = [hour.ends_at + timedelta(minutes=5) for hour in hours_of(CALENDAR, FRIDAY)]
    found = [tick(chosen, "intraday_bars", at) for at in ends]
    assert isinstance(found[-1], dg.RunRequest)
    assert sum(isinstance(one, dg.RunRequest) for one in found) == collected
    said = {one.skip_message for one in found if isinstance(one, dg.SkipReason)}
    every = f"every {int(minutes) // 60} hours, and after its close"
    assert all(every in str(reason) for reason in said)


def test_the_delay_is_a_setting(chosen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks and their verdict move with it."""
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_DELAY_MINUTES", "20")
    forget_settings()
    schedule = build_defs().resolve_schedule_def("intraday_bars")
    assert schedule.cron_schedule == ["50 10-15 * * *", "20 13,16 * * *"]
    assert isinstance(tick(chosen, "intraday_bars", ny(FRIDAY, 16, 20)), dg.RunRequest)
    assert isinstance(tick(chosen, "intraday_bars", ny(FRIDAY, 16, 5)), dg.SkipReason)


def test_the_day_asked_for_is_a_partition_while_the_market_is_open(chosen: Path) -> None:
    """A session's own key appears only after its close."""
    assert chosen
    job = build_defs().resolve_job_def("intraday_job")
    assert job.partitions_def is not None
    with dg.partition_loading_context(effective_dt=ny(FRIDAY, 10, 35)):
        assert job.partitions_def.has_partition_key("2026-11-20")
