"""Flags that people change: the next tick heeds them and says who, when and why."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from market_pipeline.automation.sensors import automation_conditions
from market_pipeline.domain.flags import (
    BATCH,
    INGESTION,
    MINUTES_CLEANUP,
    MINUTES_OPEN,
    PAUSED,
    Override,
)
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.resources import flags, utc_now
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.automation.test_schedules import tick

FRIDAY_10_05 = datetime(2026, 11, 20, 10, 5, tzinfo=NEW_YORK)
AT = {
    "price_refresh": datetime(2026, 11, 21, 0, 0, tzinfo=UTC),
    "daily_graph": datetime(2026, 11, 21, 1, 30, tzinfo=UTC),
    "intraday_bars": datetime(2026, 11, 20, 10, 35, tzinfo=NEW_YORK),
    "headline_collection": FRIDAY_10_05,
    "news_cleanup": datetime(2026, 11, 20, 10, 17, tzinfo=UTC),
}


def override(name: str, value: str | None) -> None:
    """Change a flag as `market-pipeline flags set` does in another process."""
    warehouse = Warehouse.open(current_settings().warehouse_url)
    warehouse.upgrade()
    warehouse.flags.change(Override(name, value, utc_now(), "ana", "vendor is down"))
    warehouse.dispose()
    flags.forget_flags()


def said(state_dir: Path, name: str) -> str | None:
    """Evaluate a schedule; give the reason it was skipped with, None for a run."""
    found = tick(state_dir, name, AT[name])
    return (found.skip_message or "") if isinstance(found, dg.SkipReason) else None


@pytest.fixture(autouse=True)
def _chosen(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose a symbol for hourly bars, so that all schedules have something to do."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_SYMBOLS", "SPY")
    forget_settings()


@pytest.mark.parametrize(
    ("flag", "value", "resting"),
    [
        (BATCH, "off", {"price_refresh", "daily_graph", "intraday_bars"}),
        (INGESTION, "off", {"headline_collection", "news_cleanup"}),
        (PAUSED, "on", set(AT)),
    ],
)
def test_an_override_rests_what_it_names_and_nothing_else(
    state_dir: Path, flag: str, value: str, resting: set[str]
) -> None:
    """Each tick is skipped with who turned it off and why; taken back, it runs again."""
    override(flag, value)
    reasons = {name: said(state_dir, name) for name in AT}
    assert {name for name, reason in reasons.items() if reason is not None} == resting
    assert all(f"{flag} is {value}, set by ana" in str(reasons[name]) for name in resting)
    override(flag, None)
    assert {said(state_dir, name) for name in AT} == {None}


def test_an_interval_is_changed_while_everything_runs(state_dir: Path) -> None:
    """At 15 minutes the tick of 10:05 waits for 10:15, and runs then."""
    assert said(state_dir, "headline_collection") is None
    override(MINUTES_OPEN, "15")
    reason = said(state_dir, "headline_collection")
    assert reason == (
        "in market hours headlines are collected every 15 minutes; the next collection is "
        "in 10 minutes"
    )
    later = tick(state_dir, "headline_collection", FRIDAY_10_05.replace(minute=15))
    assert isinstance(later, dg.RunRequest)


@pytest.mark.parametrize(("hour", "reason"), [
    (8, None), (9, "there is a cleanup every 4 hours; the next is in 3"), (11, "the next is in 1"),
])  # fmt: skip
def test_a_cleanup_is_made_seldomer_while_everything_runs(
    state_dir: Path, hour: int, reason: str | None
) -> None:
    """Every four hours from midnight UTC; the ticks between say when the next one is."""
    override(MINUTES_CLEANUP, "240")
    found = tick(state_dir, "news_cleanup", datetime(2026, 11, 20, hour, 17, tzinfo=UTC))
    if reason is None:
        assert isinstance(found, dg.RunRequest)
    else:
        assert isinstance(found, dg.SkipReason)
        assert reason in (found.skip_message or "")


def test_an_override_beats_the_environment(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off by a setting, on by a person: on."""
    monkeypatch.setenv("MARKET_PIPELINE_BATCH_V2_ENABLED", "off")
    forget_settings()
    assert said(state_dir, "daily_graph") == "MARKET_PIPELINE_BATCH_V2_ENABLED is off"
    override(BATCH, "on")
    assert said(state_dir, "daily_graph") is None


def test_conditions_rest_with_the_batch_and_keep_their_place(state_dir: Path) -> None:
    """The tick is skipped with the reason, and the cursor stays where it was."""
    override(BATCH, "off")
    sensor = automation_conditions(dg.DefaultSensorStatus.STOPPED)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor="where it was")
        found = sensor.evaluate_tick(context)
    assert "BATCH_V2_ENABLED is off, set by ana" in (found.skip_message or "")
    assert not found.run_requests
    assert found.cursor == "where it was"
