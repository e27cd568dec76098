"""Runs that Dagster meant to try again and could not: the code server was away at that moment.

Dagster asks once and then never again. This sensor runs in the code server, so it asks when that is
back. Does not belong here: when a run counts as dead (`instance`), how often it is tried again
(dagster.yaml).
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.events import RunFailureReason
from dagster._core.storage.tags import (
    PARENT_RUN_ID_TAG,
    ROOT_RUN_ID_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)

from market_pipeline.domain.ports import Clock
from market_pipeline.partitions import PARTITION, RANGE_END, RANGE_START

EVERY_S = 10
LOOK_BACK = timedelta(hours=6)
GAVE_UP = "Failed to retry run"
"""What Dagster writes into the log of a run that it could not try again."""

_KEPT = (PARTITION, RANGE_START, RANGE_END, "dagster/max_runtime")


def lost_retries(
    jobs: Sequence[UnresolvedAssetJobDefinition], status: dg.DefaultSensorStatus, clock: Clock
) -> dg.SensorDefinition:
    """Try again, once, what Dagster could not.

    A run of no job of ours goes on as part of the first of `jobs` that has all its assets.
    """
    names = [job.name for job in jobs]

    @dg.sensor(
        name="lost_retries",
        jobs=list(jobs),
        minimum_interval_seconds=EVERY_S,
        default_status=status,
        description=(
            "Starts runs again whose worker died while the code server was away as well: Dagster "
            "itself asks only once."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        since = clock() - LOOK_BACK
        failed = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "false"},
            updated_after=since,
        )  # fmt: skip
        lost = [run for run in context.instance.get_runs(failed) if _is_lost(context.instance, run)]
        asked = [request for run in lost if (request := _again(context, names, run)) is not None]
        if not asked:
            return dg.SkipReason("no run is waiting to be tried again")
        return dg.SensorResult(run_requests=asked)

    return sensor


def _is_lost(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Say whether Dagster gave up on trying a run again, and nobody else did so since."""
    if run.tags.get(RUN_FAILURE_REASON_TAG) == RunFailureReason.STEP_FAILURE.value:
        return False  # that is no death of a worker; one that never began is
    told = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    if not any(GAVE_UP in {entry.user_message, entry.message} for entry in told):
        return False
    children = dg.RunsFilter(tags={PARENT_RUN_ID_TAG: run.run_id})
    return not instance.get_runs(children, limit=1)


def _again(
    context: dg.SensorEvaluationContext, names: Sequence[str], run: dg.DagsterRun
) -> dg.RunRequest | None:
    """Ask for the same assets and partitions; the key keeps it from being asked twice."""
    found = _job_of(context, names, run)
    if found is None:
        return None
    tags = {name: run.tags[name] for name in _KEPT if name in run.tags}
    tags[PARENT_RUN_ID_TAG] = run.run_id
    tags[ROOT_RUN_ID_TAG] = run.root_run_id or run.run_id
    assets = sorted(run.asset_selection) if run.asset_selection else None
    return dg.RunRequest(
        run_key=f"again:{run.run_id}", job_name=found, tags=tags, asset_selection=assets
    )


def _job_of(
    context: dg.SensorEvaluationContext, names: Sequence[str], run: dg.DagsterRun
) -> str | None:
    if run.job_name in names:
        return run.job_name
    if not run.asset_selection or context.repository_def is None:
        return None
    for name in names:
        assets = context.repository_def.get_job(name).asset_layer.executable_asset_keys
        if run.asset_selection <= set(assets):
            return name
    return None
