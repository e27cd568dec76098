"""The vocabulary of tables: their metadata, the types they share, and how columns are declared.

Belongs here: what every table needs. Does not: any table (`tables`, `news_tables`).
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from market_pipeline.warehouse.values import canonical

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    }
)


class Exact(TypeDecorator[Decimal]):
    """A Decimal that survives both dialects: NUMERIC(28, 10) on PostgreSQL, TEXT on SQLite.

    SQLite has no exact number type; its text form keeps every digit. Equal numbers have one text
    (`values.canonical`), so equality may be asked in SQL; arithmetic and order belong to Python.
    """

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Numeric(28, 10))
        return dialect.type_descriptor(sa.String(40))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        exact = canonical(value)
        return exact if dialect.name == "postgresql" else format(exact, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else canonical(Decimal(value))


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime: TIMESTAMPTZ on PostgreSQL, ISO-8601 text ending in Z on SQLite."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime cannot be stored: {value.isoformat()}")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            value = datetime.fromisoformat(value)  # strptime takes ten times as long
        return value.astimezone(UTC)  # type: ignore[no-any-return]  # sqlite text or psycopg datetime


def key(name: str, kind: Any) -> sa.Column[Any]:
    """Declare a part of the primary key."""
    return sa.Column(name, kind, primary_key=True, nullable=False)


def required(name: str, kind: Any) -> sa.Column[Any]:
    """Declare a column that always has a value."""
    return sa.Column(name, kind, nullable=False)


def optional(*names: str, kind: Any) -> list[sa.Column[Any]]:
    """Declare columns that may be missing a value."""
    return [sa.Column(name, kind, nullable=True) for name in names]


def by_session(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """Declare a table partitioned by trading session, which leads its key."""
    return sa.Table(
        name, metadata, key("session_date", sa.Date), *columns, info={"partition": "session_date"}
    )
