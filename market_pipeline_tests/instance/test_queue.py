"""The queue of runs, as dagster.yaml sets it up, while there is no code server."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import WILL_RETRY_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.server import wait_for_grpc_server

from market_pipeline.settings import project_root

LOCATION = "away"


@pytest.fixture
def instance(state_dir: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Give an instance over the committed dagster.yaml."""
    assert state_dir
    home = tmp_path / "home"
    home.mkdir()
    text = (project_root() / "dagster.yaml").read_text(encoding="utf-8")
    (home / "dagster.yaml").write_text(text)
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


@pytest.fixture
def nobody() -> int:
    """Give a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def queued(instance: dg.DagsterInstance, port: int) -> dg.DagsterRun:
    """Put a run into the queue whose code server is at `port`."""
    server = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=port, location_name=LOCATION)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), "work_job")
    run: dg.DagsterRun = create_run_for_test(
        instance, job_name="work_job", remote_job_origin=origin
    )
    event = dg.DagsterEvent.job_enqueue(run)
    instance.report_dagster_event(event, run_id=run.run_id)
    return run


def after_a_look(instance: dg.DagsterInstance, run: dg.DagsterRun, port: int) -> dg.DagsterRun:
    """Let the daemon look at the queue once; give the run as it is then."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    target = GrpcServerTarget("127.0.0.1", port, None, LOCATION)
    with daemon, WorkspaceProcessContext(instance, target) as workspace:
        list(daemon.run_iteration(workspace))
    tries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_STARTING)
    assert len(tries) == 1, "it was not tried"
    told = instance.get_run_by_id(run.run_id)
    assert told is not None
    return told


@pytest.mark.filterwarnings("ignore:Error loading repository location")
def test_a_run_waits_while_the_code_server_is_away(
    instance: dg.DagsterInstance, nobody: int
) -> None:
    """It stays in the queue: failing it would use up its retries before the server is back."""
    run = queued(instance, nobody)
    assert after_a_look(instance, run, nobody).status is dg.DagsterRunStatus.QUEUED


def test_a_run_whose_code_server_dies_as_it_begins_is_not_begun_twice(
    instance: dg.DagsterInstance, nobody: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker may live: this run fails, and its retry is another run, which fences it off."""
    monkeypatch.setenv("PYTHONPATH", str(project_root()))
    command = [
        sys.executable, "-m", "dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(nobody), "-m",
        "market_pipeline_tests.instance.dying_location",
    ]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_grpc_server(server, DagsterGrpcClient(port=nobody, host="127.0.0.1"), command)
        run = queued(instance, nobody)
        told = after_a_look(instance, run, nobody)
        assert server.wait(10) == 1
    finally:
        server.kill()
        server.wait()
    assert told.status is dg.DagsterRunStatus.FAILURE
    assert told.tags[WILL_RETRY_TAG] == "true"
