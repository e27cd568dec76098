"""News from Finnhub: one request a symbol, the key in a header, tone where the plan has it."""

import threading
from dataclasses import replace
from datetime import UTC
from time import perf_counter

import structlog
from pydantic import SecretStr

from market_pipeline.domain.counting import counted
from market_pipeline.domain.errors import BadPayload, NotEntitled, VendorError
from market_pipeline.domain.news import FetchedNews, NewsQuery
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.vendors.finnhub_payloads import (
    NEWS,
    SENTIMENT,
    VENDOR,
    VendorTone,
    parse_company_news,
    parse_news_sentiment,
)
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import VendorKey
from market_pipeline.vendors.symbol_by_symbol import ask_each

BASE_URL = "https://finnhub.io"
KEY_SETTING = "MARKET_PIPELINE_FINNHUB_API_KEY"
_NEWS_PATH, _SENTIMENT_PATH = "/api/v1/company-news", "/api/v1/news-sentiment"

log = structlog.get_logger()


class FinnhubClient:
    """A `NewsSource` over Finnhub's company news; a free key will do. Thread-safe.

    Without a key every call raises `NotEntitled` naming the setting. With `premium` each item
    gets the tone that the vendor gives its symbol, as long as the plan turns out to have it.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        key: SecretStr | None = None,
        *,
        clock: Clock,
        name: str = VENDOR,
        policy: CallPolicy | None = None,
        premium: bool = False,
    ) -> None:
        self._name, self._clock, self._premium = name, clock, premium
        self._is_tone_refused = threading.Event()
        self._policy = policy or CallPolicy()
        self._http = HttpTransport(
            name,
            base_url,
            self._policy,
            key=VendorKey(key, "header", "X-Finnhub-Token", KEY_SETTING, "a free plan will do"),
        )

    @property
    def name(self) -> str:
        """Source name kept on every item."""
        return self._name

    def headlines(self, query: NewsQuery) -> FetchedNews:
        """Fetch the news on each symbol from the day of `query.since` until now.

        A symbol that fails is rejected under its error's kind and the rest goes on; see `ask_each`
        for what ends the asking. Raises the first error where no answer was readable.
        """
        # Both days are wide enough for either reading of a bare date, New York's or UTC's.
        days = {
            "from": query.since.astimezone(NEW_YORK).date().isoformat(),
            "to": self._clock().astimezone(UTC).date().isoformat(),
        }

        def ask(symbol: str) -> FetchedNews:
            body = self._fetch(_NEWS_PATH, {"symbol": symbol, **days}, NEWS)
            news = parse_company_news(body, symbol, self._name)
            return self._with_tone(news, symbol) if self._premium and news.items else news

        return ask_each(query.symbols, ask, patience_s=self._policy.deadline_s)

    def news_sentiment(self, symbol: str) -> VendorTone | None:
        """Fetch the vendor's judgement of the news on a symbol, None where it has none.

        Raises a `VendorError`: `NotEntitled` where the plan does not include it.
        """
        body = self._fetch(_SENTIMENT_PATH, {"symbol": symbol}, SENTIMENT)
        return parse_news_sentiment(body)

    def probe(self) -> str:
        """Say whether Finnhub answers and takes the key. Raises a `VendorError`."""
        started = perf_counter()
        day = self._clock().astimezone(UTC).date().isoformat()
        reply = self._http.probe(_NEWS_PATH, {"symbol": "SPY", "from": day, "to": day})
        count = len(parse_company_news(reply.body, "SPY", self._name).items)
        return (
            f"answers in {(perf_counter() - started) * 1000:.0f} ms ({counted(count, 'headline')})"
        )

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _with_tone(self, news: FetchedNews, symbol: str) -> FetchedNews:
        tone = self._tone(symbol)
        if tone is None:
            return news
        return replace(
            news,
            items=tuple(
                replace(item, vendor_score=tone.score, vendor_confidence=tone.confidence)
                for item in news.items
            ),
        )

    def _tone(self, symbol: str) -> VendorTone | None:
        """Ask for the tone; what goes wrong costs the scores, never the news."""
        if self._is_tone_refused.is_set():
            return None
        try:
            return self.news_sentiment(symbol)
        except VendorError as error:
            if isinstance(error, NotEntitled):
                self._is_tone_refused.set()
            log.warning(
                "vendor_score_missing",
                vendor=self._name,
                symbol=symbol,
                reason=error.kind,
                detail=error.detail,
            )
        return None

    def _fetch(self, path: str, params: dict[str, str], endpoint: str) -> bytes:
        reply = self._http.get(path, params, endpoint)
        if reply.status == 404:
            raise BadPayload(self._name, endpoint, f"HTTP 404: no {endpoint} at this address")
        return reply.body
