"""Dagster's SQLite event log with kept connections and batched writes.

The stock class opens a new engine for every event, which is most of the cost of a long backfill.
This one keeps an engine a file and writes a batch of events in two transactions: the run's own
file, and the index of asset events. Tables, files and readers stay the stock ones.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from dagster import DagsterEventType, EventLogEntry

_KEPT_ENGINES = 8
_CHECKPOINT_EVERY_S = 0.5


def pooled_engine(url: str) -> Engine:
    """Open a SQLite engine that keeps its connections, safe to hand from thread to thread.

    `synchronous=NORMAL` loses at most the last commits on a power cut under WAL, never
    consistency: the warehouse's rows, not Dagster's log of them, are what must survive.
    """
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=16,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def _fast_commit(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The stock per-run SQLite event log, minus a new engine for every event."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._checkpointed_at: dict[str, float] = {}
        self._known_tables: set[str] = set()
        super().__init__(base_dir)

    def has_table(self, table_name: str) -> bool:
        """Say whether the index has a table; a table once seen is there to stay."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection
            self._checkpoint(shard, engine)

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None) or pooled_engine(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        while len(self._engines) > _KEPT_ENGINES:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return engine

    def _checkpoint(self, shard: str, engine: Engine) -> None:
        """Move the log into the main file now and then: the UI watches that file for news."""
        now = time.monotonic()
        if now - self._checkpointed_at.get(shard, 0.0) < _CHECKPOINT_EVERY_S:
            return
        self._checkpointed_at[shard] = now
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def store_event_batch(self, events: Sequence["EventLogEntry"]) -> None:
        """Store events of one run: its own file in one transaction, the index in few."""
        if len({event.run_id for event in events}) != 1:
            for event in events:
                self.store_event(event)
            return
        with self.run_connection(events[0].run_id) as connection:
            for event in events:
                connection.execute(self.prepare_insert_event(event))
        asset_events = [event for event in events if _is_of(event, ASSET_EVENTS)]
        if asset_events:
            with self.index_connection() as connection:
                self._index_asset_events(connection, asset_events)
        for event in events:
            if _is_of(event, ASSET_CHECK_EVENTS):
                with self.index_connection() as connection:
                    event_id = self._insert(connection, event)
                self.store_asset_check_event(event, event_id)
            elif _is_of(event, set(EVENT_TYPE_TO_PIPELINE_RUN_STATUS)):
                with self.index_connection() as connection:
                    self._insert(connection, event)

    def _index_asset_events(
        self, connection: Connection, events: Sequence["EventLogEntry"]
    ) -> None:
        ids = [self._insert(connection, event) for event in events]
        self._store_asset_event_tags(connection, events, ids)
        for event, event_id in zip(events, ids, strict=True):
            self._store_asset_event(connection, event, event_id)

    def _insert(self, connection: Connection, event: "EventLogEntry") -> int:
        key = connection.execute(self.prepare_insert_event(event)).inserted_primary_key
        if key is None:
            raise RuntimeError("SQLite gave no id for an event it stored")
        return int(key[0])

    def wipe(self) -> None:
        """Delete everything, connections first."""
        self.dispose()
        super().wipe()

    def dispose(self) -> None:
        """Close every kept connection."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()


def _is_of(event: "EventLogEntry", kinds: Set["DagsterEventType"]) -> bool:
    return event.is_dagster_event and event.dagster_event_type in kinds


__all__ = ["INDEX_SHARD_NAME", "PooledSqliteEventLogStorage", "pooled_engine"]
