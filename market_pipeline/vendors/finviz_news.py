"""What a Finviz headline is, whichever way it came: checks, clean text, New York times, merging.

Belongs here: what the export and the page share. Does not: CSV and HTML.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from market_pipeline.domain.ports import NewsItem, Rejected
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.vendors.bodies import clean_text

VENDOR = "finviz"
MAX_SYMBOLS = 30  # a longer list says nothing of any one of them
_MAX_URL = 2000
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*(AM|PM)?", re.IGNORECASE)


class Refused(ValueError):
    """A row cannot be a headline; `rule` is the quarantine rule."""

    def __init__(self, rule: str, detail: str) -> None:
        self.rule = rule
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class RawHeadline:
    """A row as the vendor sent it, its time already read."""

    title: str
    publisher: str
    url: str
    published_at: datetime
    symbols: Iterable[str]
    category: str = ""


def read_item(raw: RawHeadline, source: str, wanted: Collection[str] = ()) -> NewsItem:
    """Check and clean one row. Raises `Refused`.

    Tickers that do not read as one are left out; those in `wanted` come first, for the list is
    cut at 30.
    """
    headline = clean_text(raw.title)
    if not headline:
        raise Refused("empty_headline", "the headline is empty")
    url = clean_text(raw.url, _MAX_URL + 1).replace(" ", "%20")
    parts = _split(url)
    if len(url) > _MAX_URL or parts is None:
        raise Refused("bad_url", "the link is no http(s) address of at most 2000 characters")
    symbols = {symbol for text in raw.symbols if (symbol := _ticker(text)) is not None}
    ordered = sorted(symbols, key=lambda symbol: (symbol not in wanted, symbol))
    return NewsItem(
        headline=headline,
        publisher=clean_text(raw.publisher, 200),
        url=url,
        published_at=raw.published_at,
        symbols=tuple(ordered[:MAX_SYMBOLS]),
        source=source,
        category=clean_text(raw.category, 40),
    )


def _split(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None


def _ticker(text: str) -> str | None:
    try:
        return parse_symbol(text)
    except ValueError:
        return None


def clock_time(text: str) -> tuple[int, int, int]:
    """Read `04:12:27`, `8:20`, `12:57PM` or `02:50` as hour, minute, second. Raises `Refused`."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise Refused("bad_time", f"{text[:30]!r} is no time of day")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            raise Refused("bad_time", f"{text[:30]!r} is no time of day")
        hour = hour % 12 + (12 if match[4].upper() == "PM" else 0)
    return hour, minute, second


def short_month(name: str) -> int:
    """Read an English three-letter month whatever the locale. Raises `Refused`."""
    try:
        return _MONTHS[name.capitalize()]
    except KeyError:
        raise Refused("bad_time", f"{name[:10]!r} is no month") from None


def eastern(year: int, month: int, day: int, clock: tuple[int, int, int]) -> datetime:
    """Give the UTC instant of a New York wall-clock time. Raises `Refused`.

    In the hour that autumn repeats, the first of the two is taken: Finviz does not tell them apart.
    """
    try:
        local = datetime(year, month, day, *clock, tzinfo=NEW_YORK)
    except ValueError:
        raise Refused("bad_time", f"{year}-{month}-{day} {clock} is no date and time") from None
    return local.astimezone(UTC)


def rejected(error: Refused, symbol: str | None, day: date | None, row: str) -> Rejected:
    """Give the quarantine entry of a refused row."""
    return Rejected(symbol, day, error.rule, clean_text(row, 400), clean_text(str(error), 200))


def merge_items(items: Iterable[NewsItem]) -> tuple[NewsItem, ...]:
    """Join items that are one article (same link, text and time), in the order first seen.

    Their symbols are united, still at most 30.
    """
    merged: dict[tuple[str, str, datetime], NewsItem] = {}
    for item in items:
        key = (item.url, item.headline, item.published_at)
        known = merged.setdefault(key, item)
        united = tuple(dict.fromkeys((*known.symbols, *item.symbols)))[:MAX_SYMBOLS]
        merged[key] = replace(known, symbols=united)
    return tuple(merged.values())
