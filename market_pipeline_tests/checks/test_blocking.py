"""What a failed claim stops: everything below where it blocks, nothing where it does not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.domain.errors import UnknownSymbol
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.factor_store import FactorStore
from market_pipeline.warehouse.fences import Fence, FencedDatabase
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.checks.conftest import FRIDAY, IMPORTED, THURSDAY

BELOW_PRICES = {
    "factor_exposures", "symbol_daily_metrics", "portfolio_snapshots", "portfolio_onboarding",
    "portfolio_risk", "headline_impact", "portfolio_report",
}  # fmt: skip
ALL = {
    "company_profiles", "symbol_universe", "fundamentals", "equity_bars", "option_contracts",
    "option_quotes", "option_values", "market_data_cache", *BELOW_PRICES,
}  # fmt: skip

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


class SpoilingWarehouse(Warehouse):
    """A warehouse in which a derived table comes out wrong, as a bug of ours would make it."""

    spoils: dict[str, Spoil]

    def replace_ranges(
        self, frames: Mapping[str, pd.DataFrame], first: date, last: date
    ) -> WriteCounts:
        spoilt = {
            name: self.spoils[name](frame.copy()) if name in self.spoils and len(frame) else frame
            for name, frame in frames.items()
        }
        return super().replace_ranges(spoilt, first, last)

    def behind(self, fence: Fence) -> Warehouse:
        warehouse = SpoilingWarehouse(FencedDatabase(self._database, fence))
        warehouse.spoils = self.spoils
        return warehouse

    @property
    def factors(self) -> FactorStore:
        spoils = self.spoils

        class Spoiling(FactorStore):
            def replace_exposures(self, frame: pd.DataFrame, *args: Any) -> WriteCounts:
                spoil = spoils.get("symbol_factor_exposures")
                spoilt = frame if spoil is None or frame.empty else spoil(frame.copy())
                return super().replace_exposures(spoilt, *args)

        return Spoiling(self._database)


@pytest.fixture
def graph(state_dir: Path) -> Iterator[Graph]:
    """Give the graph over a book of two stocks and a warehouse that may be told to spoil."""
    state_dir.mkdir(parents=True)
    warehouse = SpoilingWarehouse(Database(f"sqlite:///{state_dir / 'warehouse.db'}"))
    warehouse.spoils = {}
    warehouse.upgrade()
    warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "KO", -40)), IMPORTED)
    yield Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
    warehouse.dispose()


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    """Name the assets a run materialized."""
    return {
        event.asset_key.path[-1]
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }


def not_held(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckSeverity]:
    """Give the severity of each claim that did not hold."""
    verdicts = result.get_asset_check_evaluations()
    return {each.check_name: each.severity for each in verdicts if not each.passed}


@dataclass(frozen=True)
class Wrong:
    """A table that comes out wrong, the check that notices, and what is made all the same."""

    table: str
    spoil: Spoil
    check: str
    still_made: set[str]


def first_row(column: str, value: object) -> Spoil:
    """Write a value into the first row."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = [value, *frame[column].tolist()[1:]]
        return frame

    return spoil


BLOCKING = {
    "an impossible price": Wrong(
        "market_data_cache", first_row("price_usd", -1.0), "market_data_cache_no_impossible_bar",
        ALL - BELOW_PRICES,
    ),
    "prices of two stocks missing": Wrong(
        "market_data_cache", lambda f: f[~f["symbol"].isin(["AAPL", "KO"])],
        "market_data_cache_prices_cover_the_universe", ALL - BELOW_PRICES,
    ),
    "no price at all": Wrong(
        "market_data_cache", lambda f: f[:0], "market_data_cache_is_sound",
        ALL - BELOW_PRICES,
    ),
    "an empty universe": Wrong(
        "symbol_universe", lambda f: f[:0], "symbol_universe_is_sound",
        {"company_profiles", "symbol_universe"},
    ),
    "a beta beyond its cap": Wrong(
        "symbol_factor_exposures", first_row("beta", 99.0),
        "factor_exposures_exposures_are_in_bounds",
        ALL - (BELOW_PRICES - {"factor_exposures"}),
    ),
    "a snapshot that does not add up": Wrong(
        "portfolio_positions", lambda f: f[1:], "portfolio_snapshots_snapshots_add_up",
        ALL - {"portfolio_onboarding", "portfolio_risk", "portfolio_report"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKING)
def test_a_blocking_claim_stops_what_is_below(graph: Graph, name: str) -> None:
    """The check's step fails the run, and nothing is built on what it judged."""
    wrong = BLOCKING[name]
    assert isinstance(graph.warehouse, SpoilingWarehouse)
    graph.warehouse.spoils = {wrong.table: wrong.spoil}
    result = graph.run(FRIDAY)
    assert not result.success
    assert wrong.check in failed_steps(result)
    assert made(result) == wrong.still_made


def test_a_range_is_stopped_by_one_of_its_days(graph: Graph) -> None:
    """Thursday's impossible price stops Friday too: they are one run."""
    assert isinstance(graph.warehouse, SpoilingWarehouse)
    graph.warehouse.spoils = {"market_data_cache": first_row("price_usd", -1.0)}
    result = graph.run(THURSDAY, FRIDAY)
    assert failed_steps(result) == ["market_data_cache_no_impossible_bar"]
    assert made(result) == ALL - BELOW_PRICES


def test_a_claim_that_does_not_block_stops_nothing(graph: Graph) -> None:
    """Metrics that came out empty are an ERROR to be seen, and the snapshots are made."""
    assert isinstance(graph.warehouse, SpoilingWarehouse)
    graph.warehouse.spoils = {"symbol_daily_metrics": lambda f: f[:0]}
    result = graph.run(FRIDAY)
    assert result.success
    assert made(result) == ALL
    failed = {
        e.check_name: e.severity for e in result.get_asset_check_evaluations() if not e.passed
    }
    assert failed == {
        "symbol_daily_metrics_is_not_empty": dg.AssetCheckSeverity.ERROR,
        "symbol_daily_metrics_is_fresh": dg.AssetCheckSeverity.WARN,
        "snapshots_had_their_inputs": dg.AssetCheckSeverity.WARN,
    }


def test_warnings_stop_nothing(graph: Graph) -> None:
    """A factor without its proxy and a position without a price: worth a look, all is made."""
    graph.prices.fails["TLT"] = [UnknownSymbol("fake", "chart", "no TLT")]
    graph.warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "GONE")), IMPORTED)
    result = graph.run(FRIDAY)
    assert result.success
    assert made(result) == ALL
    failed = {
        e.check_name: e.severity for e in result.get_asset_check_evaluations() if not e.passed
    }
    assert failed == {
        "every_position_is_priced": dg.AssetCheckSeverity.WARN,
    }


def test_a_warning_goes_with_its_evidence(graph: Graph) -> None:
    """A jump nobody explains: the price is used, flagged, and the warning counts it."""
    jumped = graph.prices.frames["KO"].copy()
    last = jumped["session_date"] == pd.Timestamp(FRIDAY)
    jumped.loc[last, ["open", "high", "low", "close", "adj_close"]] *= 2
    graph.prices.frames = {**graph.prices.frames, "KO": jumped}
    result = graph.run(FRIDAY)
    assert result.success
    verdict = next(
        e for e in result.get_asset_check_evaluations() if e.check_name == "nothing_in_quarantine"
    )
    assert (verdict.passed, verdict.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert verdict.metadata["flagged"].value == 1
    assert "unexplained_jump 1" in (verdict.description or "")
    snapshot = graph.warehouse.read("portfolio_snapshots").iloc[0]
    assert snapshot["unpriced_count"] == 0
