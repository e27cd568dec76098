"""A warehouse filled with made-up stories in bulk, for measuring what is added to it.

As `NewsStore.store` would have left it, save the counts, which it makes again for what it
touches.
"""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import sqlalchemy as sa

from benchmarks.lab import POSTGRESQL
from benchmarks.made_up_news import NOW, SOURCE, stored_item
from benchmarks.plain_writes import Rows, write_plainly
from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.headlines import headline_hash, normalise, published_date
from market_pipeline.domain.news import NewsItem
from market_pipeline.domain.sentiment import NEUTRAL
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.story_titles import match_keys, read_title
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.news_tables import (
    headline_match_keys,
    headline_sources,
    headline_symbols,
    headlines,
)

_CHUNK, _AT_ONCE = 50_000, 2
_TABLES = (headlines, headline_sources, headline_symbols, headline_match_keys)
_JUDGED = {
    "market_session": "regular", "sector": None, "industry": None, "is_failover": False,
    "source_count": 1, "sentiment_score": 0.0, "sentiment_confidence": 0.9,
    "sentiment_label": NEUTRAL, "sentiment_model": "plain-1", "category": "", "description": "",
    "source": SOURCE, "is_primary": True, "similarity": 100.0, "relevance": 1.0,
}  # fmt: skip


def fill(url: str, count: int) -> None:
    """Store `count` made-up stories, and let the database count them."""
    dialect = sa.make_url(url).get_backend_name()
    begins = range(0, count, _CHUNK)
    with ProcessPoolExecutor(_AT_ONCE, get_context("spawn")) as workers:
        run = workers.map if len(begins) > 1 else map  # starting processes takes seconds
        # A few chunks ahead at most, or all of them would wait in memory.
        for some in (begins[at : at + _AT_ONCE] for at in range(0, len(begins), _AT_ONCE)):
            for made in run(partial(_rows, count=count, dialect=dialect), some):
                for table, rows in zip(_TABLES, made, strict=True):
                    write_plainly(url, table, rows)
    if dialect == POSTGRESQL:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        engine.dispose()


def _rows(begin: int, count: int, dialect: str) -> list[Rows]:
    """Give a chunk's rows of each of `_TABLES`, by key."""
    items = (stored_item(at, count) for at in range(begin, min(begin + _CHUNK, count)))
    stories = [_story(item) for item in items]
    made: list[Rows] = []
    for table in _TABLES:
        rows = _keys(stories) if table is headline_match_keys else stories
        frame = typed_frame(rows, list(table.columns.keys()))
        keys = [column.name for column in table.primary_key]
        made.append(to_rows(table, frame.sort_values(keys), dialect))
    return made


def _story(item: NewsItem) -> dict[str, Any]:
    day = published_date(item.published_at)
    name = headline_hash(item.headline, item.url, day)  # made-up titles repeat, names must not
    return _JUDGED | {
        "published_date": day,
        "story_date": day,
        "session_date": day,
        "headline_hash": name,
        "item_hash": name,
        "headline": item.headline,
        "normalized_headline": normalise(item.headline),
        "url": item.url,
        "publisher": item.publisher,
        "symbols": ",".join(item.symbols),
        "symbol": item.symbols[0],
        "published_at": item.published_at,
        "first_seen_at": item.published_at,
        "ingested_at": NOW,
        "hour": item.published_at.astimezone(NEW_YORK).hour,
    }


def _keys(stories: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "match_key": key,
            "published_date": story["published_date"],
            "headline_hash": story["headline_hash"],
        }
        for story in stories
        for key in match_keys(read_title(story["headline"]), [story["symbol"]])
    ]
