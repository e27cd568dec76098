"""Dagster's SQLite event log with kept connections and batched writes.

The stock class opens a new engine for every event, which is most of the cost of a long backfill.
This one keeps an engine a file and writes a batch of events in two transactions: the run's own
file, and the index of asset events. Tables, files and readers stay the stock ones.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from market_pipeline.instance.pool_waits import PatientEventLogStorage
from market_pipeline.instance.turns import turn_in

if TYPE_CHECKING:
    from dagster import DagsterEventType, EventLogEntry

_INDEXED = ASSET_EVENTS | ASSET_CHECK_EVENTS | set(EVENT_TYPE_TO_PIPELINE_RUN_STATUS)
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


class PooledSqliteEventLogStorage(PatientEventLogStorage, SqliteEventLogStorage):
    """The stock per-run SQLite event log, minus a new engine for every event."""

    def __init__(self, base_dir: str) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._checkpointed_at: dict[str, float] = {}
        self._known_tables: set[str] = set()
        self._has_asset_columns = False
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

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        with turn_in(Path(self._base_dir)):
            super()._initdb(engine, for_index_shard)

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
        run_ids = {event.run_id for event in events}
        if len(run_ids) != 1:
            for event in events:
                self.store_event(event)
            return
        # Written once and stored twice: turning an event into text costs more than storing it.
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(run_ids.pop()) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        indexed = [at for at, event in enumerate(events) if _is_of(event, _INDEXED)]
        if not indexed:
            return
        with self.index_connection() as connection:
            ids = _insert(connection, [rows[at] for at in indexed])
            numbered = [(events[at], event_id) for at, event_id in zip(indexed, ids, strict=True)]
            self._index_assets(
                connection, [pair for pair in numbered if _is_of(pair[0], ASSET_EVENTS)]
            )
        for event, event_id in numbered:
            if _is_of(event, ASSET_CHECK_EVENTS):
                self.store_asset_check_event(event, event_id)

    def _index_assets(
        self, connection: Connection, numbered: Sequence[tuple["EventLogEntry", int]]
    ) -> None:
        if not numbered:
            return
        events, ids = zip(*numbered, strict=True)
        self._store_asset_event_tags(connection, events, ids)
        # An asset's row keeps its latest event of each kind: the ones before would be overwritten.
        latest = {
            (event.dagster_event.asset_key, event.dagster_event.event_type_value): at
            for at, event in enumerate(events)
        }
        for at in sorted(latest.values()):
            self._store_asset_event(connection, events[at], ids[at])

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        if not self._has_asset_columns:
            self._has_asset_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_asset_columns

    def store_asset_check_event(self, event: "EventLogEntry", event_id: int | None) -> None:
        """Store a check's plan or verdict in the table of checks; see `whole_range`."""
        super().store_asset_check_event(whole_range(event), event_id)

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


def whole_range(event: "EventLogEntry") -> "EventLogEntry":
    """Take the partitions from the plan of a check; anything else stays as it is.

    A check judges a range as one and reports no partition. Dagster would note the plan once a
    partition, 14 kB each with all holidays in it, and no verdict ever settles those notes.
    """
    inner = event.dagster_event
    planned = inner.event_specific_data if inner is not None else None
    if inner is None or not isinstance(planned, AssetCheckEvaluationPlanned):
        return event
    whole = AssetCheckEvaluationPlanned(
        asset_key=planned.asset_key, check_name=planned.check_name, partitions_subset=None
    )
    return event._replace(dagster_event=inner._replace(event_specific_data=whole))


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert into the index; give the ids in the order of `rows`."""
    table = SqlEventLogStorageTable
    statement = table.insert().returning(table.c.id, sort_by_parameter_order=True)
    return [int(row[0]) for row in connection.execute(statement, rows)]


def _is_of(event: "EventLogEntry", kinds: Set["DagsterEventType"]) -> bool:
    return event.is_dagster_event and event.dagster_event_type in kinds


__all__ = ["INDEX_SHARD_NAME", "PooledSqliteEventLogStorage", "pooled_engine"]
