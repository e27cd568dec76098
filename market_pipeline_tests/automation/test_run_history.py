"""The history of runs: kept from Dagster's records, each run once, with what it came to."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from market_pipeline.automation.run_history import keep_runs, started_by
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import graph  # noqa: F401  # a fixture
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.assets.test_fenced import FRIDAY


def test_a_run_is_kept_with_its_rows_and_symbols(graph: Graph) -> None:  # noqa: F811  # fixture
    """What its steps told and its fetches came to; noted once, and again only when it changes."""
    assert graph.run(FRIDAY).success
    assert keep_runs(graph.instance, graph.warehouse) == 1
    assert keep_runs(graph.instance, graph.warehouse) == 0
    row = graph.warehouse.runs.history().iloc[0]
    assert (row["job"], row["status"], row["is_final"]) == ("session_job", "success", True)
    assert (row["first_partition"], row["last_partition"]) == ("2026-11-20", "2026-11-20")
    assert row["started_by"] == "person"
    assert {"equity_bars", "portfolio_snapshots"} < set(row["assets"].split(","))
    told = graph.instance.all_logs(row["run_id"], of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    made = [entry.asset_materialization for entry in told]
    counts = [each.metadata.get("rows_inserted") for each in made if each is not None]
    inserted = sum(int(c.value or 0) for c in counts if isinstance(c, dg.IntMetadataValue))
    assert row["rows_inserted"] == inserted > 0
    fetched = graph.warehouse.read("enrichment_fetch_log")
    asked = fetched[fetched["run_id"] == row["run_id"]].groupby(["asset", "subject"])
    assert row["symbols_done"] == int(asked["is_success"].any().sum()) > 0
    assert row["symbols_done"] + row["symbols_failed"] == asked.ngroups
    assert row["created_at"] <= row["started_at"] <= row["ended_at"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def test_hundreds_that_ended_at_once_hold_up_no_later_one(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """Somebody has canceled all; what fails after that is noted."""
    for _ in range(300):
        instance.create_run_for_job(failing, status=dg.DagsterRunStatus.CANCELED)
    while keep_runs(instance, warehouse):
        pass
    failed = run(instance)
    assert keep_runs(instance, warehouse) == 1
    assert len(warehouse.runs.history(limit=1000)) == 301
    assert list(warehouse.runs.history(only_failed=True)["run_id"]) == [failed]


@dg.op
def fail() -> None:
    raise ValueError("no\nprices")


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    fail()


def run(instance: dg.DagsterInstance, **tags: str) -> str:
    found = failing.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    return found.run_id


def test_a_failure_says_which_step_and_why_in_one_line(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """And one that will be tried again is not the end of it."""
    last = run(instance, **{"dagster/schedule_name": "daily_graph"})
    again = run(instance, **{"dagster/will_retry": "true"})
    keep_runs(instance, warehouse)
    rows = warehouse.runs.history(only_failed=True).set_index("run_id")
    assert "fail: ValueError: no prices" in str(rows.loc[last, "error"])
    assert (rows.loc[last, "started_by"], rows.loc[last, "is_final"]) == (
        "schedule:daily_graph", True,
    )  # fmt: skip
    assert not rows.loc[again, "is_final"]


@pytest.mark.parametrize(
    ("tags", "who"),
    [
        ({"dagster/backfill": "abc", "dagster/sensor_name": "s"}, "backfill:abc"),
        ({"dagster/schedule_name": "daily_graph"}, "schedule:daily_graph"),
        ({"dagster/sensor_name": "portfolio_inbox"}, "sensor:portfolio_inbox"),
        ({"market_pipeline/process": "host|1|2.0"}, "command"),
        ({}, "person"),
    ],
)
def test_who_started_it(tags: dict[str, str], who: str) -> None:
    """A schedule, a sensor, a backfill, our command, or somebody in the UI."""
    assert started_by(tags) == who


def test_runs_are_found_by_date_and_result(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """Nothing before the instant asked for, and JSON holds it all."""
    run(instance)
    keep_runs(instance, warehouse)
    assert len(warehouse.runs.history(since=datetime.now(UTC) - timedelta(hours=1))) == 1
    assert warehouse.runs.history(since=datetime.now(UTC) + timedelta(hours=1)).empty
    assert json.loads(warehouse.runs.history().to_json(orient="records"))[0]["job"] == "failing"
