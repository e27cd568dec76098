"""The storm itself: a site under work, and kills at random moments.

On PostgreSQL the database is killed as a server is: all its processes at once, or an immediate
stop. SQLite has no server: there a kill of the database is one of every process that has it open,
while one of them is in the middle of a write transaction. A step of the project's own jobs runs in
its run's worker and dies with it; in `session_in_steps` it has a process of its own.
"""

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import psutil

from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import date_key
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.end_to_end.sandboxed import (
    LAST,
    ROOT,
    environment,
    sandbox,
    with_books,
)
from market_pipeline_tests.fakes import TWO_FACTORS
from market_pipeline_tests.storm import comparing
from market_pipeline_tests.storm.postgres import PrivatePostgres
from market_pipeline_tests.storm.report import Kill, Report
from market_pipeline_tests.storm.site import Service, Site, kill, listens, python
from market_pipeline_tests.storm.truth import ALLOWED_S, Truth
from market_pipeline_tests.storm.work import LOCATION, NEWS, Work, sessions_of

KINDS = ("worker", "step", "code server", "daemon", "database")
SLOWLY = (
    # A kill finds requests in flight. What is told stays right, whichever dates are asked for.
    {"kind": "slow_body", "vendor": "yahoo", "path": "/chart/[A-M]", "params": {"seconds": 0.1}},
)
SEED_SESSIONS = 5
BACK_WITHIN_S, FINISH_WITHIN_S, WORKER_WITHIN_S, BUSY_WITHIN_S = 120.0, 2700.0, 30.0, 10.0


class Storm:
    """One storm in a folder of its own; `run` gives its figures."""

    def __init__(self, folder: Path, database: str, seed: int, sessions: int) -> None:
        self._folder, self._dice = folder, random.Random(seed)
        self._sessions = sessions_of(sessions)
        self._report = Report(database, seed, 0, sessions)
        self._began = time.monotonic()
        self._postgres: PrivatePostgres | None = None

    def run(self, kills: int, limit_s: float) -> Report:
        """Kill so often, within `limit_s` seconds; finish the work; compare."""
        self._report.asked_kills = kills
        with sandbox() as vendors, contextlib.ExitStack() as stack:
            httpx.post(
                f"{vendors.url}/_sandbox/faults", json=SLOWLY, trust_env=False
            ).raise_for_status()
            variables = self._prepare(vendors.url)
            site = Site(self._folder, variables("storm"))
            stack.callback(site.close)
            self._start_database(site)
            self._in_peace(variables("calm"), [self._sessions[0], self._sessions[-1]])
            self._in_peace(
                variables("storm"), [self._sessions[0], self._sessions[SEED_SESSIONS - 1]]
            )
            os.environ.update(variables("storm"))
            forget_settings()
            instance = stack.enter_context(
                dg.DagsterInstance.from_config(variables("storm")["DAGSTER_HOME"])
            )
            self._start_services(site, instance)
            self._disturb(site, instance, kills, limit_s)
            self._count_runs(instance)
            self._compare(variables)
        self._report.took_s = time.monotonic() - self._began
        return self._report

    # -- before ----------------------------------------------------------------------------

    def _prepare(self, vendors: str) -> Callable[[str], dict[str, str]]:
        home = self._folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
        self._port = _free_port()
        (home / "workspace.yaml").write_text(
            f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {self._port}, "
            f"location_name: {LOCATION}}}\n"
        )
        if self._report.database == "postgres":
            self._postgres = PrivatePostgres(self._folder / "postgres", _free_port())

        def variables(name: str) -> dict[str, str]:
            told = {
                "MARKET_PIPELINE_SANDBOX_URL": vendors,
                "MARKET_PIPELINE_AUTOMATION": "on",
                "MARKET_PIPELINE_FIRST_SESSION": self._sessions[0].isoformat(),
                "MARKET_PIPELINE_FACTORS": json.dumps(TWO_FACTORS),
                "MARKET_PIPELINE_HEADLINE_RETENTION_DAYS": "3650",
                # The market stands still after the last session: what follows is no gap.
                "MARKET_PIPELINE_EXTRA_CLOSURES": ",".join(
                    map(date.isoformat, _sessions_since(LAST))
                ),
                "DAGSTER_HOME": str(home),
                "DAGSTER_EVENT_BATCH_SIZE": "100",
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "PYTHONPATH": str(ROOT),
            }
            if self._postgres is not None:
                told["MARKET_PIPELINE_DATABASE_URL"] = self._postgres.url(f"{name}_market")
                dagster = self._postgres.url(f"{name}_dagster", "psycopg2")
                told["MARKET_PIPELINE_DAGSTER_DATABASE_URL"] = dagster
            return environment(self._folder / name, **told)

        return variables

    def _start_database(self, site: Site) -> None:
        server = self._postgres
        if server is None:
            return
        site.add(Service("database", server.command, lambda _: server.answers(), server.user))
        _wait(server.answers, 60, "PostgreSQL does not answer")
        server.create("storm_market", "storm_dagster", "calm_market", "calm_dagster")

    def _in_peace(self, variables: Mapping[str, str], ends: Sequence[date]) -> None:
        """Import the books and make sessions in one process; news too, where it is all of them."""
        first, last = map(date_key, ends)
        warehouse = _opened(variables)
        warehouse.dispose()
        jobs = ["session_job", first, last]
        if ends[-1] == self._sessions[-1]:
            jobs = ["news_job", *map(date_key, NEWS), *jobs]
        self._say(f"in peace: {' '.join(jobs)}")
        with (self._folder / "undisturbed.log").open("ab") as output:
            subprocess.run(
                python("market_pipeline_tests.storm.undisturbed", *jobs),
                env=dict(variables), cwd=ROOT, check=True, stdout=output, stderr=output,
            )  # fmt: skip

    def _start_services(self, site: Site, instance: dg.DagsterInstance) -> None:
        port = self._port
        code = python("dagster", "api", "grpc", "-p", str(port), "-h", "127.0.0.1", "-m",
                      "market_pipeline_tests.storm.location")  # fmt: skip
        site.add(Service("code server", code, lambda _: listens(port)))

        def beats(since: float) -> bool:
            try:
                told = instance.get_daemon_statuses()
            except Exception:  # the database is away, and the daemon with it
                return False
            beat = [status.last_heartbeat for status in told.values() if status.required]
            return all(each is not None and each.timestamp >= since for each in beat)

        daemon = python(
            "dagster._daemon", "run", "-w", str(self._folder / "home" / "workspace.yaml")
        )
        site.add(Service("daemon", daemon, beats))
        _wait(site.answers, BACK_WITHIN_S, "the services do not start")

    # -- the storm -------------------------------------------------------------------------

    def _disturb(
        self, site: Site, instance: dg.DagsterInstance, kills: int, limit_s: float
    ) -> None:
        from market_pipeline_tests.storm.location import define

        truth = Truth(site, instance)
        work = Work(instance, define(), self._sessions[SEED_SESSIONS:], self._port, self._dice)
        truth.start()
        try:
            kinds: list[str] = []
            while len(self._report.kills) < kills and time.monotonic() - self._began < limit_s:
                if not kinds:  # each kind as often as any other, in an order of the dice
                    kinds = self._dice.sample(KINDS, len(KINDS))
                self._one(site, truth, work, kinds.pop())
            self._say("the last kill; waiting until all is true")
            self._report.settled_s = truth.settle(ALLOWED_S)
            self._finish(work, truth)
        finally:
            truth.close()
        self._report.stuck = truth.stuck
        self._report.untrue = len(truth.ended) + len(truth.lies)
        self._report.longest_s = truth.longest_s()
        self._report.died_alone = {name: each.died for name, each in site.services.items()}

    def _one(self, site: Site, truth: Truth, work: Work, kind: str) -> None:
        """Let it work for a random time, kill, wait until the services are back."""
        _patiently(work.feed, truth)
        # Now and then there is time for all to become true; mostly the next kill comes before.
        if self._dice.random() < 0.3:
            truth.settle(ALLOWED_S)
        deadline = time.monotonic() + WORKER_WITHIN_S
        while not site.spawned() and time.monotonic() < deadline:
            _patiently(work.feed, truth)
            time.sleep(0.5)
        time.sleep(self._dice.uniform(0, 10))
        workers = len(site.spawned())
        how = self._strike(site, truth, kind)
        if how is None:
            self._say(f"no {kind} to kill")
            return
        truth.recovered_at, killed_at = None, time.monotonic()
        back = _until(site.answers, BACK_WITHIN_S)
        truth.recovered_at = time.monotonic()
        took = time.monotonic() - killed_at if back else None
        self._report.kills.append(Kill(kind, how, workers, took))
        number = len(self._report.kills)
        seen = (
            f"{len(truth.lies)} untrue, {truth.longest_s():.0f} s at most, {len(truth.stuck)} stuck"
        )
        came = "back never" if took is None else f"back after {took:.1f} s"
        self._say(f"kill {number}: {how}; {workers} workers; {came}; {seen}")

    def _strike(self, site: Site, truth: Truth, kind: str) -> str | None:
        """Kill one of a kind; say how, or None where none was there any more."""
        if kind in ("code server", "daemon"):
            site.kill(kind)
            return kind
        if kind == "database":
            return self._strike_database(site)
        spawned = site.spawned()
        known = set(truth.workers.values())
        workers = [each for each in spawned if each.pid in known] or spawned
        steps = [each for each in spawned if _parent(each) in known]
        if kind == "step" and steps:
            return "step in a process of its own" if kill(self._dice.choice(steps)) else None
        if not workers:
            return None
        chosen = self._dice.choice(workers)
        if kind == "worker" and self._dice.random() < 0.3:
            # The case that no default launcher notices: whoever waits for the worker dies, too.
            site.kill("code server")
            kill(chosen)
            return "worker with its code server"
        if not kill(chosen):
            return None
        return "worker" if kind == "worker" else "step with its worker"

    def _strike_database(self, site: Site) -> str:
        if self._postgres is not None:
            rest_s = self._dice.uniform(0.5, 6)
            if self._dice.random() < 0.5:
                site.kill("database", rest_s=rest_s)
                return "PostgreSQL, all processes"
            site.kill("database", signal.SIGQUIT, rest_s)
            return "PostgreSQL, immediate stop"
        is_busy = _until(
            lambda: _is_written(self._folder / "storm" / "warehouse.db"), BUSY_WITHIN_S, 0.0
        )
        for process in site.spawned():
            kill(process)
        site.kill("code server")
        site.kill("daemon")
        return "all, in a write transaction" if is_busy else "all, between transactions"

    def _finish(self, work: Work, truth: Truth) -> None:
        """Ask for what was not asked for yet; wait until retries and the catch-up are through."""
        began = time.monotonic()
        deadline = began + FINISH_WITHIN_S
        while time.monotonic() < deadline:
            if not work.is_all_asked:
                work.ask_for_the_rest()
            elif not work.open_runs() and not work.missing() and work.is_settled():
                self._report.finished_s = time.monotonic() - began
                break
            time.sleep(2)
        self._report.missing = work.missing()

    # -- after -----------------------------------------------------------------------------

    def _count_runs(self, instance: dg.DagsterInstance) -> None:
        runs = instance.get_runs()
        self._report.runs = Counter(run.status.value.lower() for run in runs)
        self._report.jobs = Counter(run.job_name for run in runs)
        self._report.retried = sum("dagster/retry_number" in run.tags for run in runs)
        sensors = [
            run.tags["dagster/sensor_name"] for run in runs if "dagster/sensor_name" in run.tags
        ]
        self._report.asked_by_sensor = Counter(sensors)

    def _compare(self, variables: Callable[[str], dict[str, str]]) -> None:
        disturbed, undisturbed = (_opened(variables(name)) for name in ("storm", "calm"))
        self._report.verdict = comparing.compare(disturbed, undisturbed)
        disturbed.dispose()
        undisturbed.dispose()

    def _say(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {line}", file=sys.stderr, flush=True)


def _opened(variables: Mapping[str, str]) -> Warehouse:
    """Open the warehouse that the variables name, up to date and with the example portfolios."""
    os.environ.update(variables)
    forget_settings()
    settings = current_settings()
    warehouse = Warehouse.open(settings.warehouse_url)
    warehouse.upgrade()
    if not warehouse.count("portfolios"):
        warehouse.dispose()
        warehouse = with_books(settings)
    return warehouse


def _is_written(path: Path) -> bool:
    """Say whether a write transaction holds a SQLite file at this moment."""
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        connection.execute("ROLLBACK")
    return False


def _sessions_since(day: date) -> Sequence[date]:
    today = datetime.now(UTC).date()
    return TradingCalendar.xnys().sessions(day + timedelta(days=1), today + timedelta(days=10))


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return None


def _patiently(action: Callable[[], None], truth: Truth) -> None:
    """Do it; while the database comes back it may fail, and is tried at the next turn."""
    try:
        action()
    except Exception as error:  # whatever a database that is away makes of it
        print(f"           (feeding failed: {type(error).__name__})", file=sys.stderr)


def _until(happened: Callable[[], bool], timeout_s: float, pause_s: float = 0.2) -> bool:
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True


def _wait(happened: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    if not _until(happened, timeout_s):
        raise RuntimeError(otherwise)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
