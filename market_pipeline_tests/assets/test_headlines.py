"""Headlines through the graph: where items land, what a second collection changes, who is asked."""

import json
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.assets import headlines
from market_pipeline.assets.collection_alerts import judge_waiting
from market_pipeline.assets.news_collecting import lock_name, portfolio_symbols
from market_pipeline.automation.cleanup import forget
from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.errors import NotEntitled, Unavailable
from market_pipeline.domain.freshness import FRESH_FOR
from market_pipeline.domain.news import FetchedNews, NewsCollection, NewsItem, NewsQuery
from market_pipeline.domain.notices import Outbox, RelayResult
from market_pipeline.domain.ports import Lease, Rejected
from market_pipeline.domain.sentiment import Sentiment
from market_pipeline.reads import NewsReads
from market_pipeline.resources import utc_now
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.vendors.news_chain import NewsChain
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.news_store import CollectedFor
from market_pipeline.warehouse.news_taking import TAKEN_AT
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.assets.test_options import option
from market_pipeline_tests.fakes import CALENDAR
from market_pipeline_tests.news_making import FakeCollector, FixedTone, answered

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
    news = FakeCollector((EVENING, MORNING, MIDNIGHT, PAST_IT), name="finviz")
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
    assert graph.news.symbols_asked == [("AAPL", "KO")]


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


def test_items_of_other_days_become_stories_too(graph: Graph) -> None:
    """Collecting for Saturday brings Thursday's items, which nothing shows again: none is lost."""
    collect(graph, SATURDAY, SATURDAY)
    assert graph.warehouse.count("finviz_headlines") == 4
    assert len(days(graph.warehouse.read("headlines"))) == 4


def test_a_second_collection_changes_nothing(graph: Graph) -> None:
    """The same items later leave the same rows: first seen, not last seen."""
    collect(graph, THURSDAY, SATURDAY)
    tables = ("finviz_headlines", "headlines", "headline_sources", "headline_aggregates", "outbox")
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


def test_the_same_news_from_two_sources_is_one_story(graph: Graph) -> None:
    """Raw rows keep both, each under its source; the story counts two."""
    twin = replace(MORNING, source="tiingo", publisher="Bloomberg")
    graph.news.items = (MORNING,)
    graph.wire = FakeCollector((twin,), name="wire")
    collect(graph, FRIDAY, FRIDAY)
    assert graph.warehouse.read("finviz_headlines")["source"].tolist() == ["finviz_export"]
    assert graph.warehouse.read("wire_headlines")["source"].tolist() == ["tiingo"]
    (story,) = graph.warehouse.read("headlines").to_dict("records")
    assert story["source_count"] == 2


class Hanging:
    """A source of news that times out, each time after the same while."""

    name = "tiingo"

    def __init__(self, patience_s: float) -> None:
        self.patience_s, self.asked = patience_s, list[str]()

    def headlines(self, query: NewsQuery) -> FetchedNews:
        self.asked.append(str(query.portfolio))
        time.sleep(self.patience_s)
        raise Unavailable("tiingo", "news", "no whole answer in time")


def test_a_source_that_times_out_is_waited_for_once_and_not_by_every_portfolio(
    state_dir: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine portfolios, three at once, a patience of two seconds: what the second source has is
    stored for all of them within one patience of the first failure; who was not asked has no
    row, and every item says that it is not of the first choice."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_NEWS_TIMEOUT_S", "2")
    forget_settings()
    names = [f"book{number}" for number in range(9)]
    symbols = [f"S{letter}" for letter in "ABCDEFGHI"]
    for name, symbol in zip(names, symbols, strict=True):
        warehouse.import_book(book_of(stock(1, symbol), portfolio_id=name), NOW)

    class Finnhub:
        name = "finnhub"

        def headlines(self, query: NewsQuery) -> FetchedNews:
            (symbol,) = query.symbols
            headline = f"{symbol} rises"
            own = replace(MORNING, symbols=(symbol,), headline=headline, source=self.name)
            return FetchedNews((own,))

    first = Hanging(2.0)
    graph = Graph(warehouse, bars_of("SPY"), news=FakeCollector(is_configured=False))
    graph.clock.now = NOW
    graph.wire = NewsChain("wire", (first, Finnhub()), utc_now)  # type: ignore[assignment]  # the real chain over fakes
    collect(graph, FRIDAY, FRIDAY)
    events = warehouse.read("collection_events")
    assert sorted(first.asked) == names[:3]
    asked = events.groupby("source")["portfolio_id"].agg(sorted).to_dict()
    assert asked == {"tiingo": names[:3], "finnhub": names}
    assert events["is_success"].tolist() == events["is_failover"].tolist()
    ended = events["started_at"] + pd.to_timedelta(events["duration_ms"], unit="ms")
    waited = ended.max() - ended[events["source"] == "tiingo"].min()
    assert waited < timedelta(seconds=2)
    items = warehouse.read("wire_headlines")
    assert items["is_failover"].tolist() == [True] * 9
    status = warehouse.read("source_status").set_index("source")["consecutive_failures"]
    assert status.to_dict() == {"tiingo": 3, "finnhub": 0}


class OneSource:
    """A source of news that gives what it was told to, or fails."""

    def __init__(self, name: str, *items: NewsItem, error: Exception | None = None) -> None:
        self.name, self._items, self._error = name, items, error

    def headlines(self, _query: NewsQuery) -> FetchedNews:
        if self._error is not None:
            raise self._error
        return FetchedNews(self._items)


def test_after_failover_the_second_is_named_and_flagged(graph: Graph) -> None:
    """Where the export refuses, each item says that the page gave it, and both are on record."""
    page = OneSource("finviz_page", replace(MORNING, source="finviz_page"))
    export = OneSource("finviz_export", error=NotEntitled("finviz", "news", "no key"))
    graph.news = NewsChain("finviz", (export, page), graph.clock)  # type: ignore[assignment]  # the real chain over fakes
    collect(graph, FRIDAY, FRIDAY)
    (story,) = graph.warehouse.read("headlines").to_dict("records")
    assert (story["source"], story["is_failover"]) == ("finviz_page", True)
    events = graph.warehouse.read("collection_events")
    assert events["source"].tolist() == ["finviz_export", "finviz_page"]
    assert events["is_success"].tolist() == [False, True]
    assert events["error_kind"].tolist() == ["not_entitled", None]


def test_nothing_held_or_watched_asks_for_nothing(state_dir: Path, warehouse: Warehouse) -> None:
    """No symbol of interest, no request, no failure: factor proxies alone are no interest."""
    assert state_dir
    graph = Graph(warehouse, bars_of("SPY"), news=FakeCollector((MORNING,)))
    graph.clock.now = NOW
    collect(graph, FRIDAY, SATURDAY)
    assert graph.news.asked == []
    assert graph.warehouse.count("finviz_headlines") == 0


def test_watched_stocks_and_underlyings_are_asked_for(
    state_dir: Path, warehouse: Warehouse
) -> None:
    """Held, watched, and what a held option is on; what was sold for a month; never an option."""
    assert state_dir
    left = replace(stock(1, "XOM"), exit_date=date(2026, 10, 2))
    sold = replace(stock(3, "IBM"), exit_date=date(2026, 11, 2))
    warehouse.import_book(book_of(left, sold, option(2, "AAPL280121C00300000")), NOW)
    warehouse.watch(["BRK.B"], NOW)
    graph = Graph(warehouse, bars_of("SPY"), news=FakeCollector(()))
    graph.clock.now = NOW
    collect(graph, FRIDAY, SATURDAY)
    assert sorted(graph.news.symbols_asked) == [("AAPL", "IBM"), ("BRK.B",)]
    assert {query.portfolio for query in graph.news.asked} == {"small", "watchlist"}


def test_sources_that_fail_leave_the_run_red_and_what_came_stored(graph: Graph) -> None:
    """Finviz is down and the wire delivers: its news is stored, the failure on record, and a
    check says whose news was not delivered."""
    graph.news.fails = [Unavailable("finviz_page", "quote", "HTTP 503")]
    graph.wire = FakeCollector((replace(MORNING, source="tiingo"),), name="tiingo")
    result = graph.run(FRIDAY, SATURDAY, job="news_job")
    assert failed_steps(result) == ["headlines_sources_delivered"]
    assert graph.warehouse.count("headlines") == 1
    (evaluation,) = [
        event for event in result.get_asset_check_evaluations()
        if event.check_name == "sources_delivered"
    ]  # fmt: skip
    assert not evaluation.passed
    assert "finviz_headlines small" in str(evaluation.metadata["silent"].value)
    graph.clock.now += timedelta(minutes=5)
    collect(graph, FRIDAY, SATURDAY)
    assert graph.warehouse.count("headlines") == 4


def test_a_symbol_without_a_page_is_kept_as_rejected(graph: Graph) -> None:
    """What the source could not answer stands in quarantine and stops nothing."""
    rejected = [Rejected("KO", None, "unavailable", "KO", "HTTP 503")]
    graph.news = FakeCollector((EVENING,), name="finviz", rejected=rejected)
    collect(graph, THURSDAY, SATURDAY)
    found = graph.warehouse.read("quarantine", where={"asset": "finviz_headlines"})
    assert found[["symbol", "rule"]].values.tolist() == [["KO", "unavailable"]]
    assert graph.warehouse.count("headlines") == 1


def test_a_source_that_is_not_configured_is_not_asked(graph: Graph) -> None:
    """Without a key the wire rests: no event, no failure, and the run says so."""
    collect(graph, FRIDAY, SATURDAY)
    assert graph.wire.asked == []
    assert set(graph.warehouse.read("collection_events")["asset"]) == {"finviz_headlines"}


def test_a_portfolio_that_is_being_collected_is_left_alone(graph: Graph) -> None:
    """Another process holds its lock: nothing is asked twice, and nothing fails."""
    held = LocalCoordination(state_of(graph), utc_now)
    assert held.acquire_lease(lock_name("finviz_headlines", "small"), "another", 60.0)
    collect(graph, FRIDAY, SATURDAY)
    assert graph.news.asked == []
    held.close()


def state_of(graph: Graph) -> Path:
    """Give the coordination file of the graph's settings."""
    from market_pipeline.settings import current_settings

    assert graph
    return current_settings().state_dir / "coordination.sqlite3"


def test_a_holder_whose_lock_was_taken_over_writes_nothing(graph: Graph) -> None:
    """Its lock expires while it asks, another collects and writes: the late one is fenced off."""
    warehouse = graph.warehouse

    class Slow(FakeCollector):
        def collect(self, query: NewsQuery, ask_last: Collection[str] = ()) -> NewsCollection:
            name = lock_name("finviz_headlines", "small")
            later = Lease(name, "another", 2**60, NOW + timedelta(seconds=30))
            from market_pipeline.warehouse.news_store import CollectedFor

            successor = CollectedFor("finviz_headlines", "small", "other-run", later)
            warehouse.news.commit_collection(successor, FakeCollector().collect(query), NOW)
            return super().collect(query, ask_last)

    graph.news = Slow((MORNING,), name="finviz")
    collect(graph, FRIDAY, SATURDAY)
    assert warehouse.count("finviz_headlines") == 0
    assert warehouse.read("collection_events")["run_id"].tolist() == ["other-run"]


def test_each_portfolio_is_asked_for_and_no_symbol_twice() -> None:
    """A symbol of two books is asked for the first, unless a source knows the book by itself."""
    books = [book_of(stock(1, "AAPL"), stock(2, "KO"), portfolio_id="a"),
             book_of(stock(1, "AAPL"), stock(2, "XOM"), portfolio_id="b"),
             book_of(stock(1, "AAPL"), portfolio_id="c")]  # fmt: skip
    plan = portfolio_symbols(books, ["KO", "NVDA"], CALENDAR, NOW)
    assert plan == {"a": ("AAPL", "KO"), "b": ("XOM",), "watchlist": ("NVDA",)}
    whole = portfolio_symbols(books, [], CALENDAR, NOW, whole=("b",))
    assert whole == {"a": ("AAPL", "KO"), "b": ("AAPL", "XOM")}


def test_after_an_outage_all_since_the_last_delivery_is_asked_for(graph: Graph) -> None:
    """Usually three days back; after a week of silence, to an hour before it began."""
    graph.news.at = NOW
    collect(graph, FRIDAY, SATURDAY)
    graph.clock.now += timedelta(days=8)
    collect(graph, FRIDAY, SATURDAY)
    first, second = (query.since for query in graph.news.asked)
    assert first == NOW - timedelta(days=3)
    assert second < NOW
    assert NOW - second <= timedelta(hours=1, minutes=1)


def test_new_stories_are_announced_and_kept_answers_taken_back(graph: Graph) -> None:
    """The outbox tells of them; who asked before the run is not answered from before it after."""
    reads = NewsReads(graph.warehouse, LocalCoordination(state_of(graph), graph.clock), graph.clock)
    assert reads.latest("KO").headlines == ()
    collect(graph, FRIDAY, SATURDAY)
    assert [each.headline for each in reads.latest("KO").headlines] == [MORNING.headline]
    (message,) = graph.warehouse.read("outbox").to_dict("records")
    assert message["topic"] == "headlines.stored"
    assert '"AAPL"' in message["payload"]
    assert '"KO"' in message["payload"]


@dataclass
class Receiver:
    """A notifier that keeps what stood in the warehouse, and was told, whenever it relayed."""

    warehouse: Warehouse
    fails: bool = False
    seen: list[tuple[int, int]] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def relay(self, outbox: Outbox) -> RelayResult:
        self.order.append("relay")
        due = outbox.claim("receiver", NOW, limit=100, lease=timedelta(seconds=30))
        self.topics += [delivery.message.topic for delivery in due]
        self.seen.append((self.warehouse.count("headlines"), len(due)))
        for delivery in due:
            outbox.delivered(delivery, NOW)
        return RelayResult(len(due), failures={"receiver": "hangs"} if self.fails else {})


def test_each_batch_is_told_right_after_its_commit(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after all batches of a long replay, nor after answers are computed for later."""
    monkeypatch.setattr(headlines, "BATCH", 1)
    graph.notifier = receiver = Receiver(graph.warehouse)
    prewarm = NewsReads.prewarm

    def warming(reads: NewsReads, symbols: Sequence[str]) -> int:
        receiver.order.append("prewarm")
        return prewarm(reads, symbols)

    monkeypatch.setattr(NewsReads, "prewarm", warming)
    collect(graph, THURSDAY, SATURDAY)
    assert receiver.seen == [(1, 1), (2, 1), (3, 1), (4, 1), (4, 0)]
    assert receiver.topics == ["headlines.stored"] * 4
    assert receiver.order[-2:] == ["relay", "prewarm"]


def test_a_channel_that_fails_is_not_waited_for_once_a_batch(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried with the first batch, and once more at the end."""
    monkeypatch.setattr(headlines, "BATCH", 1)
    graph.notifier = receiver = Receiver(graph.warehouse, fails=True)
    collect(graph, THURSDAY, SATURDAY)
    assert receiver.seen == [(1, 1), (4, 3)]


def test_the_third_failed_collection_is_told_by_its_own_run(graph: Graph) -> None:
    """The alert needs no sensor and no waiting, and neither has its end."""
    graph.notifier = receiver = Receiver(graph.warehouse)
    graph.news.name = "finviz"
    told = []
    for failures in (1, 1, 1, 0):
        graph.news.at = graph.clock.now
        graph.news.fails = [Unavailable("finviz", "news", "HTTP 503")] * failures
        graph.run(FRIDAY, SATURDAY, job="news_job")
        told.append([topic for topic in receiver.topics if topic.startswith("alert.")])
        receiver.topics.clear()
        graph.clock.now += timedelta(minutes=5)
    assert told == [[], [], ["alert.opened"], ["alert.closed"]]


def test_another_model_judges_the_days_of_the_run_again(graph: Graph) -> None:
    """A replay of Friday under a new model leaves new tones there and the old ones elsewhere."""
    collect(graph, THURSDAY, SATURDAY)
    graph.tone = FixedTone("fixed-2")
    collect(graph, FRIDAY, FRIDAY)
    rows = graph.warehouse.read("headlines").set_index("headline")["sentiment_model"]
    assert rows.to_dict() == {
        EVENING.headline: "fixed-1",
        MORNING.headline: "fixed-2",
        MIDNIGHT.headline: "fixed-2",
        PAST_IT.headline: "fixed-1",
    }
    assert set(graph.tone.asked) == {MORNING.headline, MIDNIGHT.headline}


# -- times that cannot be, items past their time ---------------------------------------------

LONG_AGO = item("AAPL shows a portable player", datetime(2001, 10, 23, 17, 0, tzinfo=UTC))


def collected_by_an_older_version(graph: Graph, *items: NewsItem) -> None:
    """Store items as they were stored before there were bounds."""
    collected = CollectedFor("finviz_headlines", "small", "run-0")
    graph.warehouse.news.commit_collection(collected, answered(*items), NOW)


def test_a_stored_item_of_no_session_stops_nothing(graph: Graph) -> None:
    """An older version let it in: it goes to quarantine with its time and source, once, and
    what was collected with it becomes stories."""
    collected_by_an_older_version(graph, replace(LONG_AGO, source="finviz_page"))
    for _ in range(2):
        collect(graph, FRIDAY, SATURDAY)
    assert LONG_AGO.headline not in days(graph.warehouse.read("headlines"))
    assert graph.warehouse.count("headlines") == 4
    (found,) = graph.warehouse.read("quarantine").to_dict("records")
    assert (found["asset"], found["rule"]) == ("finviz_headlines", "bad_time")
    assert found["source"] == "finviz_page"
    assert found["value"] == f"2001-10-23T17:00:00+00:00 {LONG_AGO.headline}"
    assert "2005 to 2031" in found["detail"]
    assert graph.warehouse.news.waiting_since(SATURDAY) is None


def figures(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    """Give the figures a run reported of an asset."""
    (event, *_) = result.asset_materializations_for_node(asset)
    return {name: entry.value for name, entry in event.metadata.items()}


def test_items_older_than_news_is_kept_are_not_taken(graph: Graph) -> None:
    """A source shows them again with every answer: neither stored nor told, and counted."""
    edge = replace(MORNING, headline="KO opens a plant", published_at=NOW - timedelta(days=90))
    old = replace(MORNING, headline="KO shuts a plant", published_at=NOW - timedelta(days=91))
    graph.news.items = (MORNING, edge, old)
    result = graph.run(FRIDAY, SATURDAY, job="news_job")
    assert failed_steps(result) == []
    assert figures(result, "finviz_headlines")["items_too_old"] == 1
    kept = {MORNING.headline, edge.headline}
    for table in ("finviz_headlines", "headlines"):
        assert set(graph.warehouse.read(table)["headline"]) == kept, table
    (message,) = graph.warehouse.read("outbox").to_dict("records")
    assert json.loads(message["payload"])["counts"]["stories"] == 2


def test_a_cleanup_brings_no_news(graph: Graph) -> None:
    """What was forgotten is not announced with the next collection, which brings it again."""
    collect(graph, FRIDAY, SATURDAY)
    graph.clock.now += timedelta(days=91)
    settings = current_settings()
    with closing(LocalCoordination(state_of(graph), graph.clock)) as coordination:
        assert forget(graph.warehouse, coordination, settings, graph.clock)["headlines"] == 4
    today = graph.clock.now.date()
    collect(graph, today, today)
    for table in ("finviz_headlines", "headlines", "outbox"):
        assert graph.warehouse.count(table) == 0, table


def test_a_stored_item_past_its_time_is_passed_over(graph: Graph) -> None:
    """It waits no longer, is counted, and is neither told nor quarantined."""
    graph.news.items = ()
    old = replace(MORNING, published_at=NOW - timedelta(days=91))
    collected_by_an_older_version(graph, old)
    result = graph.run(FRIDAY, SATURDAY, job="news_job")
    assert failed_steps(result) == []
    assert figures(result, "headlines")["items_too_old"] == 1
    for table in ("headlines", "outbox", "quarantine"):
        assert graph.warehouse.count(table) == 0, table
    assert graph.warehouse.news.waiting_since(SATURDAY) is None


def test_a_notice_counts_what_was_quarantined(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its own batch: items that name no symbol, or meet no session."""
    nameless = [replace(MORNING, headline=f"Rates {n}", symbols=()) for n in range(2)]
    collected_by_an_older_version(graph, LONG_AGO, *nameless, EVENING)
    graph.news.items = ()
    collect(graph, FRIDAY, SATURDAY)
    (message,) = graph.warehouse.read("outbox").to_dict("records")
    counts = json.loads(message["payload"])["counts"]
    assert counts == {"stories": 1, "joined_sources": 0, "quarantined": 3}
    assert graph.warehouse.count("quarantine") == 3


# -- a step that fails -----------------------------------------------------------------------


class Broken(FixedTone):
    """A tone model that judges nothing while it is broken."""

    is_broken = True

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        if self.is_broken:
            raise RuntimeError("the weights are gone")
        return super().score(texts)


def test_items_that_wait_make_news_stale_and_open_an_alert(graph: Graph) -> None:
    """Sources deliver and the step fails, run after run: stale by what is in stories, one alert
    once that is so, and its end is told by the run that made the stories."""
    graph.tone = broken = Broken()
    graph.clock.now = opened = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # 10:30 in New York
    graph.notifier = receiver = Receiver(graph.warehouse)
    warehouse, calendar, seen = graph.warehouse, CALENDAR, []
    reads = NewsReads(warehouse, LocalCoordination(state_of(graph), graph.clock), graph.clock)
    for minutes in (0, 5, 10, 15, 20):
        graph.clock.now = graph.news.at = opened + timedelta(minutes=minutes)
        broken.is_broken = minutes < 20
        failed = failed_steps(graph.run(FRIDAY, FRIDAY, job="news_job"))
        graph.clock.now += timedelta(minutes=1)
        judged = judge_waiting(warehouse, calendar, FRESH_FOR, graph.clock.now)
        stale = warehouse.news.freshness(graph.clock.now, calendar, FRESH_FOR).is_stale
        seen.append((failed, stale, reads.latest("KO").is_stale, judged))
    fails, key = ["headlines"], "alert headlines:waiting"
    assert seen == [
        (fails, False, False, []),
        (fails, False, False, []),
        (fails, False, False, []),
        (fails, True, True, [f"{key} opened"]),
        ([], False, False, []),
    ]
    assert [topic for topic in receiver.topics if topic.startswith("alert.")] == [
        "alert.opened", "alert.closed",
    ]  # fmt: skip


def test_an_item_that_says_more_does_not_make_news_old(graph: Graph) -> None:
    """It waits anew, whenever it was first seen."""
    collect(graph, FRIDAY, SATURDAY)
    graph.clock.now += timedelta(hours=2)
    collect(graph, FRIDAY, SATURDAY)
    collected_by_an_older_version(graph, replace(MORNING, symbols=("AAPL", "KO")))
    assert graph.warehouse.news.waiting_since(SATURDAY) == graph.clock.now


def test_a_replay_of_a_past_day_does_not_speak_for_today(graph: Graph) -> None:
    """Items of later days still wait after it."""
    collect(graph, THURSDAY, THURSDAY)
    assert graph.warehouse.news.waiting_since(SATURDAY) == NOW
    assert graph.warehouse.meta_get(TAKEN_AT) is None
