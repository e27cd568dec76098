"""The pooled event log against Dagster's own: the same rows, in fewer transactions."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage

from market_pipeline.instance import StateStorage
from market_pipeline.instance.event_log import PooledSqliteEventLogStorage
from market_pipeline.settings import forget_settings

DAYS = dg.DailyPartitionsDefinition("2026-11-02", end_date="2026-11-06")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def prices(context: dg.AssetExecutionContext) -> None:
    context.add_output_metadata({"rows": 3})


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[prices])
def returns() -> None: ...


@dg.asset_check(asset=prices, blocking=True)
def prices_are_there() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(scope="module")
def events() -> list[dg.EventLogEntry]:
    """Give every event of a run over four days of two assets and a check, as Dagster logs them."""
    defs = dg.Definitions([prices, returns], asset_checks=[prices_are_there])
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2026-11-02",
                "dagster/asset_partition_range_end": "2026-11-05",
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return list(instance.all_logs(result.run_id))


def rows_of(file: Path, query: str) -> list[tuple[object, ...]]:
    """Ask a storage's file, read only."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def stored(
    storage: SqliteEventLogStorage, events: Sequence[dg.EventLogEntry], folder: Path
) -> tuple[Path, Path]:
    """Store the events as one batch; give the run's own file and the index."""
    storage.store_event_batch(events)
    storage.dispose()
    return folder / f"{events[0].run_id}.db", folder / "index.db"


EVENTS = (
    "SELECT run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition "
    "FROM event_logs ORDER BY id"
)
ASSETS = (
    "SELECT asset_key, last_materialization, last_run_id, last_materialization_timestamp "
    "FROM asset_keys ORDER BY asset_key"
)
CHECKS = "SELECT check_name, partition, execution_status FROM asset_check_executions ORDER BY id"


def test_a_batch_leaves_the_rows_that_single_events_leave(
    events: list[dg.EventLogEntry], tmp_path: Path
) -> None:
    """Run file, index and asset table hold what Dagster's own storage writes event by event."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    run, index = stored(PooledSqliteEventLogStorage(str(ours)), events, ours)
    their_run, their_index = stored(SqliteEventLogStorage(str(theirs)), events, theirs)
    assert len(rows_of(run, EVENTS)) == len(events) > 20
    assert rows_of(run, EVENTS) == rows_of(their_run, EVENTS)
    assert rows_of(index, EVENTS) == rows_of(their_index, EVENTS)
    assert len(rows_of(index, ASSETS)) == 2
    assert rows_of(index, ASSETS) == rows_of(their_index, ASSETS)


def test_a_check_over_a_range_is_planned_once_and_settled(
    events: list[dg.EventLogEntry], tmp_path: Path
) -> None:
    """One row a check, from planned to its verdict; Dagster's own leaves one planned a day."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    _, index = stored(PooledSqliteEventLogStorage(str(ours)), events, ours)
    _, their_index = stored(SqliteEventLogStorage(str(theirs)), events, theirs)
    assert rows_of(index, CHECKS) == [("prices_are_there", None, "SUCCEEDED")]
    unsettled = [row for row in rows_of(their_index, CHECKS) if row[2] == "PLANNED"]
    assert len(unsettled) == 4


def test_events_of_two_runs_are_stored_each_in_its_own_file(
    events: list[dg.EventLogEntry], tmp_path: Path
) -> None:
    """A batch that mixes runs is not forced into one file."""
    other = [event._replace(run_id="another-run") for event in events[:3]]
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch([*events[:3], *other])
    storage.dispose()
    assert len(rows_of(tmp_path / f"{events[0].run_id}.db", EVENTS)) == 3
    assert len(rows_of(tmp_path / "another-run.db", EVENTS)) == 3


def test_a_check_over_a_range_is_planned_once_on_postgresql(
    events: list[dg.EventLogEntry],
    new_postgres_database: Callable[[], str],
    state_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The storage the settings ask for keeps one row a check there as well."""
    url = sa.make_url(new_postgres_database()).set(drivername="postgresql+psycopg2")
    shown = url.render_as_string(hide_password=False)
    monkeypatch.setenv("MARKET_PIPELINE_DAGSTER_DATABASE_URL", shown)
    forget_settings()
    storage = StateStorage.from_config_value(None, {})
    for event in events:
        storage.event_log_storage.store_event(event)
    storage.event_log_storage.dispose()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text(CHECKS))]
    engine.dispose()
    assert rows == [("prices_are_there", None, "SUCCEEDED")]
