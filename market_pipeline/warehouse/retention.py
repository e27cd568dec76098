"""Forgetting what is past its time: intraday bars, and the logs of fetching and computing.

Daily bars and what derives from them are kept. A table of intraday bars says so of itself
(`info["kept_for"]`, with the column that dates a row), as the logs do.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from market_pipeline.warehouse.engine import lock

INTRADAY, LOG = "intraday", "log"


def forget_expired(
    connection: sa.Connection,
    tables: Iterable[sa.Table],
    before: Mapping[str, datetime],
    *,
    is_dry_run: bool,
) -> dict[str, int]:
    """Delete rows dated before their kind's instant; give how many, by table.

    `before` names an instant for each kind of `info["kept_for"]`; the column in `info["kept_by"]`
    holds instants. With `is_dry_run` rows are counted and stay.
    """
    found: dict[str, int] = {}
    for table in sorted(tables, key=lambda each: each.name):
        kind = table.info.get("kept_for")
        if kind is None:
            continue
        if not is_dry_run:
            lock(connection, table.name)
        is_old = table.c[table.info["kept_by"]] < before[kind]
        found[table.name] = gone(connection, table, is_old, is_dry_run=is_dry_run)
    return found


def gone(
    connection: sa.Connection,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    *,
    is_dry_run: bool,
) -> int:
    """Delete the rows of which `condition` holds, or only count them; give how many."""
    if is_dry_run:
        counted = sa.select(sa.func.count()).select_from(table).where(condition)
        return int(connection.scalar(counted) or 0)
    return int(connection.execute(sa.delete(table).where(condition)).rowcount)
