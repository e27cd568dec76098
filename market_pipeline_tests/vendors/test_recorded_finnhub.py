"""Every recorded Finnhub body is read to what it holds, or refused with its typed error."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from market_pipeline.domain.errors import LayoutChanged, NotEntitled, Throttled, VendorError
from market_pipeline.vendors.finnhub import KEY_SETTING
from market_pipeline.vendors.finnhub_payloads import (
    VendorTone,
    parse_company_news,
    parse_news_sentiment,
)
from market_pipeline.vendors.replies import Redactor, VendorKey, error_for
from market_pipeline_tests.vendors.recorded import files_of, reply_of

NEWS = "company_news_AAPL_20260521_23.json"
TONE = "news_sentiment_doc_example.json"
QUOTES = ("quote_AAPL.json", "quote_unknown_symbol.json")
ERRORS = [
    ("error_401_invalid_key.json", NotEntitled),
    ("error_429_api_limit.json", Throttled),
    ("news_sentiment_403_premium.json", NotEntitled),
]


def test_every_recorded_file_is_covered(vendor_payloads: Path) -> None:
    """A new recording without a test of its own fails here."""
    covered = {NEWS, TONE, *QUOTES} | {row[0] for row in ERRORS}
    assert files_of(vendor_payloads, "finnhub") == covered


def test_recorded_news_gives_its_articles(vendor_payloads: Path) -> None:
    """All 110 in the order sent, which is not that of time; times in UTC."""
    news = parse_company_news(reply_of(vendor_payloads, "finnhub", NEWS).body, "AAPL", "finnhub")
    assert news.rejected == ()
    assert len(news.items) == 110
    first = news.items[0]
    assert first.published_at == datetime(2026, 5, 23, 16, 45, 18, tzinfo=UTC)
    assert first.headline == (
        "CDL\u2019s $2.29 annual dividend beats Treasury yields despite rising interest rates"
    )
    assert (first.publisher, first.symbols, first.source) == ("Yahoo", ("AAPL",), "finnhub")
    assert first.category == "company"
    assert first.vendor_score is None
    times = [item.published_at for item in news.items]
    assert times != sorted(times, reverse=True)
    assert all(item.url.startswith("https://finnhub.io/api/news?id=") for item in news.items)
    assert all("<" not in item.description for item in news.items)


def test_the_documented_tone_is_read(vendor_payloads: Path) -> None:
    """All bullish, none bearish."""
    body = reply_of(vendor_payloads, "finnhub", TONE).body
    assert parse_news_sentiment(body) == VendorTone(score=1.0, confidence=1.0)
    with pytest.raises(LayoutChanged, match="no array"):
        parse_company_news(body, "V", "finnhub")


@pytest.mark.parametrize("name", QUOTES)
def test_a_recorded_quote_is_no_news_and_has_no_tone(vendor_payloads: Path, name: str) -> None:
    """An unknown symbol is zeros and nulls with status 200: no score, and never an article."""
    body = reply_of(vendor_payloads, "finnhub", name).body
    assert parse_news_sentiment(body) is None
    with pytest.raises(LayoutChanged, match="no array"):
        parse_company_news(body, "AAPL", "finnhub")


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_recorded_refusals_are_typed(
    vendor_payloads: Path, name: str, error: type[VendorError]
) -> None:
    """By their status; and by their words alone, where they come with status 200."""
    reply = reply_of(vendor_payloads, "finnhub", name)
    key = VendorKey(SecretStr("k" * 20), "header", "X-Finnhub-Token", KEY_SETTING, "a plan")
    told = error_for("finnhub", "news", reply, Redactor("k" * 20), key)
    assert type(told) is error
    for parse in (lambda b: parse_company_news(b, "AAPL", "finnhub"), parse_news_sentiment):
        with pytest.raises(error, match="status 200"):
            parse(reply.body)
