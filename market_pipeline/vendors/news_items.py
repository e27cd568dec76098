"""One item of news, whoever sent it: checks, text instead of markup, aware times, merging.

Belongs here: what every source of news shares. Does not: any vendor's format.
"""

import html
import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from market_pipeline.domain.errors import LayoutChanged
from market_pipeline.domain.headlines import BAD_TIME, clean_url
from market_pipeline.domain.news import FetchedNews, NewsItem
from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.vendors.bodies import clean_text

MAX_SYMBOLS = 30  # a longer list says nothing of any one of them
MAX_DESCRIPTION = 5000
_MAX_HEADLINE, _MAX_PUBLISHER, _MAX_CATEGORY, _MAX_URL = 500, 200, 40, 2000
# A closure foreseen by nobody does not change which years there are.
_CALENDAR = TradingCalendar.xnys()
# A letter must follow the bracket: "EPS < 3 and > 2" holds no tag.
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)[^<>]*>|<!(?:--)?[^<>]*>")
_UNSEEN = frozenset({"script", "style"})
_INLINE = frozenset({"a", "abbr", "b", "em", "font", "i", "mark", "small", "span", "strong", "u"})


class Refused(ValueError):
    """A row cannot be a headline; `rule` is the quarantine rule."""

    def __init__(self, rule: str, detail: str) -> None:
        self.rule = rule
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class RawItem:
    """A row as the vendor sent it, its time already read and aware.

    `is_escaped`: character references still stand in its texts (CSV and JSON hold them as they
    were sent; text taken out of a parsed page does not).
    """

    title: str
    publisher: str
    url: str
    published_at: datetime
    symbols: Iterable[str]
    category: str = ""
    description: str = ""
    is_escaped: bool = True


def read_item(raw: RawItem, source: str, wanted: Collection[str] = ()) -> NewsItem:
    """Check and clean one row. Raises `Refused`.

    Tickers that do not read as one are left out; those in `wanted` come first, for the list is
    cut at 30. A description longer than 5,000 characters is cut.
    """
    headline = plain_text(raw.title, _MAX_HEADLINE, is_escaped=raw.is_escaped)
    if not headline:
        raise Refused("empty_headline", "the headline is empty")
    url = clean_url(clean_text(raw.url, _MAX_URL + 1).replace(" ", "%20"))
    if not url:
        raise Refused("bad_url", "the link is no http(s) address of at most 2000 characters")
    if not _CALENDAR.holds(raw.published_at):
        raise Refused(BAD_TIME, _CALENDAR.why_outside(raw.published_at))
    symbols = {symbol for text in raw.symbols if (symbol := _ticker(text)) is not None}
    ordered = sorted(symbols, key=lambda symbol: (symbol not in wanted, symbol))
    return NewsItem(
        headline=headline,
        publisher=plain_text(raw.publisher, _MAX_PUBLISHER, is_escaped=raw.is_escaped),
        url=url,
        published_at=raw.published_at.astimezone(UTC),
        symbols=tuple(ordered[:MAX_SYMBOLS]),
        source=source,
        category=clean_text(raw.category, _MAX_CATEGORY),
        description=plain_text(raw.description, MAX_DESCRIPTION, is_escaped=raw.is_escaped),
    )


def plain_text(text: str, limit: int, *, is_escaped: bool = True) -> str:
    """Give what a reader of `text` would see: no tags, scripts or control characters, one line.

    Character references are resolved once, and what they stand for is text: `&lt;b&gt;` becomes
    the four characters `<b>`, never a tag. At most `limit` characters remain.
    """
    # Cut before it is looked through: what a thousand pages of markup would show is not news.
    seen = _without_tags(text[: 20 * limit])
    return clean_text(html.unescape(seen) if is_escaped else seen, limit)


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    kept: list[str] = []
    at, unseen = 0, ""
    for tag in _TAG.finditer(text):
        name = (tag[2] or "").lower()
        if not unseen:
            kept += (text[at : tag.start()], "" if name in _INLINE else " ")
            unseen = name if name in _UNSEEN and not tag[1] else ""
        elif tag[1] and name == unseen:
            unseen = ""
        at = tag.end()
    return "".join(kept) + ("" if unseen else text[at:])


def _ticker(text: Any) -> str | None:
    try:
        return parse_symbol(text) if isinstance(text, str) else None
    except ValueError:
        return None


def iso_instant(text: str) -> datetime:
    """Read an ISO time with its offset (`Z` too), with or without fractions. Raises `Refused`."""
    try:
        stamp = datetime.fromisoformat(text.strip())
        if stamp.tzinfo is not None:
            return stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(BAD_TIME, f"{text[:40]!r} is no ISO time") from None
    raise Refused(BAD_TIME, f"{text[:40]!r} names no time zone")


def unix_instant(value: Any) -> datetime:
    """Read whole seconds since 1970, UTC. Raises `Refused`."""
    if type(value) is int and value > 0:
        with suppress(ValueError, OverflowError, OSError):  # beyond the last year a date can have
            return datetime.fromtimestamp(value, UTC)
    raise Refused(BAD_TIME, f"{str(value)[:40]!r} is no unix time of a headline")


def text_field(row: dict[str, Any], name: str) -> str:
    """Give a text of a row, empty where absent or null; anything else raises `Refused`."""
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    raise Refused("bad_value", f"{name} is no text")


def read_list(
    rows: Sequence[Any],
    required: Sequence[str],
    read_row: Callable[[dict[str, Any]], NewsItem],
    *,
    vendor: str,
    endpoint: str,
    subject: str | None = None,
) -> FetchedNews:
    """Read the rows of a JSON array with `read_row` (which raises `Refused`), in their order.

    A row that is no object, or lacks a `required` field, is rejected like one that is refused;
    `subject` is the symbol named in rejections. Raises `LayoutChanged` where no row at all has a
    required field.
    """
    for name in required:
        if rows and all(_lacks(row, name) for row in rows):
            raise LayoutChanged(vendor, endpoint, f"the field {name} is missing from every row")
    items: list[NewsItem] = []
    refused: list[Rejected] = []
    for row in rows:
        try:
            _require(row, required)
            items.append(read_row(row))
        except Refused as error:
            refused.append(rejected(error, subject, None, json.dumps(row, default=str)))
    return FetchedNews(merge_items(items), tuple(refused))


def _lacks(row: Any, name: str) -> bool:
    return not isinstance(row, dict) or row.get(name) is None


def _require(row: Any, required: Sequence[str]) -> None:
    if not isinstance(row, dict):
        raise Refused("bad_row", "the row is no object")
    missing = [name for name in required if row.get(name) is None]
    if missing:
        raise Refused("missing_field", f"{missing[0]} is missing")


def rejected(error: Refused, symbol: str | None, day: date | None, row: str) -> Rejected:
    """Give the quarantine entry of a refused row."""
    return Rejected(symbol, day, error.rule, clean_text(row, 400), clean_text(str(error), 200))


def merge_items(items: Iterable[NewsItem]) -> tuple[NewsItem, ...]:
    """Join items that are one article (same link, text and time), in the order first seen.

    Their symbols are united, still at most 30; a description or score that one has, all have.
    """
    merged: dict[tuple[str, str, datetime], NewsItem] = {}
    for item in items:
        key = (item.url, item.headline, item.published_at)
        known = merged.get(key)
        merged[key] = item if known is None else _joined(known, item)
    return tuple(merged.values())


def _joined(known: NewsItem, other: NewsItem) -> NewsItem:
    scored = known if known.vendor_score is not None else other
    return replace(
        known,
        symbols=tuple(dict.fromkeys((*known.symbols, *other.symbols)))[:MAX_SYMBOLS],
        description=known.description or other.description,
        vendor_score=scored.vendor_score,
        vendor_confidence=scored.vendor_confidence,
    )
