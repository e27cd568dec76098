"""What Tiingo's news bodies mean: a bare array, or an error told in an object or plainly. Pure.

Statuses other than 2xx are judged in `replies`.
"""

from collections.abc import Collection
from typing import Any

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    NotEntitled,
    Throttled,
    VendorError,
)
from market_pipeline.domain.news import FetchedNews, NewsItem
from market_pipeline.vendors.bodies import clean_text, excerpt, looks_like_html, parse_json
from market_pipeline.vendors.news_items import (
    RawItem,
    Refused,
    iso_instant,
    read_item,
    read_list,
    text_field,
)

VENDOR, NEWS = "tiingo", "news"
_REQUIRED = ("publishedDate", "title", "url", "source", "tickers")


def parse_news(body: bytes, source: str, wanted: Collection[str] = ()) -> tuple[FetchedNews, int]:
    """Read one page of news, in its order, and how many rows it held (refused ones too).

    `source` is kept on every item, Tiingo's own `source` is its publisher. Symbols in `wanted`
    come first. Raises `Blocked` (a web page), `NotEntitled` or `Throttled` (told with status
    200), `LayoutChanged` (a field gone from every row), or `BadPayload`.
    """
    if looks_like_html(body):
        raise Blocked(VENDOR, NEWS, f"{excerpt(body)} instead of JSON")
    _refuse_plain_words(body)
    document = parse_json(body, VENDOR, NEWS)
    if isinstance(document, dict) and isinstance(document.get("detail"), str):
        raise _told(document["detail"])
    if not isinstance(document, list):
        raise LayoutChanged(VENDOR, NEWS, f"no array of articles: {excerpt(body)}")

    def read_row(row: dict[str, Any]) -> NewsItem:
        return read_item(_raw_item(row), source, wanted)

    return read_list(document, _REQUIRED, read_row, vendor=VENDOR, endpoint=NEWS), len(document)


def _raw_item(row: dict[str, Any]) -> RawItem:
    tickers = row["tickers"]
    if not isinstance(tickers, list):
        raise Refused("bad_value", "tickers is no array")
    return RawItem(
        title=text_field(row, "title"),
        publisher=text_field(row, "source"),
        url=text_field(row, "url"),
        published_at=iso_instant(text_field(row, "publishedDate")),
        symbols=[ticker for ticker in tickers if isinstance(ticker, str)],
        description=text_field(row, "description"),
    )


def _refuse_plain_words(body: bytes) -> None:
    """Raise for a limit told without JSON; a body that is neither is left to the JSON reader."""
    text = body[:2000].decode("utf-8", errors="replace").strip()
    if text and text[0] not in '[{"' and _is_limit(text):
        raise _told(text)


def _told(detail: str) -> VendorError:
    """Give the typed error of a `detail` told with status 200."""
    said = clean_text(f"told with status 200: {detail}", 200)
    if _is_limit(detail):
        return Throttled(VENDOR, NEWS, said)
    lower = detail.lower()
    if "permission" in lower or "token" in lower or "not authorized" in lower:
        return NotEntitled(VENDOR, NEWS, said)
    return BadPayload(VENDOR, NEWS, said)


def _is_limit(text: str) -> bool:
    lower = text.lower()
    return "allocation" in lower or "too many requests" in lower or "rate limit" in lower
