"""Real processes, killed: a run whose worker and code server die is failed and tried again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import pytest
import sqlalchemy as sa

from market_pipeline.settings import forget_settings

PROJECT = Path(__file__).resolve().parents[2]
LEASE_S = 4
SOAK = pytest.mark.skipif(
    os.environ.get("MARKET_PIPELINE_SOAK") != "1", reason="a minute more; make test-soak runs it"
)
YAML = (PROJECT / "dagster.yaml").read_text(encoding="utf-8")


@dataclass
class Site:
    """A daemon, a code server, and the instance they share with the test."""

    folder: Path
    port: int
    instance: dg.DagsterInstance
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, *command: str) -> None:
        """Start a process of Dagster's; its output goes to a file."""
        with (self.folder / "output.log").open("ab") as output:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=self.folder,
                    start_new_session=True,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )

    def start_code_server(self) -> None:
        """Start the code server, as whoever keeps services running does."""
        self.start(
            "dagster", "api", "grpc", "-p", str(self.port), "-h", "127.0.0.1", "-m",
            "market_pipeline_tests.instance.killed_location",
        )  # fmt: skip

    def attempt(self, number: int, timeout_s: float = 120.0) -> tuple[int, int, str]:
        """Wait for an attempt; give its process, its code server and its run."""
        told = self.folder / f"attempt-{number}"
        wait_for(told.exists, timeout_s, lambda: f"attempt {number} never began")
        worker, server, run_id = told.read_text().split()
        return int(worker), int(server), run_id

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status


def wait_for(happened: Callable[[], bool], timeout_s: float, told: Callable[[], str]) -> float:
    """Wait until something happened; give the seconds it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < timeout_s, told()
        time.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Run a daemon over the committed dagster.yaml with a short lease; end all of it afterwards."""
    home = folder / "home"
    home.mkdir()
    quick = YAML.replace("lease_s: 20", f"lease_s: {LEASE_S}")
    quick = quick.replace("poll_interval_seconds: 5", "poll_interval_seconds: 1")
    assert quick.count("lease_s: 4") == quick.count("poll_interval_seconds: 1") == 1
    (home / "dagster.yaml").write_text(quick)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "workspace.yaml").write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: killed}}\n"
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        found = Site(folder, port, instance)
        try:
            found.start_code_server()
            found.start("dagster._daemon", "run", "-w", str(home / "workspace.yaml"))
            yield found
        finally:
            for process in found.processes:
                end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it started."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.kill()
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.soak, SOAK])])
def running(request: pytest.FixtureRequest, state_dir: Path, tmp_path: Path) -> Iterator[Site]:
    """Give a site on either storage."""
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patch.setenv("KILLED", str(tmp_path))
    patch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    patch.setenv("PYTHONPATH", str(PROJECT))
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        url = sa.make_url(create()).set(drivername="postgresql+psycopg2")
        text = url.render_as_string(hide_password=False)
        patch.setenv("MARKET_PIPELINE_DAGSTER_DATABASE_URL", text)
    forget_settings()
    assert state_dir
    with site(tmp_path) as found:
        yield found


# A daemon and a code server to start twice over, and a lease to run out.
def test_a_run_whose_worker_and_code_server_die_is_tried_again(running: Site) -> None:
    """A pause shorter than the lease is no death; both killed are, and the run is retried."""
    worker, server, run_id = running.attempt(0)
    os.kill(worker, signal.SIGSTOP)
    time.sleep(LEASE_S / 2)
    os.kill(worker, signal.SIGCONT)
    time.sleep(1.5)
    assert running.status(run_id) is dg.DagsterRunStatus.STARTED
    os.kill(server, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    took_s = wait_for(
        lambda: running.status(run_id) is dg.DagsterRunStatus.FAILURE, 60.0,
        lambda: f"still {running.status(run_id)}",
    )  # fmt: skip
    assert took_s >= LEASE_S - 2, "failed by something else than the lease"
    # Dagster asks for the retry while there is no code server, and gives up on it.
    running.start_code_server()
    _, _, retry_id = running.attempt(1)
    assert retry_id != run_id
    wait_for(
        lambda: running.status(retry_id) is dg.DagsterRunStatus.SUCCESS, 30.0,
        lambda: f"the retry is {running.status(retry_id)}",
    )  # fmt: skip
    retried = running.instance.get_run_by_id(retry_id)
    assert retried is not None
    assert retried.tags["dagster/parent_run_id"] == run_id
    assert len(running.instance.get_runs()) == 2
