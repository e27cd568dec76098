"""Headlines: vendor text made safe, and the same item recognised again.

Belongs here: cleaning, naming, and the rows of what was collected. Does not: who publishes it
(`publishers`), which items tell one story (`stories`), or what an item becomes (`tellings`).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.news import NewsCollection, NewsItem
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_symbol

RAW_COLUMNS = (
    "published_date", "item_hash", "headline", "description", "publisher", "url", "symbols",
    "category", "published_at", "source", "is_failover", "vendor_score", "vendor_confidence",
    "fetched_at", "taken_as",
)  # fmt: skip

SANDBOX_SUFFIX = ":sandbox"

BAD_TIME = "bad_time"
"""The rule under which an item is refused whose time is none, or meets no session."""

BLANKS = str.maketrans(dict.fromkeys("\u115f\u1160\u3164\uffa0\u2800", " "))
"""Makes blanks of what shows nothing and is a letter or a symbol by its category: Hangul fillers,
the empty Braille cell."""

_MAX_HEADLINE, _MAX_DESCRIPTION, _MAX_PUBLISHER = 500, 5000, 200
_MAX_URL, _MAX_CATEGORY, _MAX_RAW_SYMBOLS = 2000, 40, 400
_ENCODED_IN_URL = str.maketrans({mark: f"%{ord(mark):02X}" for mark in '"<>`\\'})
# Control characters become spaces; format marks (direction overrides, zero widths) and lone
# surrogates vanish.
_SPACED, _DROPPED = {"Cc"}, {"Cf", "Cs"}
# A sign before a number stays: "shares -5%" is not "shares +5%".
_WORD = re.compile(r"(?:(?<!\w)[+-])?\d+(?:[.,]\d+)*%?|\w+")


def clean_text(text: str, limit: int = _MAX_HEADLINE) -> str:
    """Make vendor text safe to keep and show: no control or format characters, one line, cut.

    What shows nothing is a blank; a text of blanks alone is empty.
    """
    if not text.isascii():
        text = text.translate(BLANKS)
    if text.isprintable():  # as most text is; no character to replace or drop is printable
        return " ".join(text.split())[:limit].rstrip()
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category in _SPACED or character.isspace():
            kept.append(" ")
        elif category not in _DROPPED:
            kept.append(character)
    return " ".join("".join(kept).split())[:limit].rstrip()


def clean_url(url: str) -> str:
    """Keep an http or https address that fits its column; anything else becomes empty.

    What no address may hold and what could end an attribute or a tag is percent-encoded. A user
    and a password go: they are nobody's to keep, and can make one host look like another.
    """
    text = "".join(clean_text(url, _MAX_URL + 1).split()).translate(_ENCODED_IN_URL)
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    _, at, host = parts.netloc.rpartition("@")
    if at:
        text = text.replace(parts.netloc, host, 1)
    return text if is_web and len(text) <= _MAX_URL else ""


def normalise(text: str) -> str:
    """Reduce a headline to its words and signed numbers, in lower case, for comparison."""
    plain = unicodedata.normalize("NFKC", clean_text(text)).casefold().replace("\u2212", "-")
    return " ".join(_WORD.findall(plain))[:_MAX_HEADLINE]


def headline_hash(headline: str, publisher: str, published_date: date) -> str:
    """Name a headline: the first 32 hex of SHA-256 of `headline|source|publication date`.

    The source is what every vendor calls so: the publisher. The same article met on two paths
    (the export, then the page) thus has one name.
    """
    return _digest(f"{headline}|{publisher}|{published_date.isoformat()}")


def item_hash(item: NewsItem) -> str:
    """Name what one source sent: the same item met under several symbols has one name."""
    day = published_date(item.published_at)
    parts = (item.source, clean_text(item.headline), clean_text(item.publisher, _MAX_PUBLISHER))
    return _digest("|".join((*parts, clean_url(item.url), day.isoformat())))


def published_date(published_at: datetime) -> date:
    """Give the New York day of an instant; a naive one raises ValueError."""
    if published_at.tzinfo is None:
        raise ValueError(f"a headline needs an aware instant, not {published_at.isoformat()}")
    return published_at.astimezone(NEW_YORK).date()


def without_old(collection: NewsCollection, oldest: date) -> tuple[NewsCollection, int]:
    """Leave out the items of New York days before `oldest`; give how many those are.

    A source may serve its latest however old that is; stored, it would be forgotten within the
    hour and be news again with the next collection.
    """
    items = collection.news.items
    kept = tuple(item for item in items if published_date(item.published_at) >= oldest)
    return replace(collection, news=replace(collection.news, items=kept)), len(items) - len(kept)


def raw_frame(items: Sequence[NewsItem], fetched_at: datetime) -> pd.DataFrame:
    """Turn collected items into `RAW_COLUMNS`, one row an item whatever symbols it came under.

    The order of `items` does not matter. Items without any text left after cleaning are dropped.
    """
    rows = [
        {
            "published_date": published_date(item.published_at),
            "item_hash": item_hash(item),
            "headline": clean_text(item.headline),
            "description": clean_text(item.description, _MAX_DESCRIPTION),
            "publisher": clean_text(item.publisher, _MAX_PUBLISHER),
            "url": clean_url(item.url),
            "symbols": ",".join(item.symbols),
            "category": clean_text(item.category, _MAX_CATEGORY),
            "published_at": item.published_at,
            "source": item.source,
            "is_failover": item.is_failover,
            "vendor_score": item.vendor_score,
            "vendor_confidence": item.vendor_confidence,
            "fetched_at": fetched_at,
            "taken_as": None,
        }
        for item in items
        if clean_text(item.headline)
    ]
    return merge_raw(typed_frame(rows, RAW_COLUMNS))


def merge_raw(*frames: pd.DataFrame) -> pd.DataFrame:
    """Merge `RAW_COLUMNS` frames, such as what is stored and what was just fetched.

    One row an item: all its symbols, the longest description, first publication time, first
    fetch, in any order given. A row that says more than the stored one was not taken yet.
    """
    told: dict[tuple[object, str], list[dict[str, object]]] = {}
    for frame in frames:
        for row in frame[list(RAW_COLUMNS)].to_dict("records"):
            key = (row["published_date"], str(row["item_hash"]))
            told.setdefault(key, []).append({str(name): value for name, value in row.items()})
    rows = [_one_row(told[key]) for key in sorted(told, key=str)]
    frame = typed_frame(rows, RAW_COLUMNS).astype({"is_failover": "bool"})
    return frame.astype(dict.fromkeys(("vendor_score", "vendor_confidence"), "float64"))


def _one_row(told: Sequence[dict[str, object]]) -> dict[str, object]:
    """Join what was said of one item at several times."""
    symbols = _fitting(_symbols_of(str(row["symbols"]) for row in told), _MAX_RAW_SYMBOLS)
    joined = told[0] | {"symbols": symbols}
    if len(told) == 1:
        return joined
    for name in ("headline", "publisher", "url", "published_at", "fetched_at", "source"):
        joined[name] = min(row[name] for row in told)  # type: ignore[type-var]  # one type a column
    for name in ("vendor_score", "vendor_confidence"):
        given: list[Any] = [row[name] for row in told if pd.notna(row[name])]  # type: ignore[call-overload]  # cells
        joined[name] = max(given, default=None)
    joined["category"] = max(str(row["category"]) for row in told)
    joined["description"] = max(
        (str(row["description"]) for row in told), key=lambda text: (len(text), text)
    )
    joined["is_failover"] = all(bool(row["is_failover"]) for row in told)
    says_no_more = [
        str(row["taken_as"])
        for row in told
        if isinstance(row["taken_as"], str)
        and (row["symbols"], row["description"]) == (symbols, joined["description"])
    ]
    joined["taken_as"] = min(says_no_more, default=None)
    return joined


def _symbols_of(cells: Iterable[str]) -> list[str]:
    """Read comma-joined symbols; what does not read as one is noise."""
    found = set()
    for text in ",".join(cells).split(","):
        try:
            found.add(parse_symbol(text))
        except ValueError:
            continue
    return sorted(found)


def _fitting(symbols: Sequence[str], limit: int) -> str:
    """Join as many symbols as fit into `limit` characters."""
    joined = ",".join(symbols)
    return joined if len(joined) <= limit else joined[: limit + 1].rpartition(",")[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]
