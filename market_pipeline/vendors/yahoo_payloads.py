"""What Yahoo's bodies mean: chart, quote, quoteSummary, crumb. Pure functions over bytes.

Charts are judged here before yfinance reads them, for it turns limits, outages and web pages into
"possibly delisted"; bars come from the frame that yfinance makes of a chart found good.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from market_pipeline.domain.errors import (
    BadPayload,
    LayoutChanged,
    Throttled,
    Unavailable,
    UnknownSymbol,
)
from market_pipeline.domain.ports import BAR_COLUMNS, FetchedFrame, Rejected
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.vendors.bodies import clean_text, looks_like_html, parse_json

VENDOR = "yahoo"
CHART = "chart"
DAILY, HOURLY = "1d", "1h"
_QUOTE_ARRAYS = ("open", "high", "low", "close", "volume")
_META_FIELDS = ("symbol", "exchangeTimezoneName", "instrumentType", "currency", "dataGranularity")
_HISTORY_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
    "Dividends": "dividend_usd",
    "Stock Splits": "split_ratio",
}


@dataclass(frozen=True, slots=True)
class YahooProfile:
    """What quote and quoteSummary say of a company; None where they are silent.

    `market_cap` in `currency`, `dividend_yield_pct` in percent.
    """

    symbol: str
    name: str | None = None
    exchange: str | None = None
    quote_type: str | None = None
    currency: str | None = None
    market_cap: float | None = None
    shares_outstanding: float | None = None
    beta: float | None = None
    dividend_yield_pct: float | None = None
    total_revenue: float | None = None


def chart_has_bars(body: bytes, symbol: str, interval: str = DAILY) -> bool:
    """Judge a chart body (status 200, 400 or 404) before it is read; `symbol` in any form.

    True: it holds bars. False: the symbol is known and has no bar in the range asked for.
    Raises `UnknownSymbol`, `Throttled`, `Unavailable`, `LayoutChanged` (a required field is gone)
    or `BadPayload` (not this chart: another symbol, another interval, broken arrays).
    """
    _refuse_words(body)
    document = parse_json(body, VENDOR, CHART)
    chart = _object(document, "chart")
    if chart.get("error"):
        return _judge_error(_object(chart, "error"), symbol)
    results = chart.get("result")
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        raise LayoutChanged(VENDOR, CHART, "the field chart.result is not one object")
    _check_meta(_object(results[0], "meta"), symbol, interval)
    return _check_arrays(results[0], has_adjusted=interval == DAILY)


def _refuse_words(body: bytes) -> None:
    if body.lstrip()[:60].lower().startswith((b"too many requests", b"edge: too many requests")):
        raise Throttled(VENDOR, CHART, "Too Many Requests")
    if looks_like_html(body) and b"Will be right back" in body:
        raise Unavailable(VENDOR, CHART, "Yahoo says it will be right back")


def _judge_error(error: Mapping[str, Any], symbol: str) -> bool:
    said = clean_text(f"{error.get('code')}: {error.get('description')}", 160)
    if error.get("code") == "Not Found":
        raise UnknownSymbol(VENDOR, CHART, f"{symbol}: {said}")
    if "Data doesn't exist for startDate" in said:
        return False
    raise BadPayload(VENDOR, CHART, f"{symbol}: {said}")


def _check_meta(meta: Mapping[str, Any], symbol: str, interval: str) -> None:
    for name in _META_FIELDS:
        if not isinstance(meta.get(name), str):
            raise LayoutChanged(VENDOR, CHART, f"the field meta.{name} is missing")
    if _canonical(meta["symbol"]) != _canonical(symbol):
        told = clean_text(meta["symbol"], 20)
        raise BadPayload(VENDOR, CHART, f"asked for {symbol}, the body is about {told!r}")
    if meta["dataGranularity"] != interval:
        told = clean_text(meta["dataGranularity"], 20)
        raise BadPayload(VENDOR, CHART, f"asked for {interval} bars, these are {told!r}")


def _canonical(symbol: str) -> str:
    return symbol.upper().replace("-", ".")


def _check_arrays(result: Mapping[str, Any], *, has_adjusted: bool) -> bool:
    indicators = _object(result, "indicators")
    quotes = _first(indicators, "quote")
    if "timestamp" not in result:
        if any(quotes.get(name) for name in _QUOTE_ARRAYS):
            raise LayoutChanged(VENDOR, CHART, "the field timestamp is missing")
        return False
    columns = {name: quotes.get(name) for name in _QUOTE_ARRAYS}
    if has_adjusted:  # adjusted closes are told of days and more, never of hours
        columns["adjclose"] = _first(indicators, "adjclose").get("adjclose")
    stamps = result["timestamp"]
    if not isinstance(stamps, list) or not all(type(stamp) is int for stamp in stamps):
        raise BadPayload(VENDOR, CHART, "timestamp is not an array of whole seconds")
    for name, values in columns.items():
        if not isinstance(values, list):
            raise LayoutChanged(VENDOR, CHART, f"the field {name} is missing")
        if len(values) != len(stamps):
            raise BadPayload(VENDOR, CHART, f"{name} and timestamp differ in length")
        if not all(value is None or type(value) in (int, float) for value in values):
            raise BadPayload(VENDOR, CHART, f"{name} holds something that is no number")
    return bool(stamps)


def _object(parent: Any, name: str) -> Mapping[str, Any]:
    child = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(child, dict):
        raise LayoutChanged(VENDOR, CHART, f"the field {name} is missing")
    return child


def _first(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    items = parent.get(name)
    if not isinstance(items, list) or not items or not isinstance(items[0], dict):
        raise LayoutChanged(VENDOR, CHART, f"the field indicators.{name} is missing")
    return items[0]


def empty_bars() -> pd.DataFrame:
    """Give a frame of `BAR_COLUMNS` without rows."""
    return _typed(pd.DataFrame(columns=list(BAR_COLUMNS)))


def bars_from_history(history: pd.DataFrame, symbol: str, first: date, last: date) -> FetchedFrame:
    """Shape yfinance's daily history (exchange-local midnights, nulls kept) as `BAR_COLUMNS`.

    Rows outside `first`..`last` are dropped; a row without a close is rejected as `null_row`,
    unless it is the last one and wholly null: that bar has simply not formed yet.
    """
    frame = history.rename(columns=_HISTORY_COLUMNS)
    # The index is local midnight already, so dropping the zone leaves the session date.
    frame["session_date"] = pd.DatetimeIndex(frame.index).tz_localize(None).as_unit("s")
    frame["symbol"] = symbol
    frame = frame.loc[:, list(BAR_COLUMNS)].reset_index(drop=True)
    frame = frame.drop_duplicates("session_date", keep="last")
    inside = frame["session_date"].between(pd.Timestamp(first), pd.Timestamp(last))
    frame = frame[inside].sort_values("session_date", ignore_index=True)
    if len(frame) and frame.loc[len(frame) - 1, ["open", "high", "low", "close"]].isna().all():
        frame = frame.iloc[:-1]
    is_null = frame["close"].isna()
    rejected = tuple(_null_row(row) for row in frame[is_null].to_dict("records"))
    return FetchedFrame(_typed(frame[~is_null].reset_index(drop=True)), rejected)


def _null_row(row: Mapping[Any, Any]) -> Rejected:
    told = {
        name: row[name]
        for name in ("open", "high", "low", "volume", "dividend_usd", "split_ratio")
        if not pd.isna(row[name]) and row[name] != 0
    }
    return Rejected(
        symbol=row["symbol"],
        session_date=row["session_date"].date(),
        rule="null_row",
        value=str(told) if told else "null",
        detail="the vendor sent a row without a close",
    )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(BAR_COLUMNS, "float64")
    kinds |= {"session_date": "datetime64[s]", "symbol": "str"}
    return frame.astype(kinds)


def parse_crumb(body: bytes) -> str:
    """Read the crumb: the body is the crumb. Raises `Throttled` or `BadPayload`."""
    _refuse_words(body)
    text = body.decode("ascii", errors="replace").strip()
    if not 1 <= len(text) <= 40 or not text.isprintable() or "<" in text or " " in text:
        raise BadPayload(VENDOR, "getcrumb", "the body is no crumb")
    return text


def parse_quotes(body: bytes) -> tuple[YahooProfile, ...]:
    """Read a v7 quote answer, one profile a known symbol, in the vendor's order."""
    response = _object(parse_json(body, VENDOR, "quote"), "quoteResponse")
    rows = response.get("result")
    if not isinstance(rows, list):
        raise LayoutChanged(VENDOR, "quote", "the field quoteResponse.result is missing")
    return tuple(_profile(_symbol_of(row), [row]) for row in rows)


def parse_quote_summary(body: bytes, symbol: str) -> YahooProfile:
    """Read a quoteSummary answer of any modules about `symbol`. Raises `UnknownSymbol`."""
    summary = _object(parse_json(body, VENDOR, "quoteSummary"), "quoteSummary")
    if summary.get("error"):
        error = _object(summary, "error")
        said = clean_text(str(error.get("description")), 160)
        is_unknown = error.get("code") == "Not Found"
        raise (UnknownSymbol if is_unknown else BadPayload)(VENDOR, "quoteSummary", said)
    results = summary.get("result")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise LayoutChanged(VENDOR, "quoteSummary", "the field quoteSummary.result is missing")
    modules = [module for module in results[0].values() if isinstance(module, dict)]
    return _profile(parse_symbol(symbol), modules)


def _symbol_of(row: Any) -> str:
    try:
        return parse_symbol(row["symbol"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise LayoutChanged(VENDOR, "quote", "the field symbol is missing or no ticker") from None


def _profile(symbol: str, modules: list[dict[str, Any]]) -> YahooProfile:
    merged = {name: value for module in modules for name, value in module.items()}
    # quote gives the yield in percent, quoteSummary as a fraction: told apart by a field that
    # only quote has.
    in_percent = 1.0 if "regularMarketDayRange" in merged else 100.0
    dividend_yield = number_of(merged.get("dividendYield"))
    return YahooProfile(
        symbol=symbol,
        name=_text(merged.get("longName") or merged.get("shortName")),
        exchange=_text(merged.get("exchange")),
        quote_type=_text(merged.get("quoteType")),
        currency=_text(merged.get("currency") or merged.get("financialCurrency")),
        market_cap=number_of(merged.get("marketCap")),
        shares_outstanding=number_of(merged.get("sharesOutstanding")),
        beta=number_of(merged.get("beta")),
        dividend_yield_pct=None if dividend_yield is None else dividend_yield * in_percent,
        total_revenue=number_of(merged.get("totalRevenue")),
    )


def number_of(value: Any) -> float | None:
    """Give a finite number, None for anything else."""
    is_number = type(value) in (int, float) and np.isfinite(value)
    return float(value) if is_number else None


def _text(value: Any) -> str | None:
    return clean_text(value, 200) or None if isinstance(value, str) else None
