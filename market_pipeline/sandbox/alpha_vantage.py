"""Alpha Vantage's wire: the daily series, plain and adjusted, and its refusals with status 200.

A key is required but any will do. Prices are raw, as the vendor sends them: splits show as jumps.
Does not: any number of its own.
"""

import json
import threading
from collections import deque
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.sandbox.market import Bars, Floats, Market

_COMPACT = 100
_SITE = "https://www.alphavantage.co/premium/"
_FUNCTIONS = ("TIME_SERIES_DAILY", "TIME_SERIES_DAILY_ADJUSTED")


class Throttle:
    """Answers so many requests a minute (any 60 seconds) and a day (of UTC), by a clock.

    `answered` keeps the instant of each request let through, `refused` counts the others.
    """

    def __init__(self, clock: Clock, per_minute: int = 5, per_day: int = 25) -> None:
        self._clock, self.per_minute, self.per_day = clock, per_minute, per_day
        self.answered: list[datetime] = []
        self.refused = 0
        self._recent: deque[datetime] = deque()
        self._day: tuple[date, int] = (date.min, 0)
        self._lock = threading.Lock()

    def refusal(self, key: str) -> dict[str, str] | None:
        """Count a request; give the body it is refused with, None where it is answered."""
        with self._lock:
            now = self._clock()
            while self._recent and now - self._recent[0] >= timedelta(minutes=1):
                self._recent.popleft()
            day, count = self._day
            if day != now.date():
                day, count = now.date(), 0
            told = self._told(count, key)
            if told is not None:
                self.refused += 1
                return told
            self._day = (day, count + 1)
            self._recent.append(now)
            self.answered.append(now)
            return None

    def _told(self, count: int, key: str) -> dict[str, str] | None:
        if count >= self.per_day:
            return {
                "Information": f"We have detected your API key as {key} and our standard API rate "
                f"limit is {self.per_day} requests per day. Please subscribe to any of the premium "
                f"plans at {_SITE} to instantly remove all daily rate limits."
            }
        if len(self._recent) >= self.per_minute:
            return {
                "Note": "Thank you for using Alpha Vantage! Our standard API call frequency is "
                f"{self.per_minute} calls per minute and {self.per_day} calls per day. Please "
                f"visit {_SITE} if you would like to target a higher API call frequency."
            }
        return None


class AlphaVantageSite:
    """Alpha Vantage's one endpoint over one market."""

    def __init__(self, market: Market, throttle: Throttle) -> None:
        self._market, self._throttle = market, throttle

    def routes(self) -> list[Route]:
        """Give the routes below Alpha Vantage's prefix."""
        return [Route("/query", self._query)]

    async def _query(self, request: Request) -> Response:
        query = request.query_params
        function, key = query.get("function", ""), query.get("apikey", "")
        if not key:
            return _told("Error Message", "the parameter apikey is invalid or missing.")
        refusal = self._throttle.refusal(key)
        if refusal is not None:
            return JSONResponse(refusal)
        bars = self._bars(query.get("symbol", ""))
        if bars is None or function not in _FUNCTIONS:
            return _told(
                "Error Message",
                "Invalid API call. Please retry or visit the documentation "
                f"(https://www.alphavantage.co/documentation/) for {function[:40]}.",
            )
        is_full = query.get("outputsize") == "full"
        most = len(bars) if is_full else _COMPACT
        rows = _series(bars, most, is_adjusted=function == _FUNCTIONS[1])
        return Response(_document(query["symbol"], rows, is_full), media_type="application/json")

    def _bars(self, text: str) -> Bars | None:
        try:
            return self._market.bars(parse_symbol(text))
        except ValueError:
            return None


def _series(bars: Bars, most: int, *, is_adjusted: bool) -> list[tuple[str, dict[str, str]]]:
    """Write the newest bars that have all prices, newest first, as they were traded."""
    ratios = np.where(bars.splits > 0, bars.splits, 1.0)
    later: Floats = np.cumprod(ratios[::-1])[::-1] / ratios
    columns = [column * later for column in (bars.open, bars.high, bars.low, bars.close)]
    volume, dividends = bars.volume / later, bars.dividends * later
    rows: list[tuple[str, dict[str, str]]] = []
    for at in range(len(bars) - 1, -1, -1):
        cells = [float(column[at]) for column in (*columns, volume)]
        if len(rows) == most:
            break
        if np.isnan(cells).any():
            continue
        names = ("1. open", "2. high", "3. low", "4. close")
        row = {name: f"{cell:.4f}" for name, cell in zip(names, cells[:4], strict=True)}
        if is_adjusted:
            row |= {
                "5. adjusted close": f"{float(bars.adj_close[at]):.4f}",
                "6. volume": f"{cells[4]:.0f}",
                "7. dividend amount": f"{float(dividends[at]):.4f}",
                "8. split coefficient": f"{float(ratios[at])}",
            }
        else:
            row["5. volume"] = f"{cells[4]:.0f}"
        rows.append((str(bars.days[at]), row))
    return rows


def _document(symbol: str, rows: list[tuple[str, dict[str, str]]], is_full: bool) -> str:
    meta: dict[str, Any] = {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": symbol,
        "3. Last Refreshed": rows[0][0] if rows else "",
        "4. Output Size": "Full size" if is_full else "Compact",
        "5. Time Zone": "US/Eastern",
    }
    return json.dumps({"Meta Data": meta, "Time Series (Daily)": dict(rows)}, indent=4)


def _told(name: str, text: str) -> Response:
    return JSONResponse({name: text})
