"""Writing what a batch of tellings changed: stories, who told them, their symbols, the counts.

Everything runs in the caller's transaction, after `news_joining` has said which story each
telling tells. What is written stays as first seen; only what is new is added to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.publishers import count_tellers
from market_pipeline.domain.sentiment import LOW_CONFIDENCE, NEGATIVE, NEUTRAL, POSITIVE
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.tellings import Telling
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.membership import among, grouped_by_day
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.news_joining import Story, StoryKey
from market_pipeline.warehouse.news_tables import (
    headline_aggregates,
    headline_match_keys,
    headline_sources,
    headline_symbols,
    headlines,
)

Row = dict[str, Any]
_EXACT = 100_000_000
"""Sums of products of four-decimal numbers are kept as whole numbers of this unit: the order in
which a database adds them cannot show."""


def write_stories(
    connection: sa.Connection, stories: Mapping[StoryKey, Story], ingested_at: datetime
) -> set[tuple[date, str]]:
    """Write new and changed stories with all that hangs on them; give the (day, symbol) touched."""
    known = [key for key, story in stories.items() if not story.is_new]
    stored, publishers = _stored(connection, known), _stored_publishers(connection, known)
    rows = {
        key: _headline(story, stored.get(key), publishers.get(key, set()), ingested_at)
        for key, story in stories.items()
    }
    _put(connection, headlines, rows.values())
    _put(connection, headline_sources, _sources(stories.values()), adds_only=True)
    _put(connection, headline_match_keys, _match_keys(stories.values()), adds_only=True)
    symbols = _symbols(connection, stories, rows)
    _put(connection, headline_symbols, symbols)
    touched = {(row["published_date"], row["symbol"]) for row in symbols}
    _know_sizes(connection)
    count_again(connection, touched)
    return touched


def _put(
    connection: sa.Connection, table: sa.Table, rows: Iterable[Row], *, adds_only: bool = False
) -> None:
    frame = typed_frame(list(rows), list(table.columns.keys()))
    kept = list(table.columns.keys()) if adds_only else ()
    merge_rows(connection, table, to_rows(table, frame, connection.dialect.name), kept=kept)


def _stored(connection: sa.Connection, keys: Sequence[StoryKey]) -> dict[StoryKey, Row]:
    found: dict[StoryKey, Row] = {}
    for day, names in grouped_by_day(keys):
        named = among(connection, headlines.c.headline_hash, names)
        this_day = (headlines.c.published_date == day, named)
        for row in connection.execute(sa.select(headlines).where(*this_day)).mappings():
            found[day, row["headline_hash"]] = dict(row)
    return found


def _stored_publishers(
    connection: sa.Connection, keys: Sequence[StoryKey]
) -> dict[StoryKey, set[str]]:
    """Give the publishers of the items that tell each stored story."""
    found: dict[StoryKey, set[str]] = {}
    columns = headline_sources.c
    for day, names in grouped_by_day(keys):
        this_day = (columns.story_date == day, among(connection, columns.headline_hash, names))
        chosen = sa.select(columns.headline_hash, columns.publisher).where(*this_day).distinct()
        for name, publisher in connection.execute(chosen):
            found.setdefault((day, name), set()).add(publisher)
    return found


def _headline(story: Story, stored: Row | None, publishers: set[str], ingested_at: datetime) -> Row:
    """Give the story's row: as stored or as first told, and what the tellings add to it."""
    if story.first is not None:
        row = _first_row(story.first, ingested_at)
    elif stored is not None:
        row = stored
    else:
        raise LookupError(f"story {story.key} has tellings and no headline")
    day, name = story.key
    told = [telling for telling, _ in story.tellings] + story.again
    for telling in story.again:
        if (telling.published_date, telling.headline_hash) == (day, name):
            row |= _judged(telling)
    row["symbols"] = ",".join(sorted(story.symbols))
    # One article by several paths has several tellings and one teller.
    row["source_count"] = count_tellers(
        publishers | {telling.publisher for telling, _ in story.tellings}
    )
    for column in ("url", "description", "sector", "industry"):
        row[column] = row[column] or next(
            (value for telling in told if (value := getattr(telling, column))), row[column]
        )
    return row


def _first_row(telling: Telling, ingested_at: datetime) -> Row:
    return {
        "published_date": telling.published_date,
        "headline_hash": telling.headline_hash,
        "headline": telling.headline,
        "normalized_headline": telling.normalized,
        "description": telling.description,
        "url": telling.url,
        "publisher": telling.publisher,
        "source": telling.source,
        "symbols": ",".join(telling.symbols),
        "category": telling.category,
        "published_at": telling.published_at,
        "first_seen_at": telling.first_seen_at,
        "ingested_at": ingested_at,
        "sector": telling.sector,
        "industry": telling.industry,
        "is_failover": telling.is_failover,
        "source_count": 0,
    } | _judged(telling)


def _judged(telling: Telling) -> Row:
    """Give what our rules and models say, which a newer version of them may say otherwise."""
    return {
        "session_date": telling.session_date,
        "market_session": telling.market_session,
        "sentiment_score": telling.tone.score,
        "sentiment_confidence": telling.tone.confidence,
        "sentiment_label": telling.tone.label,
        "sentiment_model": telling.tone.model,
    }


def _sources(stories: Iterable[Story]) -> list[Row]:
    return [
        {
            "published_date": telling.published_date,
            "item_hash": telling.item_hash,
            "headline_hash": story.key[1],
            "story_date": story.key[0],
            "headline": telling.headline,
            "publisher": telling.publisher,
            "url": telling.url,
            "source": telling.source,
            "published_at": telling.published_at,
            "first_seen_at": telling.first_seen_at,
            "is_primary": telling is story.first,
            "is_failover": telling.is_failover,
            "similarity": similarity,
        }
        for story in stories
        for telling, similarity in story.tellings
    ]


def _match_keys(stories: Iterable[Story]) -> list[Row]:
    return [
        {"match_key": match, "published_date": story.key[0], "headline_hash": story.key[1]}
        for story in stories
        for match in story.match_keys
    ]


def _symbols(
    connection: sa.Connection, stories: Mapping[StoryKey, Story], rows: Mapping[StoryKey, Row]
) -> list[Row]:
    """Give a row for each story and symbol, with the greatest relevance any telling gave it."""
    relevance: dict[tuple[date, str, str], float] = {}
    columns = headline_symbols.c
    for day, names in grouped_by_day(rows):
        this_day = (columns.published_date == day, among(connection, columns.headline_hash, names))
        for row in connection.execute(sa.select(headline_symbols).where(*this_day)):
            relevance[day, row.headline_hash, row.symbol] = row.relevance
    for (day, name), story in stories.items():
        kept = set(rows[day, name]["symbols"].split(","))
        for telling in [*(telling for telling, _ in story.tellings), *story.again]:
            for symbol in kept.intersection(telling.relevance):
                place = (day, name, symbol)
                relevance[place] = max(relevance.get(place, 0.0), telling.relevance[symbol])
    return [
        {
            "published_date": day,
            "symbol": symbol,
            "headline_hash": name,
            "published_at": rows[day, name]["published_at"],
            "hour": rows[day, name]["published_at"].astimezone(NEW_YORK).hour,
            "relevance": value,
        }
        for (day, name, symbol), value in relevance.items()
    ]


def _know_sizes(connection: sa.Connection) -> None:
    """Let PostgreSQL count tables that it never did: it joins them as if they were empty, which
    takes seconds a batch until its own counting comes round."""
    if connection.dialect.name != "postgresql":
        return
    tables = [headlines.name, headline_symbols.name]
    counted = sa.text(
        "SELECT min(reltuples) FROM pg_class WHERE oid = ANY (CAST(:t AS regclass[]))"
    )
    if connection.scalar(counted, {"t": tables}) < 0:
        connection.exec_driver_sql(f"ANALYZE {', '.join(tables)}")


def count_again(connection: sa.Connection, touched: Iterable[tuple[date, str]]) -> None:
    """Make the aggregates of each (day, symbol) those of the headlines stored now."""
    counts = headline_aggregates.c
    for day, symbols in grouped_by_day(touched):
        gone = (counts.published_date == day, among(connection, counts.symbol, symbols))
        connection.execute(sa.delete(headline_aggregates).where(*gone))
        connection.execute(_recount(connection, day, symbols))


def _recount(connection: sa.Connection, day: date, symbols: Sequence[str]) -> sa.Insert:
    named, told = headline_symbols.c, headlines.c
    score, confidence = told.sentiment_score, told.sentiment_confidence

    def total(value: Any) -> sa.ColumnElement[Any]:
        whole = sa.cast(sa.func.round(value * _EXACT), sa.BigInteger)
        return sa.cast(sa.func.sum(whole), sa.Float(53)) / float(_EXACT)

    def labelled(label: str) -> sa.ColumnElement[Any]:
        return sa.func.sum(sa.case((told.sentiment_label == label, 1), else_=0))

    counted = (
        sa.select(
            named.published_date,
            named.symbol,
            named.hour,
            sa.func.count(),
            labelled(POSITIVE),
            labelled(NEUTRAL),
            labelled(NEGATIVE),
            sa.func.sum(sa.case((confidence < LOW_CONFIDENCE, 1), else_=0)),
            total(score * confidence),
            total(confidence),
            sa.func.max(told.published_at),
        )
        .select_from(headline_symbols)
        .join(
            headlines,
            sa.and_(
                told.published_date == named.published_date,
                told.headline_hash == named.headline_hash,
            ),
        )
        .where(named.published_date == day, among(connection, named.symbol, symbols))
        .group_by(named.published_date, named.symbol, named.hour)
    )
    return sa.insert(headline_aggregates).from_select(headline_aggregates.columns.keys(), counted)
