"""Fences: of several runs that write one asset's dates, the one that began last may write.

A run takes the fence of its dates when its step starts; every transaction of the step asks whether
it still has it. A claim waits for transactions that have asked already, so that none of them ends
after its successor began. Does not belong here: which runs there are, or that they take turns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from market_pipeline.domain.errors import Superseded
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.operation_tables import write_fences

_c = write_fences.c


@dataclass(frozen=True, slots=True)
class Fence:
    """The right of a run to write an asset's rows dated in [first, last]."""

    asset: str
    first: date
    last: date
    run_id: str


class FencedDatabase(Database):
    """The same database; writing fails with `Superseded` once another run has the fence.

    What is only read is not asked about.
    """

    def __init__(self, database: Database, fence: Fence) -> None:
        # Nothing is opened: connections and turns are those of the database behind.
        self._database, self._fence = database, fence
        self.dialect, self.display_url = database.dialect, database.display_url

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a read-only transaction that sees one state of all tables."""
        with self._database.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a write transaction that is this run's to make, or raise `Superseded`."""
        with self._database.writing() as connection:
            _share(connection, self._fence.asset)
            holder = _holder(connection, self._fence)
            if holder not in (None, self._fence.run_id):
                raise Superseded(self._fence.asset, self._fence.run_id, str(holder))
            yield connection

    def dispose(self) -> None:
        """Close every idle connection."""
        self._database.dispose()


def take(connection: sa.Connection, fence: Fence) -> None:
    """Give a run the fence of its dates; whoever had it before writes nothing there any more."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_key(fence.asset))))
    row = {
        "asset": fence.asset, "first_date": fence.first, "last_date": fence.last,
        "run_id": fence.run_id
    }  # fmt: skip
    taken = sa.insert(write_fences).values(row).returning(_c.epoch)
    epoch = connection.execute(taken).scalar_one()
    # Claims within these dates say nothing any more. One that reaches beyond still does.
    connection.execute(
        sa.delete(write_fences).where(
            _c.asset == fence.asset, _c.epoch < epoch,
            _c.first_date >= fence.first, _c.last_date <= fence.last,
        )
    )  # fmt: skip


def _holder(connection: sa.Connection, fence: Fence) -> str | None:
    """Give the run that claimed any of these dates last, None where none ever did."""
    overlaps = (_c.first_date <= fence.last, _c.last_date >= fence.first)
    newest = sa.select(_c.run_id).where(_c.asset == fence.asset, *overlaps)
    found: str | None = connection.scalar(newest.order_by(_c.epoch.desc()).limit(1))
    return found


def _share(connection: sa.Connection, asset: str) -> None:
    """Hold claims of an asset off until this transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_lock_key(asset))))


def _lock_key(asset: str) -> "sa.Function[int]":
    return sa.func.hashtextextended(f"market_pipeline:fence:{asset}", 0)
