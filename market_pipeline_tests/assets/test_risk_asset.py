"""Risk through the graph: of options, private holdings with a stand-in, and of no book at all."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from market_pipeline.assets import risk
from market_pipeline.domain.books import Position
from market_pipeline.domain.portfolio_risk import Risk
from market_pipeline.domain.portfolio_risk import portfolio_risk as measure
from market_pipeline.domain.stress import scenarios
from market_pipeline.operations.show import Request, show
from market_pipeline.settings import current_settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.assets.test_snapshots_asset import CALL, CASH
from market_pipeline_tests.fakes import CALENDAR, FakeClock

MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
IMPORTED = datetime(2026, 11, 13, 22, tzinfo=UTC)
FUND = Position(
    position_no=6, symbol="FUNDCO", asset_class="private", quantity=Decimal(10),
    entry_price_usd=Decimal(100), entry_date=date(2025, 6, 2), multiplier=1,
)  # fmt: skip


@pytest.fixture
def valued(state_dir: Path, warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with the risk of a book of stocks, an option, a private fund and cash."""
    assert state_dir
    warehouse.import_book(
        book_of(stock(1, "AAPL"), stock(2, "KO", -40), CALL, CASH, FUND), IMPORTED
    )
    graph = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT", "VNQ"))
    settings = current_settings()
    with settings_in_force(settings.model_copy(update={"private_proxies": {"FUNDCO": "VNQ"}})):
        assert graph.run(FRIDAY).success
    return warehouse


def test_a_book_of_all_kinds_has_its_risk(valued: Warehouse) -> None:
    """Everything moves with something: the option with its stock, the fund with its stand-in.

    And every factor that was measured has its scenario.
    """
    (row,) = valued.read("portfolio_risk").to_dict("records")
    assert row["uncovered_symbols"] == ""
    assert (row["historical_covered_pct"], row["factor_covered_pct"]) == (100.0, 100.0)
    assert row["options_without_greeks"] == 0
    assert row["scenario_days"] == 252
    assert row["gamma_usd"] < 0 < row["theta_usd"]  # two calls are short
    positions = valued.read("position_factor_exposures", where={"factor": "market"})
    movers = dict(zip(positions["symbol"], positions["moves_with"], strict=True))
    assert movers == {
        "AAPL": "AAPL", "KO": "KO", "AAPL280121C00300000": "AAPL", "FUNDCO": "VNQ",
    }  # fmt: skip
    prices = valued.read("market_data_cache", first=FRIDAY).set_index("symbol")
    price, delta = prices["price_usd"].to_dict(), prices["delta"].to_dict()
    shares = 100 - 200 * delta["AAPL280121C00300000"]
    by_hand = shares * price["AAPL"] - 40 * price["KO"] + 1000.0
    assert row["delta_usd"] == pytest.approx(by_hand)
    whole = valued.read("portfolio_factor_exposures").set_index("factor")["exposure_usd"]
    assert positions["exposure_usd"].sum() == pytest.approx(whole["market"])
    shown = show(valued, CALENDAR, FakeClock(), Request("stress", portfolio="small"))
    expected = {each.name for each in scenarios(dict.fromkeys(whole.index, 0.01), 16.0)}
    assert set(shown.frame["scenario"]) == expected
    assert {"market_down_10_pct", "rates_up_100_bp"} <= expected


def test_no_book_is_no_risk(state_dir: Path, warehouse: Warehouse) -> None:
    """The asset is made all the same, and its tables are empty."""
    assert state_dir
    warehouse.watch(["AAPL"], IMPORTED)
    assert Graph(warehouse, bars_of("AAPL", "SPY", "TLT")).run(FRIDAY).success
    assert warehouse.count("portfolio_risk") == 0


def test_a_corrected_file_makes_its_risk_anew(valued: Warehouse) -> None:
    """What is held no more leaves no row of exposures behind."""
    book = book_of(stock(1, "AAPL"))
    valued.import_book(replace(book, as_of_date=date(2026, 11, 21)), IMPORTED)
    assert Graph(valued, bars_of("AAPL", "KO", "SPY", "TLT")).run(FRIDAY).success
    assert set(valued.read("position_factor_exposures")["symbol"]) == {"AAPL"}


TABLES = (
    "portfolio_risk", "position_factor_exposures", "portfolio_factor_exposures", "portfolio_stress",
)  # fmt: skip


@pytest.fixture
def week(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give a graph that has made a week of two portfolios, three positions a session."""
    assert state_dir
    warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "KO", -40)), IMPORTED)
    warehouse.import_book(book_of(stock(1, "KO"), portfolio_id="other"), IMPORTED)
    graph = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
    assert graph.run(MONDAY, FRIDAY).success
    return graph


def emptied(warehouse: Warehouse) -> None:
    """Take all rows of risk away."""
    rows = {table: warehouse.read(table).iloc[:0] for table in TABLES}
    warehouse.replace_ranges(rows, MONDAY, FRIDAY)


def test_a_range_is_the_same_in_blocks_of_any_size(
    week: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block holds what its bound allows, a session at least, and the rows are equal."""
    whole = {table: week.warehouse.read(table) for table in TABLES}
    measured: list[int] = []

    def counted(holdings: pd.DataFrame, *rest: Any, **named: Any) -> Risk:
        measured.append(len(holdings))
        return measure(holdings, *rest, **named)

    monkeypatch.setattr(risk, "portfolio_risk", counted)
    for most, count in ((1, 5), (6, 3), (14, 2), (15, 1)):
        emptied(week.warehouse)
        measured.clear()
        monkeypatch.setattr(risk, "BLOCK_POSITIONS", most)
        assert week.run(MONDAY, FRIDAY, only=["portfolio_risk"]).success
        assert (len(measured), sum(measured)) == (count, 15)
        assert max(measured) <= max(most, 3)
        for table, rows in whole.items():
            assert len(rows)
            pd.testing.assert_frame_equal(week.warehouse.read(table), rows)


def test_what_was_done_before_a_failure_is_whole(
    week: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions are there in all tables or in none; the next attempt makes the others."""
    whole = {table: week.warehouse.read(table) for table in TABLES}
    emptied(week.warehouse)

    def failing(*frames: Any, first: date, **named: Any) -> Risk:
        if first == date(2026, 11, 18):
            raise RuntimeError("out of memory")
        return measure(*frames, first=first, **named)

    monkeypatch.setattr(risk, "BLOCK_POSITIONS", 1)
    with monkeypatch.context() as broken:
        broken.setattr(risk, "portfolio_risk", failing)
        assert not week.run(MONDAY, FRIDAY, only=["portfolio_risk"]).success
    for table, rows in whole.items():
        done = rows[rows["session_date"] < pd.Timestamp(2026, 11, 18)]
        pd.testing.assert_frame_equal(week.warehouse.read(table), done)
    assert week.run(MONDAY, FRIDAY, only=["portfolio_risk"]).success
    for table, rows in whole.items():
        pd.testing.assert_frame_equal(week.warehouse.read(table), rows)
