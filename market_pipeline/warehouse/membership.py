"""Asking which of many values a column holds: one bound value, whatever their number.

An IN list of thousands is compiled anew each time and limited by the driver; SQLite unpacks a
JSON array instead, PostgreSQL takes a real one. Both use the column's index.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def among(
    connection: sa.Connection, column: sa.Column[Any], values: Collection[str] | Collection[int]
) -> sa.ColumnElement[bool]:
    """Give the condition that `column` (text or whole numbers) holds one of `values`."""
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(sa.select(listed.c.value))
    array = sa.cast(list(values), postgresql.ARRAY(column.type))
    return column == sa.any_(array)


def grouped_by_day(places: Iterable[tuple[date, str]]) -> Iterator[tuple[date, list[str]]]:
    """Give the distinct names of each day, both sorted: one look-up a day uses the whole key."""
    days: dict[date, set[str]] = {}
    for day, name in places:
        days.setdefault(day, set()).add(name)
    for day in sorted(days):
        yield day, sorted(days[day])
