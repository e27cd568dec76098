"""`market-pipeline runs`: what Dagster has on record, as people and programs read it."""

import json

import dagster as dg

from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.automation.test_run_history import failing
from market_pipeline_tests.cli.conftest import Run


@dg.job(executor_def=dg.in_process_executor)
def fine() -> None: ...


def test_runs_are_listed_newest_first_and_by_result(run: Run, stored: Warehouse) -> None:
    """Those that failed alone with --failed; none of a day to come."""
    assert stored
    with dagster_instance() as instance:
        fine.execute_in_process(instance=instance)
        failing.execute_in_process(instance=instance, raise_on_error=False)
    rows = json.loads(run("runs", "--format", "json").stdout)
    assert [row["job"] for row in rows] == ["failing", "fine"]
    failed = json.loads(run("runs", "--failed", "--format", "json").stdout)
    assert [(row["job"], row["status"]) for row in failed] == [("failing", "failure")]
    assert "no such run is on record" in run("runs", "--since", "2030-01-02").output
