"""A backfill, the schedule and a sensor want one session at once: one writes, and one result."""

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep

import dagster as dg

from market_pipeline.automation.jobs import range_tags
from market_pipeline.partitions import date_key
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, graph  # noqa: F401  # a fixture
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.automation.simulation import QUIETLY
from market_pipeline_tests.new_processes import FROM_SERVER, take_environment

ROOT = Path(__file__).resolve().parents[2]
THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
TABLES = ("equity_bars", "market_data_cache", "symbol_factor_exposures", "portfolio_snapshots")
WANTED = {
    "daily_graph": ("session_job", FRIDAY),
    "price_refresh": ("price_job", FRIDAY),
    "missed_sessions": ("session_job", THURSDAY),
}
"""Who starts what, from which session to Friday's."""


def run(name: str, home: str, url: str, folder: str) -> tuple[bool, list[str]]:
    """Make a run in a process of its own; give whether it succeeded, and the symbols asked for.

    It waits until the others are as far. Threads would not do: Dagster sets logging up per run.
    """
    warehouse = Warehouse.open(url)
    made = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
    with dg.DagsterInstance.from_config(home) as instance:
        made.instance = instance
        job = made.definitions().resolve_job_def(WANTED[name][0])
        (Path(folder) / name).touch()
        deadline = monotonic() + 60
        while not all((Path(folder) / other).exists() for other in WANTED):
            assert monotonic() < deadline
            sleep(0.01)
        tags = range_tags(date_key(WANTED[name][1]), date_key(FRIDAY))
        result = job.execute_in_process(
            instance=instance, tags=tags, run_config=QUIETLY, raise_on_error=False
        )
    warehouse.dispose()
    return result.success, [symbol for symbol, _, _ in made.prices.asked]


def spans(instance: dg.DagsterInstance, step: str) -> list[tuple[float, float]]:
    """Give when each run's step of an asset began and ended, in the order of their beginnings."""
    found = []
    for run in instance.get_runs():
        at = {
            entry.get_dagster_event().event_type_value: entry.timestamp
            for entry in instance.all_logs(run.run_id)
            if entry.is_dagster_event and entry.get_dagster_event().step_key == step
        }
        found.append((at["STEP_START"], at["STEP_SUCCESS"]))
    return sorted(found)


def _check_turns(instance: dg.DagsterInstance) -> None:
    for step in ("symbol_universe", "equity_bars", "market_data_cache"):
        turns = spans(instance, step)
        assert len(turns) == len(WANTED)
        assert all(ended <= began for (_, ended), (began, _) in pairwise(turns)), step


def test_one_writes_at_a_time_and_there_is_one_result(
    graph: Graph,  # noqa: F811  # fixture
    tmp_path: Path,
) -> None:
    """Each asset's steps take turns, and the rows are those of one run."""
    home, ready = tmp_path / "home", tmp_path / "ready"
    home.mkdir()
    ready.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    with ProcessPoolExecutor(
        len(WANTED),
        mp_context=FROM_SERVER,
        initializer=take_environment,
        initargs=(dict(os.environ),),
    ) as pool:
        ends = [pool.submit(run, name, str(home), url, str(ready)) for name in WANTED]
        outcomes = [each.result(timeout=90) for each in ends]
    assert [succeeded for succeeded, _ in outcomes] == [True] * len(WANTED)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        _check_turns(instance)
    alone = Warehouse.open(f"sqlite:///{tmp_path / 'alone.db'}")
    alone.upgrade()
    for book in graph.warehouse.books():
        alone.import_book(book, graph.clock())
    assert Graph(alone, type(graph.prices)(graph.prices.frames)).run(THURSDAY, FRIDAY).success
    for table in TABLES:
        rows = [each.read(table, first=THURSDAY, last=FRIDAY) for each in (graph.warehouse, alone)]
        told = [
            frame.drop(columns=[c for c in frame if c in {"fetched_at", "run_id", "computed_at"}])
            for frame in rows
        ]
        assert len(told[0])
        assert told[0].to_csv() == told[1].to_csv(), table
    alone.dispose()
