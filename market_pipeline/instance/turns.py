"""One process at a time makes Dagster's SQLite files.

Dagster looks whether a file is made and then makes it, in two steps: two processes that start at
once both do, and leave a version table with two heads that no process opens again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_LOCK = "making.lock"
_PATIENCE_S = 120.0


@contextmanager
def turn_in(folder: Path) -> Iterator[None]:
    """Wait for the turn to make files in `folder`; a process that dies gives it back."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / _LOCK, timeout=_PATIENCE_S, isolation_level=None)
    with closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        yield
