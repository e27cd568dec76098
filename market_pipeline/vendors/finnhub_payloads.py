"""What Finnhub's bodies mean: a company's news, and how the vendor judges its tone. Pure.

Statuses other than 2xx are judged in `replies`; an error told with status 200 is one here.
"""

import math
from dataclasses import dataclass
from typing import Any

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    NotEntitled,
    Throttled,
)
from market_pipeline.domain.news import FetchedNews, NewsItem
from market_pipeline.vendors.bodies import clean_text, excerpt, looks_like_html, parse_json
from market_pipeline.vendors.news_items import (
    RawItem,
    read_item,
    read_list,
    text_field,
    unix_instant,
)

VENDOR, NEWS, SENTIMENT = "finnhub", "company-news", "news-sentiment"
_REQUIRED = ("datetime", "headline", "url", "source")


@dataclass(frozen=True, slots=True)
class VendorTone:
    """How Finnhub judges the news on a symbol: `score` in [-1, 1], `confidence` in [0, 1]."""

    score: float
    confidence: float


def parse_company_news(body: bytes, symbol: str, source: str) -> FetchedNews:
    """Read the news on `symbol` in the order sent, which is not that of time.

    `source` is kept on every item, Finnhub's own `source` is its publisher; pictures are ignored.
    Raises `Blocked` (a web page), `NotEntitled` or `Throttled` (told with status 200),
    `LayoutChanged` (no array, or a field gone from every row), or `BadPayload`.
    """
    document = _document(body, NEWS)
    if not isinstance(document, list):
        raise LayoutChanged(VENDOR, NEWS, f"no array of articles: {excerpt(body)}")

    def read_row(row: dict[str, Any]) -> NewsItem:
        raw = RawItem(
            title=text_field(row, "headline"),
            publisher=text_field(row, "source"),
            url=text_field(row, "url"),
            published_at=unix_instant(row["datetime"]),
            symbols=(symbol, *text_field(row, "related").split(",")),
            category=text_field(row, "category"),
            description=text_field(row, "summary"),
        )
        return read_item(raw, source, wanted=(symbol,))

    return read_list(document, _REQUIRED, read_row, vendor=VENDOR, endpoint=NEWS, subject=symbol)


def parse_news_sentiment(body: bytes) -> VendorTone | None:
    """Read the tone of a symbol's news; None where the vendor has none (an unknown symbol).

    The score is the share of bullish less the share of bearish articles, the confidence the
    larger of the two: how far the articles agree. Raises as `parse_company_news`.
    """
    document = _document(body, SENTIMENT)
    if not isinstance(document, dict):
        raise LayoutChanged(VENDOR, SENTIMENT, f"the answer is no object: {excerpt(body)}")
    shares = document.get("sentiment")
    if shares is None:
        return None
    if not isinstance(shares, dict):
        raise LayoutChanged(VENDOR, SENTIMENT, "the field sentiment is no object")
    bullish, bearish = (_share(shares, name) for name in ("bullishPercent", "bearishPercent"))
    if not bullish and not bearish:
        return None
    return VendorTone(score=bullish - bearish, confidence=max(bullish, bearish))


def _share(shares: dict[str, Any], name: str) -> float:
    value = shares.get(name)
    if value is None:
        return 0.0
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise BadPayload(VENDOR, SENTIMENT, f"{name} is no share of 1")
    return float(value)


def _document(body: bytes, endpoint: str) -> Any:
    if looks_like_html(body):
        raise Blocked(VENDOR, endpoint, f"{excerpt(body)} instead of JSON")
    document = parse_json(body, VENDOR, endpoint)
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        said = clean_text(f"told with status 200: {document['error']}", 200)
        lower = document["error"].lower()
        if "limit" in lower:
            raise Throttled(VENDOR, endpoint, said)
        if "access" in lower or "api key" in lower:
            raise NotEntitled(VENDOR, endpoint, said)
        raise BadPayload(VENDOR, endpoint, said)
    return document
