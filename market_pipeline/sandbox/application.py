"""The sandbox as one ASGI application: vendors by prefix, and the controls under `/_sandbox`.

Belongs here: mounting, counting, choosing faults. Does not: any vendor's format.
"""

import re
from collections import Counter
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.sandbox.alpha_vantage import AlphaVantageSite, Throttle
from market_pipeline.sandbox.faults import Exchange, FaultBook, FaultSpec, misbehave
from market_pipeline.sandbox.finnhub import FinnhubSite
from market_pipeline.sandbox.finviz import FinvizSite
from market_pipeline.sandbox.market import Market
from market_pipeline.sandbox.polygon import PolygonSite
from market_pipeline.sandbox.tiingo import TiingoSite
from market_pipeline.sandbox.yahoo import YahooSite

_CONTROLS = "_sandbox"
_KINDS = {
    "yahoo": (
        (r"/v8/finance/chart/", "chart"),
        (r"/v1/test/getcrumb", "crumb"),
        (r"/v10/finance/quoteSummary/", "quote_summary"),
        (r"/?$", "cookie"),
    ),
    "polygon": (
        (r"/v3/snapshot/options/[^/]+/", "contract_snapshot"),
        (r"/v3/snapshot/options/", "chain"),
        (r"/v3/reference/options/contracts", "contracts"),
        (r"/v3/reference/splits", "splits"),
        (r"/v3/reference/dividends", "dividends"),
        (r"/v3/reference/tickers/", "ticker_details"),
        (r"/v3/reference/tickers", "tickers"),
        (r"/v2/aggs/", "aggregates"),
        (r"/v1/open-close/", "open_close"),
    ),
    "alpha_vantage": ((r"/query", "series"),),
    "finviz": ((r"/quote\.ashx", "quote_moved"), (r"/quote$", "quote")),
    "finviz_elite": ((r"/news_export\.ashx", "news_export"), (r"/export\.ashx", "export")),
    "tiingo": ((r"/tiingo/news", "news"),),
    "finnhub": (
        (r"/api/v1/company-news", "company_news"),
        (r"/api/v1/news-sentiment", "news_sentiment"),
    ),
}
_SPECS = TypeAdapter(list[FaultSpec])
_PORTFOLIOS = TypeAdapter(dict[Annotated[str, Field(pattern=r"^[0-9]{1,12}$")], list[str]])


def create_app(market: Market, clock: Clock, throttle: Throttle | None = None) -> Starlette:
    """Build the application that speaks for every vendor over one market.

    `clock` says what "today" is for the pages that name it, `throttle` how often Alpha Vantage
    answers (None: 5 times a minute and 25 a day of that clock). The rules and counts live in the
    application: a new one starts clean.
    """
    book, ledger = FaultBook(), RequestLedger()
    portfolios: dict[str, list[str]] = {}
    finviz = FinvizSite(market, clock, portfolios)
    controls = _Controls(market, clock, book, ledger, portfolios)
    routes: list[BaseRoute] = [
        Mount("/yahoo", routes=YahooSite(market).routes()),
        Mount(
            "/alpha_vantage",
            routes=AlphaVantageSite(market, throttle or Throttle(clock)).routes(),
        ),
        Mount("/polygon", routes=PolygonSite(market).routes()),
        Mount("/finviz_elite", routes=finviz.export_routes()),
        Mount("/finviz", routes=finviz.page_routes()),
        Mount("/tiingo", routes=TiingoSite(market, clock).routes()),
        Mount("/finnhub", routes=FinnhubSite(market, clock).routes()),
        Mount(f"/{_CONTROLS}", routes=controls.routes()),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Turnstile, book=book, ledger=ledger)])


class RequestLedger:
    """Counts what vendors were asked, by vendor and kind of path; never what the query held."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._spoilt = 0

    def count(self, vendor: str, path: str) -> None:
        """Count one request."""
        kinds = (kind for pattern, kind in _KINDS[vendor] if re.match(pattern, path))
        self._counts[vendor, next(kinds, "other")] += 1

    def count_spoilt(self) -> None:
        """Count one answer that a fault spoilt."""
        self._spoilt += 1

    def clear(self) -> None:
        """Start again from zero."""
        self._counts.clear()
        self._spoilt = 0

    def shown(self) -> dict[str, object]:
        """Give the totals: `{total, spoilt, vendors: {vendor: {kind: count}}}`."""
        vendors: dict[str, dict[str, int]] = {vendor: {} for vendor in _KINDS}
        for (vendor, kind), count in sorted(self._counts.items()):
            vendors[vendor][kind] = count
        return {"total": self._counts.total(), "spoilt": self._spoilt, "vendors": vendors}


class _Turnstile:
    """Counts every vendor request and lets faults have their turn."""

    def __init__(self, app: ASGIApp, book: FaultBook, ledger: RequestLedger) -> None:
        self._app, self._book, self._ledger = app, book, ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        vendor, _, rest = scope.get("path", "").removeprefix("/").partition("/")
        if scope["type"] != "http" or vendor not in _KINDS:
            await self._app(scope, receive, send)
            return
        self._ledger.count(vendor, f"/{rest}")
        asked = f"/{rest}?{scope['query_string'].decode('latin-1')}"
        fault = self._book.choose(vendor, asked)
        if fault is None:
            await self._app(scope, receive, send)
            return
        self._ledger.count_spoilt()
        await misbehave(fault, Exchange(self._app, scope, receive, send, vendor))


class _Controls:
    """The sandbox's own endpoints: health, faults, request counts, portfolios at Finviz."""

    def __init__(
        self,
        market: Market,
        clock: Clock,
        book: FaultBook,
        ledger: RequestLedger,
        portfolios: dict[str, list[str]],
    ) -> None:
        self._market, self._clock, self._book, self._ledger = market, clock, book, ledger
        self._held = portfolios

    def routes(self) -> list[Route]:
        return [
            Route("/health", self._health),
            Route("/requests", self._requests, methods=["GET", "DELETE"]),
            Route("/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route("/faults/{number:int}", self._one_fault, methods=["DELETE"]),
            Route("/portfolios", self._portfolios, methods=["GET", "POST", "DELETE"]),
        ]

    async def _health(self, _request: Request) -> Response:
        as_of = self._market.as_of()
        return JSONResponse(
            {
                "status": "ok",
                "is_sandbox": True,
                "notice": "SANDBOX DATA: served locally, no vendor was asked",
                "mode": self._market.mode,
                "seed": self._market.seed,
                "as_of": as_of.isoformat() if as_of else None,
                "now": self._clock().isoformat(),
                "symbols": len(self._market.listings()),
            }
        )

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._ledger.clear()
        return JSONResponse(self._ledger.shown())

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            return JSONResponse({"removed": self._book.clear()})
        if request.method == "POST":
            sent = await request.body()
            text = sent if sent.lstrip()[:1] == b"[" else b"[" + sent + b"]"
            try:
                specs = _SPECS.validate_json(text)
            except ValidationError as problem:
                return _unreadable(problem)
            return JSONResponse({"ids": self._book.add(specs)}, 201)
        return JSONResponse({"faults": self._book.shown()})

    async def _one_fault(self, request: Request) -> Response:
        removed = self._book.clear(request.path_params["number"])
        return JSONResponse({"removed": removed}, 200 if removed else 404)

    async def _portfolios(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._held.clear()
        if request.method == "POST":
            try:
                sent = _PORTFOLIOS.validate_json(await request.body())
                held = {pid: [parse_symbol(text) for text in texts] for pid, texts in sent.items()}
            except ValidationError as problem:
                return _unreadable(problem)
            except ValueError as problem:
                return JSONResponse({"errors": [{"msg": str(problem)}]}, 422)
            self._held.update(held)
        return JSONResponse({"portfolios": self._held})


def _unreadable(problem: ValidationError) -> Response:
    errors = problem.errors(include_url=False, include_context=False)
    return JSONResponse({"errors": errors}, 422)
