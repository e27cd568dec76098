"""The Finnhub client: a request a symbol, tone where the plan has it, and what ends the asking."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
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
from market_pipeline.vendors.finnhub import FinnhubClient
from market_pipeline.vendors.finnhub_payloads import VendorTone, parse_news_sentiment
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

KEY = "canary-key-of-finnhub"
NOW = datetime(2026, 8, 1, 2, 30, tzinfo=UTC)
SINCE = datetime(2026, 7, 29, 1, 0, tzinfo=UTC)  # still 28 July in New York
STAMP = int(datetime(2026, 7, 31, 8, tzinfo=UTC).timestamp())


def about(*symbols: str) -> NewsQuery:
    return NewsQuery(symbols, SINCE)


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "category": "company",
        "datetime": STAMP,
        "headline": f"Title {number}",
        "id": number,
        "image": "javascript:alert(1)",
        "related": "KO",
        "source": "Yahoo",
        "summary": "Some <i>words</i> &amp; more",
        "url": f"https://finnhub.io/api/news?id={number}",
    } | changes


def rows(*given: Any) -> Answer:
    return Answer(json.dumps(given).encode())


def tone(bullish: Any, bearish: Any) -> Answer:
    shares = {"bullishPercent": bullish, "bearishPercent": bearish}
    return Answer(json.dumps({"sentiment": shares, "symbol": "KO"}).encode())


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(rows(row())) as running:
        yield running


@pytest.fixture
def client(server: Loopback) -> Iterator[FinnhubClient]:
    yield from made_for(server)


@pytest.fixture
def premium(server: Loopback) -> Iterator[FinnhubClient]:
    yield from made_for(server, premium=True)


def made_for(server: Loopback, **options: Any) -> Iterator[FinnhubClient]:
    made = FinnhubClient(
        server.url + "/finnhub",
        SecretStr(KEY),
        clock=lambda: NOW,
        policy=CallPolicy(attempts=1),
        **options,
    )
    yield made
    made.close()


# -- news ----------------------------------------------------------------------------------


def test_what_is_asked(client: FinnhubClient, server: Loopback) -> None:
    """One request a symbol, days that hold all of since..now; the key in the header alone."""
    client.headlines(about("KO", "BRK.B", "=x", "ko"))
    assert [one.path for one in server.asked] == ["/finnhub/api/v1/company-news"] * 2
    assert [one.query for one in server.asked] == [
        {"symbol": [symbol], "from": ["2026-07-28"], "to": ["2026-08-01"]}
        for symbol in ("KO", "BRK.B")
    ]
    assert server.asked[0].headers["x-finnhub-token"] == KEY
    assert "canary" not in server.asked[0].target


def test_an_item_is_read(client: FinnhubClient, server: Loopback) -> None:
    """In the order sent; the picture is not looked at, markup becomes text."""
    server.script = lambda _asked: rows(
        row(2, related="PEP,,KO"), row(1, datetime=STAMP + 60, summary="", related=None)
    )
    first, second = client.headlines(about("KO")).items
    assert (first.headline, first.publisher, first.source) == ("Title 2", "Yahoo", "finnhub")
    assert first.published_at == datetime(2026, 7, 31, 8, tzinfo=UTC)
    assert (first.symbols, first.category) == (("KO", "PEP"), "company")
    assert first.description == "Some words & more"
    assert (second.symbols, second.description) == (("KO",), "")
    assert first.vendor_score is None


def test_an_article_under_two_symbols_is_one_item(client: FinnhubClient) -> None:
    """It names both."""
    (item,) = client.headlines(about("KO", "PEP")).items
    assert item.symbols == ("KO", "PEP")


def test_bad_rows_are_rejected_under_their_symbol(client: FinnhubClient, server: Loopback) -> None:
    """Each with its rule; the rest is kept."""
    server.script = lambda _asked: rows(
        row(1), row(2, datetime=0), row(3, datetime="2026-07-31"), row(4, url=""),
        row(5, headline=""), row(6, source=None), row(7, summary=5), 8,
    )  # fmt: skip
    news = client.headlines(about("KO"))
    assert [item.headline for item in news.items] == ["Title 1"]
    assert [(row.symbol, row.rule) for row in news.rejected] == [
        ("KO", rule)
        for rule in ("bad_time", "bad_time", "bad_url", "empty_headline", "missing_field",
                     "bad_value", "bad_row")
    ]  # fmt: skip


def test_one_failing_symbol_stops_no_other(client: FinnhubClient, server: Loopback) -> None:
    """It is rejected under its error's kind."""
    answers = {
        "KO": rows(row()), "ERR": Answer(b"", 500), "NEW": rows({"title": "x"}),
        "CUT": Answer(b'[{"headl'), "PEP": rows(),
    }  # fmt: skip
    server.script = lambda asked: answers[asked.query["symbol"][0]]
    news = client.headlines(about("KO", "ERR", "NEW", "CUT", "PEP"))
    assert len(news.items) == 1
    assert [(row.symbol, row.rule) for row in news.rejected] == [
        ("ERR", "unavailable"),
        ("NEW", "layout_changed"),
        ("CUT", "bad_payload"),
    ]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(b'{"error":"Invalid API key"}', 401), "not_entitled"),
        (Answer(b"<html>", 403), "blocked"),
        (Answer(b'{"error":"API limit reached."}', 429), "throttled"),
        (Answer(b'{"error":"API limit reached."}'), "throttled"),
    ],
)
def test_a_refusal_ends_the_asking(
    client: FinnhubClient, server: Loopback, answer: Answer, kind: str
) -> None:
    """What was read is kept, the rest is rejected unasked; at the first symbol it is the error."""
    server.script = lambda asked: rows(row()) if asked.query["symbol"] == ["A"] else answer
    news = client.headlines(about("A", "B", "C"))
    assert len(news.items) == 1
    assert [(row.symbol, row.rule) for row in news.rejected] == [("B", kind), ("C", kind)]
    assert len(server.asked) == 2
    with pytest.raises(VendorError) as caught:
        client.headlines(about("B", "C"))
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b""), BadPayload),
        (Answer(b"  "), BadPayload),
        (Answer(b"[{"), BadPayload),
        (Answer(b'{"c":0,"d":null}'), LayoutChanged),
        (rows({"headline": "x"}), LayoutChanged),
        (Answer(b"<!DOCTYPE html>"), Blocked),
        (Answer(b'{"error":"You don\'t have access to this resource."}'), NotEntitled),
        (Answer(b'{"error":"Please use an API key."}'), NotEntitled),
        (Answer(b'{"error":"strange"}'), BadPayload),
        (Answer(b'{"error":"x"}', 403), NotEntitled),
        (Answer(b"", 404), BadPayload),
        (Answer(b"", 502), Unavailable),
        (Answer(b"limit", 429), Throttled),
    ],
)
def test_each_failure_is_typed(
    client: FinnhubClient, server: Loopback, answer: Answer, error: type[VendorError]
) -> None:
    """With status 200 too."""
    server.script = lambda _asked: answer
    with pytest.raises(VendorError) as caught:
        client.headlines(about("KO"))
    assert type(caught.value) is error


def test_no_news_is_an_answer(client: FinnhubClient, server: Loopback) -> None:
    """An unknown symbol is an empty array, as one without news is; no symbols are no request."""
    server.script = lambda _asked: rows()
    assert client.headlines(about("KO")) == FetchedNews(())
    server.asked.clear()
    assert client.headlines(about()) == FetchedNews(())
    assert server.asked == []


def test_without_a_key_nobody_is_asked(server: Loopback) -> None:
    """The message names the setting."""
    made = FinnhubClient(server.url, None, clock=lambda: NOW)
    with pytest.raises(NotEntitled, match="MARKET_PIPELINE_FINNHUB_API_KEY"):
        made.headlines(about("KO"))
    made.close()
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(f'{{"error":"Invalid API key {KEY}"}}'.encode(), 401),
        Answer(f'{{"error":"Invalid API key {KEY}"}}'.encode()),
        Answer(KEY.encode()),
        rows(row(1, headline=KEY.upper()), row(2, url=KEY), row(3, summary=f"a {KEY}")),
    ],
)
def test_a_key_that_is_echoed_stays_hidden(
    premium: FinnhubClient, server: Loopback, answer: Answer
) -> None:
    """In errors, logs, items and rejected rows alike."""
    server.script = lambda _asked: answer
    told: object
    with capture_logs() as events:
        try:
            told = premium.headlines(about("KO"))
        except VendorError as error:
            told = f"{error!r} {error} {error.detail}"
    assert KEY not in f"{told} {events}".lower()


def test_each_symbol_pays_a_token(server: Loopback) -> None:
    """The rate is kept by the bucket, one token a request; without one left the asking ends."""

    class Three:
        left = 3

        def acquire(self, timeout_s: float) -> None:
            if not self.left:
                raise TimeoutError
            self.left -= 1

    made = FinnhubClient(
        server.url, SecretStr(KEY), clock=lambda: NOW, policy=CallPolicy(bucket=Three())
    )
    news = made.headlines(about("A", "B", "C", "D", "E"))
    made.close()
    assert [(row.symbol, row.rule) for row in news.rejected] == [
        ("D", "throttled"),
        ("E", "throttled"),
    ]
    assert len(server.asked) == 3


def test_it_can_be_probed(client: FinnhubClient) -> None:
    """One small request, outside rate and breaker."""
    assert client.probe().endswith("(1 headline)")


# -- tone ----------------------------------------------------------------------------------


def sentiment_or(answer: Answer) -> Any:
    return lambda asked: answer if "sentiment" in asked.path else rows(row())


@pytest.mark.parametrize(
    ("bullish", "bearish", "expected"),
    [
        (1, 0, VendorTone(1.0, 1.0)),
        (0.25, 0.75, VendorTone(-0.5, 0.75)),
        (0.5, 0.5, VendorTone(0.0, 0.5)),
        (0, 0, None),
        (None, None, None),
    ],
)
def test_tone_is_bullish_less_bearish(
    bullish: Any, bearish: Any, expected: VendorTone | None
) -> None:
    """The confidence is the larger share; zeros and nulls are no judgement."""
    assert parse_news_sentiment(tone(bullish, bearish).body) == expected


@pytest.mark.parametrize(
    "body",
    [b'{"sentiment": 5}', b"[]", b"", b"NaN", tone("1", 0).body, tone(1.5, 0).body,
     tone(True, 0).body, tone(0.5, -0.5).body],
)  # fmt: skip
def test_a_tone_that_cannot_be_is_an_error(body: bytes) -> None:
    """Shares beyond 0 to 1 are not believed."""
    with pytest.raises(BadPayload):
        parse_news_sentiment(body)


def test_a_premium_plan_scores_each_item(premium: FinnhubClient, server: Loopback) -> None:
    """With the vendor's own confidence."""
    server.script = sentiment_or(tone(0.25, 0.75))
    (item,) = premium.headlines(about("KO")).items
    assert (item.vendor_score, item.vendor_confidence) == (-0.5, 0.75)
    assert server.asked[1].path == "/finnhub/api/v1/news-sentiment"
    assert server.asked[1].query == {"symbol": ["KO"]}


def test_a_free_plan_is_not_asked_for_tone(client: FinnhubClient, server: Loopback) -> None:
    """Only one request a symbol."""
    client.headlines(about("KO", "PEP"))
    assert len(server.asked) == 2


def test_a_refused_tone_is_told_once(premium: FinnhubClient, server: Loopback) -> None:
    """The items go on without a score, and it is not asked for again."""
    server.script = sentiment_or(Answer(b'{"error":"You don\'t have access"}', 403))
    with capture_logs() as events:
        for _ in range(2):
            news = premium.headlines(about("KO", "PEP"))
    assert [item.vendor_score for item in news.items] == [None]
    assert news.rejected == ()
    warned = [event for event in events if event["log_level"] == "warning"]
    assert [(event["event"], event["reason"]) for event in warned] == [
        ("vendor_score_missing", "not_entitled")
    ]
    assert sum("sentiment" in asked.path for asked in server.asked) == 1
    with pytest.raises(NotEntitled):
        premium.news_sentiment("KO")


def test_a_tone_that_fails_once_is_asked_for_again(
    premium: FinnhubClient, server: Loopback
) -> None:
    """A passing trouble costs the score of one symbol."""

    def script(asked: Asked) -> Answer:
        if "sentiment" not in asked.path:
            return rows(row(1 if asked.query["symbol"] == ["KO"] else 2))
        return Answer(b"", 500) if asked.query["symbol"] == ["KO"] else tone(1, 0)

    server.script = script
    items = premium.headlines(about("KO", "PEP")).items
    assert [item.vendor_score for item in items] == [None, 1.0]


def test_a_symbol_without_news_is_not_asked_for_tone(
    premium: FinnhubClient, server: Loopback
) -> None:
    """There is nothing to score."""
    server.script = lambda _asked: rows()
    premium.headlines(about("KO"))
    assert len(server.asked) == 1
