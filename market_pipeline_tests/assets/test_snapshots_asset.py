"""Snapshots through the graph: a day equals its place in a range, and splits meet older books."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.snapshots import POSITION_COLUMNS, SNAPSHOT_COLUMNS
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps

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


def priced(symbol: str, prices: Mapping[date, float]) -> pd.DataFrame:
    """Make rows of `market_data_cache` with a price and little else."""
    frame = pd.DataFrame({"session_date": list(prices), "price_usd": list(prices.values())})
    for name in ("open", "high", "low", "adj_close", "volume", "return_1d", "delta"):
        frame[name] = float("nan")
    return frame.assign(
        symbol=symbol, asset_class="stock", price_kind="close", dividend_usd=0.0, split_ratio=0.0,
        multiplier=1, flags=None, source="fake", fetched_at=pd.Timestamp(BEFORE_THE_RANGE),
    )  # fmt: skip
