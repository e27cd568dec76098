"""The demo's graph: through Dagster, through Dagster's stock event log, and without Dagster."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.lab import Lab
from benchmarks.plain_graph import PlainGraph
from benchmarks.registry import benchmark
from benchmarks.rows import Row, duration
from benchmarks.turns import in_turns, seconds
from market_pipeline.automation.sensors import read_book
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations.backfill import run_backfill
from market_pipeline.operations.demo import DATA_TABLES, EXAMPLES
from market_pipeline.partitions import latest_session
from market_pipeline.resources import open_warehouse, utc_now
from market_pipeline.settings import Settings, project_root, settings_in_force

_OUR_STORAGE = """\
storage:
  custom:
    module: market_pipeline.instance
    class: StateStorage
"""
_STOCK_STORAGE = "storage:\n  sqlite:\n    base_dir: {folder}\n"

_CLOCK_BOUND = (
    "finviz_headlines", "wire_headlines", "headlines", "headline_sources", "headline_symbols",
    "headline_match_keys", "headline_aggregates", "headline_impact", "company_profiles",
)  # fmt: skip
"""Tables whose rows depend on the minute in which news is collected."""


@benchmark("graph", "seconds of the demo's whole graph, and what Dagster is of them")
def graph(lab: Lab) -> Iterable[Row]:
    """Run the same dates over the same sandbox in several ways, each time from nothing."""
    lab.say("a turn that is not counted: modules load, the sandbox makes up its prices")
    warm_up = _Runs(lab, 1)
    (warm_up.without_dagster if lab.is_quick else warm_up.once_through_dagster)()
    yield from _orchestration(lab)
    yield from _event_log_and_rerun(lab)


def _orchestration(lab: Lab) -> Iterable[Row]:
    runs = _Runs(lab, lab.size(full=60, quick=3))
    sides = {
        "through Dagster": runs.once_through_dagster,
        "without Dagster": runs.without_dagster,
    }
    taken = in_turns(lab.size(full=3, quick=1), sides, lab.say)
    runs.require_equal_rows()
    name, through = f"graph.{runs.sessions}_sessions", taken["through Dagster"]
    alone = taken["without Dagster"]
    yield duration(name, through, peer="no Dagster", peer_seconds=alone)


def _event_log_and_rerun(lab: Lab) -> Iterable[Row]:
    runs = _Runs(lab, lab.size(full=20, quick=2))
    sides = {
        "our event log": runs.twice_through_dagster,
        "Dagster's event log": runs.with_stock_storage,
    }
    taken = in_turns(lab.size(full=2, quick=1), sides, lab.say)
    runs.require_equal_rows()
    name, ours = f"graph.{runs.sessions}_sessions", taken["our event log"]
    stock = taken["Dagster's event log"]
    yield duration(f"{name}.event_log", ours, peer="Dagster's event log", peer_seconds=stock)
    yield duration(f"{name}.again", runs.again, peer="the first run", peer_seconds=ours)


@dataclass
class _Runs:
    """The ways to make the last sessions; each gives its seconds and keeps a digest of its rows."""

    lab: Lab
    sessions: int
    digests: set[tuple[str, ...]] = field(default_factory=set)
    again: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        calendar = TradingCalendar.xnys()
        self.last = latest_session(calendar, utc_now())
        back = self.sessions - 1
        self.first = calendar.shift(self.last, -back) if back else self.last

    def once_through_dagster(self) -> float:
        """Run as the demo does."""
        with self._prepared() as settings, _dagster_home(project_root()):
            taken = seconds(lambda: self._backfill(settings))
            self._keep_digest(settings)
        return taken

    def twice_through_dagster(self) -> float:
        """Run as the demo does, then once more over what is there by then (kept in `again`)."""
        with self._prepared() as settings, _dagster_home(project_root()):
            taken = seconds(lambda: self._backfill(settings))
            self.again.append(seconds(lambda: self._backfill(settings)))
            self._keep_digest(settings)
        return taken

    def with_stock_storage(self) -> float:
        """Run as the demo does, on the storage Dagster uses where nothing is configured."""
        home = self.lab.new_folder()
        configured = (project_root() / "dagster.yaml").read_text(encoding="utf-8")
        if _OUR_STORAGE not in configured:
            raise RuntimeError("dagster.yaml does not name its storage as it used to")
        stock = configured.replace(_OUR_STORAGE, _STOCK_STORAGE.format(folder=home / "storage"))
        (home / "dagster.yaml").write_text(stock, encoding="utf-8")
        with self._prepared() as settings, _dagster_home(home):
            taken = seconds(lambda: self._backfill(settings))
            self._keep_digest(settings)
        return taken

    def without_dagster(self) -> float:
        """Run the same functions in a loop."""
        with self._prepared() as settings:
            taken = seconds(lambda: PlainGraph(settings).run(self.first, self.last))
            self._keep_digest(settings)
        return taken

    def require_equal_rows(self) -> None:
        """Raise RuntimeError where two ways did not make the same rows."""
        if len(self.digests) != 1:
            raise RuntimeError("the ways to run the graph made different rows")

    def _backfill(self, settings: Settings) -> None:
        result = run_backfill(self.first, self.last, settings=settings)
        if not result.succeeded:
            failures = [line for run in result.runs for line in run.failures]
            raise RuntimeError(f"the graph failed: {'; '.join(failures)}")

    @contextmanager
    def _prepared(self) -> Iterator[Settings]:
        """Put settings in force whose warehouse holds the example books and nothing else."""
        settings = self.lab.settings(sandbox_url=self.lab.sandbox_url())
        warehouse = open_warehouse(settings)
        for path in sorted((project_root() / EXAMPLES).glob("*.csv")):
            warehouse.import_book(read_book(path, self.last), utc_now())
        warehouse.dispose()
        with settings_in_force(settings):
            yield settings
        shutil.rmtree(settings.state_dir)

    def _keep_digest(self, settings: Settings) -> None:
        warehouse = open_warehouse(settings)
        tables = [name for name in DATA_TABLES if name not in _CLOCK_BOUND]
        self.digests.add(tuple(warehouse.table_digest(name) for name in tables))
        warehouse.dispose()


@contextmanager
def _dagster_home(folder: Path) -> Iterator[None]:
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before
