"""How rows reach a table: into a staging table in bulk, then across in set-based statements.

A row that is already there and equal is never written, so a second run changes nothing. Works
inside the caller's transaction; what that transaction means is the caller's business.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse.engine import lock
from market_pipeline.warehouse.frames import Row, kind_of

_ANALYZE_FROM_ROWS = 5_000


def merge_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Row],
    *,
    scope: sa.ColumnElement[bool] | None = None,
    ignored: Collection[str] = (),
    kept: Collection[str] = (),
) -> WriteCounts:
    """Insert new rows, update those that differ and, within `scope`, delete those not given.

    `rows` are as `frames.to_rows` makes them, keys unique. Columns in `ignored` are written
    with a row that differs but make no difference themselves; those in `kept` are written with
    a new row only. Without a scope nothing is deleted.
    """
    lock(connection, table.name)
    if not rows:
        deleted = 0 if scope is None else _rowcount(connection, sa.delete(table).where(scope))
        return WriteCounts(deleted=deleted)
    with _staged(connection, table, rows) as stage:
        deleted = 0
        if scope is not None:
            gone = ~sa.exists().where(_same_key(table, stage))
            deleted = _rowcount(connection, sa.delete(table).where(scope, gone))
        existing = connection.scalar(_count_existing(table, stage, scope))
        written = _rowcount(connection, _upsert(connection, table, stage, ignored, kept))
    existing = existing or 0
    inserted = len(rows) - existing
    updated = written - inserted
    return WriteCounts(inserted, updated, deleted, existing - updated)


def _count_existing(
    table: sa.Table, stage: sa.Table, scope: sa.ColumnElement[bool] | None
) -> sa.Select[int]:
    """Count the staged rows that are there: within a scope no others are left."""
    if scope is not None:
        return sa.select(sa.func.count()).select_from(table).where(scope)
    there = sa.exists().where(_same_key(table, stage))
    return sa.select(sa.func.count()).select_from(stage).where(there)


def _upsert(
    connection: sa.Connection,
    table: sa.Table,
    stage: sa.Table,
    ignored: Collection[str],
    kept: Collection[str],
) -> Any:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    # SQLite cannot parse ON CONFLICT after a SELECT that has no WHERE.
    everything = sa.select(*stage.columns).where(sa.text("1 = 1"))
    statement = insert(table).from_select([c.name for c in stage.columns], everything)
    keys = [column.name for column in table.primary_key]
    written = [c.name for c in table.columns if c.name not in keys and c.name not in kept]
    compared = [name for name in written if name not in ignored]
    if not compared:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={name: statement.excluded[name] for name in written},
        where=sa.or_(
            *(table.c[name].is_distinct_from(statement.excluded[name]) for name in compared)
        ),
    )


def _same_key(table: sa.Table, stage: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[key.name] == stage.c[key.name] for key in table.primary_key))


def _rowcount(connection: sa.Connection, statement: Any) -> int:
    result = connection.execute(statement, execution_options={"preserve_rowcount": True})
    return int(result.rowcount)


@cache
def _stage_of(table: sa.Table) -> sa.Table:
    return sa.Table(
        f"stage_{table.name}",
        sa.MetaData(),
        *(
            sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable)
            for c in table.columns
        ),
        prefixes=["TEMPORARY"],
        sqlite_with_rowid=False,
        postgresql_on_commit="DROP",
    )


@contextmanager
def _staged(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> Iterator[sa.Table]:
    """Hold `rows` in a temporary table of this connection, gone afterwards."""
    stage = _stage_of(table)
    stage.create(connection, checkfirst=False)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(stage.columns))
        connection.exec_driver_sql(f"INSERT INTO {stage.name} VALUES ({marks})", list(rows))  # noqa: S608  # our own table name
    else:
        _copy(connection, stage, rows)
    yield stage
    # Not in a `finally`: after an error the transaction is rolled back, and the table with it.
    stage.drop(connection, checkfirst=False)


_COPIED_AS = {
    "date": "date", "instant": "timestamptz", "exact": "numeric", "float": "float8",
    "integer": "int4", "boolean": "bool", "text": "text",
}  # fmt: skip


def _copied_as(column: sa.Column[Any]) -> str:
    return "int8" if isinstance(column.type, sa.BigInteger) else _COPIED_AS[kind_of(column)]


def _copy(connection: sa.Connection, stage: sa.Table, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column.name}"' for column in stage.columns)
    # Binary: a float written out as text and read back costs more than all else of a row.
    command = f"COPY {stage.name} ({names}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(command) as copy:
        copy.set_types([_copied_as(column) for column in stage.columns])
        for row in rows:
            copy.write_row(row)
    if len(rows) >= _ANALYZE_FROM_ROWS:
        # Joins look at keys alone: to learn what else there is costs a third of the copy.
        keys = ", ".join(f'"{column.name}"' for column in stage.primary_key)
        connection.exec_driver_sql(f"ANALYZE {stage.name} ({keys})")
