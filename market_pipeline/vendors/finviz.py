"""Headlines from Finviz: the Elite export first, the public page second.

The page is read as anyone's browser reads it; a refusal is an error and the end of asking, never
something to get around.
"""

from collections.abc import Iterator, Sequence
from time import perf_counter

import structlog
from pydantic import SecretStr

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    CircuitOpen,
    NotEntitled,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.ports import Clock, FetchedNews, HeadlineSource, NewsItem, Rejected
from market_pipeline.domain.symbols import parse_symbol, to_dashed
from market_pipeline.vendors.finviz_csv import NEWS, parse_news_export
from market_pipeline.vendors.finviz_news import merge_items
from market_pipeline.vendors.finviz_page import PAGE, parse_quote_page
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import VendorKey

EXPORT_URL = "https://elite.finviz.com"
PAGE_URL = "https://finviz.com"
KEY_SETTING = "MARKET_PIPELINE_FINVIZ_ELITE_KEY"
MAX_TICKERS_A_REQUEST = 50
_MARKET_VIEW, _STOCK_VIEW = "1", "3"
_MAX_BYTES = 8 * 1024 * 1024
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

log = structlog.get_logger()


class FinvizExportClient:
    """A `HeadlineSource` over the Elite news export; needs a token. Thread-safe."""

    def __init__(
        self,
        base_url: str = EXPORT_URL,
        key: SecretStr | None = None,
        *,
        name: str = "finviz_export",
        policy: CallPolicy | None = None,
    ) -> None:
        self._name = name
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

    def headlines(self, symbols: Sequence[str]) -> FetchedNews:
        """Fetch the latest stock headlines, 50 symbols a request. Raises a `VendorError`."""
        asked, rejected = _readable(symbols)
        items: list[NewsItem] = []
        for start in range(0, len(asked), MAX_TICKERS_A_REQUEST):
            batch = asked[start : start + MAX_TICKERS_A_REQUEST]
            tickers = ",".join(to_dashed(symbol) for symbol in batch)
            body = self._fetch({"v": _STOCK_VIEW, "t": tickers})
            news = parse_news_export(body, self._name, frozenset(asked), needs_ticker=True)
            items += news.items
            rejected += news.rejected
        return FetchedNews(merge_items(items), tuple(rejected))

    def market_headlines(self) -> FetchedNews:
        """Fetch the latest headlines about the market at large; they carry no symbols."""
        return parse_news_export(self._fetch({"v": _MARKET_VIEW}), self._name)

    def probe(self) -> str:
        """Say whether the export answers and takes the token. Raises a `VendorError`."""
        started = perf_counter()
        reply = self._http.probe("/news_export.ashx", {"v": _STOCK_VIEW, "t": "SPY"})
        news = parse_news_export(reply.body, self._name)
        took_ms = (perf_counter() - started) * 1000
        return f"answers in {took_ms:.0f} ms ({len(news.items)} headlines)"

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _fetch(self, params: dict[str, str]) -> bytes:
        reply = self._http.get("/news_export.ashx", params, NEWS)
        if reply.status == 404:
            raise BadPayload(self._name, NEWS, "HTTP 404: the export is not at this address")
        return reply.body


class FinvizPageClient:
    """A `HeadlineSource` over the public quote pages, one request a symbol. Thread-safe."""

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
        self._http = HttpTransport(
            name,
            base_url,
            policy or CallPolicy(),
            headers={"User-Agent": user_agent, "Accept": "text/html"},
            max_bytes=_MAX_BYTES,
            follow_same_host=True,
        )

    @property
    def name(self) -> str:
        """Source name kept on every item."""
        return self._name

    def headlines(self, symbols: Sequence[str]) -> FetchedNews:
        """Fetch the headlines on each symbol's page.

        A symbol that fails is rejected under its error's kind and the rest goes on; after a
        refusal of this client nothing more is asked. Raises the first error where no page was
        readable, unknown symbols aside.
        """
        asked, rejected = _readable(symbols)
        items: list[NewsItem] = []
        failures: list[VendorError] = []
        read_count = 0
        for position, symbol in enumerate(asked):
            try:
                news = self._page(symbol)
            except UnknownSymbol as error:
                rejected.append(_failed(symbol, error))
                continue
            except (Blocked, NotEntitled, CircuitOpen) as error:
                failures.append(error)
                rejected += [_failed(unasked, error) for unasked in asked[position:]]
                break
            except VendorError as error:
                failures.append(error)
                rejected.append(_failed(symbol, error))
                continue
            read_count += 1
            items += news.items
            rejected += news.rejected
        if failures and not read_count:
            raise failures[0]
        return FetchedNews(merge_items(items), tuple(rejected))

    def probe(self) -> str:
        """Say whether the quote page answers and is readable. Raises a `VendorError`."""
        started = perf_counter()
        reply = self._http.probe("/quote.ashx", {"t": "SPY"})
        try:
            count = len(self._parse(reply.body, reply.status, "SPY").items)
        except UnknownSymbol:
            count = 0  # answering that it does not know the symbol is an answer
        return f"answers in {(perf_counter() - started) * 1000:.0f} ms ({count} headlines)"

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


class FinvizHeadlines:
    """A `HeadlineSource` of two: the export, and the page where the export gives nothing.

    Each item keeps the source it came from.
    """

    def __init__(self, export: HeadlineSource, page: HeadlineSource, name: str = "finviz") -> None:
        self._export, self._page, self._name = export, page, name

    @property
    def name(self) -> str:
        """Name of the pair; items carry the name of the one that gave them."""
        return self._name

    def headlines(self, symbols: Sequence[str]) -> FetchedNews:
        """Fetch from the export; on any error, or an empty answer, from the page."""
        if not symbols:
            return FetchedNews(())
        told: tuple[Rejected, ...] = ()
        try:
            news = self._export.headlines(symbols)
        except VendorError as error:
            reason, detail = error.kind, error.detail
        else:
            if news.items:
                return news
            reason, detail, told = "empty", "the export holds no headline", news.rejected
        log.warning(
            "headline_failover",
            vendor=self._export.name,
            second=self._page.name,
            reason=reason,
            detail=detail,
        )
        second = self._page.headlines(symbols)
        return FetchedNews(second.items, tuple(dict.fromkeys((*told, *second.rejected))))

    def probe(self) -> str:
        """Say how both stand. Raises the page's `VendorError` where neither answers."""
        return "; ".join(self._probes())

    def close(self) -> None:
        """Close the connections of both."""
        for source in (self._export, self._page):
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _probes(self) -> Iterator[str]:
        first_failed = False
        for source in (self._export, self._page):
            probe = getattr(source, "probe", None)
            try:
                yield f"{source.name}: {probe() if probe is not None else 'not asked'}"
            except VendorError as error:
                if first_failed:
                    raise
                first_failed = True
                yield f"{source.name}: {error.detail}"


def _readable(symbols: Sequence[str]) -> tuple[list[str], list[Rejected]]:
    asked: list[str] = []
    rejected: list[Rejected] = []
    for text in dict.fromkeys(symbols):
        try:
            asked.append(parse_symbol(text))
        except ValueError:
            rejected.append(
                Rejected(text[:32], None, UnknownSymbol.kind, text[:100], "no stock ticker")
            )
    return asked, rejected


def _failed(symbol: str, error: VendorError) -> Rejected:
    return Rejected(symbol, None, error.kind, symbol, error.detail[:400])
