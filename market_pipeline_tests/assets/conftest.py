"""A graph over fakes with one small book, ready to run."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from market_pipeline.assets import companies, intraday, options, prices
from market_pipeline.assets.framework import COLLECTION_RETRIES
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.portfolio_csv import positions_hash
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import FakePrices, steady_bars

HISTORY_FROM, HISTORY_TO = date(2025, 1, 2), date(2026, 11, 20)


def stock(number: int, symbol: str, quantity: int = 100) -> Position:
    """Make a lot of a stock held since before every test's range."""
    return Position(
        position_no=number,
        symbol=symbol,
        asset_class="stock",
        quantity=Decimal(quantity),
        entry_price_usd=Decimal("90.00"),
        entry_date=date(2025, 6, 2),
        multiplier=1,
    )


def book_of(*positions: Position, portfolio_id: str = "small") -> Book:
    """Make a book written on the last day of the fakes' history."""
    return Book(
        portfolio_id=portfolio_id,
        name=portfolio_id,
        as_of_date=date(2026, 11, 20),
        source_file=f"{portfolio_id}.csv",
        content_hash=positions_hash(positions),
        positions=positions,
    )


def bars_of(*symbols: str) -> FakePrices:
    """Make a price source that knows `symbols` since the history's start."""
    return FakePrices({s: steady_bars(s, HISTORY_FROM, HISTORY_TO) for s in symbols})


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: as often as in earnest, without the seconds in between."""
    at_once = dg.RetryPolicy(max_retries=COLLECTION_RETRIES.max_retries)
    for module in (companies, intraday, prices, options):
        monkeypatch.setattr(module, "COLLECTION_RETRIES", at_once)


@pytest.fixture
def graph(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give the graph over a book of two stocks and the factors' proxies."""
    book = book_of(stock(1, "AAPL"), stock(2, "KO", -40))
    warehouse.import_book(book, datetime(2026, 11, 20, 22, tzinfo=UTC))
    return Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"))
