"""News as it crosses ports: what is asked for, what a source gave, and how the asking went.

Belongs here: shapes shared by sources, assets and rows. Does not: cleaning, naming or counting
the news (`headlines`), joining it into stories (`stories`), judging its tone (`sentiment`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from market_pipeline.domain.errors import VendorError
from market_pipeline.domain.ports import Rejected


@dataclass(frozen=True, slots=True)
class NewsQuery:
    """What a collection asks for: the news on `symbols` since an instant.

    `portfolio` names the book it is for, where a source can select by one. A source that serves
    the latest only may ignore `since`.
    """

    symbols: tuple[str, ...]
    since: datetime
    portfolio: str | None = None


@dataclass(frozen=True, slots=True)
class NewsItem:
    """One headline as a source sent it, text cleaned of control characters, never HTML.

    `vendor_score` in [-1, 1] and `vendor_confidence` in [0, 1] are the vendor's own judgement of
    its tone, None where it gives none.
    """

    headline: str
    publisher: str
    url: str
    published_at: datetime
    symbols: tuple[str, ...]
    source: str
    category: str = ""
    description: str = ""
    is_failover: bool = False
    vendor_score: float | None = None
    vendor_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """What a source says a symbol is; empty text where it says nothing."""

    symbol: str
    name: str
    sector: str
    industry: str
    source: str


@dataclass(frozen=True, slots=True)
class FetchedNews:
    """Headlines of one source, in the order the source gave them."""

    items: tuple[NewsItem, ...]
    rejected: tuple[Rejected, ...] = ()
    companies: tuple[Company, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """How asking one source once went; the message is redacted.

    `error_kind` is a `VendorError.kind`, or `empty` for an answer without any headline.
    `is_failover`: the source is not the first choice, whether that failed or was put last.
    """

    source: str
    started_at: datetime
    duration_ms: float
    is_success: bool
    item_count: int = 0
    is_failover: bool = False
    error_kind: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class NewsCollection:
    """What asking sources in their order came to: news, every attempt, and the error if none
    of them delivered. An answer without news is an answer."""

    news: FetchedNews
    attempts: tuple[Attempt, ...]
    error: VendorError | None = None


class NewsSource(Protocol):
    """Gives the latest headlines of some symbols: one vendor, one way of asking it."""

    @property
    def name(self) -> str:
        """Source name kept on every item, such as `tiingo` or `tiingo:sandbox`."""
        ...

    def headlines(self, query: NewsQuery) -> FetchedNews:
        """Fetch what the source has now. Raises a `VendorError`."""
        ...


class NewsCollector(Protocol):
    """Asks sources in their order of priority until one delivers."""

    @property
    def name(self) -> str: ...

    @property
    def sources(self) -> Sequence[str]:
        """Names of the sources that can be asked, first choice first; empty where none can."""
        ...

    def collect(self, query: NewsQuery, ask_last: Collection[str] = ()) -> NewsCollection:
        """Ask for `query.symbols`; never raises a `VendorError`, which is in the result.

        Sources named in `ask_last` are asked only where none of the others answers.
        """
        ...
