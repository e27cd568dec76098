"""What the warehouse remembers of itself: short values by name."""

import sqlalchemy as sa

from market_pipeline.warehouse.engine import lock
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.tables import warehouse_meta


def recall(connection: sa.Connection, key: str) -> str | None:
    """Give a remembered value, or None."""
    stored = sa.select(warehouse_meta.c.value).where(warehouse_meta.c.key == key)
    return connection.scalar(stored)


def remember(connection: sa.Connection, key: str, value: str) -> None:
    """Remember a value (200 characters at most)."""
    merge_rows(connection, warehouse_meta, [(key, value)])


def claim(connection: sa.Connection, key: str, value: str) -> str:
    """Remember a value unless there is one, and give the one that holds."""
    lock(connection, warehouse_meta.name)
    held = recall(connection, key)
    if held is None:
        remember(connection, key, value)
    return value if held is None else held
