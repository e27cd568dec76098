"""The history of runs, kept from Dagster's own records as they change.

Belongs here: reading a run's record and events. Does not: the table (`warehouse`), or what of it
deserves an alert (`domain`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import (
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
    WILL_RETRY_TAG,
)

from market_pipeline.domain.run_history import RunOutcome
from market_pipeline.partitions import keys_asked
from market_pipeline.warehouse import Warehouse

EVERY_S = 15
OVERLAP = timedelta(minutes=2)
"""Runs changed so long before the latest known one are looked at again: clocks differ."""

_AT_ONCE = 200
_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
_TOLD = {dg.DagsterEventType.STEP_OUTPUT, dg.DagsterEventType.HANDLED_OUTPUT, _PLANNED}


def run_history(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Keep the history of runs, every few seconds."""

    @dg.sensor(
        name="run_history",
        minimum_interval_seconds=EVERY_S,
        default_status=status,
        description="Keeps in `batch_run_history` who started which run and how it went.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SkipReason:
        kept = keep_runs(context.instance, warehouse)
        return dg.SkipReason(f"{kept} run(s) noted" if kept else "no run has changed")

    return sensor


def keep_runs(instance: dg.DagsterInstance, warehouse: Warehouse) -> int:
    """Note every run that has changed since the last time; give how many were noted anew."""
    until = warehouse.runs.known_until()
    after = None if until is None else until - OVERLAP
    known = {} if after is None else {run.run_id: run for run in warehouse.runs.since(after)}
    changed = _changed(instance, after, known)
    warehouse.runs.keep([_outcome(instance, warehouse, record) for record in changed])
    return len(changed)


def _changed(
    instance: dg.DagsterInstance, after: datetime | None, known: Mapping[str, RunOutcome]
) -> list[RunRecord]:
    """Give the first runs that have changed since; hundreds may have ended at one instant."""
    looked_at, changed = _AT_ONCE, list[RunRecord]()
    while not changed:
        records = instance.get_run_records(
            dg.RunsFilter(updated_after=after), limit=looked_at, order_by="update_timestamp",
            ascending=True,
        )  # fmt: skip
        changed = [record for record in records if not _is_known(known, record)]
        if len(records) < looked_at:
            break
        looked_at *= 2
    return changed[:_AT_ONCE]


def _is_known(known: Mapping[str, RunOutcome], record: RunRecord) -> bool:
    kept = known.get(record.dagster_run.run_id)
    return kept is not None and kept.updated_at == _instant(record.update_timestamp)


def _outcome(instance: dg.DagsterInstance, warehouse: Warehouse, record: RunRecord) -> RunOutcome:
    run = record.dagster_run
    symbols = warehouse.runs.symbols_of(run.run_id)
    told = [entry.get_dagster_event() for entry in instance.all_logs(run.run_id, of_type=_TOLD)]
    inserted, updated = _rows(told, warehouse, run) if run.is_finished else (None, None)
    first, last = keys_asked(run.tags) or (None, None)
    will_retry = run.tags.get(WILL_RETRY_TAG) == "true"
    return RunOutcome(
        run_id=run.run_id,
        job=run.job_name,
        first_partition=first,
        last_partition=last,
        started_by=started_by(run.tags),
        parent_run_id=run.parent_run_id or run.tags.get("dagster/parent_run_id"),
        status=run.status.value.lower(),
        is_final=run.is_finished and not will_retry,
        created_at=_instant(record.create_timestamp),
        started_at=_seconds(record.start_time),
        ended_at=_seconds(record.end_time),
        symbols_done=symbols[0] if symbols else None,
        symbols_failed=symbols[1] if symbols else None,
        symbols_retried=symbols[2] if symbols else None,
        rows_inserted=inserted,
        rows_updated=updated,
        error=_error(instance, run) if run.status is dg.DagsterRunStatus.FAILURE else None,
        updated_at=_instant(record.update_timestamp),
        assets=",".join(sorted(_planned(told))) or None,
    )


def _planned(told: Sequence[dg.DagsterEvent]) -> set[str]:
    """Name the assets that a run was to make."""
    planned = [event for event in told if event.event_type is _PLANNED]
    return {event.asset_key.to_user_string() for event in planned if event.asset_key is not None}


def started_by(tags: Mapping[str, str]) -> str:
    """Say who started a run: a schedule, a sensor, a backfill, our command, or a person."""
    if BACKFILL_ID_TAG in tags:
        return f"backfill:{tags[BACKFILL_ID_TAG]}"
    if SCHEDULE_NAME_TAG in tags:
        return f"schedule:{tags[SCHEDULE_NAME_TAG]}"
    if SENSOR_NAME_TAG in tags:
        return f"sensor:{tags[SENSOR_NAME_TAG]}"
    if AUTOMATION_CONDITION_TAG in tags:
        return "automation"
    return "command" if "market_pipeline/process" in tags else "person"


def _rows(
    told: Sequence[dg.DagsterEvent], warehouse: Warehouse, run: dg.DagsterRun
) -> tuple[int, int]:
    """Sum rows inserted and updated: of collected assets by the log of fetches, else by the steps.

    A step tells its own once, at its end; what it stored before it failed only the log knows.
    """
    by_step: dict[str, Sequence[int]] = {}
    for event in told:
        metadata = getattr(event.event_specific_data, "metadata", None) or {}
        counts = [_number(metadata.get(name)) for name in ("rows_inserted", "rows_updated")]
        before = by_step.get(str(event.step_key), [0, 0])
        by_step[str(event.step_key)] = [max(a, b) for a, b in zip(counts, before, strict=True)]
    by_step.update(warehouse.runs.rows_of(run.run_id))  # a step is named as its asset is
    return sum(c[0] for c in by_step.values()), sum(c[1] for c in by_step.values())


def _number(value: object) -> int:
    return int(value.value or 0) if isinstance(value, dg.IntMetadataValue) else 0


def _error(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Give the first step's error, else why the run failed as a whole, in one line."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run.run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        failure = event.event_specific_data if event.is_step_failure else None
        error = getattr(failure, "error", None)
        words = error.cause.message if error and error.cause else error.message if error else None
        step = f"{event.step_key}: " if event.step_key else ""
        return " ".join(f"{step}{words or event.message}".split())
    return None


def _instant(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _seconds(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
