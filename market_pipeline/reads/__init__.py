"""Answers that many ask for, kept for a while: news, its tone, a symbol's price and returns.

Belongs here: what an answer is, and how long it may stand. Does not: SQL (`warehouse`), where
kept answers lie (behind the `Coordination` port), or how they are shown (`cli`).
"""

from market_pipeline.reads.answers import (
    Headline,
    HourTone,
    LatestNews,
    NewsSummary,
    SymbolReturns,
    Tone,
)
from market_pipeline.reads.cache import KindStats
from market_pipeline.reads.news import SUMMARY_DAYS, NewsReads
from market_pipeline.reads.symbols import CacheStatus, Exposure, SymbolReads, SymbolState

__all__ = [
    "SUMMARY_DAYS",
    "CacheStatus",
    "Exposure",
    "Headline",
    "HourTone",
    "KindStats",
    "LatestNews",
    "NewsReads",
    "NewsSummary",
    "SymbolReads",
    "SymbolReturns",
    "SymbolState",
    "Tone",
]
