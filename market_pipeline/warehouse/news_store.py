"""News in the warehouse: what sources gave, the stories made of it, and how collecting went.

Each method is one transaction. Belongs here: what is read and written together. Does not: which
story a telling tells (`news_joining`) or the rows that change with it (`news_writing`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.companies import CompanyProfile
from market_pipeline.domain.errors import FencedOff
from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.freshness import Freshness, freshness
from market_pipeline.domain.headlines import RAW_COLUMNS, merge_raw, raw_frame
from market_pipeline.domain.news import Attempt, Company, NewsCollection
from market_pipeline.domain.notices import Message
from market_pipeline.domain.ports import Lease, WriteCounts
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.tellings import Telling
from market_pipeline.warehouse import company_store, news_taking, notices, queries
from market_pipeline.warehouse.collection import quarantine_rejected
from market_pipeline.warehouse.engine import Database, lock
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.membership import among
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.news_joining import join_stories
from market_pipeline.warehouse.news_tables import (
    collection_events,
    collection_fences,
    headline_sources,
    headlines,
    source_status,
)
from market_pipeline.warehouse.news_taking import mark_taken, quarantine_refused, rows_read
from market_pipeline.warehouse.news_writing import write_stories
from market_pipeline.warehouse.retention import gone
from market_pipeline.warehouse.tables import metadata
from market_pipeline.warehouse.values import clean_text

_PER_DAY = (
    "finviz_headlines", "wire_headlines", "headlines", "headline_symbols", "headline_match_keys",
    "headline_aggregates",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CollectedFor:
    """Whose news was collected: the asset that keeps it, the portfolio, and the run."""

    asset: str
    portfolio_id: str
    run_id: str | None = None
    fence: Lease | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a batch of tellings changed."""

    stories: int = 0
    joined: int = 0
    again: int = 0
    symbols: frozenset[str] = frozenset()
    latest_published_at: datetime | None = None
    quarantined: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        latest = [at for at in (self.latest_published_at, other.latest_published_at) if at]
        return Stored(
            self.stories + other.stories,
            self.joined + other.joined,
            self.again + other.again,
            self.symbols | other.symbols,
            max(latest, default=None),
            self.quarantined + other.quarantined,
        )


_NO_ROWS = typed_frame([], (*RAW_COLUMNS, "table", "rule", "value", "detail"))

Announce = Callable[[Stored], Message]
"""Makes the message that tells of a stored batch."""


class NewsStore:
    """The news tables of one warehouse. Synchronous and thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- collecting ------------------------------------------------------------------------

    def commit_collection(
        self, collected: CollectedFor, collection: NewsCollection, fetched_at: datetime
    ) -> WriteCounts:
        """Store what a collection brought: items, rejects, companies, a row an attempt.

        Raises `FencedOff`, and stores nothing, when a later holder of the fence has written.
        """
        table = queries.table_named(collected.asset)
        with self._database.writing() as connection:
            _pass_fence(connection, collected.fence)
            lock(connection, table.name)
            fresh = raw_frame(collection.news.items, fetched_at)
            stored = _stored_items(connection, table, fresh)
            rows = to_rows(table, merge_raw(stored, fresh), connection.dialect.name)
            counts = merge_rows(connection, table, rows, ignored=("fetched_at",))
            new = fresh[~fresh["item_hash"].isin(stored["item_hash"])]
            new_by_source = Counter(str(source) for source in new["source"])
            _keep_rejected(connection, collected, collection, fetched_at)
            _keep_companies(connection, collection.news.companies, fetched_at)
            _record(connection, collected, collection.attempts, new_by_source)
        return counts

    def pending(
        self, table_name: str, version: str, first: date, last: date, limit: int
    ) -> pd.DataFrame:
        """Give up to `limit` collected rows to make stories of, by day and then as first seen.

        Those no story was made of yet, of all days until `last`; and those of [first, last] that
        other rules than `version` took.
        """
        table = queries.table_named(table_name)
        taken_as, day = table.c.taken_as, table.c.published_date
        order = (day, table.c.fetched_at, table.c.published_at, table.c.item_hash)
        never = sa.and_(taken_as.is_(None), day <= last)
        otherwise = sa.and_(taken_as != version, day.between(first, last))
        with self._database.reading() as connection:
            rows = queries.frame_of(connection, table, never, order=order, limit=limit)
            if len(rows) < limit:
                left = limit - len(rows)
                more = queries.frame_of(connection, table, otherwise, order=order, limit=left)
                rows = pd.concat([rows, more], ignore_index=True) if len(more) else rows
        return rows

    # -- stories ---------------------------------------------------------------------------

    def store(
        self,
        tellings: Sequence[Telling],
        *,
        version: str,
        window_days: int,
        ingested_at: datetime,
        refused: pd.DataFrame = _NO_ROWS,
        passed_over: pd.DataFrame = _NO_ROWS,
        announce: Announce | None = None,
    ) -> Stored:
        """Make each telling part of a story: stories, sources, symbols, counts, and the notice
        that tells of them, together or not at all. First seen first.

        With them `refused` rows (see `Reading`) go to quarantine, and they and those `passed_over`
        wait no longer.
        """
        if not len(tellings) + len(refused) + len(passed_over):
            return Stored()
        with self._database.writing() as connection:
            lock(connection, headlines.name)
            stories = join_stories(connection, tellings, window_days)
            touched = write_stories(connection, stories, ingested_at) if stories else set()
            quarantined = quarantine_refused(connection, refused, ingested_at)
            mark_taken(connection, rows_read(tellings, refused, passed_over), version)
            new = sum(story.is_new for story in stories.values())
            told = sum(len(story.tellings) for story in stories.values())
            stored = Stored(
                stories=new,
                joined=told - new,
                again=len(tellings) - told,
                symbols=frozenset(symbol for _, symbol in touched),
                latest_published_at=max((t.published_at for t in tellings), default=None),
                quarantined=quarantined,
            )
            if announce is not None and told:
                notices.append(connection, announce(stored))
        return stored

    def companies(self) -> dict[str, Company]:
        """Give what is known of companies, by symbol."""
        with self._database.reading() as connection:
            return {
                symbol: Company(
                    symbol, known.name, known.sector or "", known.industry or "", known.source
                )
                for symbol, known in company_store.read_profiles(connection).items()
            }

    # -- how collecting goes ---------------------------------------------------------------

    def last_delivered(self, asset: str) -> dict[str, datetime]:
        """Give when each portfolio's news was last delivered, by portfolio."""
        columns = collection_events.c
        last = sa.func.max(columns.started_at, type_=columns.started_at.type)
        delivered = (
            sa.select(columns.portfolio_id, last)
            .where(columns.asset == asset, columns.is_success)
            .group_by(columns.portfolio_id)
        )
        with self._database.reading() as connection:
            return dict(connection.execute(delivered).tuples().all())

    def last_success(self) -> datetime | None:
        """Give when any source last delivered."""
        latest = sa.func.max(
            source_status.c.last_success_at, type_=source_status.c.last_success_at.type
        )
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(sa.select(latest))
        return found

    def waiting_since(self, today: date) -> datetime | None:
        """Give since when collected items of days until `today` wait to be made part of stories."""
        with self._database.reading() as connection:
            return news_taking.waiting_since(connection, today)

    def freshness(
        self, now: datetime, calendar: TradingCalendar, market_hours: timedelta
    ) -> Freshness:
        """Say how fresh the stories are, by what was delivered and what of it waits."""
        waiting_since = self.waiting_since(now.astimezone(NEW_YORK).date())
        return freshness(self.last_success(), now, calendar, market_hours, waiting_since)

    def events_of_run(self, run_id: str) -> pd.DataFrame:
        """Give the attempts of one run, in their order."""
        with self._database.reading() as connection:
            return queries.frame_of(
                connection, collection_events, collection_events.c.run_id == run_id
            )

    # -- keeping it small ------------------------------------------------------------------

    def forget(
        self, before: date, events_before: datetime, *, is_dry_run: bool = False
    ) -> dict[str, int]:
        """Delete stories published before a day, with all that hangs on them, and the record of
        collections before an instant; give the rows deleted, by table. With `is_dry_run` they are
        counted and stay."""
        old = {
            metadata.tables[name]: metadata.tables[name].c.published_date < before
            for name in _PER_DAY
        }
        old[headline_sources] = headline_sources.c.story_date < before
        old[collection_events] = collection_events.c.started_at < events_before
        with self._database.reading() if is_dry_run else self._database.writing() as connection:
            if not is_dry_run:
                lock(connection, headlines.name)
            return {
                table.name: gone(connection, table, is_old, is_dry_run=is_dry_run)
                for table, is_old in old.items()
            }


def _pass_fence(connection: sa.Connection, fence: Lease | None) -> None:
    if fence is None:
        return
    lock(connection, collection_fences.name)
    columns = collection_fences.c
    this = columns.name == fence.name
    last = connection.scalar(sa.select(columns.token).where(this))
    if last is None:
        row = {"name": fence.name, "token": fence.token}
        connection.execute(sa.insert(collection_fences).values(row))
    elif last > fence.token:
        raise FencedOff(fence.name, fence.token, last)
    elif last < fence.token:
        connection.execute(sa.update(collection_fences).where(this).values(token=fence.token))


def _stored_items(connection: sa.Connection, table: sa.Table, fresh: pd.DataFrame) -> pd.DataFrame:
    """Give the rows stored under the names of fresh ones."""
    found = [typed_frame([], RAW_COLUMNS)]
    for day, rows in fresh.groupby("published_date"):
        named = among(connection, table.c.item_hash, list(rows["item_hash"]))
        condition = sa.and_(table.c.published_date == pd.Timestamp(str(day)).date(), named)
        found.append(queries.frame_of(connection, table, condition))
    return pd.concat([frame for frame in found if not frame.empty] or found[:1], ignore_index=True)


def _keep_rejected(
    connection: sa.Connection, collected: CollectedFor, collection: NewsCollection, at: datetime
) -> None:
    attempts = collection.attempts
    source = next((a.source for a in reversed(attempts) if a.is_success), collected.asset)
    quarantine_rejected(connection, collected.asset, collection.news.rejected, source, at)


def _keep_companies(connection: sa.Connection, companies: Sequence[Company], at: datetime) -> None:
    told = [
        CompanyProfile(
            company.symbol, company.name, company.source,
            sector=company.sector or None, industry=company.industry or None,
        )
        for company in companies
    ]  # fmt: skip
    company_store.keep_profiles(connection, told, at)


def _record(
    connection: sa.Connection,
    collected: CollectedFor,
    attempts: Sequence[Attempt],
    new_by_source: Mapping[str, int],
) -> None:
    """Append one event an attempt and bring the status of its source up to date."""
    for attempt in attempts:
        message = attempt.error_message
        connection.execute(
            sa.insert(collection_events).values(
                asset=collected.asset,
                portfolio_id=collected.portfolio_id,
                source=attempt.source,
                started_at=attempt.started_at,
                duration_ms=attempt.duration_ms,
                is_success=attempt.is_success,
                is_failover=attempt.is_failover,
                item_count=attempt.item_count,
                new_item_count=int(new_by_source.get(attempt.source, 0)),
                error_kind=attempt.error_kind,
                error_message=None if message is None else clean_text(message, 500),
                run_id=collected.run_id,
            )
        )
        _note_status(connection, attempt)


def _note_status(connection: sa.Connection, attempt: Attempt) -> None:
    lock(connection, source_status.name)
    columns = source_status.c
    this = columns.source == attempt.source
    stored = connection.execute(sa.select(source_status).where(this)).mappings().one_or_none()
    ended_at = attempt.started_at + timedelta(milliseconds=attempt.duration_ms)
    values: dict[str, object] = {"is_available": attempt.is_success}
    if attempt.is_success:
        values |= {"last_success_at": ended_at, "consecutive_failures": 0}
    else:
        failures = 0 if stored is None else stored["consecutive_failures"]
        values |= {
            "last_failure_at": ended_at,
            "consecutive_failures": failures + 1,
            "last_error_kind": attempt.error_kind,
            "last_error_message": clean_text(attempt.error_message or "", 500),
        }
    if stored is None:
        connection.execute(sa.insert(source_status).values(source=attempt.source, **values))
    else:
        connection.execute(sa.update(source_status).where(this).values(**values))
