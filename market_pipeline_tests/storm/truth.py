"""Watching that what Dagster says of runs is so: whoever works has a process that lives.

A thread looks each second. The clock of a lie begins when it is first seen, or when the last
service was back, whichever is later: 60 s are allowed from the recovery on.
"""

import threading
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, field

import dagster as dg

from market_pipeline_tests.storm.site import Site

ALLOWED_S = 60.0
_SUBMITTED_WITHIN_S = 5.0
_LOOK_S = 1.0
_OPEN = [
    dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]  # fmt: skip
_PID = "Started process for run (pid: "


@dataclass
class Lie:
    """A run that is called under way and is not."""

    status: str
    since: float
    lasted_s: float = 0.0


@dataclass
class Truth:
    """What the watch has seen; `recovered_at` is set by whoever disturbs (None: still down)."""

    site: Site
    instance: dg.DagsterInstance
    clock: Callable[[], float] = time.monotonic
    recovered_at: float | None = 0.0
    lies: dict[str, Lie] = field(default_factory=dict)
    ended: list[tuple[str, Lie]] = field(default_factory=list)
    stuck: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    under_way: int = 0
    workers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="truth", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        self._thread.join(30)

    def longest_s(self) -> float:
        """Give the longest time after a recovery for which any run was called what it was not."""
        lies = [*(lie for _, lie in self.ended), *self.lies.values()]
        return max((lie.lasted_s for lie in lies), default=0.0)

    def settle(self, patience_s: float) -> float | None:
        """Wait until all is true, at most so long after a recovery; None where it never was."""
        began = self.clock()
        while self.clock() - began < patience_s:
            seen = self.looks
            while self.looks < seen + 2 and self.clock() - began < patience_s:
                time.sleep(0.1)
            if self.looks >= seen + 2 and not self.lies:
                return self.clock() - began
        return None

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_S):
            try:
                self._look()
            except Exception as error:  # the database is away: nothing is said, nothing is a lie
                self.last_error = f"{type(error).__name__}: {error}"
                continue
            self.looks += 1

    def _look(self) -> None:
        records = self.instance.get_run_records(dg.RunsFilter(statuses=_OPEN))
        living = {process.pid for process in self.site.spawned()}
        known = {self._pid(record.dagster_run.run_id, living) for record in records}
        free = len(living - known - {None})
        now, wall = self.clock(), time.time()
        false = {}
        for record in records:
            run = record.dagster_run
            pid = self.workers.get(run.run_id)
            if run.status is dg.DagsterRunStatus.NOT_STARTED:
                is_so = wall - record.create_timestamp.timestamp() < _SUBMITTED_WITHIN_S
            elif pid is None:
                is_so = free > 0  # it may be the one that loads
                free -= 1
            else:
                is_so = pid in living
            if not is_so:
                false[run.run_id] = run.status.value
        self.under_way = len(records) - len(false)
        self._note(false, now)

    def _note(self, false: dict[str, str], now: float) -> None:
        for run_id in set(self.lies) - set(false):
            self.ended.append((run_id, self.lies.pop(run_id)))
        for run_id, status in false.items():
            lie = self.lies.setdefault(run_id, Lie(status, now))
            if self.recovered_at is None:
                continue
            # A later kill begins the time anew: what was measured until then stays.
            here = now - max(lie.since, self.recovered_at)
            lie.lasted_s = max(lie.lasted_s, here)
            if here > ALLOWED_S:
                self.stuck[run_id] = f"{status} for {here:.0f} s after the recovery"

    def _pid(self, run_id: str, living: Set[int]) -> int | None:
        """Give the process that told last that it works on a run; one may follow another."""
        if self.workers.get(run_id) not in living:
            told = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
            for entry in told:
                text = entry.message if _PID in entry.message else entry.user_message
                if _PID in text:
                    self.workers[run_id] = int(text.partition(_PID)[2].partition(")")[0])
        return self.workers.get(run_id)
