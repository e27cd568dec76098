"""What a person asks of the history of runs."""

from datetime import datetime

import pandas as pd

from market_pipeline.automation.run_history import keep_runs
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.operations.opening import open_to_look
from market_pipeline.settings import Settings


def runs(
    settings: Settings, *, only_failed: bool, since: datetime | None, limit: int
) -> pd.DataFrame:
    """Give runs, newest first, after noting those that have changed since they were last noted."""
    warehouse = open_to_look(settings)
    with dagster_instance() as instance:
        while keep_runs(instance, warehouse):
            continue
    return warehouse.runs.history(only_failed=only_failed, since=since, limit=limit)
