"""Headlines through the graph: where items land, what a second collection changes, who is asked."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.errors import NotEntitled, Unavailable
from market_pipeline.domain.ports import NewsItem, Rejected
from market_pipeline.vendors.finviz import FinvizHeadlines
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.assets.test_options import option
from market_pipeline_tests.fakes import FakeHeadlines

THURSDAY, FRIDAY, SATURDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 21)
MONDAY_AFTER = date(2026, 11, 23)
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def item(headline: str, at: datetime, *symbols: str, source: str = "finviz_export") -> NewsItem:
    """Make an item of news as a source sends it."""
    return NewsItem(
        headline=headline, publisher="Reuters", url=f"https://example.com/{len(headline)}",
        published_at=at, symbols=symbols or ("AAPL",), source=source,
    )  # fmt: skip


# In New York: Thursday 19:30, Friday 10:00, Friday 23:59, Saturday 00:01.
EVENING = item("AAPL names a new head of silicon", datetime(2026, 11, 20, 0, 30, tzinfo=UTC))
MORNING = item("KO raises its dividend", datetime(2026, 11, 20, 15, 0, tzinfo=UTC), "KO")
MIDNIGHT = item("AAPL recalls a charger", datetime(2026, 11, 21, 4, 59, tzinfo=UTC))
PAST_IT = item("AAPL settles with a rival", datetime(2026, 11, 21, 5, 1, tzinfo=UTC))


@pytest.fixture
def graph(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give the graph over a book of two stocks, on Saturday afternoon, with four items of news."""
    assert state_dir
    warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "KO", -40)), NOW)
    news = FakeHeadlines((EVENING, MORNING, MIDNIGHT, PAST_IT), name="finviz")
    made = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"), news=news)
    made.clock.now = NOW
    return made


def collect(graph: Graph, first: date, last: date) -> None:
    """Run the news job over New York days."""
    result = graph.run(first, last, job="news_job")
    assert failed_steps(result) == []


def days(frame: pd.DataFrame) -> dict[str, date]:
    """Give the New York day of each headline."""
    return {
        headline: day.date()
        for headline, day in zip(frame["headline"], frame["published_date"], strict=True)
    }


def test_items_land_on_their_new_york_day(graph: Graph) -> None:
    """One collection brings several days' items; midnight is New York's, not UTC's."""
    collect(graph, THURSDAY, SATURDAY)
    expected = {
        EVENING.headline: THURSDAY,
        MORNING.headline: FRIDAY,
        MIDNIGHT.headline: FRIDAY,
        PAST_IT.headline: SATURDAY,
    }
    assert days(graph.warehouse.read("finviz_headlines")) == expected
    assert days(graph.warehouse.read("headlines")) == expected
    assert graph.news.asked == [("AAPL", "KO")]


def test_a_headline_meets_the_session_that_prices_it(graph: Graph) -> None:
    """In market hours today's, after the close and on the weekend the next one."""
    collect(graph, THURSDAY, SATURDAY)
    rows = graph.warehouse.read("headlines")
    met = {
        text: day.date() for text, day in zip(rows["headline"], rows["session_date"], strict=True)
    }
    assert met == {
        EVENING.headline: FRIDAY,
        MORNING.headline: FRIDAY,
        MIDNIGHT.headline: MONDAY_AFTER,
        PAST_IT.headline: MONDAY_AFTER,
    }


def test_items_outside_the_range_are_kept_and_derived_when_their_day_is_run(graph: Graph) -> None:
    """Collecting for Saturday keeps Thursday's item raw; Thursday's own run makes its headline."""
    collect(graph, SATURDAY, SATURDAY)
    assert graph.warehouse.count("finviz_headlines") == 4
    assert set(days(graph.warehouse.read("headlines"))) == {PAST_IT.headline}
    graph.news.items = ()
    collect(graph, THURSDAY, FRIDAY)
    assert graph.warehouse.count("headlines") == 4


def test_a_second_collection_changes_nothing(graph: Graph) -> None:
    """The same items later leave the same rows: first seen, not last seen."""
    collect(graph, THURSDAY, SATURDAY)
    tables = ("finviz_headlines", "headlines")
    before = {name: graph.warehouse.read(name) for name in tables}
    graph.clock.now += timedelta(minutes=5)
    collect(graph, THURSDAY, SATURDAY)
    assert len(graph.news.asked) == 2
    for name in tables:
        pd.testing.assert_frame_equal(graph.warehouse.read(name), before[name], obj=name)


def test_symbols_are_joined_across_collections(graph: Graph) -> None:
    """An item keeps every symbol it was ever shown for, and when it was first seen."""
    collect(graph, THURSDAY, SATURDAY)
    graph.news.items = (replace(EVENING, symbols=("KO",)),)
    graph.clock.now += timedelta(minutes=5)
    collect(graph, THURSDAY, THURSDAY)
    for table, seen in (("finviz_headlines", "fetched_at"), ("headlines", "first_seen_at")):
        row = graph.warehouse.read(table, first=THURSDAY, last=THURSDAY).iloc[0]
        assert row["symbols"] == "AAPL,KO", table
        assert row[seen] == pd.Timestamp(NOW), table


def test_news_that_leaves_the_vendors_list_stays(graph: Graph) -> None:
    """The vendor serves the latest only; what was collected is not forgotten."""
    collect(graph, THURSDAY, SATURDAY)
    graph.news.items = (PAST_IT,)
    collect(graph, THURSDAY, SATURDAY)
    assert graph.warehouse.count("headlines") == 4


def test_the_same_news_from_two_sources_is_one_headline(graph: Graph) -> None:
    """Raw rows keep both, each under its source; the headline counts two."""
    twin = replace(MORNING, source="finviz_page", published_at=MORNING.published_at)
    graph.news.items = (MORNING, twin)
    collect(graph, FRIDAY, FRIDAY)
    raw = graph.warehouse.read("finviz_headlines")
    assert sorted(raw["source"]) == ["finviz_export", "finviz_page"]
    headline = graph.warehouse.read("headlines").iloc[0]
    assert graph.warehouse.count("headlines") == 1
    assert headline["source_count"] == 2


def test_after_failover_the_page_is_named_as_the_source(graph: Graph) -> None:
    """Where the export refuses, each item says that the page gave it."""
    shown = replace(MORNING, source="finviz_page")
    export = FakeHeadlines(name="finviz_export", fails=[NotEntitled("finviz", "news", "no key")])
    page = FakeHeadlines((shown,), name="finviz_page")
    graph.news = FinvizHeadlines(export, page)  # type: ignore[assignment]  # the real pair over fakes
    collect(graph, FRIDAY, FRIDAY)
    assert graph.warehouse.read("headlines")["source"].tolist() == ["finviz_page"]
    assert export.asked == page.asked == [("AAPL", "KO")]


def test_nothing_held_or_watched_asks_for_nothing(state_dir: Path, warehouse: Warehouse) -> None:
    """No symbol of interest, no request, no failure: factor proxies alone are no interest."""
    assert state_dir
    graph = Graph(warehouse, bars_of("SPY"), news=FakeHeadlines((MORNING,)))
    graph.clock.now = NOW
    collect(graph, FRIDAY, SATURDAY)
    assert graph.news.asked == []
    assert graph.warehouse.count("finviz_headlines") == 0


def test_watched_stocks_and_underlyings_are_asked_for(
    state_dir: Path, warehouse: Warehouse
) -> None:
    """Held, watched, and what a held option is on; never an option, nor what was left."""
    assert state_dir
    left = replace(stock(1, "XOM"), exit_date=date(2026, 11, 2))
    warehouse.import_book(book_of(left, option(2, "AAPL280121C00300000")), NOW)
    warehouse.watch(["BRK.B"], NOW)
    graph = Graph(warehouse, bars_of("SPY"), news=FakeHeadlines(()))
    graph.clock.now = NOW
    collect(graph, FRIDAY, SATURDAY)
    assert graph.news.asked == [("AAPL", "BRK.B")]


def test_a_failure_is_logged_and_the_retry_collects(graph: Graph) -> None:
    """The fetch log holds the failure and the success after it, with the kind of the error."""
    graph.news.fails = [Unavailable("finviz_page", "quote", "HTTP 503")]
    collect(graph, FRIDAY, SATURDAY)
    log = graph.warehouse.read("enrichment_fetch_log", where={"asset": "finviz_headlines"})
    assert log["is_success"].tolist() == [False, True]
    assert log["error_kind"].fillna("").tolist() == ["unavailable", ""]
    assert log["error_detail"].fillna("").tolist() == ["HTTP 503", ""]
    assert log["rows"].tolist() == [0, 4]


def test_a_symbol_without_a_page_is_kept_as_rejected(graph: Graph) -> None:
    """What the source could not answer stands in quarantine and stops nothing."""

    class Partial(FakeHeadlines):
        def headlines(self, symbols):  # type: ignore[no-untyped-def]  # as the port says
            told = super().headlines(symbols)
            return replace(told, rejected=(Rejected("KO", None, "unavailable", "KO", "HTTP 503"),))

    graph.news = Partial((EVENING,), name="finviz")
    collect(graph, THURSDAY, SATURDAY)
    found = graph.warehouse.read("quarantine", where={"asset": "finviz_headlines"})
    assert found[["symbol", "rule"]].values.tolist() == [["KO", "unavailable"]]
    assert graph.warehouse.count("headlines") == 1
