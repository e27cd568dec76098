"""What readers of the news ask: the newest stories, their tone, when they were collected.

Set-based questions over one connection, so that one answer is of one moment; see
`Warehouse.ask`. A story that names several of the symbols asked about counts once.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from market_pipeline.domain.publishers import count_tellers
from market_pipeline.warehouse.news_tables import (
    collection_events,
    headline_aggregates,
    headline_sources,
    headline_symbols,
    headlines,
)
from market_pipeline.warehouse.tables import market_data_cache, positions, symbol_daily_metrics

Rows = Sequence[sa.RowMapping]

_PRICE_DAYS = 14
"""A symbol without a price for so many days before the newest session has none to show."""

RETURN_COLUMNS = ("return_1w_pct", "return_1m_pct", "return_3m_pct", "return_ytd_pct")


def newest_stories(connection: sa.Connection, symbols: Sequence[str], limit: int) -> Rows:
    """Give the newest `limit` rows of `headlines` that name any of `symbols`, newest first."""
    named = _named(symbols).order_by(
        headline_symbols.c.published_at.desc(), headline_symbols.c.headline_hash
    )
    pairs = named.limit(limit).subquery()
    found = sa.select(headlines).join(pairs, _is_story(pairs))
    newest = found.order_by(headlines.c.published_at.desc(), headlines.c.headline_hash)
    return connection.execute(newest).mappings().all()


def newest_story_at(connection: sa.Connection, symbols: Sequence[str]) -> datetime | None:
    """Give the instant of the newest story on any of `symbols`."""
    newest = sa.select(sa.func.max(headline_symbols.c.published_at))
    found: datetime | None = connection.scalar(newest.where(headline_symbols.c.symbol.in_(symbols)))
    return found


def tone_since(
    connection: sa.Connection, symbols: Sequence[str], since: datetime, low_below: float
) -> Rows:
    """Count stories since an instant by label, with the sums that a weighted mean needs.

    Rows of sentiment_label, headline_count, low_confidence_count, weighted_score_sum and
    confidence_sum.
    """
    pairs = _named(symbols).where(headline_symbols.c.published_at >= since).subquery()
    score, confidence = headlines.c.sentiment_score, headlines.c.sentiment_confidence
    query = (
        sa.select(
            headlines.c.sentiment_label,
            sa.func.count().label("headline_count"),
            sa.func.sum(sa.case((confidence < low_below, 1), else_=0)).label(
                "low_confidence_count"
            ),
            sa.func.sum(score * confidence).label("weighted_score_sum"),
            sa.func.sum(confidence).label("confidence_sum"),
        )
        .join(pairs, _is_story(pairs))
        .group_by(headlines.c.sentiment_label)
    )
    return connection.execute(query).mappings().all()


def tellers_since(
    connection: sa.Connection, symbols: Sequence[str], since: datetime
) -> tuple[int, int]:
    """Count the sources (vendors' ways in) and the publishers that told stories since an instant.

    A publisher counts once however vendors write it; see `count_tellers`.
    """
    pairs = _named(symbols).where(headline_symbols.c.published_at >= since).subquery()
    told = headline_sources
    query = (
        sa.select(told.c.source, told.c.publisher)
        .join(
            pairs,
            (told.c.story_date == pairs.c.published_date)
            & (told.c.headline_hash == pairs.c.headline_hash),
        )
        .distinct()
    )
    found = connection.execute(query).all()
    return len({row.source for row in found}), count_tellers(row.publisher for row in found)


def hours_since(connection: sa.Connection, symbols: Sequence[str], first: date) -> Rows:
    """Sum `headline_aggregates` of `symbols` by New York day and hour, from day `first` on."""
    table = headline_aggregates
    sums = (
        "headline_count", "positive_count", "neutral_count", "negative_count",
        "low_confidence_count", "weighted_score_sum", "confidence_sum",
    )  # fmt: skip
    hour = (table.c.published_date, table.c.hour)
    query = (
        sa.select(*hour, *(sa.func.sum(table.c[name]).label(name) for name in sums))
        .where(table.c.published_date >= first, table.c.symbol.in_(symbols))
        .group_by(*hour)
        .order_by(*hour)
    )
    return connection.execute(query).mappings().all()


def collected_at(
    connection: sa.Connection, portfolio_ids: Sequence[str], since: datetime
) -> datetime | None:
    """Give when news was last collected with success, since an instant, for these portfolios.

    For any where none of these was ever asked for. Without any record, when a story last came in.
    """
    ids = collection_events.c.portfolio_id.in_(portfolio_ids)
    has_own = connection.scalar(sa.select(sa.exists().where(ids)))
    done = collection_events.c.is_success & (collection_events.c.started_at >= since)
    query = (
        sa.select(collection_events.c.started_at, collection_events.c.duration_ms)
        .where(done & ids if has_own else done)
        .order_by(collection_events.c.started_at.desc())
        .limit(1)
    )
    newest = connection.execute(query).first()
    if newest is not None:
        started_at: datetime = newest.started_at
        return started_at + timedelta(milliseconds=newest.duration_ms)
    if connection.scalar(sa.select(sa.exists().select_from(collection_events))):
        return None
    ingested_at: datetime | None = connection.scalar(
        sa.select(sa.func.max(headlines.c.ingested_at))
    )
    return ingested_at


def newest_returns(connection: sa.Connection, symbol: str) -> sa.RowMapping | None:
    """Give the newest price and returns of a symbol, None where it has no recent price."""
    price, metric = market_data_cache, symbol_daily_metrics
    newest: date | None = connection.scalar(sa.select(sa.func.max(price.c.session_date)))
    if newest is None:
        return None
    same = (metric.c.session_date == price.c.session_date) & (metric.c.symbol == price.c.symbol)
    query = (
        sa.select(
            price.c.session_date, price.c.symbol, price.c.price_usd, price.c.return_1d,
            price.c.flags, *(metric.c[name] for name in RETURN_COLUMNS),
        )
        .join_from(price, metric, same, isouter=True)
        .where(
            price.c.session_date >= newest - timedelta(days=_PRICE_DAYS), price.c.symbol == symbol
        )
        .order_by(price.c.session_date.desc())
        .limit(1)
    )  # fmt: skip
    return connection.execute(query).mappings().first()


def holders_of(connection: sa.Connection, symbols: Sequence[str]) -> list[str]:
    """Give the portfolios with a position in any of `symbols`, or in an option on one, sorted."""
    held = positions.c.symbol.in_(symbols) | positions.c.underlying.in_(symbols)
    return sorted(connection.scalars(sa.select(positions.c.portfolio_id).where(held).distinct()))


def _named(symbols: Sequence[str]) -> sa.Select[Any]:
    """Select the key of each story that names any of `symbols`, once."""
    table = headline_symbols
    return (
        sa.select(table.c.published_date, table.c.headline_hash, table.c.published_at)
        .where(table.c.symbol.in_(symbols))
        .distinct()
    )


def _is_story(pairs: sa.Subquery) -> sa.ColumnElement[bool]:
    return (headlines.c.published_date == pairs.c.published_date) & (
        headlines.c.headline_hash == pairs.c.headline_hash
    )
