"""What Finviz Elite's CSV exports mean: news and screener. Pure functions over bytes.

A bad token shows as a web page with status 200, so the first line is checked before anything is
believed.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from market_pipeline.domain.errors import BadPayload, Blocked, LayoutChanged
from market_pipeline.domain.news import Company, FetchedNews, NewsItem
from market_pipeline.domain.ports import FetchedFrame, Rejected
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.vendors.bodies import clean_text, excerpt, looks_like_html
from market_pipeline.vendors.finviz_times import VENDOR, clock_time, eastern
from market_pipeline.vendors.news_items import (
    RawItem,
    Refused,
    merge_items,
    read_item,
    rejected,
)

NEWS, SCREENER = "news_export", "export"
_NEWS_COLUMNS = ("Title", "Source", "Date", "Url", "Category")
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[ T](.+)")
_US = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}) (.+)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,10})?(?:[eE][+-]?[0-9]{1,2})?")
_MILLION, _THOUSAND = 1e6, 1e3

# Our column, Finviz's, and what one unit of Finviz's is worth.
_SCREENER_NUMBERS = (
    ("market_cap_usd", "Market Cap", _MILLION),
    ("sales_usd", "Sales", _MILLION),
    ("income_usd", "Income", _MILLION),
    ("shares_outstanding", "Shares Outstanding", _MILLION),
    ("average_volume", "Average Volume", _THOUSAND),
    ("volume", "Volume", 1.0),
    ("price_usd", "Price", 1.0),
    ("previous_close_usd", "Prev Close", 1.0),
    ("beta", "Beta", 1.0),
    ("price_to_earnings", "P/E", 1.0),
    ("price_to_book", "P/B", 1.0),
    ("employees", "Employees", 1.0),
    ("dividend_yield_pct", "Dividend Yield", 1.0),
    ("return_on_equity_pct", "Return on Equity", 1.0),
    ("change_pct", "Change", 1.0),
)
_SCREENER_TEXTS = (
    ("company", "Company"),
    ("sector", "Sector"),
    ("industry", "Industry"),
    ("country", "Country"),
)


def parse_news_export(
    body: bytes, source: str, wanted: Collection[str] = (), *, needs_ticker: bool = False
) -> FetchedNews:
    """Read a news export of any view, in its order; times are US/Eastern in either date form.

    Tickers in `wanted` come first in an item's symbols. Raises `Blocked` (a web page instead),
    `BadPayload`, or `LayoutChanged` naming a missing column (`needs_ticker`: `Ticker` too).
    """
    required = (*_NEWS_COLUMNS, "Ticker") if needs_ticker else _NEWS_COLUMNS
    items: list[NewsItem] = []
    refused: list[Rejected] = []
    for row in _read_csv(body, required, NEWS):
        try:
            items.append(_read_news_row(row, source, wanted))
        except Refused as error:
            ticker = _first_ticker(row.get("Ticker", ""))
            refused.append(rejected(error, ticker, None, str(list(row.values()))))
    return FetchedNews(merge_items(items), tuple(refused))


def _read_news_row(row: Mapping[str, str], source: str, wanted: Collection[str]) -> NewsItem:
    if any(cell is None for cell in row.values()):
        raise Refused("bad_row", "the row is shorter than the header")
    if None in row:
        raise Refused("bad_row", "the row is longer than the header")
    date_text = clean_text(row["Date"], 40)
    if match := _ISO.fullmatch(date_text):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    elif match := _US.fullmatch(date_text):
        year, month, day = int(match[3]), int(match[1]), int(match[2])
    else:
        raise Refused("bad_time", f"{date_text!r} is no date and time")
    raw = RawItem(
        title=row["Title"],
        publisher=row["Source"],
        url=row["Url"],
        published_at=eastern(year, month, day, clock_time(match[4])),
        symbols=(row.get("Ticker") or "").split(","),
        category=row["Category"],
    )
    return read_item(raw, source, wanted)


def _first_ticker(cell: str | None) -> str | None:
    try:
        return parse_symbol((cell or "").split(",")[0])
    except ValueError:
        return None


def parse_screener(body: bytes) -> FetchedFrame:
    """Read a screener export (view 151 or 152), one row a symbol, units made whole.

    Money in USD, volumes in shares, percentages as percent in columns named `_pct`; an empty cell
    is NaN. A row with an unreadable ticker or number is rejected. Raises as `parse_news_export`.
    """
    columns = [*(column for _, column in _SCREENER_TEXTS), *(n[1] for n in _SCREENER_NUMBERS)]
    good: list[dict[str, Any]] = []
    refused: list[Rejected] = []
    for row in _read_csv(body, ("Ticker", *columns), SCREENER):
        try:
            good.append(_read_screener_row(row))
        except (Refused, ValueError) as error:
            ticker = _first_ticker(row.get("Ticker"))
            shown = clean_text(str(list(row.values())), 400)
            refused.append(Rejected(ticker, None, "bad_value", shown, clean_text(str(error), 200)))
    names = ["symbol", *(name for name, _ in _SCREENER_TEXTS), *(n[0] for n in _SCREENER_NUMBERS)]
    kinds = {name: "float64" for name, _, _ in _SCREENER_NUMBERS}
    return FetchedFrame(pd.DataFrame(good, columns=names).astype(kinds), tuple(refused))


def parse_companies(body: bytes, source: str) -> tuple[Company, ...]:
    """Read name, sector and industry of each symbol from a screener export of any view.

    Its numbers are not looked at; a row with an unreadable ticker is left out. Raises as
    `parse_news_export`.
    """
    found: dict[str, Company] = {}
    columns = tuple(column for _, column in _SCREENER_TEXTS[:3])
    for row in _read_csv(body, ("Ticker", *columns), SCREENER):
        symbol = _first_ticker(row["Ticker"])
        if symbol is not None:
            name, sector, industry = (clean_text(row[column] or "", 200) for column in columns)
            found[symbol] = Company(symbol, name, sector, industry, source)
    return tuple(found.values())


def _read_screener_row(row: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {"symbol": parse_symbol(row["Ticker"] or "")}
    values |= {name: clean_text(row[column] or "", 200) for name, column in _SCREENER_TEXTS}
    for name, column, unit in _SCREENER_NUMBERS:
        cell = (row[column] or "").strip().removesuffix("%").replace(",", "")
        if cell in ("", "-"):
            values[name] = None
        elif _NUMBER.fullmatch(cell):
            values[name] = float(cell) * unit
        else:
            raise Refused("bad_value", f"{column}: {clean_text(cell, 30)!r} is no number")
    return values


def _read_csv(body: bytes, required: Sequence[str], endpoint: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV whose header has been checked.

    Short rows hold None, long ones have the key None, as the csv module gives them.
    """
    if looks_like_html(body):
        raise Blocked(VENDOR, endpoint, f"{excerpt(body)} instead of CSV: is the token valid?")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadPayload(VENDOR, endpoint, "the CSV is not UTF-8") from None
    if not text.strip():
        raise BadPayload(VENDOR, endpoint, "an empty body")
    # Strict: a quote left open would swallow the rest of the export as one cell.
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = list(reader.fieldnames or ())
        missing = [name for name in required if name not in header]
        if missing:
            raise LayoutChanged(
                VENDOR, endpoint, f"column {missing[0]!r} is missing; it begins: {excerpt(body)}"
            )
        yield from reader
    except csv.Error as error:
        raise BadPayload(VENDOR, endpoint, f"the CSV is broken ({error})") from None
