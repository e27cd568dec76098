"""SIGKILL in the middle of a backfill: starting it again gives what an undisturbed one gives."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import httpx
import pytest

from market_pipeline.operations.backfill import dagster_instance, run_backfill
from market_pipeline.sandbox import SandboxServer
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.end_to_end.sandboxed import (
    FIRST,
    LAST,
    LOGS,
    NOW,
    ROOT,
    SESSIONS,
    environment,
    settings_for,
    with_books,
)
from market_pipeline_tests.new_processes import new_process

PATIENCE_S = 120
POLL_S = 0.01

FAULTS = (
    # Slow enough that a kill finds requests in flight.
    {"kind": "slow_body", "vendor": "yahoo", "path": "/chart/[A-M]", "params": {"seconds": 0.2}},
    # Wrong enough that rows go to quarantine.
    {"kind": "negative", "vendor": "yahoo", "path": "/chart/XOM", "params": {"rows": 3}},
)


def backfill_in_process(settings: Settings, said: Path) -> None:
    """Run the backfill, writing each line of progress to `said`; exit 0 when all was done."""
    with said.open("w", buffering=1) as lines:
        os.dup2(lines.fileno(), 1)
        os.dup2(lines.fileno(), 2)
        with settings_in_force(settings):
            result = run_backfill(
                FIRST, LAST, settings=settings, progress=lambda line: print(line, file=lines)
            )
            print([run.failures for run in result.runs], file=lines)
    sys.exit(0 if result.succeeded else 1)


KEPT = {"headline_retention_days": 3650}
"""The sessions lie still in time: their news must not grow too old to be taken."""


@dataclass
class Place:
    """A pipeline with its own state, and what its processes said."""

    state: Path
    server: SandboxServer
    said: list[Path] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return settings_for(self.state, self.server.url).model_copy(update=KEPT)

    def prepared(self) -> "Place":
        """Import the books, and watch a symbol no vendor knows."""
        warehouse = with_books(self.settings)
        warehouse.watch(["NOSUCH"], NOW)
        warehouse.dispose()
        return self

    def start(self) -> BaseProcess:
        """Start the backfill in a process of its own."""
        self.said.append(self.state / f"said-{len(self.said)}.txt")
        process = new_process(backfill_in_process, self.settings, self.said[-1])
        process.start()
        return process

    def finish(self) -> None:
        """Run the backfill to its end."""
        process = self.start()
        process.join(PATIENCE_S)
        assert process.exitcode == 0, self.spoken()

    def spoken(self) -> str:
        """Give all that the last process said so far."""
        return self.said[-1].read_text() if self.said[-1].exists() else ""

    def kill_when(self, moment: Callable[[], bool], delay_s: float) -> None:
        """Start the backfill and SIGKILL it `delay_s` after `moment` is there."""
        process = self.start()
        deadline = time.monotonic() + PATIENCE_S
        while not moment():
            assert process.is_alive(), f"the moment never came:\n{self.spoken()}"
            assert time.monotonic() < deadline, self.spoken()
            time.sleep(POLL_S)
        time.sleep(delay_s)
        process.kill()
        process.join(PATIENCE_S)
        assert process.exitcode == -signal.SIGKILL, f"it ended before the kill:\n{self.spoken()}"

    def open(self) -> Warehouse:
        """Open the warehouse."""
        return Warehouse.open(self.settings.warehouse_url)

    def digests(self) -> dict[str, str]:
        """Give a digest of the rows of each table that is no log."""
        warehouse = self.open()
        try:
            return {
                name: warehouse.table_digest(name) for name in sorted(set(metadata.tables) - LOGS)
            }
        finally:
            warehouse.dispose()

    def counts(self) -> dict[str, int]:
        """Give the number of rows of each table."""
        warehouse = self.open()
        try:
            return {name: warehouse.count(name) for name in metadata.tables}
        finally:
            warehouse.dispose()

    def covered(self) -> int:
        """Count the symbols whose bars were collected."""
        warehouse = self.open()
        try:
            return len(warehouse.coverage("equity_bars"))
        finally:
            warehouse.dispose()

    def runs(self) -> Sequence[dg.DagsterRun]:
        """Give Dagster's record of every run, the newest first."""
        with settings_in_force(self.settings), dagster_instance() as instance:
            return instance.get_runs()


@pytest.fixture(scope="module")
def faulty(sandbox_server: SandboxServer) -> Iterator[SandboxServer]:
    """Give the sandbox, slow and wrong in places."""
    faults = f"{sandbox_server.url}/_sandbox/faults"
    httpx.post(faults, content=json.dumps(FAULTS), trust_env=False).raise_for_status()
    yield sandbox_server
    httpx.delete(faults, trust_env=False)


@pytest.fixture(scope="module")
def undisturbed(faulty: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Give a pipeline whose backfill ran to its end at once."""
    place = Place(tmp_path_factory.mktemp("undisturbed"), faulty).prepared()
    place.finish()
    return place


def asked(server: SandboxServer, vendor: str, kind: str) -> int:
    """Count the requests a vendor got since the count was cleared."""
    counts = httpx.get(f"{server.url}/_sandbox/requests", trust_env=False).json()
    return int(counts["vendors"][vendor].get(kind, 0))


def assert_same_rows(place: Place, undisturbed: Place) -> None:
    """Compare every table but the logs, row for row."""
    expected, found = undisturbed.digests(), place.digests()
    differing = [name for name in expected if expected[name] != found[name]]
    assert differing == [], (differing, place.counts(), undisturbed.counts())


def test_the_undisturbed_backfill_fills_every_kind_of_table(undisturbed: Place) -> None:
    """What the kills are measured against has rows, rejected ones and an unknown symbol too."""
    counts = undisturbed.counts()
    assert counts["portfolio_snapshots"] == 3 * SESSIONS
    for name in (
        "equity_bars", "option_quotes", "market_data_cache", "symbol_factor_exposures", "headlines",
        "symbol_daily_metrics", "finviz_headlines", "quarantine", "fetch_coverage",
    ):  # fmt: skip
        assert counts[name] > 0, name
    assert [run.status for run in undisturbed.runs()] == [dg.DagsterRunStatus.SUCCESS] * 2


def test_kills_at_every_stage_leave_no_trace_in_the_rows(
    undisturbed: Place, faulty: SandboxServer, tmp_path: Path
) -> None:
    """Killed while collecting, deriving and reading news, the tables end up the same.

    What was collected before a kill is not asked for again.
    """
    dice = random.Random(20260618)
    place = Place(tmp_path / "state", faulty).prepared()

    def charts_asked(count: int) -> Callable[[], bool]:
        httpx.delete(f"{faulty.url}/_sandbox/requests", trust_env=False)
        return lambda: asked(faulty, "yahoo", "chart") >= count

    def says(line: str) -> Callable[[], bool]:
        return lambda: line in place.spoken()

    place.kill_when(charts_asked(dice.randint(6, 10)), dice.uniform(0, 0.1))
    covered = place.covered()
    assert 0 < covered < undisturbed.covered(), "the kill missed the collection"
    httpx.delete(f"{faulty.url}/_sandbox/requests", trust_env=False)
    place.kill_when(says("market_data_cache ..."), dice.uniform(0, 0.2))
    assert asked(faulty, "yahoo", "chart") == undisturbed.covered() - covered
    place.kill_when(says("finviz_headlines ..."), dice.uniform(0, 0.5))
    place.finish()
    assert_same_rows(place, undisturbed)
    assert place.counts()["enrichment_fetch_log"] >= undisturbed.counts()["enrichment_fetch_log"]

    statuses = [run.status for run in place.runs()]
    assert "had died with its process: marked as failed" in place.spoken()
    assert set(statuses) == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
    assert statuses.count(dg.DagsterRunStatus.FAILURE) == 3


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_at_any_time_leave_no_trace_in_the_rows(
    undisturbed: Place, faulty: SandboxServer, tmp_path: Path, seed: int
) -> None:
    """The command itself, killed eight times at random moments, ends with the same tables."""
    dice = random.Random(seed)
    place = Place(tmp_path / "state", faulty).prepared()
    command = [
        sys.executable, "-m", "market_pipeline.cli", "backfill", "--from", str(FIRST), "--to",
        str(LAST),
    ]  # fmt: skip
    around = environment(
        place.state,
        MARKET_PIPELINE_SANDBOX_URL=faulty.url,
        MARKET_PIPELINE_HEADLINE_RETENTION_DAYS=str(KEPT["headline_retention_days"]),
    )
    began = time.monotonic()
    subprocess.run(command, cwd=ROOT, env=around, check=True, capture_output=True, timeout=300)
    takes = time.monotonic() - began
    kills = 0
    for number in range(8):
        place = Place(tmp_path / f"state-{number}", faulty).prepared()
        around["MARKET_PIPELINE_STATE_DIR"] = str(place.state)
        for _ in range(dice.randint(1, 3)):
            process = subprocess.Popen(
                command, cwd=ROOT, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(dice.uniform(0.2, 1) * takes)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            process.wait()
        ended = subprocess.run(
            command, cwd=ROOT, env=around, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert_same_rows(place, undisturbed)
        assert not [run for run in place.runs() if not run.is_finished]
    assert kills >= 7
