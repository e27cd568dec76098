"""Definitions through the graph: added in the settings, changed, skipped; options and stand-ins."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest

from market_pipeline.assets import factors as asset
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.factors import exposures
from market_pipeline.operations import backfill
from market_pipeline.settings import forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.assets.test_options import CALL, option
from market_pipeline_tests.fakes import TWO_FACTORS, FakeClock

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
TABLE, KEPT = "symbol_factor_exposures", "superseded_factor_exposures"
VALUE = {"proxies": ["VTV", "SPY"], "kind": "spread", "window": 120, "min_observations": 60}

Say = Callable[[dict[str, Any]], None]


@pytest.fixture
def say(state_dir: object, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Give a function that puts definitions in the settings, beside the two of all tests."""

    def put(factors: dict[str, Any]) -> None:
        monkeypatch.setenv("MARKET_PIPELINE_FACTORS", json.dumps(TWO_FACTORS | factors))
        forget_settings()

    return put


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the names of the definitions that the regression was asked for, in order."""
    asked: list[str] = []

    def spy(returns: pd.DataFrame, definitions: Sequence[Any], *rest: Any, **named: Any) -> Any:
        asked.extend(definition.name for definition in definitions)
        return exposures(returns, definitions, *rest, **named)

    monkeypatch.setattr(asset, "exposures", spy)
    return asked


def rows_of(warehouse: Warehouse, *, other_than: str = "") -> pd.DataFrame:
    """Read the results, those of one definition left out."""
    rows = warehouse.read(TABLE)
    return rows[rows["definition"] != other_than].reset_index(drop=True)


def test_an_added_definition_is_in_the_next_run(graph: Graph, say: Say) -> None:
    """No code: its proxy is collected, it is measured, and what is measured names it."""
    assert graph.run(THURSDAY).success
    graph.prices.frames = {**graph.prices.frames, **bars_of("VTV").frames}
    say({"value": VALUE})
    assert graph.run(FRIDAY).success
    rows = graph.warehouse.read(TABLE, first=FRIDAY, last=FRIDAY)
    assert set(rows["factor"]) == {"market", "interest_rate", "value"}
    assert set(rows["symbol"]) == {"AAPL", "KO", "SPY", "TLT", "VTV"}
    universe = graph.warehouse.read("symbol_universe", first=FRIDAY, last=FRIDAY)
    assert set(universe.loc[universe["symbol"] == "VTV", "reasons"]) == {"factor_proxy"}
    defined = graph.warehouse.read("factor_definitions", where={"is_active": True})
    assert defined["name"].tolist() == ["interest_rate", "market", "value"]
    metrics = graph.warehouse.read("symbol_daily_metrics", first=FRIDAY, symbols=["KO"])
    assert "value" in json.loads(metrics["betas"].item())


def test_its_backfill_touches_no_other_factor(
    graph: Graph, say: Say, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others keep their bytes, nothing of them is written, and nobody computes them."""
    assert graph.run(THURSDAY, FRIDAY).success
    before = rows_of(graph.warehouse)
    graph.prices.frames = {**graph.prices.frames, **bars_of("VTV").frames}
    say({"value": VALUE})
    measured.clear()
    result = run_command(graph, monkeypatch, ("value",))
    assert result.succeeded
    assert measured == ["value"]
    pd.testing.assert_frame_equal(
        rows_of(graph.warehouse, other_than="value"), before, check_exact=True
    )
    value = graph.warehouse.read(TABLE, where={"definition": "value"})
    assert len(value) == 2 * 5
    again = run_command(graph, monkeypatch, ("value",))
    assert again.rows_changed == 0
    notes = graph.warehouse.read("enrichment_compute_log", where={"asset": "factor_exposures"})
    assert notes.empty


def run_command(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, factors: tuple[str, ...]
) -> backfill.BackfillResult:
    """Run `backfill --factor` over the fakes."""
    monkeypatch.setattr(backfill, "build_defs", lambda settings: graph.definitions())
    monkeypatch.setattr(backfill, "utc_now", FakeClock())
    return backfill.run_backfill(THURSDAY, FRIDAY, factors=factors)


def test_a_changed_definition_leaves_old_results_readable(graph: Graph, say: Say) -> None:
    """Its version is in every row: new ones where it was run, the old ones elsewhere and aside."""
    assert graph.run(THURSDAY, FRIDAY).success
    old = graph.warehouse.read(TABLE, where={"definition": "market"})
    say({"market": {"window": 60}})
    assert graph.run(FRIDAY).success
    rows = graph.warehouse.read(TABLE, where={"definition": "market"})
    is_made_anew = rows["session_date"] == pd.Timestamp(FRIDAY)
    assert set(rows.loc[~is_made_anew, "definition_version"]) == {1}
    assert set(rows.loc[is_made_anew, "definition_version"]) == {2}
    assert set(rows.loc[is_made_anew, "observations"]) == {60}
    of_friday = old[old["session_date"] == pd.Timestamp(FRIDAY)].reset_index(drop=True)
    pd.testing.assert_frame_equal(graph.warehouse.read(KEPT), of_friday, check_exact=True)
    rates = graph.warehouse.read(TABLE, where={"definition": "interest_rate"})
    assert set(rates["definition_version"]) == {1}


def test_what_is_switched_off_is_measured_no_more_and_stays_readable(
    graph: Graph, say: Say
) -> None:
    """Results of before stand as they are, in a range that is run again too."""
    assert graph.run(THURSDAY, FRIDAY).success
    before = graph.warehouse.read(TABLE, where={"definition": "interest_rate"})
    say({"interest_rate": {"active": False}})
    assert graph.run(FRIDAY).success
    after = graph.warehouse.read(TABLE, where={"definition": "interest_rate"})
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_a_missing_proxy_is_a_note_and_no_failure(graph: Graph, say: Say) -> None:
    """No vendor knows it: the run and its checks hold, and the reason is kept."""
    say({"gone": {"proxies": ["ZZGONE"]}})
    result = graph.run(FRIDAY)
    assert result.success
    verdicts = {each.check_name: each for each in result.get_asset_check_evaluations()}
    answered = verdicts["every_factor_was_measured"]
    assert answered.passed
    assert "ZZGONE has no prices" in (answered.description or "")
    notes = graph.warehouse.read("enrichment_compute_log", where={"subject": "gone"})
    assert notes["reason"].tolist() == ["proxy ZZGONE has no prices in the last 90 sessions"]


def test_a_name_that_is_no_definition_fails_before_anything_is_measured(
    graph: Graph, measured: list[str]
) -> None:
    """The run says which there are."""
    result = graph.run(FRIDAY)
    assert result.success
    measured.clear()
    with pytest.raises(InputError, match="called mood; there are market, interest_rate"):
        backfill.run_backfill(FRIDAY, FRIDAY, factors=("mood",))
    assert measured == []


def test_options_and_private_holdings_are_answered_through_others(
    warehouse: Warehouse, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option without a delta is a note; a private holding has the proxy that its owner named."""
    monkeypatch.setenv("MARKET_PIPELINE_PRIVATE_PROXIES", "FUNDCO=KO")
    say({})
    private = replace(stock(3, "FUNDCO"), asset_class="private")
    book = book_of(stock(1, "AAPL"), option(2, CALL, 1), private)
    warehouse.import_book(book, FakeClock().now)
    graph = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
    result = graph.run(FRIDAY)
    assert failed_steps(result) == []
    rows = warehouse.read(TABLE, where={"factor": "market"}).set_index("symbol")
    method, beta = rows["method"].to_dict(), rows["beta"].to_dict()
    assert (method["FUNDCO"], beta["FUNDCO"]) == ("proxy:KO", beta["KO"])
    prices = warehouse.read("market_data_cache", first=FRIDAY, last=FRIDAY).set_index("symbol")
    delta, price = prices["delta"].to_dict()[CALL], prices["price_usd"].to_dict()
    assert beta[CALL] == pytest.approx(delta * price["AAPL"] / price[CALL] * beta["AAPL"])
    assert method[CALL] == "delta"


def test_the_private_holding_of_nobody_is_no_exposure(warehouse: Warehouse, say: Say) -> None:
    """Without a stand-in no market moves it."""
    say({})
    private = replace(stock(2, "FUNDCO"), asset_class="private")
    warehouse.import_book(book_of(stock(1, "KO"), private), FakeClock().now)
    assert Graph(warehouse, bars_of("KO", "SPY", "TLT")).run(FRIDAY).success
    assert "FUNDCO" not in set(warehouse.read(TABLE)["symbol"])
