"""Reference data of contracts: what is asked for, what is kept, and of what expired."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from market_pipeline.domain.errors import Unavailable
from market_pipeline.settings import forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.assets.test_options import IMPORTED, option
from market_pipeline_tests.fakes import FakeOptions

THURSDAY, FRIDAY = date(2026, 11, 12), date(2026, 11, 13)
CALL, OTHER = "AAPL280121C00300000", "AAPL280121C00310000"
EXPIRED, NEIGHBOUR = "KO261016P00060000", "KO261016P00065000"
WATCHED = "MSFT280121C00300000"
COLLECTED = ("symbol_universe", "option_contracts")


@pytest.fixture
def graph(state_dir: object, warehouse: Warehouse) -> Graph:
    """Give the graph over a call of AAPL, an expired put of KO, and MSFT on the watchlist."""
    assert state_dir
    put = replace(option(3, EXPIRED, -3), exit_date=None)
    warehouse.import_book(book_of(stock(1, "AAPL"), option(2, CALL, 2), put), IMPORTED)
    warehouse.watch(["MSFT"], IMPORTED)
    options = FakeOptions(
        listings={"AAPL": [CALL, OTHER], "KO": [EXPIRED, NEIGHBOUR], "MSFT": [WATCHED]}
    )
    made = Graph(warehouse, bars_of("AAPL", "KO", "MSFT", "SPY", "TLT"), options=options)
    made.clock.now = datetime(2026, 11, 13, 23, 30, tzinfo=UTC)
    return made


def contracts(graph: Graph) -> pd.DataFrame:
    return graph.warehouse.read("option_contracts").set_index("symbol")


def test_contracts_of_held_and_watched_stocks_are_known_and_held_ones_that_expired(
    graph: Graph,
) -> None:
    """Of an expiration that is past only what is held; the held are asked for first."""
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert set(contracts(graph).index) == {CALL, OTHER, EXPIRED, WATCHED}
    asked = graph.options.listings_asked
    assert sorted(asked[:2]) == [("AAPL", None), ("KO", date(2026, 10, 16))]
    assert asked[2:] == [("MSFT", None)]
    row = contracts(graph).loc[CALL]
    assert (row["underlying"], row["multiplier"], row["contract_kind"]) == ("AAPL", 100, "standard")
    assert row["first_seen_date"] == row["last_seen_date"] == pd.Timestamp(FRIDAY)


def test_a_listing_is_asked_for_again_after_a_week(graph: Graph) -> None:
    """First seen stays, last seen moves on, what is no longer listed keeps its day."""
    assert graph.run(FRIDAY, only=COLLECTED).success
    graph.options.listings_asked.clear()
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert graph.options.listings_asked == []
    graph.options.listings = {"AAPL": [CALL], "MSFT": [WATCHED]}
    graph.clock.now += timedelta(days=7)
    assert graph.run(date(2026, 11, 20), only=COLLECTED).success
    assert graph.options.listings_asked == [("AAPL", None), ("MSFT", None)]
    rows = contracts(graph)
    seen = rows.loc[[CALL, OTHER], ["first_seen_date", "last_seen_date"]].to_numpy().tolist()
    friday, later = pd.Timestamp(FRIDAY), pd.Timestamp(2026, 11, 20)
    assert [[pd.Timestamp(day) for day in row] for row in seen] == [
        [friday, later], [friday, friday],
    ]  # fmt: skip


def test_what_fails_is_asked_for_by_the_next_run_and_stops_nothing(graph: Graph) -> None:
    """Contracts are reference data: prices do without."""
    graph.options.fails = [Unavailable("fake", "contracts", "HTTP 503")]
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert contracts(graph).empty
    graph.options.fails = []
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert len(contracts(graph)) == 4


def test_a_past_session_asks_for_no_listing_of_today(graph: Graph) -> None:
    """Only the held contract that expired, whose terms do not change any more."""
    assert graph.run(THURSDAY, only=COLLECTED).success
    assert graph.options.listings_asked == [("KO", date(2026, 10, 16))]


def test_held_says_that_watched_stocks_are_not_asked_about(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting of chains is that of contracts too."""
    monkeypatch.setenv("MARKET_PIPELINE_OPTION_CHAIN_UNDERLYINGS", "held")
    forget_settings()
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert WATCHED not in contracts(graph).index


def test_without_a_key_nothing_is_asked(graph: Graph) -> None:
    """And no failure is logged of every stock each day."""
    graph.options.is_configured = False
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert graph.options.listings_asked == []
    assert graph.warehouse.count("enrichment_fetch_log") == 0
