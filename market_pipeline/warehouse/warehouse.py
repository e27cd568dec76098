"""The warehouse as the rest of the project sees it: frames and books in, frames and books out.

Synchronous and thread-safe. Every write is one transaction that touches only rows that differ.
Ranges of dates are closed and mean the table's partition column. What the tables are stands in
`tables`, what a frame must look like in `frames`.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Literal, TypeVar

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.books import Book
from market_pipeline.domain.companies import CompanyProfile
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.jobs import Job
from market_pipeline.domain.ports import CollectedBatch, ComputeNote, Coverage, WriteCounts
from market_pipeline.domain.universe import Watched
from market_pipeline.warehouse import (
    bar_history,
    books,
    collection,
    company_store,
    jobs,
    meta,
    queries,
    retention,
    schema,
)
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.fences import Fence, FencedDatabase, take
from market_pipeline.warehouse.frames import Row, to_rows
from market_pipeline.warehouse.generations import note_change
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.ranges import range_of
from market_pipeline.warehouse.stores import Stores
from market_pipeline.warehouse.tables import equity_bars, metadata

T = TypeVar("T")

_COLLECTION_TIME = ("fetched_at",)


class Warehouse(Stores):
    """All rows the project keeps, on SQLite or PostgreSQL alike."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str) -> "Warehouse":
        """Open `sqlite:///path` or `postgresql+psycopg://...`; connects on first use only.

        Raises ConfigurationError for a URL that cannot be read or leaves the driver open.
        """
        return cls(Database(url))

    def __repr__(self) -> str:
        return f"Warehouse({self.display_url})"

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect

    @property
    def display_url(self) -> str:
        """The URL without password and query, fit to be shown."""
        return self._database.display_url

    def dispose(self) -> None:
        """Close the pooled connections; the warehouse may be used again afterwards."""
        self._database.dispose()

    def taking(self, fence: Fence) -> "Warehouse":
        """Take the fence of a run's dates; give the warehouse as this run may write it."""
        with self._database.writing() as connection:
            take(connection, fence)
        return self.behind(fence)

    def behind(self, fence: Fence) -> "Warehouse":
        """Give the same warehouse, whose writes raise `Superseded` once a later run has the fence.

        It shares the connections of this one.
        """
        return Warehouse(FencedDatabase(self._database, fence))

    def ping(self) -> float:
        """Ask the database for a row; give the milliseconds it took (SQLAlchemy errors pass)."""
        started = time.perf_counter()
        with self._database.reading() as connection:
            connection.execute(sa.select(1))
        return (time.perf_counter() - started) * 1000

    # -- schema ----------------------------------------------------------------------------

    def upgrade(self) -> None:
        """Bring the tables to the newest revision; safe when several processes do so at once."""
        with self._database.writing() as connection:
            schema.upgrade(connection)

    def current_revision(self) -> str | None:
        """Give the revision the database is at, or None where no table is."""
        with self._database.reading() as connection:
            return schema.revision_of(connection)

    def is_current(self) -> bool:
        """Say whether the tables are those this version of the package knows."""
        return self.current_revision() == schema.newest_revision()

    # -- reading ---------------------------------------------------------------------------

    def read(
        self,
        table_name: str,
        *,
        first: date | None = None,
        last: date | None = None,
        symbols: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
        is_ordered: bool = True,
    ) -> pd.DataFrame:
        """Read rows in key order, typed as `frames` says; no row gives an empty typed frame.

        Rows that are not `is_ordered` come as the database finds them, and sooner.

        `first` and `last` bound the partition column, both included; `where` asks for equality,
        for any of a list, set or tuple, or with None for missing. Raises ValueError for a table
        or column that is not there.
        """
        query = queries.Query(table_name, first, last, symbols, columns, where, is_ordered)
        with self._database.reading() as connection:
            return queries.read(connection, query)

    def ask(self, question: Callable[[sa.Connection], T]) -> T:
        """Give what `question` finds through a read-only connection: all of it of one moment.

        For questions that a database answers better than frames do; they stand in this package.
        """
        with self._database.reading() as connection:
            return question(connection)

    def bounds(self, table_name: str) -> tuple[date, date] | None:
        """Give the first and last date of a partitioned table, or None when it is empty."""
        with self._database.reading() as connection:
            return queries.bounds(connection, table_name)

    def count(self, table_name: str) -> int:
        """Count the rows of a table."""
        with self._database.reading() as connection:
            return queries.count(connection, table_name)

    def table_digest(
        self, table_name: str, exclude: Collection[str] = queries.DIGEST_EXCLUDES
    ) -> str:
        """Give a sha256 of the table's rows that is the same for equal rows on either dialect."""
        with self._database.reading() as connection:
            return queries.digest(connection, table_name, exclude)

    # -- writing frames --------------------------------------------------------------------

    def replace_range(
        self,
        table_name: str,
        frame: pd.DataFrame,
        first: date,
        last: date,
        *,
        keep_columns: Collection[str] = (),
    ) -> WriteCounts:
        """Make the rows dated in [first, last] equal `frame` exactly.

        `keep_columns` keep their stored value in rows that stay, and make no difference.
        Raises ValueError for rows outside the range or of one key, and columns that do not fit.
        """
        table, rows, scope = range_of(table_name, frame, (first, last), self.dialect)
        with self._database.writing() as connection:
            counts = merge_rows(connection, table, rows, scope=scope, kept=keep_columns)
            note_change(connection, table_name, counts)
        return counts

    def replace_ranges(
        self, frames: Mapping[str, pd.DataFrame], first: date, last: date
    ) -> WriteCounts:
        """Make several tables equal their frames in [first, last], in one transaction."""
        ranges = [range_of(*named, (first, last), self.dialect) for named in frames.items()]
        counts = WriteCounts()
        with self._database.writing() as connection:
            for table, rows, scope in ranges:
                counts += (changed := merge_rows(connection, table, rows, scope=scope))
                note_change(connection, table.name, changed)
        return counts

    def merge(self, table_name: str, frame: pd.DataFrame) -> WriteCounts:
        """Insert or update the rows of `frame`; one equal in all but `fetched_at` stays as is."""
        table = queries.table_named(table_name)
        rows = to_rows(table, frame, self.dialect)
        with self._database.writing() as connection:
            counts = merge_rows(connection, table, rows, ignored=_COLLECTION_TIME)
            note_change(connection, table_name, counts)
        return counts

    # -- collecting ------------------------------------------------------------------------

    def commit_batch(self, table_name: str, batch: CollectedBatch) -> WriteCounts:
        """Store all a batch brought in one transaction; see `commit_batches`."""
        return self.commit_batches(table_name, [batch])

    def commit_batches(self, table_name: str, batches: Sequence[CollectedBatch]) -> WriteCounts:
        """Store all that batches brought in one transaction: rows, rejects, coverage, log, jobs.

        With `batch.replace` the stored rows of the frame's symbols become the frame's, and the
        coverage is the batch's own; otherwise rows are merged and coverage is joined (see
        `collection.joined`). The asset of the rejects is the table. Counts the table's rows only,
        in the log batch by batch.
        Bars are first brought together with those stored (`bar_history`), so that a split
        computes history anew and a vendor's change of the past is kept.
        """
        table = queries.table_named(table_name)
        # Refused before anything is compared with it.
        encoded = [to_rows(table, batch.frame, self.dialect) for batch in batches]
        with self._database.writing() as connection:
            # Kind by kind: every transaction takes its locks in this order.
            stored = [
                self._store_rows(connection, table, batch, rows)
                for batch, rows in zip(batches, encoded, strict=True)
            ]
            counts = sum((changed for _, changed in stored), WriteCounts())
            for batch in batches:
                collection.write_coverage(connection, batch.coverage, anew=batch.replace)
            for batch, _ in stored:
                collection.quarantine_rejects(connection, table_name, batch)
            collection.append_log(connection, [(batch.log, changed) for batch, changed in stored])
            for batch in batches:
                if batch.job is not None:
                    jobs.store(connection, batch.job)
            note_change(connection, table_name, counts)
        return counts

    def _store_rows(
        self, connection: sa.Connection, table: sa.Table, batch: CollectedBatch, rows: list[Row]
    ) -> tuple[CollectedBatch, WriteCounts]:
        """Store the rows; give the batch as it was stored, and what that changed."""
        scope = None
        if batch.replace:
            symbol = queries.column_of(table, "symbol")
            scope = symbol.in_(sorted(set(batch.frame["symbol"])))
        restated = 0
        if table is equity_bars:
            settled, restated = bar_history.settle(connection, batch)
            if settled is not batch:
                batch, rows = settled, to_rows(table, settled.frame, self.dialect)
        counts = merge_rows(connection, table, rows, scope=scope, ignored=_COLLECTION_TIME)
        return batch, replace(counts, restated=restated)

    def plan_jobs(self, asset: str, subjects: Sequence[str], run_id: str) -> None:
        """Make the jobs of `subjects` pending, as one transaction; none for no subjects."""
        if not subjects:
            return
        with self._database.writing() as connection:
            jobs.plan(connection, asset, subjects, run_id)

    def begin_job(self, job: Job) -> int:
        """Store a job that is being worked on now, and give the number of its try."""
        with self._database.writing() as connection:
            return jobs.begin(connection, job)

    def coverage(self, asset: str) -> dict[str, Coverage]:
        """Give the range known of each subject of `asset`."""
        with self._database.reading() as connection:
            return collection.read_coverage(connection, asset)

    def replace_notes(
        self,
        asset: str,
        first: date,
        last: date,
        notes: Sequence[ComputeNote],
        noted_at: datetime | None = None,
        about: Sequence[str] | None = None,
    ) -> WriteCounts:
        """Make the compute log of `asset` in [first, last] equal `notes`.

        New ones are dated `noted_at`: without it they are never past their time. With `about` only
        notes on these are replaced: their subject is `NAME` or `SYMBOL:NAME`.
        """
        with self._database.writing() as connection:
            return collection.replace_notes(connection, asset, first, last, notes, noted_at, about)

    def forget_expired(
        self, before: Mapping[str, datetime], *, is_dry_run: bool = False
    ) -> dict[str, int]:
        """Delete intraday bars and logs dated before their kind's instant, or only count them.

        Kinds are `retention.INTRADAY` and `retention.LOG`; gives the rows by table.
        """
        within = self._database.reading if is_dry_run else self._database.writing
        with within() as connection:
            return retention.forget_expired(
                connection, metadata.tables.values(), before, is_dry_run=is_dry_run
            )

    def replace_quarantine(
        self, asset: str, first: date, last: date, findings: pd.DataFrame, seen_at: datetime
    ) -> WriteCounts:
        """Make the quarantine of `asset` dated in [first, last] equal `findings`.

        `findings` has `domain.quarantine.FINDING_COLUMNS`; what is kept already keeps its
        `seen_at`.
        """
        with self._database.writing() as connection:
            return collection.replace_quarantine(
                connection, asset, (first, last), findings, seen_at
            )

    # -- books -----------------------------------------------------------------------------

    def import_book(self, book: Book, imported_at: datetime) -> WriteCounts:
        """Store `book` as a whole; content that is stored already changes nothing."""
        with self._database.writing() as connection:
            return books.import_book(connection, book, imported_at)

    def books(self) -> list[Book]:
        """Give all books, by portfolio id."""
        with self._database.reading() as connection:
            return books.read_books(connection)

    def book(self, portfolio_id: str) -> Book | None:
        """Give one book, or None."""
        with self._database.reading() as connection:
            return next(iter(books.read_books(connection, portfolio_id)), None)

    def content_hash(self, portfolio_id: str) -> str | None:
        """Give the hash of the stored book, or None."""
        with self._database.reading() as connection:
            return books.content_hash(connection, portfolio_id)

    def watch(self, symbols: Sequence[str], at: datetime) -> int:
        """Put symbols on the watchlist; give how many are new to it."""
        with self._database.writing() as connection:
            return books.watch(connection, symbols, at)

    def unwatch(self, symbols: Sequence[str], at: datetime) -> int:
        """Take symbols off the watchlist; give how many were on it."""
        with self._database.writing() as connection:
            return books.unwatch(connection, symbols, at)

    def watched(self) -> list[Watched]:
        """Give what is watched, without dates, and what once was, with the days it was."""
        with self._database.reading() as connection:
            return books.read_watched(connection)

    # -- companies -------------------------------------------------------------------------

    def profiles(self) -> dict[str, CompanyProfile]:
        """Give what is known of companies and funds, by symbol."""
        with self._database.reading() as connection:
            return company_store.read_profiles(connection)

    def watchlist(self) -> list[str]:
        """Give the watched symbols, sorted."""
        with self._database.reading() as connection:
            return books.read_watchlist(connection)

    # -- about the warehouse itself --------------------------------------------------------

    def meta_get(self, key: str) -> str | None:
        """Give a remembered value, or None."""
        with self._database.reading() as connection:
            return meta.recall(connection, key)

    def meta_set(self, key: str, value: str) -> None:
        """Remember a value (200 characters at most)."""
        with self._database.writing() as connection:
            meta.remember(connection, key, value)

    def claim_data_kind(self, kind: Literal["live", "sandbox"]) -> None:
        """Dedicate the warehouse to `live` or `sandbox` data, for good.

        Raises ConfigurationError when it is dedicated to the other.
        """
        with self._database.writing() as connection:
            held = meta.claim(connection, "data_kind", kind)
        if held != kind:
            raise ConfigurationError(
                f"the warehouse {self.display_url} holds {held} data, and {kind} data is never "
                "mixed with it: name another database in MARKET_PIPELINE_DATABASE_URL (or "
                f"another folder in MARKET_PIPELINE_STATE_DIR), or {_REMEDY[kind]}"
            )


_REMEDY = {
    "live": "set MARKET_PIPELINE_SANDBOX_URL to go on with the sandbox",
    "sandbox": "unset MARKET_PIPELINE_SANDBOX_URL to go on with live vendors",
}
