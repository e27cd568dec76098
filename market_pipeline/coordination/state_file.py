"""One SQLite file that processes on one machine write in turns.

Belongs here: opening, WAL, the write lock, forks. What the tables mean belongs to `local`. Never
put the file on a network file system: SQLite's locks do not hold there.
"""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCKED_FOR_S = 10.0


class StateFile:
    """One connection for each process, used by one thread at a time, opened at the first use."""

    def __init__(self, path: Path, schema: str) -> None:
        self.path, self._schema = path, schema
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        _FILES.add(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for single SELECT statements."""
        with self._lock:
            yield self._connected()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction that holds the write lock from its start.

        The lock comes first (`BEGIN IMMEDIATE`): a transaction that reads before it writes
        would fail at once when another process wrote in between. Commits at the end, rolls
        back on an error.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def before_fork(self) -> None:
        """Wait for the writer and close: SQLite loses its locks in a child that inherits them."""
        self._lock.acquire()
        self.close()

    def after_fork_in_parent(self) -> None:
        """Let the other threads go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin with a lock that no thread of the parent waits for."""
        self._lock = threading.RLock()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=_LOCKED_FOR_S, isolation_level=None, check_same_thread=False
            )
            _switch_to_wal(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            for statement in filter(str.strip, self._schema.split(";")):
                connection.execute(statement)
            self._connection = connection
        return self._connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; two processes that open a new file together fail here without a wait."""
    deadline = time.monotonic() + _LOCKED_FOR_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


_FILES: weakref.WeakSet[StateFile] = weakref.WeakSet()
_forking = threading.local()  # the files a thread holds while it forks


def _before_fork() -> None:
    _forking.files = sorted(_FILES, key=id)  # one order for all threads that fork
    for file in _forking.files:
        file.before_fork()


def _after_fork_in_parent() -> None:
    for file in _forking.files:
        file.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for file in _forking.files:
        file.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
