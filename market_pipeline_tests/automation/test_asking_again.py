"""When an interrupted onboarding is asked for again, and when it is given up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test, freeze_time

from market_pipeline.automation.onboarding import AGAIN_AFTER, MOST_RUNS, ask_again
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import book_of, stock

JOB, KEY = "session_job", "2026-11-20"
NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
LATER = NOW + 2 * AGAIN_AFTER
ENDS = {True: dg.DagsterRunStatus.SUCCESS, False: dg.DagsterRunStatus.FAILURE}


@pytest.fixture
def instance() -> dg.DagsterInstance:
    """Give an instance in memory."""
    return dg.DagsterInstance.ephemeral()


@pytest.fixture
def open_one(state_dir: Path, warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with one file imported at `NOW`."""
    assert state_dir
    warehouse.import_book(book_of(stock(1, "KO")), NOW)
    return warehouse


def run_at(
    instance: dg.DagsterInstance, at: datetime, status: dg.DagsterRunStatus, key: str = KEY
) -> None:
    """Put a run of the session job into the storage, begun and ended at `at`."""
    with freeze_time(at):
        tags = {"dagster/partition": key}
        run = create_run_for_test(instance, job_name=JOB, tags=tags)
        if status == dg.DagsterRunStatus.FAILURE:
            instance.report_run_failed(run)
        elif status != dg.DagsterRunStatus.NOT_STARTED:
            event = {
                dg.DagsterRunStatus.STARTED: dg.DagsterEventType.RUN_START,
                dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
            }[status]
            instance.report_dagster_event(dg.DagsterEvent(event.value, JOB), run_id=run.run_id)


def test_nothing_is_asked_for_without_an_open_onboarding(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """Neither before the first import nor after the last snapshot."""
    assert ask_again(instance, warehouse, JOB, KEY, LATER) is None
    warehouse.import_book(book_of(stock(1, "KO")), NOW)
    assert ask_again(instance, warehouse, JOB, KEY, LATER) is not None
    (one,) = warehouse.onboarding.all()
    warehouse.onboarding.complete(one, LATER)
    assert ask_again(instance, warehouse, JOB, KEY, LATER) is None


def test_a_run_under_way_is_waited_for(instance: dg.DagsterInstance, open_one: Warehouse) -> None:
    """However long it takes; a run of another session or of before the import is no matter."""
    run_at(instance, NOW - timedelta(hours=1), dg.DagsterRunStatus.STARTED)
    run_at(instance, NOW + timedelta(seconds=1), dg.DagsterRunStatus.STARTED, key="2026-11-19")
    assert ask_again(instance, open_one, JOB, KEY, LATER) is not None
    run_at(instance, NOW + timedelta(seconds=1), dg.DagsterRunStatus.STARTED)
    assert ask_again(instance, open_one, JOB, KEY, LATER + timedelta(hours=5)) is None


def test_a_run_that_failed_is_followed_by_another_after_a_while(
    instance: dg.DagsterInstance, open_one: Warehouse
) -> None:
    """Not at once, for Dagster's own retry comes first; every request has a key of its own."""
    run_at(instance, LATER, dg.DagsterRunStatus.FAILURE)
    assert ask_again(instance, open_one, JOB, KEY, LATER + AGAIN_AFTER / 2) is None
    first = ask_again(instance, open_one, JOB, KEY, LATER + 2 * AGAIN_AFTER)
    assert first is not None
    assert (first.partition_key, first.tags["dagster/priority"]) == (KEY, "10")
    run_at(instance, LATER + 3 * AGAIN_AFTER, dg.DagsterRunStatus.FAILURE)
    second = ask_again(instance, open_one, JOB, KEY, LATER + 5 * AGAIN_AFTER)
    assert second is not None
    assert first.run_key != second.run_key


def test_after_three_runs_it_is_given_up_with_the_reason(
    instance: dg.DagsterInstance, open_one: Warehouse
) -> None:
    """It ends as failed, nothing more is asked for, and asking again starts afresh."""
    for number in range(MOST_RUNS):
        run_at(instance, LATER + number * AGAIN_AFTER, dg.DagsterRunStatus.FAILURE)
    late = LATER + 10 * AGAIN_AFTER
    assert ask_again(instance, open_one, JOB, KEY, late) is None
    (one,) = open_one.onboarding.all()
    assert one.state == "failed"
    assert one.reason is not None
    assert "ended as failure" in one.reason
    assert ask_again(instance, open_one, JOB, KEY, late) is None
    assert open_one.onboarding.retry(late) == 1
    assert ask_again(instance, open_one, JOB, KEY, late) is not None
