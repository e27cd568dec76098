"""Forgetting: the longest retention a setting takes is one that can be computed with."""

from datetime import UTC, datetime
from pathlib import Path

from market_pipeline.automation.cleanup import forget
from market_pipeline.coordination import open_coordination
from market_pipeline.settings import Settings
from market_pipeline.settings.limits import greatest
from market_pipeline.warehouse import Warehouse


def test_the_longest_retention_forgets_nothing(warehouse: Warehouse, state_dir: Path) -> None:
    """The day before which all goes is still a date."""
    most = greatest("headline_retention_days")
    assert most is not None
    settings = Settings(headline_retention_days=most, collection_event_retention_days=most)
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    coordination = open_coordination(None, state_dir, lambda: now)
    assert set(forget(warehouse, coordination, settings, lambda: now).values()) == {0}
