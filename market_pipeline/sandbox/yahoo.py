"""Yahoo's wire as yfinance asks it: cookie, crumb, charts of days and hours, summary.

A body depends on the market and the request only: what Yahoo states about "now" is stated about
the last bar answered. Belongs here: the format. Does not: any number of its own.
"""

import calendar
import json
from datetime import date, datetime

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.sandbox.companies import standing
from market_pipeline.sandbox.market import Bars, Listing, Market
from market_pipeline.sandbox.yahoo_chart import ChartRequest, ChartWriter
from market_pipeline.sandbox.yahoo_hours import HOURLY_NAMES, hour_body
from market_pipeline.sandbox.yahoo_summary import summary_modules

_JSON = "application/json;charset=utf-8"
_CRUMB = "SandboxCrumb"
_RANGES_IN_MONTHS = {
    "1mo": 1, "3mo": 3, "6mo": 6, "1y": 12, "2y": 24, "5y": 60, "10y": 120,
}  # fmt: skip
_RANGES_IN_BARS = {"1d": 1, "5d": 5}


class YahooSite:
    """The Yahoo endpoints over one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listings = {one.symbol: one for one in market.listings()}
        self._writer = ChartWriter()

    def routes(self) -> list[Route]:
        """Give the routes below Yahoo's prefix."""
        return [
            Route("/", self._cookie),
            Route("/v1/test/getcrumb", self._crumb),
            Route("/v8/finance/chart/{symbol}", self._chart),
            Route("/v10/finance/quoteSummary/{symbol}", self._summary),
            Route("/{rest:path}", self._nothing),
        ]

    async def _cookie(self, _request: Request) -> Response:
        response = Response("", media_type="text/html")
        response.set_cookie("A3", "d=sandbox", path="/", max_age=365 * 86_400)
        return response

    async def _crumb(self, _request: Request) -> Response:
        return Response(_CRUMB, media_type="text/plain;charset=utf-8")

    async def _summary(self, request: Request) -> Response:
        modules = request.query_params.get("modules", "")
        symbol = _canonical(request.path_params["symbol"].upper())
        told = standing(self._market, symbol) if symbol is not None else None
        result = {} if told is None else summary_modules(told, modules.split(","))
        if not result:
            error = f"No fundamentals data found for any of the summaryTypes={modules}"
            return _refusal("quoteSummary", 404, "Not Found", error)
        body = {"quoteSummary": {"result": [result], "error": None}}
        return Response(json.dumps(body, separators=(",", ":")), media_type=_JSON)

    async def _nothing(self, _request: Request) -> Response:
        return Response("<html><body>Not Found</body></html>", 404, media_type="text/html")

    async def _chart(self, request: Request) -> Response:
        asked = request.path_params["symbol"].upper()
        query = request.query_params
        symbol = _canonical(asked)
        bars = None if symbol is None else self._market.bars(symbol)
        if symbol is None or bars is None:
            return _refusal("chart", 404, "Not Found", "No data found, symbol may be delisted")
        interval = query.get("interval", "1d")
        if interval in HOURLY_NAMES:
            return self._hour_chart(symbol, query.get("period1"), query.get("period2"))
        if interval != "1d":
            return _refusal(
                "chart", 422, "Unprocessable Entity", "The sandbox has bars of 1d and 1h only"
            )
        try:
            rows = _rows(bars, query.get("period1"), query.get("period2"), query.get("range"))
        except ValueError as problem:
            return _refusal("chart", 400, "Bad Request", str(problem))
        events = frozenset((query.get("events") or "").replace("|", ",").split(","))
        asked_for = ChartRequest(query.get("range") or "", events)
        body = self._writer.body(bars, rows, self._listing(symbol), asked_for)
        return Response(body, media_type=_JSON)

    def _hour_chart(self, symbol: str, first: str | None, last: str | None) -> Response:
        """Answer for hours, the one that is forming and a row of the moment included."""
        try:
            start, stop = _periods(first or "", last or "")
            days = (_new_york_day(start), _new_york_day(stop))
        except ValueError as problem:
            return _refusal("chart", 400, "Bad Request", str(problem))
        hours = self._market.hours(symbol, *days)
        if hours is None:
            return _refusal("chart", 404, "Not Found", "No data found, symbol may be delisted")
        body = hour_body(hours, (start, stop), self._listing(symbol), self._market.close_at)
        return Response(body, media_type=_JSON)

    def _listing(self, symbol: str) -> Listing:
        return self._listings.get(symbol) or Listing(symbol, symbol, "CS", "XNYS")


def _canonical(asked: str) -> str | None:
    """Read a Yahoo symbol; the dot form of a share class is unknown there."""
    if "." in asked:
        return None
    try:
        return parse_symbol(asked)
    except ValueError:
        return None


def _refusal(endpoint: str, status: int, code: str, description: str) -> Response:
    body = {endpoint: {"result": None, "error": {"code": code, "description": description}}}
    return Response(json.dumps(body, separators=(",", ":")), status, media_type=_JSON)


def _rows(bars: Bars, first: str | None, last: str | None, span: str | None) -> slice:
    """Choose rows: `first` <= 09:30 New York < `last` (unix seconds), or by named range."""
    stamps = bars.opened_at
    if first is None and last is None:
        return _rows_of_range(bars, span or "1mo")
    start, stop = _periods(first or "0", last or str(2**40))
    if len(stamps) == 0 or stop <= stamps[0]:
        raise ValueError(f"Data doesn't exist for startDate = {start}, endDate = {stop}")
    return slice(int(np.searchsorted(stamps, start)), int(np.searchsorted(stamps, stop)))


def _periods(first: str, last: str) -> tuple[int, int]:
    """Read the two instants in unix seconds; ValueError in Yahoo's words."""
    try:
        start, stop = int(first), int(last)
    except ValueError:
        raise ValueError("Invalid input - period1 and period2 are unix seconds") from None
    if start >= stop:
        raise ValueError("Invalid input - start date cannot be after end date.")
    return start, stop


def _new_york_day(second: int) -> date:
    try:
        return datetime.fromtimestamp(second, NEW_YORK).date()
    except (OverflowError, OSError, ValueError):
        raise ValueError("Invalid input - period1 and period2 are unix seconds") from None


def _rows_of_range(bars: Bars, span: str) -> slice:
    """Choose the rows of a range such as 3mo, counted back from the last bar."""
    count = len(bars)
    if span == "max" or count == 0:
        return slice(0, count)
    if span in _RANGES_IN_BARS:
        return slice(max(count - _RANGES_IN_BARS[span], 0), count)
    last: date = bars.days[-1].astype(object)
    if span == "ytd":
        first = date(last.year, 1, 1)
    elif span in _RANGES_IN_MONTHS:
        first = _months_before(last, _RANGES_IN_MONTHS[span])
    else:
        raise ValueError(f"Invalid input - range={span} is not supported")
    return slice(int(np.searchsorted(bars.days, np.datetime64(first))), count)


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))
