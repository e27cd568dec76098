"""The queue of runs, as dagster.yaml sets it up, while there is no code server."""

import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

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
def nobody() -> Iterator[int]:
    """Give a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.filterwarnings("ignore:Error loading repository location")
def test_a_run_waits_while_the_code_server_is_away(
    instance: dg.DagsterInstance, nobody: int
) -> None:
    """It stays in the queue: failing it would use up its retries before the server is back."""
    server = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=nobody, location_name=LOCATION)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), "work_job")
    run = create_run_for_test(instance, job_name="work_job", remote_job_origin=origin)
    event = dg.DagsterEvent.job_enqueue(run)
    instance.report_dagster_event(event, run_id=run.run_id)
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    target = GrpcServerTarget("127.0.0.1", nobody, None, LOCATION)
    with daemon, WorkspaceProcessContext(instance, target) as workspace:
        list(daemon.run_iteration(workspace))
    told = instance.get_run_by_id(run.run_id)
    assert told is not None
    assert told.status is dg.DagsterRunStatus.QUEUED
    tries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_STARTING)
    assert len(tries) == 1, "it was not tried"
