"""The figures of a storm."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from market_pipeline_tests.storm.comparing import LEFT_OUT, Verdict
from market_pipeline_tests.storm.truth import ALLOWED_S


@dataclass(frozen=True)
class Kill:
    """One kill: of what kind, how, how many workers lived, and until all services were back."""

    kind: str
    how: str
    workers: int
    recovered_s: float | None


@dataclass
class Report:
    """What a storm did and what it left."""

    database: str
    seed: int
    asked_kills: int
    sessions: int
    kills: list[Kill] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    asked_by_sensor: Counter[str] = field(default_factory=Counter)
    stuck: dict[str, str] = field(default_factory=dict)
    untrue: int = 0
    longest_s: float = 0.0
    settled_s: float | None = None
    died_alone: dict[str, int] = field(default_factory=dict)
    finished_s: float | None = None
    missing: dict[str, int] = field(default_factory=dict)
    verdict: Verdict | None = None
    took_s: float = 0.0

    @property
    def violations(self) -> Sequence[str]:
        """Name what should not be."""
        found = [f"run {run[:8]} stuck: {how}" for run, how in self.stuck.items()]
        found += [
            f"a service did not come back after kill {number}"
            for number, kill in enumerate(self.kills, 1)
            if kill.recovered_s is None
        ]
        if len(self.kills) < self.asked_kills:
            found.append(f"{len(self.kills)} of {self.asked_kills} kills in the time")
        if self.settled_s is None:
            found.append(f"not all runs were in a true state {ALLOWED_S:.0f} s after the last kill")
        if self.finished_s is None:
            found.append(f"the work was not finished; sessions missing: {self.missing}")
        if self.verdict is None:
            found.append("the tables were not compared")
        else:
            found += [f"{name}: {how}" for name, how in self.verdict.differing.items()]
            found += [f"{name}: {n} keys twice" for name, n in self.verdict.duplicates.items()]
        return found

    @property
    def holds(self) -> bool:
        """Say whether nothing was violated."""
        return not self.violations

    def told(self) -> str:
        """Write the figures for people."""
        lines = [f"\nstorm on {self.database}, seed {self.seed}, {self.sessions} sessions", ""]
        lines.append(f"{'killed':14}{'kills':>6}{'met a run':>11}{'back after, at most':>21}")
        for kind in sorted({kill.kind for kill in self.kills}):
            lines.append(self._row(kind, [kill for kill in self.kills if kill.kind == kind]))
        lines += [self._row("all", self.kills), ""]
        told = Counter(kill.how for kill in self.kills)
        verdict = self.verdict
        figures: list[tuple[str, object]] = [
            ("how", ", ".join(f"{how} {count}" for how, count in sorted(told.items()))),
            ("runs", _counted(self.runs)),
            ("of jobs", _counted(self.jobs)),
            ("retried", f"{self.retried} runs are retries by Dagster"),
            ("asked by sensors", _counted(self.asked_by_sensor) or "nothing"),
            (
                "untrue for a time",
                f"{self.untrue} runs, {self.longest_s:.1f} s after a recovery at most",
            ),
            ("stuck", f"{len(self.stuck)} runs (untrue for over {ALLOWED_S:.0f} s)"),
            ("all true", _seconds(self.settled_s, "after the last recovery")),
            ("all made", _seconds(self.finished_s, "after that")),
            ("ended by themselves", _counted(Counter(self.died_alone)) or "no service"),
        ]
        if verdict is not None:
            held = f"{verdict.tables} tables, {verdict.rows:,} rows; {len(LEFT_OUT)} logs left out"
            figures += [
                ("compared", held),
                ("differing", f"{len(verdict.differing)} tables"),
                ("duplicates", f"{sum(verdict.duplicates.values())} keys"),
            ]
        figures.append(("took", f"{self.took_s / 60:.1f} minutes"))
        lines += [f"{name:22}{value}" for name, value in figures]
        lines += ["", *(f"VIOLATION {each}" for each in self.violations)]
        lines.append("all holds" if self.holds else f"{len(self.violations)} violations")
        return "\n".join(lines)

    def _row(self, name: str, kills: Sequence[Kill]) -> str:
        back = max((kill.recovered_s or 0.0 for kill in kills), default=0.0)
        met = sum(kill.workers > 0 for kill in kills)
        return f"{name:14}{len(kills):>6}{met:>11}{back:>19.1f} s"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common() if count)


def _seconds(seconds: float | None, since: str) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s {since}"
