"""Polygon's wire: option snapshots and contracts, tickers, aggregates of days and half hours.

A key is required but any will do. A page's `next_url` names the vendor's own host, as the real
one does, so a client must decide where to follow it. Does not: any number of its own.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial, wraps
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import OptionContract, parse_occ, parse_symbol
from market_pipeline.sandbox import polygon_bodies as bodies
from market_pipeline.sandbox.companies import standing
from market_pipeline.sandbox.market import Bars, Market
from market_pipeline.sandbox.polygon_hours import half_hours

VENDOR_ORIGIN = "https://api.massive.com"
_JSON = "application/json"
_AGGREGATES_DEFAULT, _AGGREGATES_MOST = 5_000, 50_000
_SNAPSHOT_DEFAULT, _SNAPSHOT_MOST = 10, 250
_ACTIONS_DEFAULT = 10
_REFERENCE_DEFAULT, _CONTRACTS_DEFAULT, _REFERENCE_MOST = 100, 10, 1_000

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "": lambda a, b: a == b,
    ".gte": lambda a, b: a >= b,
    ".lte": lambda a, b: a <= b,
    ".gt": lambda a, b: a > b,
    ".lt": lambda a, b: a < b,
}

Endpoint = Callable[[Request, Mapping[str, str]], Response]


class PolygonSite:
    """The Polygon endpoints over one market."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def routes(self) -> list[Route]:
        """Give the routes below Polygon's prefix."""
        aggregates = "/v2/aggs/ticker/{ticker}/range/{multiplier:int}/{timespan}/{first}/{last}"
        table: tuple[tuple[str, Endpoint], ...] = (
            ("/v3/snapshot/options/{underlying}", self._chain),
            ("/v3/snapshot/options/{underlying}/{contract}", self._contract_snapshot),
            ("/v3/reference/options/contracts", self._contracts),
            ("/v3/reference/options/contracts/{contract}", self._contract),
            ("/v3/reference/splits", self._splits),
            ("/v3/reference/dividends", self._dividends),
            ("/v3/reference/tickers", self._tickers),
            ("/v3/reference/tickers/{ticker}", self._details),
            (aggregates, self._aggregates),
            ("/v1/open-close/{ticker}/{date}", self._open_close),
            ("/{rest:path}", self._nothing),
        )
        return [Route(path, _guarded(endpoint)) for path, endpoint in table]

    def _chain(self, request: Request, query: Mapping[str, str]) -> Response:
        symbol = _symbol(request.path_params["underlying"])
        quotes = self._market.option_chain(symbol) if symbol else ()
        keep = _contract_filter(query)
        kept = [quote for quote in quotes if keep(quote.contract)]
        start, stop = _page(query, _SNAPSHOT_DEFAULT, _SNAPSHOT_MOST)
        results = [bodies.snapshot(q, self._market.close_at(q.session)) for q in kept[start:stop]]
        return _listed(request, query, results, stop if stop < len(kept) else None)

    def _contract_snapshot(self, request: Request, _query: Mapping[str, str]) -> Response:
        contract = parse_occ(request.path_params["contract"])
        quote = self._market.option_quote(contract) if contract else None
        if quote is None or quote.contract.underlying != _symbol(request.path_params["underlying"]):
            return _missing(request, "Options contract not found.")
        result = bodies.snapshot(quote, self._market.close_at(quote.session))
        return _reply({"request_id": _request_id(request), "results": result, "status": "OK"})

    def _contracts(self, request: Request, query: Mapping[str, str]) -> Response:
        symbol = _symbol(query.get("underlying_ticker", ""))
        as_of = date.fromisoformat(query["as_of"]) if "as_of" in query else None
        expired = query.get("expired", "false").lower() == "true"
        found = self._market.option_contracts(symbol, as_of, expired=expired) if symbol else ()
        keep = _contract_filter(query)
        kept = [contract for contract in found if keep(contract)]
        start, stop = _page(query, _CONTRACTS_DEFAULT, _REFERENCE_MOST)
        results = [bodies.contract(one) for one in kept[start:stop]]
        return _listed(request, query, results, stop if stop < len(kept) else None)

    def _contract(self, request: Request, _query: Mapping[str, str]) -> Response:
        contract = parse_occ(request.path_params["contract"])
        if contract is None or self._market.option_bars(contract) is None:
            return _missing(request, "Options contract not found.")
        result = bodies.contract(contract)
        return _reply({"results": result, "status": "OK", "request_id": _request_id(request)})

    def _tickers(self, request: Request, query: Mapping[str, str]) -> Response:
        listings = sorted(self._market.listings(), key=lambda one: one.symbol)
        wanted, text = query.get("ticker"), query.get("search", "").lower()
        kept = [
            one for one in listings
            if (wanted is None or one.symbol == wanted)
            and (text in one.symbol.lower() or text in one.name.lower())
        ]  # fmt: skip
        start, stop = _page(query, _REFERENCE_DEFAULT, _REFERENCE_MOST)
        as_of = self._market.as_of()
        if as_of is None:
            return _listed(request, query, [], None)
        updated_at = self._market.close_at(as_of)
        results = [bodies.ticker(one, updated_at) for one in kept[start:stop]]
        return _listed(
            request, query, results, stop if stop < len(kept) else None, count=len(results)
        )

    def _details(self, request: Request, _query: Mapping[str, str]) -> Response:
        symbol = _symbol(request.path_params["ticker"])
        told = standing(self._market, symbol) if symbol else None
        as_of = self._market.as_of()
        if told is None or as_of is None:
            return _missing(request, "Ticker not found.")
        result = bodies.details(told, self._market.close_at(as_of))
        return _reply({"results": result, "status": "OK", "request_id": _request_id(request)})

    def _splits(self, request: Request, query: Mapping[str, str]) -> Response:
        return self._actions(request, query, "execution_date", bodies.splits)

    def _dividends(self, request: Request, query: Mapping[str, str]) -> Response:
        return self._actions(request, query, "ex_dividend_date", bodies.dividends)

    def _actions(
        self,
        request: Request,
        query: Mapping[str, str],
        day: str,
        write: Callable[[str, Bars], Sequence[bodies.Json]],
    ) -> Response:
        """List a symbol's actions, newest first unless asked otherwise; all symbols it has not."""
        symbol = _symbol(query.get("ticker", ""))
        bars = self._market.bars(symbol) if symbol else None
        rows = list(write(symbol, bars)) if symbol and bars is not None else []
        for suffix, compare in _COMPARISONS.items():
            if text := query.get(f"{day}{suffix}"):
                bound = date.fromisoformat(text).isoformat()
                rows = [row for row in rows if compare(row[day], bound)]
        if query.get("order") != "asc":
            rows.reverse()
        start, stop = _page(query, _ACTIONS_DEFAULT, _REFERENCE_MOST)
        return _listed(request, query, rows[start:stop], stop if stop < len(rows) else None)

    def _aggregates(self, request: Request, query: Mapping[str, str]) -> Response:
        params = request.path_params
        subject = params["ticker"]
        size = (params["multiplier"], params["timespan"])
        if size == (30, "minute"):
            rows = self._half_hours(subject, params["first"], params["last"])
        elif size == (1, "day"):
            first, last = date.fromisoformat(params["first"]), date.fromisoformat(params["last"])
            bars = self._bars(subject)
            rows = [] if bars is None else list(bodies.aggregates(bars.between(first, last)))
        else:
            said = "The sandbox has aggregates of 1 day and of 30 minutes only"
            return _refused(request, 400, said)
        if query.get("sort") == "desc":
            rows.reverse()
        start, stop = _page(query, _AGGREGATES_DEFAULT, _AGGREGATES_MOST)
        shown = rows[start:stop]
        adjusted = query.get("adjusted", "true").lower() != "false"
        head = (
            f'{{"ticker":{json.dumps(subject)},"queryCount":{len(shown)},'
            f'"resultsCount":{len(shown)},"adjusted":{str(adjusted).lower()},'
        )
        tail = {"status": "OK", "request_id": _request_id(request), "count": len(shown)}
        if stop < len(rows):
            tail["next_url"] = _next_url(request, query, stop)
        body = f'{head}"results":[{",".join(shown)}],{_dump(tail)[1:]}'
        return Response(body, media_type=_JSON)

    def _half_hours(self, subject: str, first: str, last: str) -> list[str]:
        """Write the half hours that begin from `first` to `last`, in milliseconds."""
        begin, end = int(first), int(last)
        days = [datetime.fromtimestamp(ms / 1000, NEW_YORK).date() for ms in (begin, end)]
        symbol = _symbol(subject)
        hours = self._market.hours(symbol, *days) if symbol else None
        if hours is None:
            return []
        halves = half_hours(hours, self._market.close_at)
        return [row for at, row in bodies.timed(halves) if begin <= at <= end]

    def _open_close(self, request: Request, _query: Mapping[str, str]) -> Response:
        subject = request.path_params["ticker"]
        day = date.fromisoformat(request.path_params["date"])
        bars = self._bars(subject)
        bars = None if bars is None else bars.between(day, day)
        if bars is None or not len(bars):
            return _missing(request, "Data not found.")
        return _reply(bodies.open_close(subject, bars))

    def _nothing(self, request: Request, _query: Mapping[str, str]) -> Response:
        return _missing(request, "Page not found.")

    def _bars(self, subject: str) -> Bars | None:
        contract = parse_occ(subject) if subject.startswith("O:") else None
        if contract is not None:
            return self._market.option_bars(contract)
        symbol = _symbol(subject)
        return self._market.bars(symbol) if symbol else None


def _guarded(endpoint: Endpoint) -> Callable[[Request], Any]:
    """Ask for a key, unfold a cursor, and answer unreadable parameters as the vendor does."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return _refused(request, 401, "Unknown API Key")
        try:
            return endpoint(request, _unfolded(request.query_params))
        except ValueError as problem:
            return _refused(request, 400, f"Could not parse the request: {problem}")

    return answer


def _symbol(text: str) -> str | None:
    """Read a stock ticker as Polygon writes it: a dash is unknown there."""
    if "-" in text:
        return None
    try:
        return parse_symbol(text)
    except ValueError:
        return None


def _page(query: Mapping[str, str], usual: int, most: int) -> tuple[int, int]:
    limit = int(query.get("limit", usual))
    if not 1 <= limit <= most:
        raise ValueError(f"limit is 1 to {most}")
    start = int(query.get("page_start", 0))
    return start, start + limit


def _contract_filter(query: Mapping[str, str]) -> Callable[[OptionContract], bool]:
    """Build the test that strike_price, expiration_date and contract_type ask for."""
    tests: list[Callable[[OptionContract], bool]] = []
    for suffix, compare in _COMPARISONS.items():
        if text := query.get(f"strike_price{suffix}"):
            tests.append(partial(_strike_is, compare, float(text)))
        if text := query.get(f"expiration_date{suffix}"):
            tests.append(partial(_expiration_is, compare, date.fromisoformat(text)))
    if side := query.get("contract_type"):
        tests.append(lambda contract: contract.option_type == side)
    return lambda contract: all(test(contract) for test in tests)


def _strike_is(compare: Callable[[Any, Any], bool], bound: float, one: OptionContract) -> bool:
    return compare(float(one.strike_usd), bound)


def _expiration_is(compare: Callable[[Any, Any], bool], bound: date, one: OptionContract) -> bool:
    return compare(one.expiration_date, bound)


def _listed(
    request: Request,
    query: Mapping[str, str],
    results: Sequence[bodies.Json],
    following: int | None,
    **extra: int,
) -> Response:
    body: bodies.Json = {"results": results, "status": "OK", "request_id": _request_id(request)}
    body |= extra
    if following is not None:
        body["next_url"] = _next_url(request, query, following)
    return _reply(body)


def _next_url(request: Request, query: Mapping[str, str], start: int) -> str:
    """Give the next page's address: the vendor's host, and a cursor that holds the rest."""
    folded = _dump({**query, "page_start": str(start)}).encode()
    cursor = base64.urlsafe_b64encode(folded).decode().rstrip("=")
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return f"{VENDOR_ORIGIN}{path}?cursor={cursor}"


def _unfolded(query: Mapping[str, str]) -> Mapping[str, str]:
    cursor = query.get("cursor")
    if cursor is None:
        return query
    try:
        unfolded = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("cursor is invalid") from None
    if not isinstance(unfolded, dict):
        raise ValueError("cursor is invalid")  # noqa: TRY004  # a bad request, not a bad program
    return {str(name): str(value) for name, value in unfolded.items()}


def _request_id(request: Request) -> str:
    asked = f"{request.url.path}?{request.url.query}"
    return blake2b(asked.encode(), digest_size=16).hexdigest()


def _refused(request: Request, status: int, error: str) -> Response:
    body: bodies.Json = {"status": "ERROR", "request_id": _request_id(request), "error": error}
    return _reply(body, status)


def _missing(request: Request, message: str) -> Response:
    body: bodies.Json = {"status": "NOT_FOUND", "request_id": _request_id(request)}
    return _reply(body | {"message": message}, 404)


def _reply(body: bodies.Json, status: int = 200) -> Response:
    return Response(_dump(body), status, media_type=_JSON)


def _dump(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), allow_nan=False)
