"""From rows to answers: what each column means to a reader."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from market_pipeline.domain.books import CASH, Book
from market_pipeline.domain.sentiment import is_low
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.reads.answers import Headline, HourTone, SymbolReturns, Tone

Row = Mapping[Any, Any]


def headline(row: Row) -> Headline:
    """Read a row of `headlines`."""
    return Headline(
        headline_hash=row["headline_hash"],
        published_at=row["published_at"],
        first_seen_at=row["first_seen_at"],
        headline=row["headline"],
        publisher=row["publisher"],
        source=row["source"],
        url=row["url"],
        symbols=tuple(row["symbols"].split(",")),
        source_count=row["source_count"],
        score=row["sentiment_score"],
        label=row["sentiment_label"],
        confidence=row["sentiment_confidence"],
        is_low=is_low(row["sentiment_confidence"]),
    )


def tone_of_labels(rows: Sequence[Row]) -> Tone:
    """Join the counts and sums of each label."""
    counts = {row["sentiment_label"]: int(row["headline_count"]) for row in rows}
    return Tone(
        positive=counts.get("positive", 0),
        neutral=counts.get("neutral", 0),
        negative=counts.get("negative", 0),
        low_confidence=sum(int(row["low_confidence_count"]) for row in rows),
        mean_score=_mean_score(rows),
    )


def hours(rows: Sequence[Row]) -> tuple[HourTone, ...]:
    """Read sums by New York day and hour, in their order."""
    return tuple(
        HourTone(
            hour_at=_hour_at(row["published_date"], row["hour"]),
            tone=Tone(
                positive=int(row["positive_count"]),
                neutral=int(row["neutral_count"]),
                negative=int(row["negative_count"]),
                low_confidence=int(row["low_confidence_count"]),
                mean_score=_mean_score([row]),
            ),
        )
        for row in rows
    )


def hours_after(trend: Sequence[HourTone], since: datetime) -> tuple[HourTone, ...]:
    """Keep the hours that end after `since`."""
    return tuple(hour for hour in trend if hour.hour_at + timedelta(hours=1) > since)


def returns(row: Row) -> SymbolReturns:
    """Read a price joined with its metrics, which may be missing."""
    return SymbolReturns(
        symbol=row["symbol"],
        session_date=row["session_date"],
        price_usd=row["price_usd"],
        return_1d_pct=None if row["return_1d"] is None else 100 * row["return_1d"],
        return_1w_pct=row["return_1w_pct"],
        return_1m_pct=row["return_1m_pct"],
        return_3m_pct=row["return_3m_pct"],
        return_ytd_pct=row["return_ytd_pct"],
        flags=row["flags"],
    )


def symbols_held(book: Book, day: date) -> tuple[str, ...]:
    """Name what a book holds on `day`, underlyings of options included, cash apart; sorted."""
    held = [
        position
        for position in book.positions
        if position.asset_class != CASH and (position.exit_date is None or position.exit_date > day)
    ]
    underlyings = {position.underlying for position in held if position.underlying}
    return tuple(sorted({position.symbol for position in held} | underlyings))


def _mean_score(rows: Sequence[Row]) -> float | None:
    confidence = sum(float(row["confidence_sum"]) for row in rows)
    weighted = sum(float(row["weighted_score_sum"]) for row in rows)
    return weighted / confidence if confidence > 0 else None


def _hour_at(day: date, hour: int) -> datetime:
    # An hour that the clocks repeat in autumn is one hour here: the first of the two.
    return datetime.combine(day, time(hour), tzinfo=NEW_YORK).astimezone(UTC)
