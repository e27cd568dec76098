"""What Alpha Vantage's bodies mean: daily series, plain and adjusted, and its words of refusal.

Pure functions over bytes of status 200, for that is the status of every failure too: throttled,
used up, not paid for, unknown. The vendor's sentences decide which; they may echo the key.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from market_pipeline.domain.errors import (
    BadPayload,
    LayoutChanged,
    NotEntitled,
    QuotaEnded,
    Throttled,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.domain.price_conventions import RAW, suspected_splits
from market_pipeline.vendors.bars import shaped
from market_pipeline.vendors.bodies import clean_text, parse_json
from market_pipeline.vendors.rows import DATE, Field, Unreadable, day, read_rows

VENDOR = "alpha_vantage"
DAILY, ADJUSTED = "TIME_SERIES_DAILY", "TIME_SERIES_DAILY_ADJUSTED"
_SERIES, _META = "Time Series (Daily)", "Meta Data"
_NUMBERED = re.compile(r"^[0-9]{1,2}[a-z]?\. ")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")
_ECHOED_KEY = re.compile(r"(API key as\s*)[^\s.,;]+", re.IGNORECASE)
_MINUTE_S, _SECOND_S = 60.0, 1.0

_PER_SECOND = re.compile(r"spreading out|requests? per second", re.IGNORECASE)
_PER_DAY = re.compile(r"rate limit is [0-9]+ requests per day", re.IGNORECASE)
_PREMIUM = re.compile(r"premium (endpoint|feature|function)|demo\W+API key", re.IGNORECASE)
_BAD_KEY = re.compile(r"apikey is invalid or missing", re.IGNORECASE)


def parse_daily(body: bytes, symbol: str, first: date, last: date) -> FetchedFrame:
    """Read a daily series as bars of `symbol` (dot form) from `first` to `last`.

    TIME_SERIES_DAILY gives `RAW` bars with their suspected splits, up to the newest bar sent;
    DAILY_ADJUSTED names every split, so its bars come as `SPLIT_ADJUSTED` with dividends, splits
    and adjusted closes. Raises a `VendorError` for every refusal and every other shape.
    """
    document = parse_json(body, VENDOR, DAILY)
    if not isinstance(document, dict):
        raise LayoutChanged(VENDOR, DAILY, "the answer is no object")
    refuse_told(document, symbol)
    series = document.get(_SERIES)
    if not isinstance(series, dict):
        raise LayoutChanged(VENDOR, DAILY, f"the field {_SERIES} is missing")
    _check_symbol(document.get(_META), symbol)
    rows = [_row(stamp, values) for stamp, values in series.items()]
    is_adjusted = any("split coefficient" in row for row in rows if isinstance(row, dict))
    fields = _ADJUSTED_FIELDS if is_adjusted else _PLAIN_FIELDS
    read = read_rows(rows, fields, vendor=VENDOR, endpoint=DAILY, subject=symbol)
    frame = read.frame.sort_values("session_date", ignore_index=True)
    if is_adjusted:
        return shaped(FetchedFrame(_split_adjusted(frame), read.rejected), symbol, first, last)
    since = frame[frame["session_date"] >= pd.Timestamp(first)]
    bars = shaped(FetchedFrame(frame, read.rejected), symbol, first, last)
    suspects = suspected_splits([d.date() for d in since["session_date"]], list(since["close"]))
    return FetchedFrame(bars.frame, bars.rejected, convention=RAW, suspected_splits=suspects)


def refuse_told(document: Mapping[str, Any], symbol: str) -> None:
    """Raise the typed error for a refusal told with status 200; keys in it are taken out."""
    for name in ("Error Message", "Note", "Information"):
        if name in document:
            told = document[name]
            said = _ECHOED_KEY.sub(r"\1[redacted]", told if isinstance(told, str) else "(no text)")
            raise _refusal(name, said, clean_text(said, 240), symbol)


def _refusal(name: str, said: str, shown: str, symbol: str) -> VendorError:
    if _BAD_KEY.search(said) or _PREMIUM.search(said):
        return NotEntitled(VENDOR, DAILY, shown)
    if name == "Error Message":
        return UnknownSymbol(VENDOR, DAILY, f"{symbol}: {shown}")
    if name == "Note":
        return Throttled(VENDOR, DAILY, shown, retry_after_s=_MINUTE_S)
    if _PER_SECOND.search(said):
        return Throttled(VENDOR, DAILY, shown, retry_after_s=_SECOND_S)
    if _PER_DAY.search(said):
        return QuotaEnded(VENDOR, DAILY, shown)
    return BadPayload(VENDOR, DAILY, shown)


def _check_symbol(meta: Any, symbol: str) -> None:
    told = {_plain(name): value for name, value in meta.items()} if isinstance(meta, dict) else {}
    name = told.get("Symbol")
    if not isinstance(name, str):
        raise LayoutChanged(VENDOR, DAILY, "the field Meta Data.Symbol is missing")
    if _canonical(name) != _canonical(symbol):
        shown = clean_text(name, 20)
        raise BadPayload(VENDOR, DAILY, f"asked for {symbol}, the body is about {shown!r}")


def _canonical(symbol: str) -> str:
    return symbol.upper().replace("-", ".")


def _row(stamp: str, values: Any) -> Any:
    """Name fields without their numbers: volume is the fifth of one series, sixth of another."""
    if not isinstance(values, dict):
        return values
    return {"date": stamp} | {_plain(name): value for name, value in values.items()}


def _plain(name: str) -> str:
    return _NUMBERED.sub("", name)


def _written(value: Any) -> float:
    """Read a number that the vendor writes as text, zero or more."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        raise Unreadable("is no written number")
    number = float(value)
    if number < 0:
        raise Unreadable("is negative")
    return number


def _ratio(value: Any) -> float:
    number = _written(value)
    if number == 0:
        raise Unreadable("is zero")
    return number


_PLAIN_FIELDS = (
    Field("session_date", ("date",), day, DATE, is_required=True),
    *(Field(name, (name,), _written, is_required=True) for name in ("open", "high", "low")),
    Field("close", ("close",), _written, is_required=True),
    Field("volume", ("volume",), _written, is_required=True),
)
_ADJUSTED_FIELDS = (
    *_PLAIN_FIELDS,
    Field("adj_close", ("adjusted close",), _written, is_required=True),
    Field("dividend_usd", ("dividend amount",), _written, is_required=True),
    Field("split_ratio", ("split coefficient",), _ratio, is_required=True),
)


def _split_adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """Divide raw prices by the ratios of all later splits; the series reaches to the present."""
    ratio = frame["split_ratio"]
    later = ratio.iloc[::-1].cumprod().iloc[::-1] / ratio
    prices = {name: frame[name] / later for name in ("open", "high", "low", "close")}
    return frame.assign(
        **prices,
        volume=frame["volume"] * later,
        dividend_usd=frame["dividend_usd"] / later,
        split_ratio=ratio.where(ratio != 1.0, 0.0),
    )
