"""Tiingo's wire: news by tickers, a bare array, page by offset.

A token is required but any will do. Tickers are lower case and some are noise, times come with
and without microseconds, a description may be null. Does not: any headline of its own.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.symbols import parse_symbol, to_dashed
from market_pipeline.sandbox.market import Headline, Market

_DEFAULT_LIMIT, _MOST = 100, 1_000
_HISTORY = 2_000
_NO_TOKEN = "Please supply a token"  # noqa: S105 - the vendor's words, no secret
_NOISE = "ne-ws"
_SITE = "https://wire.example.com"


class TiingoSite:
    """Tiingo's news endpoint over one market."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock

    def routes(self) -> list[Route]:
        """Give the routes below Tiingo's prefix."""
        return [Route("/tiingo/news", self._news), Route("/{rest:path}", self._nothing)]

    async def _news(self, request: Request) -> Response:
        query = request.query_params
        if not _token(request):
            return _reply({"detail": _NO_TOKEN}, 403)
        try:
            first, last = _day(query, "startDate"), _day(query, "endDate")
            limit = min(max(int(query.get("limit", _DEFAULT_LIMIT)), 0), _MOST)
            offset = max(int(query.get("offset", 0)), 0)
        except ValueError as problem:
            return _reply({"detail": f"Error: {problem}"}, 400)
        found = [
            headline
            for headline in self._newest(query.getlist("tickers"))
            if (first is None or headline.published_at.astimezone(UTC).date() >= first)
            and (last is None or headline.published_at.astimezone(UTC).date() <= last)
        ]
        return _reply([_article(headline) for headline in found[offset : offset + limit]])

    async def _nothing(self, _request: Request) -> Response:
        return _reply({"detail": "Not found."}, 404)

    def _newest(self, tickers: Sequence[str]) -> list[Headline]:
        """Merge the tickers' headlines (all listed ones without any), newest first."""
        asked = [text for cell in tickers for text in cell.split(",") if text.strip()]
        symbols = [symbol for text in asked if (symbol := _canonical(text))]
        if not asked:
            symbols = [listing.symbol for listing in self._market.listings()]
        now = self._clock()
        found = {
            headline: None
            for symbol in symbols
            for headline in self._market.headlines(symbol, now, _HISTORY) or ()
        }
        return sorted(found, key=lambda h: (h.published_at, h.title), reverse=True)


def _article(headline: Headline) -> dict[str, Any]:
    number = int.from_bytes(blake2b(headline.url.encode(), digest_size=4).digest(), "big")
    published_at = headline.published_at.astimezone(UTC)
    fraction = f".{number % 1_000_000:06d}" if number % 3 == 0 else ""
    tickers = [to_dashed(symbol).lower() for symbol in headline.symbols]
    return {
        "id": number,
        "publishedDate": f"{published_at:%Y-%m-%dT%H:%M:%S}{fraction}Z",
        "title": headline.title,
        "url": headline.url if "://" in headline.url else _SITE + headline.url,
        "description": headline.description or None,
        "source": _domain(headline.publisher),
        "tags": ["Stock"],
        "crawlDate": f"{published_at:%Y-%m-%dT%H:%M:%S}.{number % 1_000_000:06d}Z",
        "tickers": [*tickers, _NOISE] if number % 10 == 0 else tickers,
    }


def _domain(publisher: str) -> str:
    """Name a publisher as Tiingo does, by its site."""
    return "".join(char for char in publisher.lower() if char.isalnum()) + ".example.com"


def _canonical(asked: str) -> str | None:
    try:
        return parse_symbol(asked)
    except ValueError:
        return None


def _token(request: Request) -> str:
    header = request.headers.get("authorization", "")
    given = header.removeprefix("Token ") if header.startswith("Token ") else ""
    return (given or request.query_params.get("token", "")).strip()


def _day(query: Mapping[str, str], name: str) -> date | None:
    return datetime.fromisoformat(query[name]).date() if query.get(name) else None


def _reply(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")
