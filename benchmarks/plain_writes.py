"""Rows written as fast as the driver can: encoded already, one transaction, nothing compared.

What filling a table takes at least, and how a benchmark fills one that is not measured.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import make_url

from benchmarks.lab import POSTGRESQL
from benchmarks.postgres import conninfo

PLAIN = {"sqlite": "raw executemany", POSTGRESQL: "raw COPY"}
"""What a plain write is called, by dialect."""

Rows = Sequence[tuple[Any, ...]]


def write_plainly(url: str, table: sa.Table, rows: Rows) -> None:
    """Insert rows as `to_rows` makes them."""
    columns = ", ".join(table.columns.keys())
    if make_url(url).get_backend_name() == POSTGRESQL:
        statement = f"COPY {table.name} ({columns}) FROM STDIN"
        with (
            psycopg.connect(conninfo(url)) as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(table.columns))
    with closing(sqlite3.connect(make_url(url).database or "")) as file, file:
        file.execute("PRAGMA synchronous=NORMAL")
        file.execute("PRAGMA cache_size=-500000")
        file.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", rows)
