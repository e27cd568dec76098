"""Which runs are taken for dead, and what they leave behind when they are put to rest."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.storage.dagster_run import DagsterRun

from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.operations.dead_runs import PROCESS_TAG, bury_dead_runs, process_mark

FAILED, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


@pytest.fixture
def instance(state_dir: Path) -> Iterator[dg.DagsterInstance]:
    """Give Dagster's instance over a state folder of the test's own."""
    assert state_dir
    with dagster_instance() as opened:
        yield opened


def begun(instance: dg.DagsterInstance, mark: str | None) -> str:
    """Record a run that began in the process `mark` names; give its id."""
    tags = {} if mark is None else {PROCESS_TAG: mark}
    run_id = f"00000000-0000-0000-0000-{len(instance.get_runs()):012d}"
    instance.add_run(DagsterRun("session_job", run_id=run_id, status=STARTED, tags=tags))
    return run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def ended_process() -> str:
    """Give the mark of a process that was here and is gone."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    created = psutil.Process(process.pid).create_time()
    process.communicate(b"\n")
    return f"{socket.gethostname()}|{process.pid}|{created:.2f}"


def test_a_run_whose_process_is_gone_is_marked_as_failed(instance: dg.DagsterInstance) -> None:
    """It does not stay STARTED, the person is told, and a second look finds nothing to do."""
    run_id, said = begun(instance, ended_process()), list[str]()
    assert bury_dead_runs(instance, said.append) == 1
    assert status(instance, run_id) == FAILED
    assert said == [f"run {run_id[:8]} had died with its process: marked as failed"]
    assert bury_dead_runs(instance, said.append) == 0


def test_living_and_foreign_runs_are_left_alone(instance: dg.DagsterInstance) -> None:
    """A living process, another machine's, and runs the daemon launched are none of ours."""
    mark = process_mark()
    host, pid, created = mark.rsplit("|", 2)
    readjusted = f"{host}|{pid}|{float(created) + 0.5:.2f}"  # the clock was set meanwhile
    elsewhere = f"another-machine|{pid}|{created}"
    runs = [begun(instance, each) for each in (mark, readjusted, elsewhere, None)]
    assert bury_dead_runs(instance) == 0
    assert {status(instance, run_id) for run_id in runs} == {STARTED}


def test_a_pid_used_anew_is_another_process(instance: dg.DagsterInstance) -> None:
    """The same number with another start is not the process that ran it."""
    host, pid, created = process_mark().rsplit("|", 2)
    run_id = begun(instance, f"{host}|{pid}|{float(created) - 3600:.2f}")
    assert bury_dead_runs(instance) == 1
    assert status(instance, run_id) == FAILED


def test_a_zombie_is_dead(instance: dg.DagsterInstance) -> None:
    """A killed process that its parent has not waited for yet runs no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    created = psutil.Process(process.pid).create_time()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    run_id = begun(instance, f"{socket.gethostname()}|{process.pid}|{created:.2f}")
    assert bury_dead_runs(instance) == 1
    assert status(instance, run_id) == FAILED
    process.communicate()


def test_the_places_of_ended_runs_in_pools_are_freed(instance: dg.DagsterInstance) -> None:
    """What a killed run held of a pool is free for the next; a living run keeps its place."""
    storage = instance.event_log_storage
    dead, alive = begun(instance, ended_process()), begun(instance, process_mark())
    for pool in ("yahoo", "polygon"):
        storage.initialize_concurrency_limit_to_default(pool)
    assert storage.claim_concurrency_slot("yahoo", dead, "equity_bars").is_claimed
    assert storage.claim_concurrency_slot("polygon", alive, "option_quotes").is_claimed
    assert not storage.claim_concurrency_slot("yahoo", alive, "equity_bars").is_claimed
    bury_dead_runs(instance)
    deadline = time.monotonic() + 10
    while not storage.claim_concurrency_slot("yahoo", alive, "equity_bars").is_claimed:
        assert time.monotonic() < deadline, storage.get_concurrency_info("yahoo")
        time.sleep(0.1)
    assert storage.get_concurrency_info("polygon").active_run_ids == {alive}
