"""News in a warehouse, as tests tell it: stories with their symbols, sources, hours and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.portfolio_csv import positions_hash
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.warehouse import Warehouse

CALENDAR = TradingCalendar.xnys()
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
"""A Friday, 13:00 in New York: the session is running."""

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
_SIGN = {"positive": 0.5, "neutral": 0.0, "negative": -0.5}


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Story:
    """A story published `age` before `NOW`; `told` are (source, publisher) of each item."""

    name: str
    symbols: str
    age: timedelta
    label: str = "positive"
    confidence: float = 0.9
    headline: str = "Something happened"
    told: tuple[tuple[str, str], ...] = (("finviz_page", "Reuters"),)

    @property
    def at(self) -> datetime:
        return NOW - self.age

    @property
    def day(self) -> pd.Timestamp:
        return pd.Timestamp(self.at.astimezone(NEW_YORK).date())


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def tell(warehouse: Warehouse, *stories: Story) -> None:
    """Make the stored news equal `stories`."""
    for table, frame in (
        ("headlines", _headlines(stories)),
        ("headline_symbols", _symbols(stories)),
        ("headline_sources", _sources(stories)),
        ("headline_aggregates", _aggregates(stories)),
    ):
        empty = warehouse.read(table, first=LAST, last=FIRST)
        warehouse.replace_range(table, frame if len(frame) else empty, FIRST, LAST)


def _headlines(stories: Sequence[Story]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "published_date": s.day, "headline_hash": s.name, "headline": s.headline,
                "normalized_headline": s.headline.lower(), "description": "", "url": "https://n/x",
                "publisher": s.told[0][1], "source": s.told[0][0], "symbols": s.symbols,
                "category": "", "published_at": s.at, "first_seen_at": s.at + hours(0.1),
                "ingested_at": s.at + hours(0.2),
                "session_date": pd.Timestamp(CALENDAR.session_meeting(s.at)),
                "market_session": "regular", "sector": None, "industry": None,
                "is_failover": False, "source_count": len(s.told),
                "sentiment_score": _SIGN[s.label], "sentiment_confidence": s.confidence,
                "sentiment_label": s.label, "sentiment_model": "test",
            }
            for s in stories
        ]
    )  # fmt: skip


def _symbols(stories: Sequence[Story]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "published_date": s.day, "symbol": symbol, "headline_hash": s.name,
                "published_at": s.at, "hour": 10, "relevance": 1.0,
            }
            for s in stories
            for symbol in s.symbols.split(",")
        ]
    )  # fmt: skip


def _sources(stories: Sequence[Story]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "published_date": s.day, "item_hash": f"{s.name}-{number}",
                "headline_hash": s.name, "story_date": s.day, "headline": s.headline,
                "publisher": publisher, "url": "https://n/x", "source": source,
                "published_at": s.at, "first_seen_at": s.at, "is_primary": number == 0,
                "is_failover": False, "similarity": 100.0,
            }
            for s in stories
            for number, (source, publisher) in enumerate(s.told)
        ]
    )  # fmt: skip


def _aggregates(stories: Sequence[Story]) -> pd.DataFrame:
    rows = pd.DataFrame(
        [
            {
                "published_date": s.day, "symbol": symbol,
                "hour": s.at.astimezone(NEW_YORK).hour, "headline_count": 1,
                **{f"{label}_count": int(s.label == label) for label in _SIGN},
                "low_confidence_count": int(s.confidence < 0.6),
                "weighted_score_sum": _SIGN[s.label] * s.confidence,
                "confidence_sum": s.confidence, "last_published_at": s.at,
            }
            for s in stories
            for symbol in s.symbols.split(",")
        ]
    )  # fmt: skip
    if rows.empty:
        return rows
    key = ["published_date", "symbol", "hour"]
    newest = rows.groupby(key)["last_published_at"].max()
    sums = rows.drop(columns="last_published_at").groupby(key).sum()
    return sums.join(newest).reset_index()


def collect(
    warehouse: Warehouse, ended_at: datetime, portfolio: str = "growth", *, success: bool = True
) -> None:
    """Record a collection of two seconds that ended at an instant."""
    number = warehouse.count("collection_events") + 1
    event = {
        "event_id": number, "asset": "finviz_headlines", "portfolio_id": portfolio,
        "source": "finviz_page", "started_at": ended_at - timedelta(seconds=2),
        "duration_ms": 2000.0, "is_success": success, "is_failover": False, "item_count": 1,
        "new_item_count": 0, "error_kind": None, "error_message": None, "run_id": None,
    }  # fmt: skip
    warehouse.merge("collection_events", pd.DataFrame([event]))


def price(
    warehouse: Warehouse, symbol: str, day: date, price_usd: float, return_1d: float = 0.02
) -> None:
    """Store a price and, for AAPL, its metrics."""
    row = {
        "session_date": pd.Timestamp(day), "symbol": symbol, "asset_class": "stock",
        "price_usd": price_usd, "price_kind": "close", "dividend_usd": 0.0, "split_ratio": 0.0,
        "return_1d": return_1d, "multiplier": 1, "flags": None, "source": "fake",
        "fetched_at": NOW,
        **dict.fromkeys(("open", "high", "low", "adj_close", "volume", "delta"), np.nan),
    }  # fmt: skip
    warehouse.merge("market_data_cache", pd.DataFrame([row]))
    if symbol == "AAPL":
        known = {"price_usd": price_usd, "return_1w_pct": 1.5, "quality_score": 1.0}
        columns = warehouse.read("symbol_daily_metrics", first=LAST, last=FIRST).columns
        metric = {
            **dict.fromkeys(columns, np.nan), **known, "observations": 64,
            "session_date": pd.Timestamp(day), "symbol": symbol,
        }  # fmt: skip
        warehouse.merge("symbol_daily_metrics", pd.DataFrame([metric]))


def hold(warehouse: Warehouse, portfolio: str, *symbols: str, left: str = "") -> None:
    """Import a book of stocks; the position in `left` was closed in March."""
    lots = tuple(
        Position(
            number, symbol, "stock", Decimal(10), Decimal(5), date(2026, 1, 5), 1,
            exit_date=date(2026, 3, 2) if symbol == left else None,
            exit_price_usd=Decimal(6) if symbol == left else None,
        )
        for number, symbol in enumerate(symbols, 1)
    )  # fmt: skip
    book = Book(
        portfolio, portfolio, date(2026, 11, 1), f"{portfolio}.csv", positions_hash(lots), lots
    )
    warehouse.import_book(book, NOW)
