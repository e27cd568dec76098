"""How the database is reached: URL, pool, and the two kinds of transaction.

Belongs here: what SQLite and PostgreSQL need to be opened, locked and read alike. What is
written stands elsewhere. Every write on SQLite begins IMMEDIATE (a read transaction that turns
into a write fails at once, whatever the time-out); every read sees one snapshot.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from psycopg.pq import Format
from sqlalchemy.exc import ArgumentError

from market_pipeline.domain.errors import ConfigurationError

BUSY_TIMEOUT_S = 60.0
_WAL_RETRY_S = 0.05
# Years of one symbol touch a page of every session: a small cache would write and read each anew.
_CACHE, _CHECKPOINT = "cache_size=-65536", "wal_autocheckpoint=8000"
_BEGIN = "market_pipeline_begin"
AS_NUMBERS = "market_pipeline_as_numbers"
"""Execution option: PostgreSQL sends numbers as they are, not written out as text and read back."""

_EXAMPLES = "sqlite:////var/lib/market_pipeline/warehouse.db or postgresql+psycopg://user@host/name"


def parse_url(url: str) -> sa.URL:
    """Read a warehouse URL, which must name its driver; raise ConfigurationError otherwise.

    No message repeats the URL: it may hold a password in a place nobody expects.
    """
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"the warehouse URL cannot be read; write it like {_EXAMPLES} "
            "(and percent-encode special characters of the password)"
        ) from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or parsed.database.startswith((":memory:", "file:")):
            raise ConfigurationError(
                "a SQLite warehouse is a file, seen by every process: write sqlite:///path"
            )
        return parsed.set(drivername="sqlite")
    if parsed.drivername == "postgresql+psycopg":
        return parsed
    scheme = parsed.drivername
    if scheme.startswith("postgres"):
        raise ConfigurationError(
            f"the warehouse URL begins with {scheme}://, which leaves the driver to chance; "
            "write postgresql+psycopg:// instead"
        )
    raise ConfigurationError(f"no warehouse speaks {scheme}://; write a URL like {_EXAMPLES}")


class Database:
    """One pool of connections, and reading and writing transactions over it. Thread-safe."""

    def __init__(self, url: str) -> None:
        parsed = parse_url(url)
        self.dialect = parsed.get_backend_name()
        # The query part is left out: libpq accepts a password there too.
        self.display_url = parsed.set(query={}).render_as_string(hide_password=True)
        self._engine = _sqlite(parsed) if self.dialect == "sqlite" else _postgresql(parsed)
        self._reader = self._engine.execution_options(
            **{_BEGIN: "BEGIN"}
            if self.dialect == "sqlite"
            else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        # SQLite wakes waiters by polling, which starves some; within a process a lock is fair.
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if self.dialect == "sqlite" else nullcontext()
        )

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a read-only transaction that sees one state of all tables."""
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a write transaction: committed as a whole on leaving, or not at all."""
        with self._turn, self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()


def lock(connection: sa.Connection, name: str) -> None:
    """Let only one transaction at a time pass for `name`, until it ends.

    SQLite has one writer anyway. Take data tables first, then bookkeeping, so that two
    transactions never wait for each other.
    """
    if connection.dialect.name == "postgresql":
        key = sa.func.hashtextextended(f"market_pipeline:{name}", 0)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _postgresql(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        # Said, not assumed: after waiting for a lock, a writer must see what the holder wrote.
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 10, "application_name": "market_pipeline"},
    )
    sa.event.listen(engine, "before_cursor_execute", _choose_format)
    return engine


def _choose_format(
    _connection: Any, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    if context is not None and context.execution_options.get(AS_NUMBERS):
        cursor.format = Format.BINARY


def _sqlite(url: sa.URL) -> sa.Engine:
    assert url.database is not None  # noqa: S101  # parse_url has refused a URL without a file
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the warehouse's folder {folder} cannot be made: {error}"
        ) from error
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own habit of opening transactions late is switched off: we say BEGIN.
    connection.isolation_level = None
    _enter_wal(connection)
    pragmas = ("synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY", _CACHE, _CHECKPOINT)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _enter_wal(connection: Any) -> None:
    """Switch the file to write-ahead logging; processes that do so at once take turns."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # The busy time-out does not cover this pragma.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_WAL_RETRY_S)


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE"))
