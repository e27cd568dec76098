"""Quotes from Polygon (now Massive): contract history, chain snapshots, stock bars, references.

Follows the vendor's page addresses only to the configured host: the key goes nowhere else.
"""

from collections.abc import Mapping
from datetime import date, datetime
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import SecretStr

from market_pipeline.domain.errors import BadPayload, UnknownSymbol
from market_pipeline.domain.ports import Clock, FetchedFrame
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_occ, parse_symbol
from market_pipeline.vendors.bars import shaped
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon_actions import with_actions
from market_pipeline.vendors.polygon_payloads import (
    VENDOR,
    option_bars,
    parse_aggregates,
    parse_chain,
    parse_page,
)
from market_pipeline.vendors.polygon_reference import (
    parse_contracts,
    parse_dividends,
    parse_open_close,
    parse_splits,
    parse_tickers,
)
from market_pipeline.vendors.replies import VendorKey

BASE_URL = "https://api.massive.com"
KEY_SETTING = "MARKET_PIPELINE_POLYGON_API_KEY"
_OWN_HOSTS = frozenset({"api.massive.com", "api.polygon.io"})
_CHAIN_PAGE, _CONTRACTS_PAGE, _BARS_PAGE, _ACTIONS_PAGE = "250", "1000", "50000", "1000"


class PolygonClient:
    """An `OptionSource` over Polygon's REST API. Thread-safe.

    Without a key every call raises `NotEntitled` naming the setting. `max_pages` bounds a run of
    pages; one that does not end by then is a `BadPayload`.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        key: SecretStr | None = None,
        *,
        name: str = VENDOR,
        policy: CallPolicy | None = None,
        max_pages: int = 200,
    ) -> None:
        self._name, self._max_pages = name, max_pages
        self._has_key = key is not None and bool(key.get_secret_value().strip())
        self._http = HttpTransport(
            name,
            base_url,
            policy or CallPolicy(),
            key=VendorKey(
                key, "header", "Authorization", KEY_SETTING, "an options plan", prefix="Bearer "
            ),
        )

    @property
    def name(self) -> str:
        """Source name kept on every row."""
        return self._name

    @property
    def is_configured(self) -> bool:
        """Whether there is a key to ask with."""
        return self._has_key

    def daily_bars(self, contract: str, first: date, last: date) -> FetchedFrame:
        """Fetch daily bars of one OCC contract as `OPTION_COLUMNS` (`daily_bar`), prices as traded.

        An unknown contract gives an empty frame, for Polygon does not tell the difference.
        """
        terms = parse_occ(contract)
        if terms is None:
            raise UnknownSymbol(self._name, "aggs", f"{contract[:30]!r} is no option symbol")
        path = f"/v2/aggs/ticker/{quote('O:' + terms.occ, safe=':')}/range/1/day/{first}/{last}"
        rows = self._pages(path, {"adjusted": "false", "sort": "asc", "limit": _BARS_PAGE}, "aggs")
        return option_bars(rows, terms, first, last)

    def stock_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        """Fetch daily bars of a stock or ETF as `BAR_COLUMNS`, prices split-adjusted by Polygon.

        Polygon tells no dividends, splits (`actions`) or adjusted closes here. An unknown ticker
        gives an empty frame, for Polygon does not tell the difference.
        """
        ticker = self._ticker(symbol, "aggs")
        path = f"/v2/aggs/ticker/{quote(ticker)}/range/1/day/{first}/{last}"
        rows = self._pages(path, {"adjusted": "true", "sort": "asc", "limit": _BARS_PAGE}, "aggs")
        return shaped(parse_aggregates(rows, ticker), ticker, first, last)

    def half_hours(self, symbol: str, begins_at: datetime, ends_at: datetime) -> list[Any]:
        """Fetch half-hour aggregates of a stock or ETF as sent, split-adjusted by Polygon.

        All that begin in [begins_at, ends_at), trades outside of regular hours included.
        """
        ticker = self._ticker(symbol, "aggs")
        first, last = (int(at.timestamp() * 1000) for at in (begins_at, ends_at))
        path = f"/v2/aggs/ticker/{quote(ticker)}/range/30/minute/{first}/{last - 1}"
        params = {"adjusted": "true", "sort": "asc", "limit": _BARS_PAGE}
        return self._pages(path, params, "half_hours")

    def actions(self, symbol: str, first: date) -> tuple[FetchedFrame, FetchedFrame]:
        """Fetch splits and cash dividends from `first` on, as `parse_splits`, `parse_dividends`."""
        ticker = self._ticker(symbol, "splits")
        since = {"ticker": ticker, "limit": _ACTIONS_PAGE, "order": "asc"}
        splits = self._pages(
            "/v3/reference/splits",
            since | {"execution_date.gte": str(first), "sort": "execution_date"}, "splits",
        )  # fmt: skip
        dividends = self._pages(
            "/v3/reference/dividends",
            since | {"ex_dividend_date.gte": str(first), "sort": "ex_dividend_date"}, "dividends",
        )  # fmt: skip
        return parse_splits(splits), parse_dividends(dividends)

    def chain(self, underlying: str, session: date) -> FetchedFrame:
        """Fetch the present chain as `OPTION_COLUMNS` (`snapshot`), dated `session`."""
        symbol = self._ticker(underlying, "chain")
        path = f"/v3/snapshot/options/{quote(symbol)}"
        rows = self._pages(path, {"limit": _CHAIN_PAGE}, "chain")
        return parse_chain(rows, symbol, session)

    def contracts(self, underlying: str, expired_on: date | None = None) -> FetchedFrame:
        """Fetch the contracts of `underlying` as `CONTRACT_COLUMNS`: listed, or expired that day.

        Polygon has expired contracts for some years back; others are an empty frame.
        """
        params = {
            "underlying_ticker": self._ticker(underlying, "contracts"),
            "limit": _CONTRACTS_PAGE,
        }
        if expired_on is not None:
            params |= {"expired": "true", "expiration_date": expired_on.isoformat()}
        return parse_contracts(self._pages("/v3/reference/options/contracts", params, "contracts"))

    def tickers(self, market: str = "stocks") -> FetchedFrame:
        """Fetch the active tickers of a market, columns as in `parse_tickers`."""
        params = {"market": market, "active": "true", "limit": "1000"}
        return parse_tickers(self._pages("/v3/reference/tickers", params, "tickers"))

    def open_close(self, symbol: str, session: date) -> FetchedFrame:
        """Fetch one session of a stock with its prices outside hours, as one row."""
        path = f"/v1/open-close/{quote(self._ticker(symbol, 'open-close'))}/{session}"
        reply = self._http.get(path, {"adjusted": "true"}, "open-close")
        if reply.status == 404:
            raise UnknownSymbol(self._name, "open-close", f"{symbol} has no data on {session}")
        return parse_open_close(reply.body)

    def probe(self) -> str:
        """Say whether Polygon answers and takes the key. Raises a `VendorError`."""
        started = perf_counter()
        path = "/v3/reference/options/contracts"
        reply = self._http.probe(path, {"underlying_ticker": "SPY", "limit": "1"})
        if reply.status != 404:
            parse_page(reply.body, "contracts")
        return f"answers in {(perf_counter() - started) * 1000:.0f} ms"

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _ticker(self, symbol: str, endpoint: str) -> str:
        try:
            ticker = parse_symbol(symbol)
        except ValueError:
            ticker = ""
        if not ticker or ticker.startswith("^"):
            raise UnknownSymbol(self._name, endpoint, f"{symbol[:30]!r} is no stock ticker")
        return ticker

    def _pages(self, path: str, params: Mapping[str, str], endpoint: str) -> list[Any]:
        rows: list[Any] = []
        asked: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        for _ in range(self._max_pages):
            request = (path, tuple(params.items()))
            if request in asked:
                raise BadPayload(self._name, endpoint, "next_url leads back to a page already read")
            asked.add(request)
            reply = self._http.get(path, params, endpoint)
            if reply.status == 404:
                raise UnknownSymbol(self._name, endpoint, "the vendor knows no such subject")
            page = parse_page(reply.body, endpoint)
            rows += page.rows
            if page.next_url is None:
                return rows
            path, params = self._next_request(page.next_url, endpoint)
        raise BadPayload(self._name, endpoint, f"more than {self._max_pages} pages")

    def _next_request(self, next_url: str, endpoint: str) -> tuple[str, dict[str, str]]:
        """Keep path and query of a page address, once its host is known to be the vendor's."""
        base = self._http.base
        try:
            parts = urlsplit(next_url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise BadPayload(self._name, endpoint, "next_url is no address") from None
        is_configured = (parts.scheme, host, port) == (base.scheme, base.host, base.port)
        if not is_configured and not (
            parts.scheme == "https" and host in _OWN_HOSTS and port in (None, 443)
        ):
            raise BadPayload(
                self._name, endpoint, f"next_url leads to another host ({host[:60]!r}), refused"
            )
        path = parts.path
        if is_configured and base.path != "/":
            path = path.removeprefix(base.path.rstrip("/"))
        # Its own copy of a key, should it carry one, is not ours to repeat.
        query = {k: v for k, v in parse_qsl(parts.query) if k.lower() != "apikey"}
        return path, query


class PolygonStocks:
    """A `PriceSource` over the stock aggregates of a `PolygonClient`, whose connections it uses.

    With a `clock` each answer has splits and dividends beside the bars, at two more requests.
    """

    def __init__(self, client: PolygonClient, clock: Clock | None = None) -> None:
        self._client, self._clock = client, clock

    @property
    def name(self) -> str:
        """Source name kept on every row."""
        return self._client.name

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        """Fetch bars of `symbol` as `BAR_COLUMNS`, split-adjusted.

        Raises a `VendorError`, for the actions too: bars without them would seem to have none.
        """
        bars = self._client.stock_bars(symbol, first, last)
        if self._clock is None or bars.frame.empty:
            return bars
        splits, dividends = self._client.actions(symbol, first)
        today = self._clock().astimezone(NEW_YORK).date()
        return with_actions(bars, splits, dividends, symbol, today)

    def close(self) -> None:
        """Close the connections of this process."""
        self._client.close()
