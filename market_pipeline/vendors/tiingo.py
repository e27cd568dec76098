"""News from Tiingo: many tickers a request, pages by offset, the key in a header."""

from collections.abc import Sequence
from datetime import UTC
from time import perf_counter

import structlog
from pydantic import SecretStr

from market_pipeline.domain.counting import counted
from market_pipeline.domain.errors import BadPayload
from market_pipeline.domain.news import FetchedNews, NewsItem, NewsQuery
from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.symbols import to_dashed
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.news_items import merge_items
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import VendorKey
from market_pipeline.vendors.symbol_by_symbol import readable_symbols
from market_pipeline.vendors.tiingo_payloads import NEWS, VENDOR, parse_news

BASE_URL = "https://api.tiingo.com"
KEY_SETTING = "MARKET_PIPELINE_TIINGO_API_KEY"
MAX_TICKERS_A_REQUEST = 50
PAGE_SIZE = 1000  # the most Tiingo gives
_PATH = "/tiingo/news"

log = structlog.get_logger()


class TiingoClient:
    """A `NewsSource` over Tiingo's news; needs a key with the News add-on. Thread-safe.

    Without a key every call raises `NotEntitled` naming the setting. `max_pages` bounds the pages
    read for one batch of tickers: newest come first, so what is left unread is the oldest.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        key: SecretStr | None = None,
        *,
        name: str = VENDOR,
        policy: CallPolicy | None = None,
        max_pages: int = 10,
    ) -> None:
        self._name, self._max_pages = name, max_pages
        self._http = HttpTransport(
            name,
            base_url,
            policy or CallPolicy(),
            key=VendorKey(
                key, "header", "Authorization", KEY_SETTING, "Tiingo's News add-on", prefix="Token "
            ),
        )

    @property
    def name(self) -> str:
        """Source name kept on every item."""
        return self._name

    def headlines(self, query: NewsQuery) -> FetchedNews:
        """Fetch the news since the UTC day of `query.since`, 50 tickers a request, newest first.

        Raises a `VendorError` where any request fails: half an answer would pass for a whole one.
        """
        asked, rejected = readable_symbols(query.symbols)
        since = query.since.astimezone(UTC).date().isoformat()
        items: list[NewsItem] = []
        for start in range(0, len(asked), MAX_TICKERS_A_REQUEST):
            batch = asked[start : start + MAX_TICKERS_A_REQUEST]
            news = self._pages(batch, since, frozenset(asked))
            items += news.items
            rejected += news.rejected
        return FetchedNews(merge_items(items), tuple(rejected))

    def probe(self) -> str:
        """Say whether Tiingo answers and takes the key. Raises a `VendorError`."""
        started = perf_counter()
        reply = self._http.probe(_PATH, {"tickers": "spy", "limit": "1"})
        _, count = parse_news(reply.body, self._name)
        return (
            f"answers in {(perf_counter() - started) * 1000:.0f} ms ({counted(count, 'headline')})"
        )

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _pages(self, symbols: Sequence[str], since: str, wanted: frozenset[str]) -> FetchedNews:
        tickers = ",".join(to_dashed(symbol).lower() for symbol in symbols)
        items: list[NewsItem] = []
        rejected: list[Rejected] = []
        for page in range(self._max_pages):
            params = {
                "tickers": tickers,
                "startDate": since,
                "limit": str(PAGE_SIZE),
                "offset": str(page * PAGE_SIZE),
                "sortBy": "publishedDate",
            }
            news, row_count = parse_news(self._fetch(params), self._name, wanted)
            items += news.items
            rejected += news.rejected
            if row_count < PAGE_SIZE:
                break
        else:
            log.warning(
                "news_pages_left_unread", vendor=self._name, pages=self._max_pages, since=since
            )
        return FetchedNews(tuple(items), tuple(rejected))

    def _fetch(self, params: dict[str, str]) -> bytes:
        reply = self._http.get(_PATH, params, NEWS)
        if reply.status == 404:
            raise BadPayload(self._name, NEWS, "HTTP 404: the news is not at this address")
        return reply.body
