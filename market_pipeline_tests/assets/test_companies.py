"""Profiles and fundamentals in the graph: only what is due, and never in the way of prices."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pandas as pd
import pytest

from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.books import Position
from market_pipeline.domain.companies import CompanyProfile
from market_pipeline.domain.errors import Unavailable, UnknownSymbol
from market_pipeline.resources import clients
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import current_settings
from market_pipeline_tests.assets.conftest import book_of, stock
from market_pipeline_tests.assets.graph import Graph

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
ASSETS = ("company_profiles", "symbol_universe", "fundamentals")
EVERYBODY = ["AAPL", "KO", "SPY", "TLT"]


def private(number: int, symbol: str) -> Position:
    """Make a private holding."""
    return Position(number, symbol, "private", Decimal(1), Decimal(1000), date(2025, 6, 2))


def made(graph: Graph, first: date = FRIDAY, last: date | None = None) -> None:
    """Make profiles, universe and fundamentals."""
    assert graph.run(first, last, only=ASSETS).success


def test_the_universe_says_what_each_symbol_is(graph: Graph) -> None:
    """From the first run on: profiles come before the universe."""
    made(graph)
    universe = graph.warehouse.read("symbol_universe").set_index("symbol")
    assert universe.loc["SPY", "asset_class"] == "etf"
    facts = universe.loc[["KO"], ["asset_class", "exchange", "sector", "industry", "timeframes"]]
    assert facts.to_numpy().tolist() == [["stock", "XNAS", "Technology", "Software", "1d"]]


def test_what_is_known_is_not_asked_for_again_within_a_week(graph: Graph) -> None:
    """A second run of the day asks for nothing; a new symbol for itself; a week later for all."""
    made(graph)
    assert sorted(graph.companies.asked) == sorted(EVERYBODY)  # several at once
    assert sorted(graph.companies.figures_asked) == ["AAPL", "KO"]  # funds report no earnings
    before = graph.warehouse.read("company_profiles"), graph.warehouse.read("fundamentals")
    graph.companies.asked.clear()
    graph.companies.figures_asked.clear()
    for _ in range(3):
        made(graph, THURSDAY, FRIDAY)
    assert (graph.companies.asked, graph.companies.figures_asked) == ([], [])
    pd.testing.assert_frame_equal(graph.warehouse.read("company_profiles"), before[0])
    pd.testing.assert_frame_equal(graph.warehouse.read("fundamentals"), before[1])
    graph.warehouse.watch(["MSFT"], NOW)
    made(graph)
    assert (graph.companies.asked, graph.companies.figures_asked) == (["MSFT"], ["MSFT"])
    graph.companies.asked.clear()
    graph.clock.now += timedelta(days=17)
    made(graph)
    assert sorted(graph.companies.asked) == sorted([*EVERYBODY, "MSFT"])  # several at once


def test_figures_are_asked_for_daily_around_earnings(graph: Graph) -> None:
    """The symbol that reports is asked for again on the next session, the other is not."""
    graph.companies.earnings["KO"] = date(2026, 11, 24)
    made(graph)
    graph.companies.figures_asked.clear()
    monday = date(2026, 11, 23)
    graph.clock.now = datetime(2026, 11, 24, 1, tzinfo=UTC)
    made(graph, monday)
    assert graph.companies.figures_asked == ["KO"]
    kept = graph.warehouse.read("fundamentals", symbols=["KO"])
    assert [day.date() for day in kept["as_of_date"]] == [FRIDAY, monday]


def test_the_past_has_no_figures(graph: Graph) -> None:
    """A vendor tells the present: a backfill of old sessions asks for none."""
    made(graph, date(2026, 11, 9), date(2026, 11, 13))
    assert graph.companies.figures_asked == []
    assert graph.warehouse.count("fundamentals") == 0


def test_a_vendor_that_is_down_stops_neither_universe_nor_prices(graph: Graph) -> None:
    """The symbol is there without a profile, priced, and asked about by the next run."""
    graph.companies.fails["KO"] = [Unavailable("fake", "quoteSummary", "HTTP 503")] * 2
    assert graph.run(FRIDAY).success
    prices = graph.warehouse.read("market_data_cache", first=FRIDAY, symbols=["KO"])
    assert len(prices) == 1
    failed = graph.warehouse.read("enrichment_fetch_log", where={"is_success": False})
    assert set(failed["asset"]) == {"company_profiles", "fundamentals"}
    assert set(failed["timeframe"]) == {"snapshot"}
    assert "KO" not in graph.warehouse.profiles()
    graph.companies.asked.clear()
    made(graph)
    assert graph.companies.asked == ["KO"]
    assert graph.warehouse.profiles()["KO"].name == "KO Inc."


def test_an_unknown_symbol_is_not_asked_about_each_day(graph: Graph) -> None:
    """Who is delisted stays in the universe of its sessions, without a profile."""
    unknown = UnknownSymbol("fake", "quoteSummary", "KO")
    graph.companies.fails["KO"] = [unknown] * 2
    made(graph)
    graph.companies.asked.clear()
    made(graph)
    assert graph.companies.asked == []
    assert "KO" in set(graph.warehouse.read("symbol_universe")["symbol"])


def test_what_the_news_told_is_filled_in_not_lost(graph: Graph) -> None:
    """A worse source's sector stays where the better one has none."""
    graph.companies.sectors["KO"] = ""
    told = CompanyProfile("KO", "Coke", "finviz_page", sector="Consumer Defensive")
    with graph.warehouse._database.writing() as connection:
        from market_pipeline.warehouse.company_store import keep_profiles

        keep_profiles(connection, [told], NOW)
    graph.companies.name = "yahoo"
    made(graph)
    known = graph.warehouse.profiles()["KO"]
    assert (known.name, known.sector, known.source) == ("KO Inc.", "Consumer Defensive", "yahoo")


def test_a_private_holding_reaches_no_vendor(graph: Graph) -> None:
    """Real clients, a sandbox that counts: the private name is in no request."""
    name = "SECRETCO"
    book = book_of(stock(1, "KO"), private(2, name))
    graph.warehouse.import_book(book, NOW)
    asked: list[str] = []
    application = create_app(generated(7, clock=lambda: NOW), lambda: NOW)

    async def listening(scope, receive, send):  # type: ignore[no-untyped-def]  # plain ASGI
        asked.append(f"{scope.get('path')}?{scope.get('query_string', b'').decode()}")
        await application(scope, receive, send)

    with SandboxServer(listening) as server:  # type: ignore[arg-type]  # any ASGI application
        settings = current_settings().model_copy(update={"sandbox_url": server.url})
        state = LocalCoordination(settings.state_dir / "asked.sqlite3", graph.clock)
        graph.companies = clients.companies(settings, state)  # type: ignore[assignment]
        graph.prices = clients.yahoo(settings, state)  # type: ignore[assignment]
        graph.options = clients.polygon(settings, state)  # type: ignore[assignment]
        assert graph.run(FRIDAY).success
        counts = httpx.get(f"{server.url}/_sandbox/requests", trust_env=False).json()
        state.close()
    universe = graph.warehouse.read("symbol_universe", symbols=[name])
    assert universe["asset_class"].tolist() == ["private"]
    assert universe["timeframes"].isna().all()
    assert counts["vendors"]["yahoo"]["chart"] == 3  # KO, SPY, TLT
    assert counts["vendors"]["yahoo"]["quote_summary"] == 4  # their profiles, KO's figures
    assert not [request for request in asked if name in request.upper()]


@pytest.mark.parametrize(
    ("variable", "value", "hourly"),
    [
        ("SYMBOLS", "ko", {"KO"}),
        ("REASONS", "factor_proxy", {"SPY", "TLT"}),
        ("REASONS", "", set()),
    ],
)
def test_chosen_symbols_have_hourly_bars_beside_daily_ones(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, hourly: set[str]
) -> None:
    """By name or by the reason they are in."""
    monkeypatch.setenv(f"MARKET_PIPELINE_INTRADAY_{variable}", value)
    from market_pipeline.settings import forget_settings

    forget_settings()
    made(graph)
    universe = graph.warehouse.read("symbol_universe")
    assert set(universe.loc[universe["timeframes"] == "1d,1h", "symbol"]) == hourly
    assert set(universe["timeframes"]) <= {"1d", "1d,1h"}
