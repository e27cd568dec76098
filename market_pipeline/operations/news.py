"""The news of a symbol or a portfolio for a person, through the cached reads.

Belongs here: which answers are asked for, as rows and as sentences. Does not: how an answer is
computed or kept (`reads`), or printed (`cli`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from market_pipeline.coordination import open_coordination
from market_pipeline.domain.counting import counted
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations.opening import open_to_look
from market_pipeline.operations.show import canonical_symbol
from market_pipeline.reads import SUMMARY_DAYS, KindStats, LatestNews, NewsReads, NewsSummary, Tone
from market_pipeline.settings import Settings

LOW, STALE = "low", "STALE"

NEWS_COLUMNS = (
    "published_at", "headline", "publisher", "told_by", "score", "label", "confidence", "mark",
    "first_seen_at", "symbols", "url", "via", "headline_hash",
)  # fmt: skip
_IN_HOURS = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class News:
    """Headlines as `NEWS_COLUMNS`, newest first, and what to say above them."""

    frame: pd.DataFrame
    sentences: tuple[str, ...]
    is_stale: bool
    data_kind: str | None


@contextmanager
def opened(settings: Settings, clock: Clock) -> Iterator[tuple[NewsReads, str | None]]:
    """Open the reads over the warehouse as it is; give them with the kind of its data.

    Raises NothingStored where there is no warehouse yet.
    """
    warehouse = open_to_look(settings)
    coordination = open_coordination(settings.redis_address, settings.state_dir, clock)
    try:
        yield (
            NewsReads(
                warehouse,
                coordination,
                clock,
                calendar=TradingCalendar.xnys(settings.extra_closures),
                fresh_for=timedelta(minutes=settings.headline_freshness_minutes),
            ),
            warehouse.meta_get("data_kind"),
        )
    finally:
        warehouse.dispose()


def news_of(
    settings: Settings, clock: Clock, symbol: str | None, portfolio: str | None, limit: int
) -> News:
    """Give the newest stories of a symbol, or on what a portfolio holds, and their summary.

    Raises InputError for what is no symbol, no portfolio, or not one of the two.
    """
    if (symbol is None) == (portfolio is None):
        raise InputError("name one symbol, or a portfolio with --portfolio")
    with opened(settings, clock) as (reads, data_kind):
        if symbol is not None:
            name = canonical_symbol(symbol)
            latest, summary = reads.latest(name, limit), reads.summary_of_symbol(name)
        else:
            latest = reads.latest_of_portfolio(portfolio or "", limit)
            summary = reads.summary_of_portfolio(portfolio or "")
    is_stale = latest.is_stale or summary.is_stale
    sentences = (*_summed_up(summary), _dated(latest, is_stale, clock()))
    return News(frame_of(latest), sentences, is_stale, data_kind)


def cache_stats(settings: Settings, clock: Clock, *others: KindStats) -> pd.DataFrame:
    """Give hits, misses and the share of hits by kind of answer, those of `others` last."""
    with opened(settings, clock) as (reads, _):
        return stats_frame((*reads.cache_stats(), *others))


def stats_frame(stats: tuple[KindStats, ...]) -> pd.DataFrame:
    """Write statistics as rows of kind, hits, misses and hit_share."""
    rows = [(each.kind, each.hits, each.misses, each.hit_share) for each in stats]
    frame = pd.DataFrame(rows, columns=["kind", "hits", "misses", "hit_share"])
    return frame.astype({"hit_share": "float64"})


def frame_of(latest: LatestNews) -> pd.DataFrame:
    """Write headlines as `NEWS_COLUMNS`.

    `told_by` counts publishers, `via` names the vendor's way in that the first item came by, and
    `mark` says `low` of a score of low confidence.
    """
    rows = [
        (
            story.published_at, story.headline, story.publisher, story.source_count, story.score,
            story.label, story.confidence, LOW if story.is_low else "", story.first_seen_at,
            ",".join(story.symbols), story.url, story.source, story.headline_hash,
        )
        for story in latest.headlines
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(NEWS_COLUMNS))


def age(since: datetime, now: datetime) -> str:
    """Say how long ago an instant was: `12 min`, `3 h 20 min`, `5 days`."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if now - since < _IN_HOURS:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"


def _summed_up(summary: NewsSummary) -> tuple[str, ...]:
    tone = summary.tone
    if not tone.count:
        return (f"{summary.subject}: no story in {SUMMARY_DAYS} days",)
    told = (
        f"{summary.subject}: {_stories(tone.count)} in {SUMMARY_DAYS} days "
        f"({tone.positive} positive, {tone.neutral} neutral, {tone.negative} negative), "
        f"{_mean(tone)}, {tone.low_share or 0:.0%} of low confidence; "
        f"told by {counted(summary.publishers, 'publisher')} via "
        f"{counted(summary.sources, 'source')}"
    )
    return told, _trend(summary)


def _trend(summary: NewsSummary) -> str:
    parts = [hour.tone for hour in summary.trend_day]
    count = sum(tone.count for tone in parts)
    if not count:
        return "last 24 hours: nothing"
    scored = [tone for tone in parts if tone.mean_score is not None]
    best = max(scored, key=lambda tone: tone.mean_score or 0, default=None)
    worst = min(scored, key=lambda tone: tone.mean_score or 0, default=None)
    span = ""
    if best is not None and worst is not None:
        span = f", by the hour from {worst.mean_score:+.2f} to {best.mean_score:+.2f}"
    return f"last 24 hours: {_stories(count)} in {len(parts)} hours{span}"


def _dated(latest: LatestNews, is_stale: bool, now: datetime) -> str:
    if latest.as_of is None:
        return f"{STALE}: no collection is on record"
    ago = f"collected {age(latest.as_of, now)} ago"
    return f"{STALE}: last {ago}, and more is due" if is_stale else ago


def _mean(tone: Tone) -> str:
    if tone.mean_score is None:
        return "no score of any confidence"
    return f"mean score {tone.mean_score:+.2f} weighted by confidence"


def _stories(count: int) -> str:
    return "1 story" if count == 1 else f"{count} stories"
