"""Where Dagster's state goes, and that its readers find in it what they find in the stock one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from market_pipeline.instance import StateArtifacts, StateComputeLogs, StateStorage
from market_pipeline.instance.event_log import PooledSqliteEventLogStorage
from market_pipeline.instance.storage import PooledSqliteRunStorage
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.settings import forget_settings
from market_pipeline_tests.new_processes import new_process

DAYS = dg.DailyPartitionsDefinition("2026-11-02", end_date="2026-11-12")
PROCESSES, RUNS_EACH = 2, 4


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def prices(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Materialize with metadata a partition; observe; tag a data version."""
    for key in context.partition_keys:
        context.add_asset_metadata({"rows": len(key)}, partition_key=key)
    context.log_event(dg.AssetObservation("prices", partition=context.partition_keys[0]))
    return dg.MaterializeResult(data_version=dg.DataVersion("v7"), metadata={"whole": True})


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[prices])
def betas(context: dg.AssetExecutionContext) -> None:
    """Materialize one good key, then fail as a whole."""
    context.log_event(dg.AssetMaterialization("betas", partition=context.partition_keys[0]))
    raise dg.Failure("the rest is missing", metadata={"bad": 3}, allow_retries=False)


@dg.asset(deps=[betas])
def report() -> None: ...


@dg.asset_check(asset=prices)
def prices_hold() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"rows": 40})


@dg.asset_check(asset=prices)
def prices_are_new() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


def graph() -> dg.Definitions:
    return dg.Definitions([prices, betas, report], asset_checks=[prices_hold, prices_are_new])


def run_over(instance: dg.DagsterInstance, first: str, last: str) -> str:
    """Run the graph over a range of days; it fails half-way. Give the run's id."""
    result = (
        graph()
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last,
                "team": "tests",
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    )
    assert not result.success
    return result.run_id


@pytest.fixture(scope="module")
def runs() -> list[list[dg.EventLogEntry]]:
    """Give the events of two runs over ranges that overlap, as Dagster logs them."""
    with dg.DagsterInstance.ephemeral() as instance:
        ids = [
            run_over(instance, "2026-11-02", "2026-11-05"),
            run_over(instance, "2026-11-04", "2026-11-09"),
        ]
        return [list(instance.all_logs(run_id)) for run_id in ids]


# -- the same answers ----------------------------------------------------------------------

Events = Sequence[dg.EventLogEntry]


def one_by_one(storage: SqlEventLogStorage, events: Events) -> None:
    for event in events:
        storage.store_event(event)


def in_one_batch(storage: SqlEventLogStorage, events: Events) -> None:
    storage.store_event_batch(events)


def in_small_batches(storage: SqlEventLogStorage, events: Events) -> None:
    for start in range(0, len(events), 7):
        storage.store_event_batch(events[start : start + 7])


def answers(storage: SqlEventLogStorage, run_ids: Sequence[str]) -> dict[str, Any]:
    """Ask what the UI, the daemon and automation conditions ask of an event log."""
    keys = [dg.AssetKey(name) for name in ("prices", "betas", "report")]
    found: dict[str, Any] = {}
    for number, run_id in enumerate(run_ids):
        found[f"log {number}"] = storage.get_logs_for_run(run_id)
        found[f"stats {number}"] = storage.get_stats_for_run(run_id)
        found[f"steps {number}"] = storage.get_step_stats_for_run(run_id)
    for kind in (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    ):
        for ascending in (True, False):
            records = storage.get_event_records(dg.EventRecordsFilter(kind), ascending=ascending)
            found[f"{kind.value} {ascending}"] = [record.event_log_entry for record in records]
    ended = storage.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=10)
    found["failures"] = [record.event_log_entry for record in ended.records]
    for key in keys:
        name = key.to_user_string()
        found[f"{name} latest"] = storage.get_latest_materialization_events([key]).get(key)
        found[f"{name} partitions"] = storage.get_materialized_partitions(key)
        found[f"{name} by partition"] = sorted(
            storage.get_latest_storage_id_by_partition(
                key, dg.DagsterEventType.ASSET_MATERIALIZATION
            )
        )
        found[f"{name} tags"] = storage.get_latest_tags_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
        )
        found[f"{name} ever"] = storage.has_asset_key(key)
    found["assets"] = [
        (record.asset_entry.asset_key, record.asset_entry.last_run_id)
        for record in storage.get_asset_records(keys)
    ]
    for check in ("prices_hold", "prices_are_new"):
        history = storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("prices"), check), limit=100
        )
        # Plans are kept once a range, where the stock storage keeps one a partition: see
        # test_event_log. Verdicts are the same.
        found[f"check {check}"] = [
            (record.status, record.run_id, record.event and record.event.dagster_event)
            for record in history
            if record.status.value != "PLANNED"
        ]
    return found


@pytest.mark.parametrize("store", [one_by_one, in_one_batch, in_small_batches])
def test_the_pooled_log_answers_what_the_stock_one_answers(
    runs: list[list[dg.EventLogEntry]],
    tmp_path: Path,
    store: Callable[[SqlEventLogStorage, Events], None],
) -> None:
    """Logs, records, partitions, tags, checks and failures of two runs are found alike."""
    run_ids = [events[0].run_id for events in runs]
    stock, ours = (
        SqliteEventLogStorage(str(tmp_path / "stock")),
        PooledSqliteEventLogStorage(str(tmp_path / "ours")),
    )
    for events in runs:
        one_by_one(stock, events)
        store(ours, events)
    expected, found = answers(stock, run_ids), answers(ours, run_ids)
    ours.dispose()
    by_stock = answers(SqliteEventLogStorage(str(tmp_path / "ours")), run_ids)
    assert expected["prices partitions"] == {f"2026-11-{day:02d}" for day in range(2, 10)}
    assert expected["betas partitions"] == {"2026-11-02", "2026-11-04"}
    assert len(expected["failures"]) == len(expected["check prices_are_new"]) == 2
    assert len(expected["ASSET_OBSERVATION True"]) == 2
    assert expected["prices tags"]
    for asked, answer in expected.items():
        assert found[asked] == answer, asked
        assert by_stock[asked] == answer, f"{asked}, read by Dagster's own class"


# -- processes -----------------------------------------------------------------------------


def write_runs(state: str, number: int) -> None:
    """Run the graph again and again into one state folder, as one of several processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKET_PIPELINE_STATE_DIR", state)
        patch.delenv("DAGSTER_HOME", raising=False)
        forget_settings()
        with dagster_instance() as instance:
            for _ in range(RUNS_EACH):
                run_over(instance, "2026-11-02", f"2026-11-{3 + number:02d}")


def test_processes_write_at_once_without_losing_an_event(state_dir: Path) -> None:
    """Two processes make the state folder and run at once: every run has its whole log, once."""
    workers = [new_process(write_runs, str(state_dir), number) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    with dagster_instance() as instance:
        recorded = instance.get_runs()
        assert len(recorded) == PROCESSES * RUNS_EACH
        assert {run.status for run in recorded} == {dg.DagsterRunStatus.FAILURE}
        lengths = {len(instance.all_logs(run.run_id)) for run in recorded}
        days = {run.tags["dagster/asset_partition_range_end"] for run in recorded}
        assert days == {"2026-11-03", "2026-11-04"}
        # Ranges of two and of three days: each has the same number of events in all its runs.
        assert len(lengths) == len(days)
        stored = instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION)
        )
        assert len(stored) == RUNS_EACH * (2 + 1 + 3 + 1)
        status = get_and_update_asset_status_cache_value(instance, dg.AssetKey("prices"), DAYS)
        assert status is not None
        done = status.deserialize_materialized_partition_subsets(DAYS).get_partition_keys()
        assert set(done) == {"2026-11-02", "2026-11-03", "2026-11-04"}


# -- which storage -------------------------------------------------------------------------


def test_by_default_state_is_sqlite_in_the_state_folder(state_dir: Path) -> None:
    """With nothing set the three storages, scratch files and logs are in `<state>/dagster`."""
    with dagster_instance() as instance:
        assert isinstance(instance.run_storage, PooledSqliteRunStorage)
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        assert isinstance(instance.compute_log_manager, StateComputeLogs)
        assert instance.root_directory == str(state_dir / "dagster")
        run_over(instance, "2026-11-02", "2026-11-03")
    files = {path.relative_to(state_dir).as_posix() for path in state_dir.rglob("*.db")}
    assert {
        "dagster/history/runs.db",
        "dagster/history/runs/index.db",
        "dagster/schedules/schedules.db",
    } <= files
    assert isinstance(StateArtifacts.from_config_value(None, {}), StateArtifacts)


def test_a_url_in_the_settings_means_postgresql(
    state_dir: Path, new_postgres_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the URL set the same dagster.yaml gives PostgreSQL for all three storages."""
    from dagster_postgres import DagsterPostgresStorage, PostgresRunStorage

    url = sa.make_url(new_postgres_database()).set(drivername="postgresql+psycopg2")
    monkeypatch.setenv(
        "MARKET_PIPELINE_DAGSTER_DATABASE_URL", url.render_as_string(hide_password=False)
    )
    forget_settings()
    assert isinstance(StateStorage.from_config_value(None, {}), DagsterPostgresStorage)
    with dagster_instance() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        run_id = run_over(instance, "2026-11-02", "2026-11-03")
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE
        assert instance.get_materialized_partitions(dg.AssetKey("prices")) == {
            "2026-11-02", "2026-11-03",
        }  # fmt: skip
    assert list(state_dir.rglob("*.db")) == []
