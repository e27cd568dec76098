"""Snapshots through the graph: a day equals its place in a range, and splits meet older books."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market_pipeline.assets import snapshots
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.snapshots import (
    POSITION_COLUMNS,
    SNAPSHOT_COLUMNS,
    Snapshots,
    snapshot_range,
)
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import CALENDAR

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 11, day) for day in range(16, 21))
BEFORE_THE_RANGE = datetime(2026, 11, 13, 22, tzinfo=UTC)
DERIVED = (
    "symbol_universe", "market_data_cache", "symbol_factor_exposures", "symbol_daily_metrics",
    "portfolio_snapshots", "portfolio_positions", "portfolio_risk", "position_factor_exposures",
    "portfolio_factor_exposures", "portfolio_stress",
)  # fmt: skip

CALL = Position(
    position_no=4, symbol="AAPL280121C00300000", asset_class="option", quantity=Decimal(-2),
    entry_price_usd=Decimal("18.20"), entry_date=date(2026, 4, 20), multiplier=100,
    underlying="AAPL", strike_usd=Decimal(300), expiration_date=date(2028, 1, 21),
    option_type="call",
)  # fmt: skip
CASH = Position(
    position_no=5, symbol="CASH", asset_class="cash", quantity=Decimal("1250.75"),
    entry_price_usd=Decimal(1), entry_date=date(2025, 6, 2), multiplier=1,
)  # fmt: skip


def dated(book: Book, as_of: date) -> Book:
    """Say that a book was written on another day."""
    return replace(book, as_of_date=as_of)


@pytest.fixture
def other_warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Give a second empty warehouse."""
    opened = Warehouse.open(f"sqlite:///{tmp_path / 'other.db'}")
    opened.upgrade()
    yield opened
    opened.dispose()


def test_single_days_equal_a_range_row_for_row(
    state_dir: Path, warehouse: Warehouse, other_warehouse: Warehouse
) -> None:
    """Three runs of a day each leave the very rows of one run over the three days.

    With a lot that comes and one that goes inside the range, an option, cash and a short sale.
    """
    assert state_dir
    late = replace(stock(3, "MSFT", 10), entry_date=THURSDAY)
    gone = replace(stock(6, "PG", 25), exit_date=FRIDAY, exit_price_usd=Decimal("101.25"))
    book = book_of(stock(1, "AAPL"), stock(2, "KO", -40), late, CALL, CASH, gone)
    prices = bars_of("AAPL", "KO", "MSFT", "PG", "SPY", "TLT")
    for opened in (warehouse, other_warehouse):
        opened.import_book(book, BEFORE_THE_RANGE)
    assert Graph(warehouse, prices).run(WEDNESDAY, FRIDAY).success
    day_by_day = Graph(other_warehouse, prices)
    for day in (WEDNESDAY, THURSDAY, FRIDAY):
        assert day_by_day.run(day).success
    for table in DERIVED:
        whole, parts = warehouse.read(table), other_warehouse.read(table)
        assert len(whole) > 0, table
        pd.testing.assert_frame_equal(parts, whole, obj=table)
    held = warehouse.read("portfolio_positions")
    is_held = held["status"] != "closed"
    assert held[is_held].groupby("session_date").size().tolist() == [5, 6, 5]
    gone_row = held[~is_held].iloc[0]
    assert (gone_row["symbol"], gone_row["market_value_usd"]) == ("PG", 0)
    assert gone_row["realised_pnl_usd"] == 25 * (Decimal("101.25") - 90)


def split_after(graph: Graph, symbol: str, ex_date: date, ratio: int) -> None:
    """Let the vendor restate its whole past for a split, as Yahoo does on the ex-date."""
    adjusted = graph.prices.frames[symbol].copy()
    before = adjusted["session_date"] < pd.Timestamp(ex_date)
    adjusted[["open", "high", "low", "close", "adj_close"]] /= ratio
    # What trades on the ex-date and later is new anyway; only the past is restated.
    assert before.any()
    adjusted.loc[adjusted["session_date"] == pd.Timestamp(ex_date), "split_ratio"] = float(ratio)
    graph.prices.frames = {**graph.prices.frames, symbol: adjusted}
    graph.clock.now += timedelta(minutes=1)


@pytest.mark.parametrize("ratio", [2, 7])
def test_a_split_after_the_books_date_multiplies_the_quantity(
    state_dir: Path, warehouse: Warehouse, ratio: int
) -> None:
    """The file's 100 shares become 100 x ratio, worth the same; the run of the split's day stands.

    A seventh of a price is rounded, so yesterday's stored equity is not to the last
    digit what today's prices make of it: that is the vendor's restatement, no error of ours.
    """
    assert state_dir
    graph = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
    book = dated(book_of(stock(1, "AAPL"), stock(2, "KO", -40)), BEFORE_THE_RANGE.date())
    warehouse.import_book(book, BEFORE_THE_RANGE)
    unsplit = graph.prices.frames["AAPL"]
    assert graph.run(MONDAY).success
    split_after(graph, "AAPL", TUESDAY, ratio)
    result = graph.run(TUESDAY)
    assert failed_steps(result) == []
    rows = warehouse.read("portfolio_positions", symbols=["AAPL"])
    assert [
        (day.date(), quantity)
        for day, quantity in zip(rows["session_date"], rows["quantity"], strict=True)
    ] == [(MONDAY, Decimal(100)), (TUESDAY, Decimal(100 * ratio))]
    close = unsplit.loc[unsplit["session_date"] == pd.Timestamp(TUESDAY), "close"].item()
    tuesday = rows.iloc[1]
    assert float(tuesday["market_value_usd"]) == pytest.approx(100 * close, abs=1e-6)
    cost = Decimal(100) * Decimal("90.00")
    assert tuesday["unrealised_pnl_usd"] == tuesday["market_value_usd"] - cost


def test_a_split_before_the_books_date_is_in_the_file_already(graph: Graph) -> None:
    """A file written after the split counts in new shares: nothing is multiplied."""
    assert graph.run(MONDAY).success
    split_after(graph, "AAPL", TUESDAY, 2)
    assert graph.run(TUESDAY).success
    rows = graph.warehouse.read("portfolio_positions", symbols=["AAPL"])
    assert rows["quantity"].tolist() == [Decimal(100), Decimal(100)]


def test_without_a_book_there_is_no_snapshot_and_no_failure(
    state_dir: Path, warehouse: Warehouse
) -> None:
    """Before the first import the graph runs: proxies are priced, portfolios are none."""
    assert state_dir
    assert Graph(warehouse, bars_of("SPY", "TLT")).run(THURSDAY, FRIDAY).success
    assert warehouse.count("portfolio_snapshots") == 0
    assert warehouse.count("symbol_daily_metrics") == 4


def test_a_price_that_comes_late_makes_the_next_day_stand_on_it(
    state_dir: Path, warehouse: Warehouse
) -> None:
    """KO was missing on Monday and is there on Tuesday: Tuesday's P&L counts from its Monday."""
    assert state_dir
    warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "KO")), BEFORE_THE_RANGE)
    graph = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
    whole = graph.prices.frames["KO"]
    is_late = whole["session_date"] >= pd.Timestamp(MONDAY)
    graph.prices.frames = {**graph.prices.frames, "KO": whole[~is_late]}
    assert graph.run(MONDAY).success
    assert warehouse.read("portfolio_snapshots")["stale_symbols"].tolist() == ["KO"]
    graph.prices.frames = {**graph.prices.frames, "KO": whole}
    result = graph.run(TUESDAY)
    assert failed_steps(result) == []
    close = whole.set_index("session_date")["close"]
    change = 100 * (close[pd.Timestamp(TUESDAY)] - close[pd.Timestamp(MONDAY)])
    row = warehouse.read("portfolio_positions", first=TUESDAY, symbols=["KO"]).iloc[0]
    assert float(row["daily_pnl_usd"]) == pytest.approx(change, abs=1e-6)


def test_the_asset_by_itself_values_what_it_is_given(state_dir: Path, warehouse: Warehouse) -> None:
    """Alone, it is books and prices in, both tables' rows out, and asks no vendor."""
    assert state_dir
    warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "GONE")), BEFORE_THE_RANGE)
    warehouse.merge("market_data_cache", priced("AAPL", {THURSDAY: 100.0, FRIDAY: 101.5}))
    graph = Graph(warehouse, bars_of("AAPL"))
    assert graph.run(FRIDAY, only=("portfolio_snapshots",)).success
    snapshot = warehouse.read("portfolio_snapshots")
    assert tuple(snapshot.columns) == SNAPSHOT_COLUMNS
    assert tuple(warehouse.read("portfolio_positions").columns) == POSITION_COLUMNS
    row = snapshot.iloc[0]
    assert row["session_date"].date() == FRIDAY
    assert row["long_usd"] == Decimal(10150)
    assert row["daily_pnl_usd"] == Decimal(150)
    assert row["unpriced_symbols"] == "GONE"
    assert graph.prices.asked == []


TABLES = ("portfolio_snapshots", "portfolio_positions")
QUARTER = CALENDAR.sessions(date(2026, 7, 1), FRIDAY)


@pytest.fixture
def quarter(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give a graph over prices of a quarter, and two portfolios that began before and within it.

    An option lapses in it, and a sale makes the first one's cash.
    """
    assert state_dir
    lapsing = replace(CALL, quantity=Decimal(1), expiration_date=QUARTER[70], entry_date=QUARTER[5])
    gone = replace(stock(6, "PG", 25), exit_date=QUARTER[80], exit_price_usd=Decimal("101.25"))
    early = book_of(stock(1, "AAPL"), stock(2, "KO", -40), lapsing, CASH, gone)
    late = replace(stock(1, "KO"), entry_date=QUARTER[66])
    for book in (early, book_of(late, portfolio_id="late")):
        warehouse.import_book(book, BEFORE_THE_RANGE)
    random = np.random.default_rng(5)
    for symbol in ("AAPL", "KO", "PG", CALL.symbol):
        walk = np.round(90 * np.exp(np.cumsum(random.normal(0, 0.02, len(QUARTER)))), 2)
        told = {
            day: price for day, price in zip(QUARTER, walk, strict=True) if random.random() > 0.1
        }
        warehouse.merge("market_data_cache", priced(symbol, told))
    return Graph(warehouse, bars_of("AAPL"))


def value(graph: Graph, first: date, last: date) -> object:
    """Make the snapshots of a range, and nothing else; give how many rows are told to be new."""
    result = graph.run(first, last, only=["portfolio_snapshots"])
    assert failed_steps(result) == []
    made = result.asset_materializations_for_node("portfolio_snapshots")
    return made[0].metadata["rows_inserted"].value


def emptied(warehouse: Warehouse) -> None:
    """Take all snapshots away."""
    rows = {table: warehouse.read(table).iloc[:0] for table in TABLES}
    warehouse.replace_ranges(rows, QUARTER[0], QUARTER[-1])


def assert_rows(warehouse: Warehouse, whole: Mapping[str, pd.DataFrame]) -> None:
    """Compare both tables, floats by their bits."""
    for table, rows in whole.items():
        assert len(rows)
        pd.testing.assert_frame_equal(warehouse.read(table), rows, check_exact=True, obj=table)


def test_a_range_is_the_same_in_blocks_of_any_size_and_in_runs_of_any_length(
    quarter: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: at once, in blocks, and in runs that go on from what the last one stored."""
    begin = QUARTER[4]
    value(quarter, begin, FRIDAY)
    whole = {table: quarter.warehouse.read(table) for table in TABLES}
    assert whole["portfolio_snapshots"]["volatility_63d_pct"].notna().sum() > 40
    valued: list[int] = []

    def counted(*frames: Any, **named: Any) -> Snapshots:
        found = snapshot_range(*frames, **named)
        valued.append(len(found.positions))
        return found

    monkeypatch.setattr(snapshots, "snapshot_range", counted)
    for most, count in ((30, 20), (200, 3)):
        emptied(quarter.warehouse)
        valued.clear()
        monkeypatch.setattr(snapshots, "BLOCK_POSITIONS", most)
        assert value(quarter, begin, FRIDAY) == sum(map(len, whole.values()))
        assert len(valued) == count
        assert max(valued) <= most + 2  # what lapses or is sold has a row of the day it goes
        assert_rows(quarter.warehouse, whole)
    emptied(quarter.warehouse)
    for first, last in ((4, 6), (7, 64), (65, 66), (67, 67), (68, 71), (72, len(QUARTER) - 1)):
        value(quarter, QUARTER[first], QUARTER[last])
    assert_rows(quarter.warehouse, whole)


def test_a_range_that_begins_late_is_carried_there_from_the_start_in_blocks(
    quarter: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a snapshot before it, growth counts from the first price, however that is cut."""
    value(quarter, QUARTER[0], FRIDAY)
    first = QUARTER[-3]
    told = {table: quarter.warehouse.read(table, first=first) for table in TABLES}
    for most in (1, 1000):
        emptied(quarter.warehouse)
        monkeypatch.setattr(snapshots, "BLOCK_POSITIONS", most)
        value(quarter, first, FRIDAY)
        assert_rows(quarter.warehouse, told)


def test_what_was_stored_before_a_failure_is_whole(
    quarter: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions are there in both tables or in none; the next attempt makes the others."""
    value(quarter, MONDAY, FRIDAY)
    whole = {table: quarter.warehouse.read(table) for table in TABLES}
    emptied(quarter.warehouse)

    def failing(*frames: Any, first: date, **named: Any) -> Snapshots:
        if first == WEDNESDAY:
            raise RuntimeError("out of memory")
        return snapshot_range(*frames, first=first, **named)

    monkeypatch.setattr(snapshots, "BLOCK_POSITIONS", 1)
    with monkeypatch.context() as broken:
        broken.setattr(snapshots, "snapshot_range", failing)
        assert not quarter.run(MONDAY, FRIDAY, only=["portfolio_snapshots"]).success
    done = {
        table: rows[rows["session_date"] < pd.Timestamp(WEDNESDAY)] for table, rows in whole.items()
    }
    assert_rows(quarter.warehouse, done)
    value(quarter, MONDAY, FRIDAY)
    assert_rows(quarter.warehouse, whole)


def priced(symbol: str, prices: Mapping[date, float]) -> pd.DataFrame:
    """Make rows of `market_data_cache` with a price and little else."""
    frame = pd.DataFrame({"session_date": list(prices), "price_usd": list(prices.values())})
    for name in ("open", "high", "low", "adj_close", "volume", "return_1d", "delta"):
        frame[name] = float("nan")
    return frame.assign(
        symbol=symbol, asset_class="stock", price_kind="close", dividend_usd=0.0, split_ratio=0.0,
        multiplier=1, flags=None, source="fake", fetched_at=pd.Timestamp(BEFORE_THE_RANGE),
    )  # fmt: skip
