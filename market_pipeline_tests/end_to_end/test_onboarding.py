"""A file in the inbox becomes a snapshot within a minute, by the daemon, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psutil
import pytest

from market_pipeline.domain.jobs import COMPLETED
from market_pipeline.domain.onboarding import Onboarding
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations import onboarding
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.resources import open_warehouse
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.end_to_end.dagster_dev import wait_until
from market_pipeline_tests.end_to_end.sandboxed import BIN, ROOT, environment, settings_for

WITHIN_S = 60
"""What the drop of 20 new symbols may take to its snapshot."""
PATIENCE_S = 150
HEADER = "Symbol,Quantity,Entry Price Per Share,Entry Date\n"
NEW = (
    "AAPL", "MSFT", "NVDA", "GOOGL", "AMZN", "META", "JPM", "BAC", "XOM", "CVX",
    "JNJ", "PFE", "KO", "PEP", "PG", "WMT", "HD", "MCD", "CAT", "BA",
)  # fmt: skip
UNKNOWN = "NOSUCH"
LATER = ("DIS", "NKE", "GE", "IBM", "ORCL")

pytestmark = pytest.mark.timeout(600)


@dataclass
class Daemon:
    """The daemon of a pipeline as a process group, started and killed at will."""

    settings: Settings
    log: Path
    warehouse: Warehouse
    process: "subprocess.Popen[bytes] | None" = None
    sessions: set[int] = field(default_factory=set)

    def start(self) -> None:
        """Start it, with schedules and sensors on as people run it."""
        around = environment(
            self.settings.state_dir, DAGSTER_HOME=str(ROOT), DAGSTER_DISABLE_TELEMETRY="1",
            MARKET_PIPELINE_AUTOMATION="on",
            MARKET_PIPELINE_SANDBOX_URL=str(self.settings.sandbox_url),
            MARKET_PIPELINE_FIRST_SESSION="2026-01-02",
        )  # fmt: skip
        command = [str(BIN / "dagster-daemon"), "run", "-m", "market_pipeline.definitions"]
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=around, stdout=said, stderr=said, start_new_session=True
            )
        self.sessions.add(self.process.pid)

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
        """End every process of it."""
        for process in self.members():
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


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """Give a sandbox whose present is now, as the daemon's is."""
    now = datetime.now(UTC)
    with SandboxServer(create_app(generated(7, clock=lambda: now), lambda: now)) as running:
        yield running


@pytest.fixture(scope="module")
def daemon(server: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Give a running daemon that has made the last session once, without a book."""
    with daemon_over(tmp_path_factory.mktemp("onboarding"), server.url) as running:
        running.start()
        exposed = "symbol_factor_exposures"
        is_ready = wait_until(lambda: running.warehouse.count(exposed) > 0, PATIENCE_S)
        assert is_ready, running.said()
        assert wait_until(lambda: not running.under_way(), PATIENCE_S), running.said()
        yield running


def charts_asked(server: SandboxServer) -> int:
    """Count the histories asked for since the count was cleared."""
    counts = httpx.get(f"{server.url}/_sandbox/requests", trust_env=False).json()
    return int(counts["vendors"]["yahoo"].get("chart", 0))


def forget_requests(server: SandboxServer) -> None:
    httpx.delete(f"{server.url}/_sandbox/requests", trust_env=False).raise_for_status()


def timeline(daemon: Daemon, name: str, dropped_at: datetime) -> dict[str, float]:
    """Give the seconds from the drop to the end of each step."""
    one = daemon.onboarding(name)
    assert one is not None
    assert one.started_at is not None
    assert one.completed_at is not None
    jobs = daemon.warehouse.read("collection_jobs", where={"subject": list(one.new)})
    ends = jobs.groupby("asset")["completed_at"].max()
    moments = {
        "imported": one.imported_at, "taken up": one.started_at,
        "profiles": ends["company_profiles"], "history": ends["equity_bars"],
        "snapshot settled": one.completed_at,
    }  # fmt: skip
    return {step: round((at - dropped_at).total_seconds(), 1) for step, at in moments.items()}


def test_twenty_new_symbols_are_valued_within_a_minute(
    daemon: Daemon, server: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """From drop to snapshot; two portfolios ask for one history of each symbol, not two.

    The symbol no vendor knows is failed with that reason, and its portfolio is valued.
    """
    forget_requests(server)
    dropped_at, began = datetime.now(UTC), time.monotonic()
    daemon.drop("alpha", NEW)
    daemon.drop("beta", (*NEW, UNKNOWN))
    done = wait_until(lambda: daemon.is_complete("alpha"), PATIENCE_S)
    assert done, (daemon.onboarding("alpha"), daemon.said())
    took = time.monotonic() - began
    with capsys.disabled():
        told = timeline(daemon, "alpha", dropped_at)
        sys.stderr.write(f"\ndrop to snapshot: {took:.1f} s; seconds to each step: {told}\n")
    assert took < WITHIN_S
    assert daemon.is_complete("beta")
    assert charts_asked(server) == len(NEW) + 1
    steps = status(daemon, "alpha")
    assert {name: row["state"] for name, row in steps.items()} == dict.fromkeys(
        ("imported", "symbols", "history", "profiles", "factors", "snapshot"), COMPLETED
    )
    assert (steps["history"]["done"], steps["factors"]["done"]) == (20, 20)
    assert steps["symbols"]["reason"] == "20 new, 0 known"
    beta = status(daemon, "beta")
    assert "no vendor knows it" in beta["history"]["reason"]
    assert (beta["history"]["done"], beta["history"]["of"]) == (20, 21)
    assert beta["snapshot"]["reason"] == f"without a price: {UNKNOWN}"


@pytest.mark.soak
@pytest.mark.skipif(
    os.environ.get("MARKET_PIPELINE_SOAK") != "1", reason="minutes; make test-soak runs it"
)
def test_killed_in_the_middle_it_goes_on_by_itself(daemon: Daemon, server: SandboxServer) -> None:
    """Run worker and daemon are killed while histories arrive; a new daemon brings it to its end.

    What was stored is not asked for again.
    """
    slow = {"kind": "slow_body", "vendor": "yahoo", "path": "/chart/", "params": {"seconds": 1.5}}
    faults = f"{server.url}/_sandbox/faults"
    httpx.post(faults, content=json.dumps(slow), trust_env=False).raise_for_status()
    forget_requests(server)
    daemon.drop("gamma", (*LATER, *NEW[:2]))
    assert wait_until(lambda: charts_asked(server) > 0, PATIENCE_S), daemon.said()
    daemon.kill_daemon()
    workers = daemon.workers()
    assert workers
    for worker in workers:
        worker.kill()
    assert not daemon.is_complete("gamma")
    # Its code server outlives the daemon for a while, and sees that the worker is gone.
    assert wait_until(lambda: not daemon.under_way(), PATIENCE_S), daemon.runs()
    httpx.delete(faults, trust_env=False)
    before = dict(daemon.warehouse.coverage("equity_bars"))
    forget_requests(server)
    daemon.start()
    done = wait_until(lambda: daemon.is_complete("gamma"), PATIENCE_S)
    assert done, (daemon.onboarding("gamma"), daemon.runs(), daemon.said())
    assert charts_asked(server) == len(set(LATER) - set(before))
    # Dagster's own retry led it there: no further run was needed.
    assert len(daemon.runs()) == 4, daemon.runs()
    one = daemon.onboarding("gamma")
    assert one is not None
    assert (set(one.new), set(one.known)) == (set(LATER), set(NEW[:2]))
    assert status(daemon, "gamma")["history"]["done"] == len(LATER) + 2


def status(daemon: Daemon, name: str) -> dict[str, dict[str, Any]]:
    """Give how a portfolio stands, as the command shows it, by step."""
    rows = onboarding.steps(daemon.warehouse, TradingCalendar.xnys(), name).to_dict("records")
    return {row["step"]: {str(key): value for key, value in row.items()} for row in rows}
