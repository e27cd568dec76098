"""Forgetting by hand what the hourly clean-up forgets by itself, or saying what that would be."""

from dataclasses import dataclass

import pandas as pd

from market_pipeline.automation.cleanup import forget
from market_pipeline.coordination import open_coordination
from market_pipeline.domain.ports import Clock
from market_pipeline.operations.opening import open_to_look
from market_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """How many rows went, or would go, by where they stand."""

    frame: pd.DataFrame
    data_kind: str | None


def clean_up(settings: Settings, clock: Clock, *, is_dry_run: bool) -> CleanedUp:
    """Forget what is past its time, or with `is_dry_run` only count it.

    Raises NothingStored where there is no warehouse yet.
    """
    warehouse = open_to_look(settings)
    coordination = open_coordination(settings.redis_address, settings.state_dir, clock)
    try:
        counts = forget(warehouse, coordination, settings, clock, is_dry_run=is_dry_run)
        frame = pd.DataFrame(list(counts.items()), columns=["table", "rows"])
        return CleanedUp(frame, warehouse.meta_get("data_kind"))
    finally:
        warehouse.dispose()
