"""The chain: who is asked when, what is kept of each answer, and how long all of it takes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    NotEntitled,
    Unavailable,
    VendorError,
)
from market_pipeline.domain.news import (
    Company,
    FetchedNews,
    NewsCollection,
    NewsCollector,
    NewsItem,
    NewsQuery,
    NewsSource,
)
from market_pipeline.domain.ports import Rejected
from market_pipeline.vendors.finnhub import FinnhubClient
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizPageClient
from market_pipeline.vendors.news_chain import NewsChain
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.tiingo import TiingoClient
from market_pipeline_tests.vendors.loopback import Answer, Asked, serving

NOW = datetime(2026, 8, 1, 2, 30, tzinfo=UTC)
KO = NewsQuery(("KO",), NOW)
KEY = SecretStr("canary-key-0123456789")


class Fixed:
    """A source that always gives the same, or always fails the same."""

    def __init__(self, name: str, outcome: FetchedNews | VendorError) -> None:
        self.name, self.outcome = name, outcome
        self.asked: list[NewsQuery] = []
        self.is_closed = False

    def headlines(self, query: NewsQuery) -> FetchedNews:
        self.asked.append(query)
        if isinstance(self.outcome, VendorError):
            raise self.outcome
        return self.outcome

    def close(self) -> None:
        self.is_closed = True


def item(source: str, number: int = 0) -> NewsItem:
    return NewsItem(f"H{number}", "P", "https://n.example/", NOW, ("KO",), source)


def chain(*sources: NewsSource) -> NewsChain:
    return NewsChain("wire", sources, lambda: NOW)


def told(collection: NewsCollection) -> list[tuple[str, bool, bool, str | None, int]]:
    return [
        (one.source, one.is_success, one.is_failover, one.error_kind, one.item_count)
        for one in collection.attempts
    ]


def test_the_second_rests_while_the_first_delivers() -> None:
    """The second source costs nothing until it is needed; the query reaches the first as it is."""
    first = Fixed("tiingo", FetchedNews((item("tiingo"),)))
    second = Fixed("finnhub", Unavailable("v", "e", "down"))
    collector: NewsCollector = chain(first, second)
    collection = collector.collect(KO)
    assert collection.news.items == (item("tiingo"),)
    assert told(collection) == [("tiingo", True, False, None, 1)]
    assert (first.asked, second.asked) == ([KO], [])
    assert (collector.name, collector.sources) == ("wire", ("tiingo", "finnhub"))
    assert collection.attempts[0].started_at == NOW


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (NotEntitled("tiingo", "news", "no key"), "not_entitled"),
        (Unavailable("tiingo", "news", "down"), "unavailable"),
        (BadPayload("tiingo", "news", "no key"), "bad_payload"),
        (FetchedNews(()), "empty"),
    ],
)
def test_the_second_takes_over_and_says_so(outcome: FetchedNews | VendorError, kind: str) -> None:
    """On any error and on an empty answer; items keep their source and are marked."""
    with capture_logs() as events:
        collection = chain(
            Fixed("tiingo", outcome), Fixed("finnhub", FetchedNews((item("finnhub"),)))
        ).collect(KO)
    assert [(one.source, one.is_failover) for one in collection.news.items] == [("finnhub", True)]
    assert told(collection) == [
        ("tiingo", False, False, kind, 0),
        ("finnhub", True, True, None, 1),
    ]
    assert collection.error is None
    assert [
        (event["event"], event["vendor"], event["second"], event["reason"]) for event in events
    ] == [("headline_failover", "tiingo", "finnhub", kind)]


def test_all_failing_is_the_last_ones_error() -> None:
    """There is no further source."""
    last = Blocked("v", "e", "403")
    collection = chain(Fixed("a", NotEntitled("v", "e", "no key")), Fixed("b", last)).collect(KO)
    assert collection.error is last
    assert collection.news == FetchedNews(())
    assert [one[3] for one in told(collection)] == ["not_entitled", "blocked"]


def test_nothing_new_is_an_answer() -> None:
    """The last source's empty answer is a success; an empty one before it made the chain go on."""
    empty = FetchedNews(())
    assert told(chain(Fixed("a", empty)).collect(KO)) == [("a", True, False, None, 0)]
    collection = chain(Fixed("a", empty), Fixed("b", empty)).collect(KO)
    assert told(collection) == [("a", False, False, "empty", 0), ("b", True, True, None, 0)]
    assert collection.error is None


def test_an_empty_answer_stands_where_the_next_ones_fail() -> None:
    """Something was answered, so the collection has no error; the attempts say what happened."""
    down = Unavailable("v", "e", "down")
    collection = chain(Fixed("a", FetchedNews(())), Fixed("b", down)).collect(KO)
    assert collection.error is None
    assert [one[3] for one in told(collection)] == ["empty", "unavailable"]


def test_what_each_answer_brought_is_kept() -> None:
    """Refused rows and companies of an answer without items too, each once."""
    refused = Rejected("XXX", None, "unknown_symbol", "XXX", "no such page")
    company = Company("KO", "Coca-Cola", "S", "I", "a")
    first = FetchedNews((), (refused,), (company,))
    second = FetchedNews((item("b"),), (refused,), (company,))
    news = chain(Fixed("a", first), Fixed("b", second)).collect(KO).news
    assert (len(news.items), news.rejected, news.companies) == (1, (refused,), (company,))


def test_a_source_put_last_is_asked_only_where_the_others_fail() -> None:
    """What the next gives is marked all the same; nothing new there is an answer; the first
    choice, asked last, is no failover."""
    down, empty = Unavailable("v", "e", "down"), FetchedNews(())
    slow = Fixed("a", FetchedNews((item("a"),)))
    collection = chain(slow, Fixed("b", FetchedNews((item("b"),)))).collect(KO, {"a"})
    assert [(one.source, one.is_failover) for one in collection.news.items] == [("b", True)]
    assert told(collection) == [("b", True, True, None, 1)]
    assert told(chain(slow, Fixed("b", empty)).collect(KO, {"a"})) == [("b", True, True, None, 0)]
    assert slow.asked == []
    collection = chain(slow, Fixed("b", down)).collect(KO, {"a"})
    assert told(collection) == [
        ("b", False, True, "unavailable", 0),
        ("a", True, False, None, 1),
    ]
    assert [one.is_failover for one in collection.news.items] == [False]
    both = chain(Fixed("a", down), Fixed("b", down)).collect(KO, {"a", "b"})
    assert [one.source for one in both.attempts] == ["a", "b"]


def test_no_source_and_no_symbols_ask_nobody() -> None:
    """Neither is an error."""
    nothing = NewsCollection(FetchedNews(()), ())
    assert chain().collect(KO) == nothing
    assert chain().sources == ()
    source = Fixed("a", FetchedNews(()))
    assert chain(source).collect(NewsQuery((), NOW)) == nothing
    assert source.asked == []


def test_a_message_is_one_short_line() -> None:
    """What a vendor said at length is cut, and cannot forge lines of a log."""
    source = Fixed("a", BadPayload("v", "e", "x\n\x1b[31m" + "y" * 900))
    (attempt,) = chain(source).collect(KO).attempts
    assert attempt.error_message is not None
    assert len(attempt.error_message) == 500
    assert attempt.error_message.startswith("x [31my")


def test_a_bug_is_no_failover() -> None:
    """Only what the outside world did is; anything else is heard of."""

    class Broken(Fixed):
        def headlines(self, query: NewsQuery) -> FetchedNews:
            raise KeyError(query.symbols[0])

    with pytest.raises(KeyError):
        chain(Broken("a", FetchedNews(())), Fixed("b", FetchedNews(()))).collect(KO)


def test_closing_closes_all() -> None:
    """Those that hold connections."""

    class Plain:
        name = "plain"

        def headlines(self, query: NewsQuery) -> FetchedNews:
            return FetchedNews(())

    source = Fixed("a", FetchedNews(()))
    chain(Plain(), source).close()
    assert source.is_closed


OUTCOMES = st.one_of(
    st.integers(0, 3),
    st.sampled_from([Unavailable("v", "e", "down"), NotEntitled("v", "e", "no")]),
)


@given(st.lists(OUTCOMES, max_size=5))
def test_laws_of_any_chain(outcomes: Sequence[int | VendorError]) -> None:
    """Items are all of one source, in its order; it is the first that has any."""
    sources = [
        Fixed(
            f"s{at}",
            outcome
            if isinstance(outcome, VendorError)
            else FetchedNews(tuple(item(f"s{at}", number) for number in range(outcome))),
        )
        for at, outcome in enumerate(outcomes)
    ]
    collection = chain(*sources).collect(KO)
    filled = [at for at, outcome in enumerate(outcomes) if isinstance(outcome, int) and outcome]
    count = filled[0] + 1 if filled else len(outcomes)
    assert [one.source for one in collection.attempts] == [f"s{at}" for at in range(count)]
    assert [len(source.asked) for source in sources] == [
        int(at < count) for at in range(len(outcomes))
    ]
    assert [one.is_failover for one in collection.attempts] == [at > 0 for at in range(count)]
    if filled:
        winner = filled[0]
        assert [(one.source, one.headline) for one in collection.news.items] == [
            (f"s{winner}", f"H{number}") for number in range(int(str(outcomes[winner])))
        ]
        assert all(one.is_failover is (winner > 0) for one in collection.news.items)
    answered = any(not isinstance(outcome, VendorError) for outcome in outcomes[:count])
    assert (collection.error is None) == (answered or not outcomes)


# -- over real sockets ---------------------------------------------------------------------

PATIENT = CallPolicy(
    timeout_s=0.5, deadline_s=0.5, queue_s=0.5, attempts=2, first_wait_s=0.05, longest_wait_s=0.1
)
ARTICLE = {
    "datetime": 1785484800, "headline": "From the second", "url": "https://n.example/2",
    "source": "Yahoo", "related": "KO", "category": "company", "summary": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(b"[]", hang_s=30), "unavailable"),
        (Answer(b"[" + b" " * 900, drip_s=0.05), "unavailable"),
        (Answer(b"", 503), "unavailable"),
        (Answer(b"[{", promised=50, is_reset=True), "unavailable"),
        (Answer(b'{"detail": "over"}', 429, {"Retry-After": "60"}), "throttled"),
        (Answer(b'{"detail": "canary-key-0123456789 is no token"}', 401), "not_entitled"),
        (Answer(b"<!DOCTYPE html><title>Just a moment</title>"), "blocked"),
        (Answer(b""), "bad_payload"),
        (Answer(b"[{"), "bad_payload"),
        (Answer(b"[]"), "empty"),
    ],
)
def test_the_second_sources_items_are_there_in_time(answer: Answer, kind: str) -> None:
    """However the first fails, tries and waits end within its patience, and the key stays hid."""

    def script(asked: Asked) -> Answer:
        return answer if "tiingo" in asked.path else Answer(json.dumps([ARTICLE]).encode())

    with serving(script) as server:
        first = TiingoClient(server.url, KEY, policy=PATIENT)
        second = FinnhubClient(server.url, KEY, clock=lambda: NOW, policy=PATIENT)
        made = chain(first, second)
        started = perf_counter()
        with capture_logs() as events:
            collection = made.collect(KO)
        took_s = perf_counter() - started
        made.close()
    assert [one.headline for one in collection.news.items] == ["From the second"]
    assert [(one.source, one.error_kind) for one in collection.attempts] == [
        ("tiingo", kind),
        ("finnhub", None),
    ]
    assert collection.attempts[0].duration_ms < 1500
    assert took_s < 3
    assert "canary" not in f"{collection} {events}"


def test_the_page_takes_over_from_the_export() -> None:
    """A login page with status 200 instead of CSV; the page's items say they are second choice."""
    page = (
        '<table id="news-table"><tr><td>Today 09:00AM</td><td>'
        '<a class="tab-link-news" href="/news/1">T</a></td></tr></table>'
    )

    def script(asked: Asked) -> Answer:
        is_export = "export" in asked.path
        return Answer(b"<!DOCTYPE html><title>Login</title>" if is_export else page.encode())

    with serving(script) as server:
        made = chain(
            FinvizExportClient(server.url, KEY, policy=PATIENT),
            FinvizPageClient(server.url, clock=lambda: NOW, policy=PATIENT),
        )
        collection = made.collect(KO)
        made.close()
    (one,) = collection.news.items
    assert (one.source, one.is_failover) == ("finviz_page", True)
    assert [attempt.error_kind for attempt in collection.attempts] == ["blocked", None]
