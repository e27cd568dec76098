"""What readers are told: frozen, and the same again after a round trip through JSON.

Instants are aware, in UTC; scores lie in [-1, 1], confidences and shares in [0, 1]; what is not
known is None, never NaN.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from pydantic import ConfigDict

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Headline:
    """A story as a reader meets it; `source_count` publishers tell it, `is_low` marks its score."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    headline_hash: str
    published_at: datetime
    first_seen_at: datetime
    headline: str
    publisher: str
    source: str
    url: str
    symbols: tuple[str, ...]
    source_count: int
    score: float
    label: str
    confidence: float
    is_low: bool


@dataclass(frozen=True, slots=True)
class LatestNews:
    """The newest stories of a symbol or a portfolio, newest first.

    `as_of`: when news was last collected with success. `watermark`: when the newest story was
    published. `is_stale`: the collection is older than it should be now.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    subject: str
    headlines: tuple[Headline, ...]
    as_of: datetime | None
    watermark: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Tone:
    """How many stories of which label, and how sure; `mean_score` is weighted by confidence.

    sum(score x confidence) / sum(confidence); None without any confidence.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    positive: int
    neutral: int
    negative: int
    low_confidence: int
    mean_score: float | None

    @property
    def count(self) -> int:
        """Number of stories."""
        return self.positive + self.neutral + self.negative

    @property
    def low_share(self) -> float | None:
        """Share of stories whose score is of low confidence; None without a story."""
        return self.low_confidence / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class HourTone:
    """The tone of one New York hour, named by the instant it begins."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    hour_at: datetime
    tone: Tone


@dataclass(frozen=True, slots=True)
class NewsSummary:
    """The news of a symbol or a portfolio since an instant, in numbers.

    `trend_day` and `trend_week` hold the hours with news of the last 24 hours and 7 days, oldest
    first. In a portfolio's tone a story counts once; in its trends once for each symbol it names.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    subject: str
    symbols: tuple[str, ...]
    since: datetime
    tone: Tone
    sources: int
    publishers: int
    trend_day: tuple[HourTone, ...]
    trend_week: tuple[HourTone, ...]
    as_of: datetime | None
    watermark: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class SymbolReturns:
    """The newest price of a symbol and its returns up to it, in percent."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    symbol: str
    session_date: date
    price_usd: float
    return_1d_pct: float | None
    return_1w_pct: float | None
    return_1m_pct: float | None
    return_3m_pct: float | None
    return_ytd_pct: float | None
    flags: str | None
