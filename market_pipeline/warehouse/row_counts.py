"""Questions about how many rows there are: a day, and of one key."""

from collections.abc import Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from market_pipeline.warehouse.queries import column_of, partition_of, table_named

_SHOWN = 20


def by_day(
    connection: sa.Connection, table_name: str, first: date, last: date
) -> Mapping[date, int]:
    """Count the rows of each date in [first, last] that has any, oldest first."""
    day = partition_of(table_named(table_name))
    counts = sa.select(day, sa.func.count()).where(day.between(first, last)).group_by(day)
    return dict(connection.execute(counts.order_by(day)).tuples().all())


def twins(
    connection: sa.Connection, table_name: str, key: Sequence[str], span: tuple[date, date] | None
) -> tuple[int, int, list[str]]:
    """Give how many rows there are, how many share `key` with another, and the first such keys.

    Of the dates in `span`, both included; None: of all rows.
    """
    table = table_named(table_name)
    columns = [column_of(table, name) for name in key]
    within = sa.true() if span is None else partition_of(table).between(*span)
    copies = sa.func.count().label("copies")
    groups = sa.select(*columns, copies).where(within).group_by(*columns)
    shared = groups.having(copies > 1).subquery()
    count = sa.select(sa.func.count()).select_from(table).where(within)
    rows = connection.scalar(count) or 0
    sharing = connection.scalar(sa.select(sa.func.sum(shared.c.copies))) or 0
    names = connection.execute(sa.select(*(shared.c[name] for name in key)).limit(_SHOWN))
    return rows, int(sharing), [" ".join(str(part) for part in row) for row in names]


def newest(connection: sa.Connection, table_name: str, no_later: date) -> date | None:
    """Give the newest date with rows that is not after `no_later`."""
    day = partition_of(table_named(table_name))
    found: date | None = connection.scalar(sa.select(sa.func.max(day)).where(day <= no_later))
    return found
