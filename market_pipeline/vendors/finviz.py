"""Headlines from Finviz: the Elite export, and the public page.

The page is read as anyone's browser reads it; a refusal is an error and the end of asking, never
something to get around.
"""

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter

import structlog
from pydantic import SecretStr

from market_pipeline.domain.counting import counted
from market_pipeline.domain.errors import BadPayload, UnknownSymbol, VendorError
from market_pipeline.domain.news import Company, FetchedNews, NewsItem, NewsQuery
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.symbols import to_dashed
from market_pipeline.vendors.finviz_csv import (
    NEWS,
    SCREENER,
    parse_companies,
    parse_news_export,
)
from market_pipeline.vendors.finviz_page import PAGE, parse_quote_page
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.news_items import merge_items
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import VendorKey
from market_pipeline.vendors.symbol_by_symbol import ask_each, readable_symbols

EXPORT_URL = "https://elite.finviz.com"
PAGE_URL = "https://finviz.com"
KEY_SETTING = "MARKET_PIPELINE_FINVIZ_ELITE_KEY"
MAX_TICKERS_A_REQUEST = 50
_MARKET_VIEW, _STOCK_VIEW, _CUSTOM_VIEW = "1", "3", "152"
_COMPANY_COLUMNS = "1,2,3,4"  # ticker, company, sector, industry
_MAX_BYTES = 8 * 1024 * 1024
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

log = structlog.get_logger()


class FinvizExportClient:
    """A `NewsSource` over the Elite news export; needs a token. Thread-safe.

    `portfolio_ids` maps names of portfolios to their ids at Finviz: a query for one of them is
    asked by id. With `describes_companies` the symbols of a query are looked up in the screener
    export too, each once in the life of the client.
    """

    def __init__(
        self,
        base_url: str = EXPORT_URL,
        key: SecretStr | None = None,
        *,
        name: str = "finviz_export",
        policy: CallPolicy | None = None,
        portfolio_ids: Mapping[str, int] | None = None,
        describes_companies: bool = False,
    ) -> None:
        self._name, self._portfolio_ids = name, dict(portfolio_ids or {})
        self._describes, self._described = describes_companies, set[str]()
        self._http = HttpTransport(
            name,
            base_url,
            policy or CallPolicy(),
            key=VendorKey(key, "query", "auth", KEY_SETTING, "Finviz Elite"),
            max_bytes=_MAX_BYTES,
        )

    @property
    def name(self) -> str:
        """Source name kept on every item."""
        return self._name

    def headlines(self, query: NewsQuery) -> FetchedNews:
        """Fetch the latest stock headlines: of the portfolio by its id, else 50 symbols a request.

        A portfolio at Finviz may hold more symbols than were asked for: all its items are kept.
        Raises a `VendorError`.
        """
        asked, rejected = readable_symbols(query.symbols)
        items: list[NewsItem] = []
        for selection in self._selections(query.portfolio, asked):
            body = self._fetch("/news_export.ashx", {"v": _STOCK_VIEW, **selection}, NEWS)
            news = parse_news_export(body, self._name, frozenset(asked), needs_ticker=True)
            items += news.items
            rejected += news.rejected
        companies = self._unheard_of(asked) if items and self._describes else ()
        return FetchedNews(merge_items(items), tuple(rejected), companies)

    def market_headlines(self) -> FetchedNews:
        """Fetch the latest headlines about the market at large; they carry no symbols."""
        body = self._fetch("/news_export.ashx", {"v": _MARKET_VIEW}, NEWS)
        return parse_news_export(body, self._name)

    def companies(self, symbols: Sequence[str]) -> tuple[Company, ...]:
        """Fetch name, sector and industry, 50 symbols a request. Raises a `VendorError`.

        Symbols that Finviz does not know are missing from the answer.
        """
        found: list[Company] = []
        for selection in _by_tickers(readable_symbols(symbols)[0]):
            params = {"v": _CUSTOM_VIEW, "c": _COMPANY_COLUMNS, **selection}
            body = self._fetch("/export.ashx", params, SCREENER)
            found += parse_companies(body, self._name)
        return tuple(found)

    def probe(self) -> str:
        """Say whether the export answers and takes the token. Raises a `VendorError`."""
        started = perf_counter()
        reply = self._http.probe("/news_export.ashx", {"v": _STOCK_VIEW, "t": "SPY"})
        news = parse_news_export(reply.body, self._name)
        took_ms = (perf_counter() - started) * 1000
        return f"answers in {took_ms:.0f} ms ({counted(len(news.items), 'headline')})"

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _selections(
        self, portfolio: str | None, symbols: Sequence[str]
    ) -> Iterator[dict[str, str]]:
        number = self._portfolio_ids.get(portfolio) if portfolio is not None else None
        if number is not None:
            yield {"pid": str(number)}
        else:
            yield from _by_tickers(symbols)

    def _unheard_of(self, symbols: Sequence[str]) -> tuple[Company, ...]:
        """Look up what was not looked up before; news is not lost where that fails."""
        new = [symbol for symbol in symbols if symbol not in self._described]
        try:
            found = self.companies(new)
        except VendorError as error:
            log.warning(
                "companies_not_described",
                vendor=self._name,
                reason=error.kind,
                detail=error.detail,
            )
            return ()
        self._described.update(new)
        return found

    def _fetch(self, path: str, params: Mapping[str, str], endpoint: str) -> bytes:
        reply = self._http.get(path, params, endpoint)
        if reply.status == 404:
            raise BadPayload(self._name, endpoint, "HTTP 404: the export is not at this address")
        return reply.body


class FinvizPageClient:
    """A `NewsSource` over the public quote pages, one request a symbol. Thread-safe."""

    def __init__(
        self,
        base_url: str = PAGE_URL,
        *,
        clock: Clock,
        name: str = "finviz_page",
        policy: CallPolicy | None = None,
        user_agent: str = _BROWSER,
    ) -> None:
        self._name, self._site, self._clock = name, base_url.rstrip("/") + "/", clock
        self._policy = policy or CallPolicy()
        self._http = HttpTransport(
            name,
            base_url,
            self._policy,
            headers={"User-Agent": user_agent, "Accept": "text/html"},
            max_bytes=_MAX_BYTES,
            follow_same_host=True,
        )

    @property
    def name(self) -> str:
        """Source name kept on every item."""
        return self._name

    def headlines(self, query: NewsQuery) -> FetchedNews:
        """Fetch the headlines on each symbol's page, and what it says of the company.

        A symbol that fails is rejected under its error's kind and the rest goes on; see `ask_each`
        for what ends the asking. Raises the first error where no page was readable, unknown
        symbols aside.
        """
        return ask_each(query.symbols, self._page, patience_s=self._policy.deadline_s)

    def probe(self) -> str:
        """Say whether the quote page answers and is readable. Raises a `VendorError`."""
        started = perf_counter()
        reply = self._http.probe("/quote.ashx", {"t": "SPY"})
        try:
            count = len(self._parse(reply.body, reply.status, "SPY").items)
        except UnknownSymbol:
            count = 0  # answering that it does not know the symbol is an answer
        return (
            f"answers in {(perf_counter() - started) * 1000:.0f} ms ({counted(count, 'headline')})"
        )

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _page(self, symbol: str) -> FetchedNews:
        reply = self._http.get("/quote.ashx", {"t": to_dashed(symbol)}, PAGE)
        return self._parse(reply.body, reply.status, symbol)

    def _parse(self, body: bytes, status: int, symbol: str) -> FetchedNews:
        return parse_quote_page(
            body, status, symbol, now=self._clock(), site=self._site, source=self._name
        )


def _by_tickers(symbols: Sequence[str]) -> Iterator[dict[str, str]]:
    for start in range(0, len(symbols), MAX_TICKERS_A_REQUEST):
        batch = symbols[start : start + MAX_TICKERS_A_REQUEST]
        yield {"t": ",".join(to_dashed(symbol) for symbol in batch)}
