"""Onboardings that were interrupted: asked for again while that may help, given up aloud after.

Belongs here: what Dagster's runs say of them. Does not: the import, or what a run does.
"""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from market_pipeline.domain.onboarding import Onboarding
from market_pipeline.warehouse import Warehouse

AHEAD = {"dagster/priority": "10"}
"""Run tags: what somebody waits for goes to the front of the queue."""

MOST_RUNS = 3
"""Runs that may be spent on an onboarding before it is given up; each goes on from the last."""

AGAIN_AFTER = timedelta(seconds=30)
"""How long after an import or a run's end another is asked for: Dagster's own retry comes first."""


def ask_again(
    instance: dg.DagsterInstance, warehouse: Warehouse, job: str, key: str, now: datetime
) -> dg.RunRequest | None:
    """Ask for another run of session `key` where an onboarding is open and no run is under way.

    After `MOST_RUNS` the onboardings fail with the reason of the last run; the next run of the
    session graph takes them along all the same.
    """
    unfinished = [one for one in warehouse.onboarding.unfinished() if one.failed_at is None]
    if not unfinished:
        return None
    since = max(one.asked_at for one in unfinished)
    # SQLite dates runs to the second: one that was created right after the import is no older.
    after = since - timedelta(seconds=1)
    of_session = dg.RunsFilter(job_name=job, tags={"dagster/partition": key}, created_after=after)
    records = instance.get_run_records(of_session, limit=2 * MOST_RUNS)
    if any(record.dagster_run.status in NOT_FINISHED_STATUSES for record in records):
        return None
    imported_at = max(one.imported_at for one in unfinished).timestamp()
    ended_at = max([imported_at, *(record.end_time or 0.0 for record in records)])
    if now.timestamp() - ended_at < AGAIN_AFTER.total_seconds():
        return None
    if len(records) < MOST_RUNS:
        run_key = f"onboarding:{since.isoformat()}:{key}:{len(records)}"
        return dg.RunRequest(run_key=run_key, partition_key=key, tags=AHEAD)
    _give_up(unfinished, warehouse, _why(instance, records[0].dagster_run), now)
    return None


def _give_up(
    unfinished: list[Onboarding], warehouse: Warehouse, reason: str, now: datetime
) -> None:
    for one in unfinished:
        warehouse.onboarding.fail(one, reason, now)


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Say how a run ended: the step that failed with its message, else the run's own end."""
    how = f"run {run.run_id[:8]} ended as {run.status.value.lower()}"
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        data = event.step_failure_data if event is not None else None
        if event is None or data is None:
            continue
        told = data.user_failure_data.description if data.user_failure_data else None
        message = told or (data.error.message if data.error else "") or ""
        return f"{how}: {event.step_key}: {' '.join(message.split())}"
    return how
