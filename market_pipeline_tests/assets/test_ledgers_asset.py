"""Transactions through the graph: what they open is collected, valued, and adds up day by day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd

from market_pipeline.domain.portfolio_csv import transactions_hash
from market_pipeline.domain.transactions import Transaction, TransactionFile, cash_effect
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps

LONG_AGO = date(2026, 8, 3)
MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)
AT = datetime(2026, 11, 18, 22, tzinfo=UTC)


def done(no: int, day: date, kind: str, quantity: int, price: str | None = None) -> Transaction:
    """Make a transaction of KO, or of cash where there is no price."""
    cost = None if price is None else Decimal(price)
    amount = cash_effect(kind, Decimal(quantity), cost, 1, Decimal(0))
    symbol, kind_of = (None, None) if price is None else ("KO", "stock")
    return Transaction(no, day, kind, Decimal(quantity), amount, Decimal(0), cost, symbol, kind_of)


ROWS = (
    done(1, LONG_AGO, "deposit", 10_000),
    done(2, LONG_AGO, "buy", 50, "90"),
    done(3, WEDNESDAY, "sell", 20, "101.50"),
)
FILE = TransactionFile("trades", "trades.csv", transactions_hash(ROWS), ROWS)


def test_a_portfolio_of_transactions_is_collected_valued_and_checked(
    state_dir: Path, warehouse: Warehouse
) -> None:
    """Bought months ago and never told of since, its stock is in the universe: it is held."""
    assert state_dir
    warehouse.transactions.import_file(FILE, AT)
    prices = bars_of("KO", "SPY", "TLT")
    result = Graph(warehouse, prices).run(MONDAY, WEDNESDAY)
    assert failed_steps(result) == []
    universe = warehouse.read("symbol_universe", symbols=["KO"])
    assert ["held" in reasons for reasons in universe["reasons"]] == [True, True, True]
    rows = warehouse.read("portfolio_snapshots").to_dict("records")
    bars = prices.frames["KO"].set_index("session_date")["close"]
    assert [row["session_date"].date() for row in rows] == [MONDAY, TUESDAY, WEDNESDAY]
    for row in rows[:2]:
        close = round(Decimal(repr(float(bars[row["session_date"]]))), 10)
        assert row["equity_usd"] == 5_500 + 50 * close
        assert row["invested_usd"] == 10_000
    last = rows[2]
    close = round(Decimal(repr(float(bars[last["session_date"]]))), 10)
    assert last["cash_usd"] == 5_500 + 20 * Decimal("101.50")
    assert last["realised_pnl_usd"] == 20 * (Decimal("101.50") - 90)
    assert last["unrealised_pnl_usd"] == 30 * (close - 90)
    assert last["flows_usd"] == 0


def test_days_in_any_order_equal_a_range(
    state_dir: Path, warehouse: Warehouse, tmp_path: Path
) -> None:
    """The last day first, then the first: each row is that of one run over all three.

    Save returns since the start, which count from the first prices stored: one run on the last day
    alone stores two sessions less of the past.
    """
    assert state_dir
    other = Warehouse.open(f"sqlite:///{tmp_path / 'other.db'}")
    other.upgrade()
    book = book_of(stock(1, "AAPL"), portfolio_id="mixed")
    for opened in (warehouse, other):
        opened.transactions.import_file(FILE, AT)
        opened.import_book(book, AT)
    prices = bars_of("AAPL", "KO", "SPY", "TLT")
    assert Graph(warehouse, prices).run(MONDAY, WEDNESDAY).success
    graph = Graph(other, prices)
    for day in (WEDNESDAY, MONDAY, TUESDAY):
        assert failed_steps(graph.run(day)) == []
    for table in ("portfolio_snapshots", "portfolio_positions"):
        whole, parts = (
            opened.read(table).drop(columns=["growth", "twr_pct"], errors="ignore")
            for opened in (warehouse, other)
        )
        assert len(whole) > 0
        pd.testing.assert_frame_equal(parts, whole, obj=table)
    other.dispose()
