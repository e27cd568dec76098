"""When the clock starts what, and what it says when it does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from market_pipeline.definitions import build_defs
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.resources import coordination_of, open_warehouse, plain, utc_now
from market_pipeline.settings import Settings, current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.automation.simulation import clock_context


@contextmanager
def _opened(settings: Settings) -> Iterator[Warehouse]:
    warehouse = open_warehouse(settings)
    yield warehouse
    warehouse.dispose()


def tick(state_dir: Path, name: str, at: datetime) -> dg.RunRequest | dg.SkipReason:
    """Evaluate a schedule at an instant."""
    defs = build_defs()
    schedule = defs.resolve_schedule_def(name)
    with dg.DagsterInstance.ephemeral() as instance, _opened(current_settings()) as warehouse:
        resources = {
            "settings": current_settings(), "clock": plain(utc_now), "warehouse": warehouse,
            "coordination": coordination_of(current_settings()),
        }  # fmt: skip
        data = schedule.evaluate_tick(clock_context(instance, defs, at, resources))
    if data.run_requests:
        return data.run_requests[0]
    assert data.skip_message is not None
    return dg.SkipReason(data.skip_message)


@pytest.mark.parametrize(
    ("at", "key"),
    [
        (datetime(2026, 11, 21, 0, 10, tzinfo=UTC), "2026-11-20"),  # Friday's session
        (datetime(2026, 11, 28, 0, 10, tzinfo=UTC), "2026-11-27"),  # a half day
        (datetime(2026, 3, 10, 0, 10, tzinfo=UTC), "2026-03-09"),  # after daylight saving began
    ],
)
def test_the_daily_graph_takes_the_session_that_ended(
    state_dir: Path, at: datetime, key: str
) -> None:
    """Ten past midnight UTC the session of the evening is materialized."""
    request = tick(state_dir, "daily_graph", at)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == key


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (datetime(2026, 11, 22, 0, 10, tzinfo=UTC), "Saturday 2026-11-21 was no session"),
        (datetime(2026, 11, 23, 0, 10, tzinfo=UTC), "Sunday 2026-11-22 was no session"),
        (datetime(2026, 11, 27, 0, 10, tzinfo=UTC), "Thursday 2026-11-26 was no session"),
    ],
)
def test_the_daily_graph_skips_closed_days_with_the_reason(
    state_dir: Path, at: datetime, reason: str
) -> None:
    """Weekends and holidays are skipped, and the skip says which day and what comes next."""
    skipped = tick(state_dir, "daily_graph", at)
    assert isinstance(skipped, dg.SkipReason)
    assert reason in (skipped.skip_message or "")
    assert "next session's partition appears at" in (skipped.skip_message or "")


def test_prices_are_asked_for_at_midnight_and_all_is_made_at_half_past_one(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the defaults say, or the settings; at 00:00 the session's key is there already."""
    defs = build_defs()
    crons = {
        name: defs.resolve_schedule_def(name).cron_schedule
        for name in ("price_refresh", "daily_graph")
    }
    assert crons == {"price_refresh": "0 0 * * *", "daily_graph": "30 1 * * *"}
    midnight = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
    request = tick(state_dir, "price_refresh", midnight)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-20"
    job = defs.resolve_job_def("price_job")
    assert job.partitions_def is not None
    with dg.partition_loading_context(effective_dt=midnight):
        assert job.partitions_def.has_partition_key("2026-11-20")
    monkeypatch.setenv("MARKET_PIPELINE_DAILY_RUN_AT_UTC", "23:05")
    forget_settings()
    assert build_defs().resolve_schedule_def("daily_graph").cron_schedule == "5 23 * * *"


@pytest.mark.parametrize("wrong", ["24:00", "1:30", "noon", "01:60", "01:30:00"])
def test_a_time_that_is_none_is_refused(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """The variable is named, and how to write it."""
    monkeypatch.setenv("MARKET_PIPELINE_PRICE_REFRESH_AT_UTC", wrong)
    forget_settings()
    with pytest.raises(ValidationError, match="such as 01:30"):
        current_settings()


def test_headlines_are_collected_for_yesterday_and_today_in_market_hours(state_dir: Path) -> None:
    """Items of the evening before are first seen now, and belong to their own day."""
    request = tick(state_dir, "headline_collection", datetime(2026, 11, 20, 10, 5, tzinfo=NEW_YORK))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2026-11-19"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-20"


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (datetime(2026, 11, 20, 9, 25, tzinfo=NEW_YORK), "outside market hours"),
        (datetime(2026, 11, 27, 13, 5, tzinfo=NEW_YORK), "09:30 to 13:00, a half day"),
        (datetime(2026, 11, 26, 10, 5, tzinfo=NEW_YORK), "2026-11-26 is no session"),
    ],
)
def test_headlines_between_the_full_hours_are_skipped_with_the_reason(
    state_dir: Path, at: datetime, reason: str
) -> None:
    """Before the open, after a half day's close and on holidays the tick says why it rests."""
    skipped = tick(state_dir, "headline_collection", at)
    assert isinstance(skipped, dg.SkipReason)
    assert reason in (skipped.skip_message or "")
    assert "the next collection is at the full hour" in (skipped.skip_message or "")


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 20, 21, 0, tzinfo=NEW_YORK),  # an evening
        datetime(2026, 11, 22, 3, 0, tzinfo=NEW_YORK),  # a Sunday night
        datetime(2026, 11, 27, 13, 0, tzinfo=NEW_YORK),  # the close of a half day
    ],
)
def test_headlines_are_collected_hourly_when_the_market_is_closed(
    state_dir: Path, at: datetime
) -> None:
    """News keeps no market hours."""
    assert isinstance(tick(state_dir, "headline_collection", at), dg.RunRequest)


@pytest.mark.parametrize("name", ["headline_collection", "news_cleanup"])
def test_when_ingestion_is_off_a_tick_says_so(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Off is a skipped tick with that reason, never an error."""
    monkeypatch.setenv("MARKET_PIPELINE_INGESTION_V2_ENABLED", "off")
    forget_settings()
    skipped = tick(state_dir, name, datetime(2026, 11, 20, 10, 0, tzinfo=NEW_YORK))
    assert isinstance(skipped, dg.SkipReason)
    assert "MARKET_PIPELINE_INGESTION_V2_ENABLED is off" in (skipped.skip_message or "")


@pytest.mark.parametrize("minute", [0, 5])
def test_every_tick_leaves_a_heartbeat(state_dir: Path, minute: int) -> None:
    """A tick that is skipped beats too: a watchdog elsewhere sees that somebody is at the clock."""
    before = utc_now()
    tick(state_dir, "headline_collection", datetime(2026, 11, 22, 10, minute, tzinfo=NEW_YORK))
    coordination = coordination_of(current_settings())
    beat = coordination.get("scheduler:headline:last_heartbeat")
    assert beat is not None
    assert before <= datetime.fromisoformat(beat) <= utc_now()


def test_the_cleanup_runs_every_hour(state_dir: Path) -> None:
    """Each hour's tick is a run of its own."""
    at = datetime(2026, 11, 22, 10, 17, tzinfo=UTC)
    keys = set()
    for hours in (0, 1):
        request = tick(state_dir, "news_cleanup", at + timedelta(hours=hours))
        assert isinstance(request, dg.RunRequest)
        keys.add(request.run_key)
    assert len(keys) == 2
