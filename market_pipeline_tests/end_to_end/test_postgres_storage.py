"""PostgreSQL for Dagster's own state and for the warehouse, in one run of the graph."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.operations.backfill import BackfillResult, dagster_instance, run_backfill
from market_pipeline.resources import open_warehouse
from market_pipeline.sandbox import SandboxServer
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.end_to_end.sandboxed import LOGS, settings_for, with_books
from market_pipeline_tests.recorded_graph import DAY_ASSETS, SESSION_ASSETS

SESSIONS = date(2026, 6, 16), date(2026, 6, 18)


def as_driver(url: str, driver: str) -> str:
    return make_url(url).set(drivername=driver).render_as_string(hide_password=False)


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    """Ask a database directly, without our code or Dagster's."""
    with psycopg.connect(as_driver(url, "postgresql")) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def on_postgres(
    new_postgres_database: Callable[[], str],
    sandbox_server: SandboxServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """Give settings that keep the warehouse and Dagster's state in two empty databases."""
    return settings_for(tmp_path_factory.mktemp("postgres"), sandbox_server.url).model_copy(
        update={
            "database_url": SecretStr(new_postgres_database()),
            "dagster_database_url": SecretStr(
                as_driver(new_postgres_database(), "postgresql+psycopg2")
            ),
        }
    )


@pytest.fixture(scope="module")
def refused(on_postgres: Settings) -> str:
    """Give what is said where the tables were not made yet."""
    with settings_in_force(on_postgres), pytest.raises(ConfigurationError) as error:
        open_warehouse(on_postgres)
    return str(error.value)


@pytest.fixture(scope="module")
def result(refused: str, on_postgres: Settings) -> Iterator[BackfillResult]:
    """Upgrade, import the books, run the graph."""
    assert refused
    with settings_in_force(on_postgres):
        opened = Warehouse.open(on_postgres.warehouse_url)
        opened.upgrade()
        opened.dispose()
        with_books(on_postgres).dispose()
        yield run_backfill(*SESSIONS, settings=on_postgres)


def test_tables_are_never_made_unasked(refused: str) -> None:
    """Before `db upgrade` the error names the command and the database, without its password."""
    assert "run `market-pipeline db upgrade` first" in refused
    assert "market_pipeline_test_" in refused


def test_the_graph_runs(result: BackfillResult) -> None:
    """Both jobs do all they were asked for."""
    assert result.succeeded, [run.failures for run in result.runs]
    assert {run.job for run in result.runs} == {"session_job", "news_job"}


def test_dagster_keeps_its_state_in_postgresql(
    result: BackfillResult, on_postgres: Settings
) -> None:
    """Runs and events are in the database, and no SQLite file of Dagster's is in the folder."""
    assert on_postgres.dagster_database_url is not None
    url = on_postgres.dagster_database_url.get_secret_value()
    assert sorted(ask(url, "SELECT run_id, status FROM runs")) == sorted(
        (run.run_id, "SUCCESS") for run in result.runs
    )
    asked = "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
    ((materializations,),) = ask(url, asked)
    chosen = (SESSION_ASSETS | DAY_ASSETS) - {"intraday_bars"}  # no symbol is to have hours
    assert materializations == len(chosen) * 3
    assert list(Path(on_postgres.state_dir).rglob("*.db")) == []


def test_the_instance_reads_partitions_and_checks_back(
    result: BackfillResult, on_postgres: Settings
) -> None:
    """Dagster's own interface over it knows each partition and each check's verdict."""
    with settings_in_force(on_postgres), dagster_instance() as instance:
        key = dg.AssetKey("portfolio_snapshots")
        assert instance.get_materialized_partitions(key) == {
            "2026-06-16", "2026-06-17", "2026-06-18",
        }  # fmt: skip
        (record,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key, "snapshots_add_up"), limit=5
        )
        assert record.status.value == "SUCCEEDED"
        assert record.run_id in {run.run_id for run in result.runs}


def test_the_rows_are_those_of_sqlite(
    result: BackfillResult, on_postgres: Settings, tmp_path: Path
) -> None:
    """The same sessions on the embedded database give the same tables, row for row."""
    assert result.succeeded
    embedded = on_postgres.model_copy(
        update={"state_dir": tmp_path, "database_url": None, "dagster_database_url": None}
    )
    with settings_in_force(embedded):
        with_books(embedded).dispose()
        assert run_backfill(*SESSIONS, settings=embedded).succeeded
    there, here = Warehouse.open(on_postgres.warehouse_url), Warehouse.open(embedded.warehouse_url)
    assert (there.dialect, here.dialect) == ("postgresql", "sqlite")
    for name in sorted(set(metadata.tables) - LOGS):
        assert there.table_digest(name) == here.table_digest(name), name
    assert here.count("portfolio_snapshots") == 9
    there.dispose()
    here.dispose()
