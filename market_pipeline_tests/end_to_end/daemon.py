"""The daemon of a pipeline as real processes over a sandbox, started and killed at will."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import httpx
import psutil

from market_pipeline.domain.jobs import COMPLETED
from market_pipeline.domain.onboarding import Onboarding
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.resources import open_warehouse
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.end_to_end.dagster_dev import wait_until
from market_pipeline_tests.end_to_end.sandboxed import BIN, ROOT, environment, settings_for

PATIENCE_S = 150
HEADER = "Symbol,Quantity,Entry Price Per Share,Entry Date\n"


@dataclass
class Daemon:
    """The daemon of a pipeline as a process group, started and killed at will."""

    settings: Settings
    log: Path
    warehouse: Warehouse
    process: "subprocess.Popen[bytes] | None" = None
    sessions: set[int] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, with schedules and sensors on as people run it."""
        around = self._around()
        command = [str(BIN / "dagster-daemon"), "run", "-m", "market_pipeline.definitions"]
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=around, stdout=said, stderr=said, start_new_session=True
            )
        self.sessions.add(self.process.pid)

    def _around(self) -> dict[str, str]:
        return environment(
            self.settings.state_dir, DAGSTER_HOME=str(ROOT), DAGSTER_DISABLE_TELEMETRY="1",
            MARKET_PIPELINE_AUTOMATION="on",
            MARKET_PIPELINE_SANDBOX_URL=str(self.settings.sandbox_url),
            MARKET_PIPELINE_FIRST_SESSION="2026-01-02", **self.variables,
        )  # fmt: skip

    def command(self, *arguments: str) -> None:
        """Run a command of ours beside it, as a person does; it may fail."""
        with self.log.open("ab") as said:
            subprocess.run(
                [str(BIN / "market-pipeline"), *arguments], cwd=ROOT, env=self._around(),
                stdout=said, stderr=said, timeout=3 * PATIENCE_S, check=False,
            )  # fmt: skip

    def members(self) -> list[psutil.Process]:
        """List the living processes of its sessions: daemons, code servers, run workers."""
        found = []
        for process in psutil.process_iter():
            try:
                is_member = os.getsid(process.pid) in self.sessions
                if is_member and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def kill_daemon(self) -> None:
        """SIGKILL the daemon alone; what it started lives on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def kill_all(self) -> None:
        """SIGKILL every process of it, also those that one of them was about to start."""
        while members := self.members():
            for process in members:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            if self.process is not None:
                self.process.wait(PATIENCE_S)

    def drop(self, name: str, symbols: tuple[str, ...]) -> None:
        """Put a file into the inbox, as one move."""
        rows = "".join(f"{symbol},10,50,2026-02-03\n" for symbol in symbols)
        self.settings.inbox.mkdir(parents=True, exist_ok=True)
        beside = self.settings.inbox / f"{name}.part"
        beside.write_text(HEADER + rows)
        beside.rename(self.settings.inbox / f"{name}.csv")

    def onboarding(self, name: str) -> Onboarding | None:
        """Give the onboarding of a portfolio."""
        return next(iter(self.warehouse.onboarding.all(name)), None)

    def is_complete(self, name: str) -> bool:
        """Say whether a portfolio has come to its snapshot."""
        one = self.onboarding(name)
        return one is not None and one.state == COMPLETED

    def workers(self) -> list[psutil.Process]:
        """List its run workers."""
        code = "spawn_main"
        return [each for each in self.members() if code in " ".join(each.cmdline())]

    def runs(self) -> list[dg.DagsterRun]:
        """Give Dagster's record of the runs of the session graph."""
        with settings_in_force(self.settings), dagster_instance() as instance:
            return list(instance.get_runs(dg.RunsFilter(job_name="session_job")))

    def under_way(self) -> bool:
        """Say whether a run of the session graph has not ended."""
        return any(not run.is_finished for run in self.runs())

    def settle(self) -> None:
        """Wait until it has made the last session once, and nothing is under way."""
        exposed = "symbol_factor_exposures"
        is_ready = wait_until(lambda: self.warehouse.count(exposed) > 0, PATIENCE_S)
        assert is_ready, self.said()
        assert wait_until(lambda: not self.under_way(), PATIENCE_S), self.said()

    def said(self) -> str:
        return self.log.read_text()[-4000:]


@contextmanager
def daemon_over(state: Path, url: str) -> Iterator[Daemon]:
    settings = settings_for(state, url)
    daemon = Daemon(settings, state / "daemon.txt", open_warehouse(settings))
    try:
        yield daemon
    finally:
        daemon.kill_all()
        daemon.warehouse.dispose()


@contextmanager
def sandbox_of_now() -> Iterator[SandboxServer]:
    """Serve a market whose present is now, as the daemon's is, and stands still."""
    now = datetime.now(UTC)
    with SandboxServer(create_app(generated(7, clock=lambda: now), lambda: now)) as running:
        yield running


def charts_asked(server: SandboxServer) -> int:
    """Count the histories asked for since the count was cleared."""
    counts = httpx.get(f"{server.url}/_sandbox/requests", trust_env=False).json()
    return int(counts["vendors"]["yahoo"].get("chart", 0))


def forget_requests(server: SandboxServer) -> None:
    httpx.delete(f"{server.url}/_sandbox/requests", trust_env=False).raise_for_status()
