"""The warehouse's bulk paths against what its driver does at best."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from sqlalchemy import make_url

from benchmarks.lab import POSTGRESQL, Lab
from benchmarks.made_up import LAST, MadeUp
from benchmarks.postgres import conninfo
from benchmarks.registry import benchmark
from benchmarks.rows import Row, rate
from benchmarks.turns import in_turns, seconds
from market_pipeline.domain.collection import HISTORY_SESSIONS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.tables import equity_bars

_TABLE = "equity_bars"
_RAW = {"sqlite": "raw executemany", POSTGRESQL: "raw COPY"}
_Rows = Sequence[tuple[Any, ...]]


@benchmark("bulk", "rows a second of writing, rewriting and reading a large range")
def bulk(lab: Lab) -> Iterable[Row]:
    """Write a frame into an empty warehouse, write it again unchanged, read it back."""
    sessions = lab.size(full=1200, quick=320) - HISTORY_SESSIONS
    made_up = MadeUp(lab.size(full=250, quick=60), sessions, TradingCalendar.xnys())
    frame = made_up.bars()
    lab.say(f"{len(frame):,} rows")
    found: list[Row] = []
    for dialect in lab.dialects("bulk"):
        turns = _Turns(lab, dialect, frame, made_up.first_bar)
        taken = in_turns(lab.size(full=2, quick=1), {dialect: turns.run}, lambda line: None)
        found += _rows_of(dialect, len(frame), taken[dialect])
    return found


def _rows_of(dialect: str, count: int, turns: Sequence[dict[str, float]]) -> Iterator[Row]:
    for name, raw, peer in (
        ("first_write", "raw_write", _RAW[dialect]),
        ("unchanged_write", "raw_write", _RAW[dialect]),
        ("read", "raw_read", "raw SELECT, no frame"),
    ):
        yield rate(
            f"bulk.{dialect}.{name}", count, "rows", [turn[name] for turn in turns],
            peer=peer, peer_seconds=[turn[raw] for turn in turns],
        )  # fmt: skip


class _Turns:
    """One turn: ours and the driver's, each on an empty database with the same table."""

    def __init__(self, lab: Lab, dialect: str, frame: pd.DataFrame, first: date) -> None:
        self._lab, self._dialect = lab, dialect
        self._frame, self._first = frame, first
        self._rows: _Rows = to_rows(equity_bars, frame, dialect)

    def run(self) -> dict[str, float]:
        """Give the seconds of each step."""
        with self._lab.warehouse_url(self._dialect) as url, _opened(url) as warehouse:
            taken = {
                "first_write": seconds(self._write(warehouse, expected=len(self._frame))),
                "unchanged_write": seconds(self._write(warehouse, expected=0)),
                "read": seconds(lambda: warehouse.read(_TABLE)),
            }
        raw = _raw_postgresql if self._dialect == POSTGRESQL else _raw_sqlite
        with self._lab.warehouse_url(self._dialect) as url:
            write, read = raw(url, self._rows)
            taken["raw_write"], taken["raw_read"] = seconds(write), seconds(read)
        steps = ", ".join(f"{step} {value:.2f} s" for step, value in taken.items())
        self._lab.say(f"{self._dialect}: {steps}")
        return taken

    def _write(self, warehouse: Warehouse, expected: int) -> Callable[[], None]:
        def write() -> None:
            counts = warehouse.replace_range(_TABLE, self._frame, self._first, LAST)
            if counts.changed != expected:
                raise RuntimeError(f"{counts} where {expected} rows should change")

        return write


@contextmanager
def _opened(url: str) -> Iterator[Warehouse]:
    warehouse = Warehouse.open(url)
    try:
        yield warehouse
    finally:
        warehouse.dispose()


def _raw_sqlite(url: str, rows: _Rows) -> tuple[Callable[[], None], Callable[[], None]]:
    file = Path(make_url(url).database or "")
    marks = ", ".join("?" * len(equity_bars.columns))

    def write() -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executemany(f"INSERT INTO {_TABLE} VALUES ({marks})", rows)

    def read() -> None:
        with closing(sqlite3.connect(file)) as connection:
            query = f"SELECT * FROM {_TABLE} ORDER BY session_date, symbol"
            _require(len(connection.execute(query).fetchall()), rows)

    return write, read


def _raw_postgresql(url: str, rows: _Rows) -> tuple[Callable[[], None], Callable[[], None]]:
    def write() -> None:
        statement = f"COPY {_TABLE} FROM STDIN"
        with (
            psycopg.connect(conninfo(url)) as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def read() -> None:
        with psycopg.connect(conninfo(url)) as connection:
            query = f'SELECT * FROM {_TABLE} ORDER BY session_date, symbol COLLATE "C"'
            _require(len(connection.execute(query).fetchall()), rows)

    return write, read


def _require(count: int, rows: _Rows) -> None:
    if count != len(rows):
        raise RuntimeError(f"read {count} rows of {len(rows)}")
