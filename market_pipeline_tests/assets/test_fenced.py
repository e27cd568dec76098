"""One of a kind: a step whose dates a later run has taken stores nothing."""

from collections.abc import Callable
from datetime import date
from threading import Lock

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.domain.factors import exposures
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.warehouse.fences import Fence
from market_pipeline_tests.assets.conftest import graph  # noqa: F401  # a fixture
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import FakePrices

FRIDAY = date(2026, 11, 20)


class Interrupted:
    """Prices that do something else first: another run begins while these are asked for."""

    def __init__(self, prices: FakePrices, meanwhile: Callable[[], object]) -> None:
        self._prices, self._meanwhile, self.calls = prices, meanwhile, 0

    @property
    def name(self) -> str:
        return self._prices.name

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        self.calls += 1
        self._meanwhile()
        return self._prices.daily_bars(symbol, first, last)


def test_a_collected_asset_stores_nothing_over_its_successor(graph: Graph) -> None:  # noqa: F811  # fixture
    """Another run takes the dates while the vendor is asked: no bar is stored, and none again."""
    assert graph.run(FRIDAY, only=["company_profiles", "symbol_universe"]).success
    successor = Fence("equity_bars", FRIDAY, FRIDAY, "successor")
    graph.prices = Interrupted(graph.prices, lambda: graph.warehouse.taking(successor))  # type: ignore[assignment]  # a source that fits
    result = graph.run(FRIDAY, only=["equity_bars"])
    assert failed_steps(result) == ["equity_bars"]
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert graph.warehouse.count("equity_bars") == 0


def test_a_derived_asset_stores_nothing_over_its_successor(
    graph: Graph,  # noqa: F811  # fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another run takes the dates while factors are computed: what it stores stands."""
    assert graph.run(FRIDAY).success
    stored = graph.warehouse.table_digest("symbol_factor_exposures")

    def overtaken(returns: pd.DataFrame, *arguments: object, **options: object) -> object:
        successor = Fence("factor_exposures", FRIDAY, FRIDAY, "successor")
        graph.warehouse.taking(successor)
        return exposures(returns * 2.0 + 0.001, *arguments, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr("market_pipeline.assets.factors.exposures", overtaken)
    result = graph.run(FRIDAY, only=["factor_exposures"])
    assert failed_steps(result) == ["factor_exposures"]
    assert graph.warehouse.table_digest("symbol_factor_exposures") == stored


def test_a_run_that_is_over_begins_no_step(graph: Graph) -> None:  # noqa: F811  # fixture
    """A worker that was declared dead and lives takes no fence from its successor."""
    assert graph.run(FRIDAY, only=["company_profiles", "symbol_universe"]).success

    once = Lock()

    def declare_dead() -> None:
        # Symbols are asked for by several threads, which the storage in memory does not bear.
        if not once.acquire(blocking=False):
            return
        for run in graph.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            graph.instance.report_run_failed(run, "its worker has not renewed its lease")

    interrupted = Interrupted(graph.prices, declare_dead)
    graph.prices = interrupted  # type: ignore[assignment]  # a source that fits
    result = graph.run(FRIDAY, only=["equity_bars", "market_data_cache"])
    assert "market_data_cache" in failed_steps(result)
    assert graph.warehouse.count("market_data_cache") == 0
