"""Reading: from what a caller asks to a SELECT, and from its rows to a typed frame.

Rows come in key order, by bytes on both dialects (a PostgreSQL collation would order symbols
its own way), so that two warehouses with equal rows read alike.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import sqlalchemy as sa

from market_pipeline.warehouse.engine import AS_NUMBERS
from market_pipeline.warehouse.frames import kind_of, raw, to_frame
from market_pipeline.warehouse.tables import metadata

MAX_PARAMETERS = 10_000
"""More symbols than this are picked from the frame: drivers limit how many one query may name."""

DIGEST_EXCLUDES = (
    "fetched_at", "imported_at", "seen_at", "first_seen_at", "ingested_at", "checked_at",
    "started_at", "completed_at", "created_at", "ended_at", "response_ms", "run_id", "fetch_id",
    "noted_at", "generation",
)  # fmt: skip
"""Columns that tell when and how a row came, not what it says."""


@dataclass(frozen=True, slots=True)
class Query:
    """What `Warehouse.read` was asked for."""

    table_name: str
    first: date | None = None
    last: date | None = None
    symbols: Sequence[str] | None = None
    columns: Sequence[str] | None = None
    where: Mapping[str, object] | None = None
    is_ordered: bool = True


def table_named(name: str) -> sa.Table:
    """Give the table, or raise ValueError naming those there are."""
    table = metadata.tables.get(name)
    if table is None:
        known = ", ".join(sorted(metadata.tables))
        raise ValueError(f"there is no table {name}; there are {known}")
    return table


def partition_of(table: sa.Table) -> sa.Column[Any]:
    """Give the table's partition column, or raise ValueError where it has none."""
    name = table.info.get("partition")
    if name is None:
        raise ValueError(f"{table.name} is not partitioned by date")
    return table.c[name]


def column_of(table: sa.Table, name: str) -> sa.Column[Any]:
    """Give the table's column, or raise ValueError naming those there are."""
    if name not in table.c:
        raise ValueError(f"{table.name} has no column {name}; it has {', '.join(table.c.keys())}")
    return table.c[name]


def read(connection: sa.Connection, query: Query) -> pd.DataFrame:
    """Run `query`; see `Warehouse.read`."""
    table = table_named(query.table_name)
    names = table.c.keys() if query.columns is None else list(query.columns)
    columns = [column_of(table, name) for name in names]
    wanted = sorted(set(query.symbols or ()))
    picked_here = len(wanted) > MAX_PARAMETERS
    fetched = columns
    if picked_here and "symbol" not in names:
        fetched = [*columns, column_of(table, "symbol")]
    statement = sa.select(*(raw(column, connection.dialect.name) for column in fetched))
    statement = statement.where(*_conditions(table, query))
    if query.symbols is not None and not picked_here:
        statement = statement.where(column_of(table, "symbol").in_(wanted))
    if query.is_ordered:
        statement = statement.order_by(*_key_order(connection, table))
    frame = to_frame(fetched, _rows(connection, statement), connection.dialect.name)
    if picked_here:
        frame = frame[frame["symbol"].isin(wanted)][names].reset_index(drop=True)
    return frame


def frame_of(
    connection: sa.Connection,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    *,
    order: Sequence[sa.ColumnElement[Any]] | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Read the rows of a table of which `condition` holds as a typed frame, in key order or in
    the one given."""
    columns = list(table.columns)
    statement = sa.select(*(raw(column, connection.dialect.name) for column in columns))
    statement = statement.where(condition).order_by(*(order or _key_order(connection, table)))
    rows = _rows(connection, statement if limit is None else statement.limit(limit))
    return to_frame(columns, rows, connection.dialect.name)


def _rows(connection: sa.Connection, statement: sa.Select[Any]) -> Sequence[Sequence[Any]]:
    result = connection.execute(statement, execution_options={AS_NUMBERS: True})
    # The driver's own rows: nothing of SQLAlchemy's is needed, and wrapping each costs a fifth.
    return result.cursor.fetchall() if result.cursor is not None else []


def _conditions(table: sa.Table, query: Query) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.first is not None:
        conditions.append(partition_of(table) >= query.first)
    if query.last is not None:
        conditions.append(partition_of(table) <= query.last)
    for name, value in (query.where or {}).items():
        column = column_of(table, name)
        if isinstance(value, list | tuple | set | frozenset):
            conditions.append(column.in_(list(value)))
        else:
            conditions.append(column.is_(None) if value is None else column == value)
    return conditions


def _key_order(connection: sa.Connection, table: sa.Table) -> list[sa.ColumnElement[Any]]:
    by_bytes = connection.dialect.name == "postgresql"
    return [
        sa.collate(key, "C") if by_bytes and kind_of(key) == "text" else key
        for key in table.primary_key
    ]


def bounds(connection: sa.Connection, table_name: str) -> tuple[date, date] | None:
    """Give the first and last date of a partitioned table, or None when it is empty."""
    column = partition_of(table_named(table_name))
    # Two questions: SQLite answers each from the index, both together from the whole table.
    first = connection.scalar(sa.select(sa.func.min(column)))
    last = connection.scalar(sa.select(sa.func.max(column)))
    return None if first is None or last is None else (first, last)


def count(connection: sa.Connection, table_name: str) -> int:
    """Count the rows of a table."""
    return connection.scalar(sa.select(sa.func.count()).select_from(table_named(table_name))) or 0


def digest(connection: sa.Connection, table_name: str, exclude: Collection[str]) -> str:
    """Hash the rows, less the columns in `exclude`, in key order.

    Where `exclude` takes a part of the key, the key's order says nothing and rows are sorted.
    """
    table = table_named(table_name)
    names = [name for name in table.c.keys() if name not in exclude]  # noqa: SIM118  # yields columns otherwise
    frame = read(connection, Query(table_name, columns=names))
    lines = [repr(row) for row in zip(*(_written(frame[name]) for name in names), strict=True)]
    if any(key.name in exclude for key in table.primary_key):
        lines.sort()
    return hashlib.sha256("\n".join([repr(names), *lines]).encode()).hexdigest()


def _written(series: pd.Series) -> list[object]:
    """Write a column in Python's own values, which have one `repr` each."""
    if series.dtype.kind == "M":
        instants = series if series.dt.tz is None else series.dt.tz_localize(None)
        return list(instants.to_numpy().astype("datetime64[us]").astype(str).tolist())
    values = series.astype(object).where(series.notna(), None).tolist()
    return [str(value) if isinstance(value, Decimal) else value for value in values]
