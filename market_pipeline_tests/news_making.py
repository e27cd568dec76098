"""News to collect and to store: items, collections, tellings, and a tone model of fixed rules."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from market_pipeline.domain.errors import Unavailable, VendorError
from market_pipeline.domain.headlines import raw_frame
from market_pipeline.domain.news import (
    Attempt,
    Company,
    FetchedNews,
    NewsCollection,
    NewsItem,
    NewsQuery,
)
from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.sentiment import Sentiment, label_of
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.tellings import Reader, Telling

CALENDAR = TradingCalendar.xnys()
MORNING = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # Friday, ten o'clock in New York


@dataclass
class FixedTone:
    """A tone model that knows two words; it keeps what it was asked."""

    version: str = "fixed-1"
    asked: list[str] = field(default_factory=list)

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        self.asked += texts
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Sentiment:
        words = text.lower().split()
        score = 0.8 * ("beats" in words) - 0.8 * ("misses" in words)
        return Sentiment(score, 0.9 if score else 0.5, label_of(score), self.version)


def news(headline: str = "Apple beats estimates", **rest: Any) -> NewsItem:
    """Make an item as a source sends it: a Reuters title on AAPL, on a Friday morning."""
    fields: dict[str, Any] = {
        "publisher": "Reuters", "url": "https://example.com/a", "published_at": MORNING,
        "symbols": ("AAPL",), "source": "finviz_export",
    } | rest  # fmt: skip
    return NewsItem(headline=headline, **fields)


def answered(
    *items: NewsItem,
    source: str = "finviz_export",
    at: datetime = MORNING,
    failed_first: str | None = None,
    rejected: Sequence[Rejected] = (),
    companies: Sequence[Company] = (),
) -> NewsCollection:
    """Make a collection that `source` answered, after `failed_first` failed, if one did."""
    attempts = []
    if failed_first:
        attempts.append(
            Attempt(failed_first, at, 250.0, False, 0, False, "unavailable", "HTTP 503")
        )
    is_second = failed_first is not None
    attempts.append(Attempt(source, at, 120.0, True, len(items), is_second))
    fetched = FetchedNews(tuple(items), tuple(rejected), tuple(companies))
    return NewsCollection(fetched, tuple(attempts))


def failed(
    *sources: str, at: datetime = MORNING, error: VendorError | None = None
) -> NewsCollection:
    """Make a collection that none of `sources` answered."""
    attempts = tuple(
        Attempt(name, at, 50.0, False, 0, number > 0, "unavailable", "HTTP 503")
        for number, name in enumerate(sources)
    )
    raised = error or Unavailable(sources[-1], "news", "HTTP 503")
    return NewsCollection(FetchedNews(()), attempts, raised)


def tellings(
    *items: NewsItem,
    table: str = "finviz_headlines",
    seen_at: datetime = MORNING,
    tone: FixedTone | None = None,
    known: Sequence[str] = (),
) -> list[Telling]:
    """Read items as tellings, each seen a second after the one before."""
    frames = [
        raw_frame([item], seen_at + timedelta(seconds=number)) for number, item in enumerate(items)
    ]
    rows = pd.concat(frames, ignore_index=True).drop_duplicates(["published_date", "item_hash"])
    return Reader(CALENDAR, tone or FixedTone(), known).read(rows.assign(table=table)).tellings


@dataclass
class FakeCollector:
    """A collector that gives what it was told to; it keeps what it was asked."""

    items: Sequence[NewsItem] = ()
    name: str = "fake"
    asked: list[NewsQuery] = field(default_factory=list)
    fails: list[VendorError] = field(default_factory=list)
    fails_for: str | None = None
    """The portfolio it fails for, where several are collected at once; None for any."""
    rejected: Sequence[Rejected] = ()
    is_configured: bool = True
    at: datetime = MORNING

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,) if self.is_configured else ()

    @property
    def symbols_asked(self) -> list[tuple[str, ...]]:
        """The symbols of each query, in order."""
        return [query.symbols for query in self.asked]

    def collect(self, query: NewsQuery, ask_last: Collection[str] = ()) -> NewsCollection:
        self.asked.append(query)
        if self.fails and self.fails_for in (None, query.portfolio):
            return failed(self.name, at=self.at, error=self.fails.pop(0))
        wanted = [item for item in self.items if set(item.symbols) & set(query.symbols)]
        return answered(*wanted, source=self.name, at=self.at, rejected=self.rejected)
