"""The Tiingo client: what it asks, page by page, and how it reads good and bad answers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    NotEntitled,
    Throttled,
    Unavailable,
    VendorError,
)
from market_pipeline.domain.news import FetchedNews, NewsQuery
from market_pipeline.vendors import tiingo
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.tiingo import TiingoClient
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

KEY = "canary/key+of=tiingo"
SINCE = datetime(2026, 7, 28, 22, 0, tzinfo=timezone(timedelta(hours=-4)))  # 29 July in UTC


def about(*symbols: str) -> NewsQuery:
    return NewsQuery(symbols, SINCE)


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "publishedDate": "2026-07-31T08:00:00Z",
        "title": f"Title {number}",
        "url": f"https://news.example/{number}",
        "description": "Some <b>words</b>",
        "source": "news.example",
        "tags": ["Stock"],
        "crawlDate": "2026-07-31T08:01:00.123456Z",
        "tickers": ["ko"],
    } | changes


def rows(*given: Any) -> Answer:
    return Answer(json.dumps(given).encode())


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(rows(row())) as running:
        yield running


@pytest.fixture
def client(server: Loopback) -> Iterator[TiingoClient]:
    made = TiingoClient(server.url + "/tiingo", SecretStr(KEY), policy=CallPolicy(attempts=1))
    yield made
    made.close()


def test_what_is_asked(client: TiingoClient, server: Loopback) -> None:
    """Lower-case tickers, 50 a request, since a day in UTC; the key in the header alone."""
    client.headlines(about(*[f"A{number}" for number in range(50)], "BRK.B", "=x", "A0"))
    assert [one.path for one in server.asked] == ["/tiingo/tiingo/news"] * 2
    first, second = server.asked
    assert len(first.query["tickers"][0].split(",")) == 50
    assert second.query == {
        "tickers": ["brk-b"],
        "startDate": ["2026-07-29"],
        "limit": ["1000"],
        "offset": ["0"],
        "sortBy": ["publishedDate"],
    }
    assert first.headers["authorization"] == f"Token {KEY}"
    assert "canary" not in first.target


def test_an_item_is_read(client: TiingoClient, server: Loopback) -> None:
    """The publisher is Tiingo's `source`; noise among tickers stays, what is asked comes first."""
    noisy = row(tickers=["ab", "ne-ws", "ko", "KO", "", 7, "not one", "brk-b"])
    server.script = lambda _asked: rows(noisy, row(2, description=None, tickers=[]))
    first, second = client.headlines(about("KO")).items
    assert (first.headline, first.publisher) == ("Title 1", "news.example")
    assert first.symbols == ("KO", "AB", "BRK.B", "NE.WS")
    assert (first.description, first.source, first.is_failover) == ("Some words", "tiingo", False)
    assert first.published_at == datetime(2026, 7, 31, 8, tzinfo=UTC)
    assert (second.description, second.symbols) == ("", ())


def test_pages_are_read_until_a_short_one(
    client: TiingoClient, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By offset; what moved to the next page meanwhile is one item."""
    monkeypatch.setattr(tiingo, "PAGE_SIZE", 3)
    pages = {"0": [1, 2, 3], "3": [3, 4, 5], "6": [6]}
    server.script = lambda asked: rows(*(row(n) for n in pages[asked.query["offset"][0]]))
    news = client.headlines(about("KO"))
    assert [item.headline for item in news.items] == [f"Title {n}" for n in range(1, 7)]
    assert [asked.query["limit"] for asked in server.asked] == [["3"]] * 3


def test_pages_without_end_are_cut(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept, and a warning tells of the rest."""
    monkeypatch.setattr(tiingo, "PAGE_SIZE", 1)
    made = TiingoClient(server.url, SecretStr(KEY), policy=CallPolicy(attempts=1), max_pages=4)
    server.script = lambda asked: rows(row(int(asked.query["offset"][0])))
    with capture_logs() as events:
        news = made.headlines(about("KO"))
    made.close()
    assert (len(news.items), len(server.asked)) == (4, 4)
    assert [e["event"] for e in events if e["log_level"] == "warning"] == ["news_pages_left_unread"]


def test_one_bad_row_is_rejected_and_the_rest_kept(client: TiingoClient, server: Loopback) -> None:
    """Each with its rule and what it looked like."""
    server.script = lambda _asked: rows(
        row(1),
        row(2, title=" "),
        row(3, url="ftp://n.example"),
        row(4, publishedDate="2026-07-31T08:00:00"),
        row(5, publishedDate=None),
        row(6, tickers="ko"),
        row(7, description=["x"]),
        "no object",
    )
    news = client.headlines(about("KO"))
    assert [item.headline for item in news.items] == ["Title 1"]
    assert [row.rule for row in news.rejected] == [
        "empty_headline", "bad_url", "bad_time", "missing_field", "bad_value", "bad_value",
        "bad_row",
    ]  # fmt: skip
    assert '"id": 2' in news.rejected[0].value


@pytest.mark.parametrize("field", ["title", "url", "publishedDate", "source", "tickers"])
def test_a_field_gone_from_every_row_is_a_changed_layout(
    client: TiingoClient, server: Loopback, field: str
) -> None:
    """Not so many bad rows."""
    renamed = [{k: v for k, v in row(n).items() if k != field} for n in (1, 2)]
    server.script = lambda _asked: rows(*renamed)
    with pytest.raises(LayoutChanged, match=f"{field} is missing"):
        client.headlines(about("KO"))


def test_no_news_is_an_answer(client: TiingoClient, server: Loopback) -> None:
    """An empty array; and no symbols are no request."""
    server.script = lambda _asked: rows()
    assert client.headlines(about("KO")) == FetchedNews(())
    server.asked.clear()
    assert client.headlines(about()) == FetchedNews(())
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b""), BadPayload),
        (Answer(b" \n"), BadPayload),
        (Answer(b'[{"title": "cut'), BadPayload),
        (Answer(b'{"articles": []}'), LayoutChanged),
        (Answer(b"null"), LayoutChanged),
        (Answer(b"<!DOCTYPE html><title>Log in</title>"), Blocked),
        (Answer(b'{"detail": "You do not have permission to access the News API"}'), NotEntitled),
        (Answer(b'{"detail": "Invalid token."}'), NotEntitled),
        (Answer(b'{"detail": "You have run over your hourly request allocation."}'), Throttled),
        (Answer(b'{"detail": "Something else"}'), BadPayload),
        (Answer(b"Error: You have run over your daily request allocation."), Throttled),
        (Answer(b"Error: out of order"), BadPayload),
        (Answer(b'{"detail": "over"}', 429), Throttled),
        (Answer(b"Too many", 429), Throttled),
        (Answer(b'{"detail": "no add-on"}', 403), NotEntitled),
        (Answer(b"{}", 401), NotEntitled),
        (Answer(b"<html>", 403), Blocked),
        (Answer(b"gone", 404), BadPayload),
        (Answer(b"what?", 400), BadPayload),
        (Answer(b"", 503), Unavailable),
        (Answer(b'[{"title": ', promised=99, is_reset=True), Unavailable),
    ],
)
def test_each_failure_is_typed(
    client: TiingoClient, server: Loopback, answer: Answer, error: type[VendorError]
) -> None:
    """With status 200 too; nothing of it passes for an answer without news."""
    server.script = lambda _asked: answer
    with pytest.raises(VendorError) as caught:
        client.headlines(about("KO"))
    assert type(caught.value) is error


def test_without_a_key_nobody_is_asked(server: Loopback) -> None:
    """The message names the setting."""
    made = TiingoClient(server.url, None)
    with pytest.raises(NotEntitled, match="MARKET_PIPELINE_TIINGO_API_KEY"):
        made.headlines(about("KO"))
    made.close()
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(f'{{"detail": "Invalid token {KEY}"}}'.encode(), 401),
        Answer(f"no {KEY}".encode(), 403),
        Answer(f"<html><title>{KEY}</title>".encode(), 429),
        Answer(f'{{"detail": "Invalid token {KEY}"}}'.encode()),
        Answer(f"{KEY} is over its allocation".encode()),
        Answer(f"{KEY}".encode()),
        Answer(json.dumps([row(title=KEY), row(url=KEY)]).replace("/", "\\/").encode()),
    ],
)
def test_a_key_that_is_echoed_stays_hidden(
    client: TiingoClient, server: Loopback, answer: Answer
) -> None:
    """In errors, logs, items and rejected rows alike, whichever status it came with."""
    server.script = lambda _asked: answer
    told: object
    with capture_logs() as events:
        try:
            told = client.headlines(about("KO"))
        except VendorError as error:
            told = f"{error!r} {error} {error.detail}"
    assert KEY not in f"{told} {events}"
    assert "of=tiingo" not in f"{told} {events}"


def test_it_can_be_probed(client: TiingoClient, server: Loopback) -> None:
    """One small request, outside rate and breaker."""

    def script(asked: Asked) -> Answer:
        assert asked.query == {"tickers": ["spy"], "limit": ["1"]}
        return rows(row())

    server.script = script
    assert client.probe().endswith("(1 headline)")
