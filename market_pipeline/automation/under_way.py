"""Whether anything makes given assets at this moment, whoever started it.

Belongs here: what Dagster says of runs and backfills. Does not: what is done about it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import SENSOR_NAME_TAG

QUIET = timedelta(minutes=2)
"""How long after a run's end others may still follow from it: a retry, or assets below."""

SETTLING = timedelta(seconds=45)
"""The same after a run that is not retried: the conditions have looked at what it made."""

_AT_ONCE = 200


def why_wait(
    instance: dg.DagsterInstance,
    jobs: Collection[str],
    assets: Collection[str],
    now: datetime,
    sensor: str,
) -> str | None:
    """Say which run or backfill makes any of `assets`, or did so just now; None where none does.

    A run of one of `jobs` does, and every other one that has chosen any of them. After one that
    `sensor` asked for and that succeeded the wait is short: it has made all there was to make of
    its dates, and many gaps in a row would each wait for the one before.
    """
    lately = {
        run.run_id
        for run in instance.get_runs(dg.RunsFilter(updated_after=now - SETTLING), limit=_AT_ONCE)
    }
    keys = {dg.AssetKey.from_user_string(name) for name in assets}
    for told, these in (
        ("is under way", dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES))),
        ("has just ended", dg.RunsFilter(updated_after=now - QUIET)),
    ):
        for run in instance.get_runs(these, limit=_AT_ONCE):
            # A person's re-execution of a part of one bears its tags.
            is_own = run.tags.get(SENSOR_NAME_TAG) == sensor and run.parent_run_id is None
            is_whole = is_own and run.status == dg.DagsterRunStatus.SUCCESS
            if is_whole and run.run_id not in lately:
                continue
            if run.job_name in jobs or keys & set(run.asset_selection or ()):
                return f"run {run.run_id[:8]} {told}"
    asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    for backfill in instance.get_backfills(filters=asked, limit=_AT_ONCE):
        if keys & set(backfill.asset_selection or ()):
            return f"backfill {backfill.backfill_id} is under way"
    return None
