"""Finnhub's wire: a company's news (never in the order of time), and its tone on a premium plan.

A token is required but any will do; one that has `premium` in it may ask for the tone. Does not:
any headline of its own.
"""

import json
from datetime import UTC, date
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.sandbox.market import Headline, Market
from market_pipeline.sandbox.randomness import unit

_HISTORY = 2_000
_PREMIUM = "premium"
_LIMIT = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59"}
_NO_TOKEN, _NO_ACCESS = "Please use an API key.", "You don't have access to this resource."


class FinnhubSite:
    """Finnhub's news endpoints over one market."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock

    def routes(self) -> list[Route]:
        """Give the routes below Finnhub's prefix."""
        return [
            Route("/api/v1/company-news", self._news),
            Route("/api/v1/news-sentiment", self._tone),
            Route("/{rest:path}", self._nothing),
        ]

    async def _news(self, request: Request) -> Response:
        if not _token(request):
            return _reply({"error": _NO_TOKEN}, 401)
        query = request.query_params
        try:
            first, last = (date.fromisoformat(query[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            return _reply({"error": "Invalid date format. Please use YYYY-MM-DD"}, 422)
        asked = query.get("symbol", "").upper()
        found = self._market.headlines(_canonical(asked), self._clock(), _HISTORY) or ()
        articles = [
            _article(headline, asked)
            for headline in found
            if first <= headline.published_at.astimezone(UTC).date() <= last
        ]
        return _reply(sorted(articles, key=lambda article: int(article["id"])))

    async def _tone(self, request: Request) -> Response:
        if not _token(request):
            return _reply({"error": _NO_TOKEN}, 401)
        if _PREMIUM not in _token(request):
            return _reply({"error": _NO_ACCESS}, 403)
        asked = request.query_params.get("symbol", "").upper()
        symbol = _canonical(asked)
        if self._market.listing(symbol) is None:
            return _reply({"buzz": None, "companyNewsScore": 0, "sentiment": None, "symbol": asked})
        day = self._clock().astimezone(UTC).date()
        bullish = round(unit(self._market.seed or 0, "tone", symbol, day), 4)
        shares = {"bearishPercent": round(1 - bullish, 4), "bullishPercent": bullish}
        return _reply({"companyNewsScore": bullish, "sentiment": shares, "symbol": asked})

    async def _nothing(self, _request: Request) -> Response:
        return _reply({"error": "Not found"}, 404)


def _article(headline: Headline, asked: str) -> dict[str, Any]:
    digest = blake2b(headline.url.encode(), digest_size=16).hexdigest()
    return {
        "category": "company",
        "datetime": int(headline.published_at.timestamp()),
        "headline": headline.title,
        "id": int(digest[:8], 16),
        "image": "",
        "related": asked,
        "source": headline.publisher,
        "summary": headline.description,
        "url": f"https://finnhub.io/api/news?id={digest}",
    }


def _canonical(asked: str) -> str:
    """Read a ticker as Finnhub writes it; empty, which nobody knows, where it is none."""
    try:
        return parse_symbol(asked)
    except ValueError:
        return ""


def _token(request: Request) -> str:
    given = request.headers.get("x-finnhub-token") or request.query_params.get("token", "")
    return given.strip()


def _reply(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, _LIMIT, media_type="application/json")
