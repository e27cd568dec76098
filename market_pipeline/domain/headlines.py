"""Headlines: vendor text made safe, the same item recognised again, the same news counted once.

Items become rows of `finviz_headlines` as collected; those become `headlines`, one row a piece of
news with everything it names. What a headline means is not decided here.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from urllib.parse import urlsplit

import pandas as pd

from market_pipeline.domain.frames import empty_frame, typed_frame
from market_pipeline.domain.ports import NewsItem
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.symbols import parse_symbol

RAW_COLUMNS = (
    "published_date", "item_hash", "headline", "publisher", "url", "symbols", "category",
    "published_at", "source", "fetched_at",
)  # fmt: skip

HEADLINE_COLUMNS = (
    "published_date", "headline_hash", "headline", "normalized_headline", "publisher", "url",
    "symbols", "published_at", "first_seen_at", "session_date", "source", "source_count",
)  # fmt: skip

MAX_SYMBOLS = 10
SANDBOX_SUFFIX = ":sandbox"

_MAX_HEADLINE, _MAX_PUBLISHER, _MAX_URL, _MAX_CATEGORY, _MAX_RAW_SYMBOLS = 500, 200, 2000, 40, 400
# Control characters become spaces; format marks (direction overrides, zero widths) and lone
# surrogates vanish.
_SPACED, _DROPPED = {"Cc"}, {"Cf", "Cs"}
# A sign before a number stays: "shares -5%" is not "shares +5%".
_WORD = re.compile(r"(?:(?<!\w)[+-])?\d+(?:[.,]\d+)*%?|\w+")
_COMPANY_WORDS = {"the", "com", "inc", "llc", "ltd", "co"}


def clean_text(text: str, limit: int = _MAX_HEADLINE) -> str:
    """Make vendor text safe to keep and show: no control or format characters, one line, cut."""
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
    """Keep an http or https address that fits its column; anything else becomes empty."""
    text = "".join(clean_text(url, _MAX_URL + 1).split())
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and bool(parts.netloc)
    return text if is_web and len(text) <= _MAX_URL else ""


def normalise(text: str) -> str:
    """Reduce a headline to its words and signed numbers, in lower case, for comparison."""
    plain = unicodedata.normalize("NFKC", clean_text(text)).casefold().replace("\u2212", "-")
    return " ".join(_WORD.findall(plain))[:_MAX_HEADLINE]


def publisher_family(publisher: str) -> str:
    """Give one name for the ways a publisher is written: `The Motley Fool`, `(Motley Fool)`."""
    words = normalise(publisher).split()
    return "".join(word for word in words if word not in _COMPANY_WORDS) or "".join(words)


def headline_hash(headline: str, publisher: str, published_date: date) -> str:
    """Name a headline: the first 32 hex of SHA-256 of `headline|source|publication date`."""
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


def raw_frame(items: Sequence[NewsItem], fetched_at: datetime) -> pd.DataFrame:
    """Turn collected items into `RAW_COLUMNS`, one row an item whatever symbols it came under.

    The order of `items` does not matter. Items without any text left after cleaning are dropped.
    """
    rows = [
        {
            "published_date": published_date(item.published_at),
            "item_hash": item_hash(item),
            "headline": clean_text(item.headline),
            "publisher": clean_text(item.publisher, _MAX_PUBLISHER),
            "url": clean_url(item.url),
            "symbols": ",".join(item.symbols),
            "category": clean_text(item.category, _MAX_CATEGORY),
            "published_at": item.published_at,
            "source": item.source,
            "fetched_at": fetched_at,
        }
        for item in items
        if clean_text(item.headline)
    ]
    return merge_raw(typed_frame(rows, RAW_COLUMNS))


def merge_raw(*frames: pd.DataFrame) -> pd.DataFrame:
    """Merge `RAW_COLUMNS` frames, such as what is stored and what was just fetched.

    One row an item: all its symbols, first publication time, first fetch, in any order given.
    """
    filled = [frame for frame in frames if not frame.empty]
    if not filled:
        return empty_frame(RAW_COLUMNS)
    rows = pd.concat(filled, ignore_index=True)[list(RAW_COLUMNS)]
    merged = rows.groupby(["published_date", "item_hash"], as_index=False, sort=True).agg(
        {
            "headline": "min",
            "publisher": "min",
            "url": "min",
            "symbols": _merged_symbols,
            "category": "max",
            "published_at": "min",
            "source": "min",
            "fetched_at": "min",
        }
    )
    return merged[list(RAW_COLUMNS)]


def derive_headlines(
    raw: pd.DataFrame, calendar: TradingCalendar, known: Collection[str] = ()
) -> pd.DataFrame:
    """Count the same news once: `RAW_COLUMNS` in, `HEADLINE_COLUMNS` out, in any order given.

    Rows of one New York day whose publisher is of one family and whose titles have the same
    words are one headline. It keeps the earliest row's text, an address if any row has one,
    every symbol that reads as one (at most 10, `known` ones first), the first time it was
    fetched, the number of sources, and the session in which it first meets prices. Rows that
    name no symbol stay in the raw table only; sandbox news is never merged with live news, and
    yields to it.
    """
    groups: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for row in raw.to_dict("records"):
        title = normalise(str(row["headline"])) or str(row["headline"])
        is_sandbox = str(row["source"]).endswith(SANDBOX_SUFFIX)
        key = (row["published_date"], is_sandbox, publisher_family(str(row["publisher"])), title)
        groups.setdefault(key, []).append({str(name): value for name, value in row.items()})
    rows = []
    # Live before sandbox: the first of two rows of one name is kept.
    for _, group in sorted(groups.items(), key=lambda pair: pair[0][1] is True):
        symbols = _chosen(_symbols_of(str(row["symbols"]) for row in group), known)
        if symbols:
            rows.append(_headline_row(group, symbols, calendar))
    frame = typed_frame(rows, HEADLINE_COLUMNS)
    frame = frame.drop_duplicates(["published_date", "headline_hash"])
    return frame.sort_values(["published_date", "headline_hash"], ignore_index=True)


def _headline_row(
    group: list[dict[str, object]], symbols: Sequence[str], calendar: TradingCalendar
) -> dict[str, object]:
    group = sorted(
        group, key=lambda row: (str(row["published_at"]), str(row["source"]), str(row["item_hash"]))
    )
    first = group[0]
    headline, publisher = str(first["headline"]), str(first["publisher"])
    instant, day = (
        pd.Timestamp(str(first["published_at"])),
        pd.Timestamp(str(first["published_date"])),
    )
    return {
        "published_date": day,
        "headline_hash": headline_hash(headline, publisher, day.date()),
        "headline": headline,
        "normalized_headline": normalise(headline),
        "publisher": publisher,
        "url": next((row["url"] for row in group if row["url"]), ""),
        "symbols": ",".join(symbols),
        "published_at": instant,
        "first_seen_at": min(pd.Timestamp(str(row["fetched_at"])) for row in group),
        "session_date": calendar.session_meeting(instant.to_pydatetime()),
        "source": first["source"],
        "source_count": len({row["source"] for row in group}),
    }


def _symbols_of(cells: Iterable[str]) -> list[str]:
    """Read comma-joined symbols; what does not read as one is noise."""
    found = set()
    for text in ",".join(cells).split(","):
        try:
            found.add(parse_symbol(text))
        except ValueError:
            continue
    return sorted(found)


def _merged_symbols(cells: "pd.Series[str]") -> str:
    return _fitting(_symbols_of(cells), _MAX_RAW_SYMBOLS)


def _chosen(symbols: Sequence[str], known: Collection[str]) -> list[str]:
    ranked = sorted(symbols, key=lambda symbol: (symbol not in known, symbol))
    return sorted(ranked[:MAX_SYMBOLS])


def _fitting(symbols: Sequence[str], limit: int) -> str:
    """Join as many symbols as fit into `limit` characters."""
    joined = ",".join(symbols)
    return joined if len(joined) <= limit else joined[: limit + 1].rpartition(",")[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]
