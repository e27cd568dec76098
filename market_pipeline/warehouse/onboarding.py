"""Onboardings, stored: begun with the import, taken by a run, settled by its end.

An import and its onboarding are one transaction, so that no crash parts them. What a run may
say of one depends on the content it took: a file corrected meanwhile is not settled by it.
"""

from collections.abc import Collection
from datetime import date, datetime

import sqlalchemy as sa

from market_pipeline.domain.books import Book
from market_pipeline.domain.onboarding import Onboarding, symbols_of
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.transactions import TransactionFile
from market_pipeline.warehouse.engine import Database, lock
from market_pipeline.warehouse.frames import length_of
from market_pipeline.warehouse.onboarding_tables import onboarding, onboarding_symbols
from market_pipeline.warehouse.tables import fetch_coverage
from market_pipeline.warehouse.values import clean_text

BARS = "equity_bars"
POSITIONS, TRANSACTIONS = "positions", "transactions"
_FRESH = {
    "session_date": None, "run_id": None, "attempts": 0, "started_at": None,
    "completed_at": None, "failed_at": None, "reason": None,
}  # fmt: skip


def begin(connection: sa.Connection, file: Book | TransactionFile, at: datetime) -> None:
    """Begin the onboarding of an imported file anew, in the transaction of its import.

    A symbol is new where nothing is known of its prices. A book imported under another name
    takes the place of the one before, as its positions do.
    """
    kind = POSITIONS if isinstance(file, Book) else TRANSACTIONS
    lock(connection, onboarding.name)
    mine = onboarding.c.portfolio_id == file.portfolio_id
    gone = onboarding.c.source_file == file.source_file
    if kind == POSITIONS:
        gone = gone | (onboarding.c.kind == POSITIONS)
    names = set(connection.scalars(sa.select(onboarding.c.source_file).where(mine, gone)))
    for table in (onboarding_symbols, onboarding):
        connection.execute(
            sa.delete(table).where(
                table.c.portfolio_id == file.portfolio_id, table.c.source_file.in_(names)
            )
        )
    key = {"portfolio_id": file.portfolio_id, "source_file": file.source_file}
    told = {"kind": kind, "content_hash": file.content_hash, "imported_at": at, "asked_at": at}
    connection.execute(sa.insert(onboarding).values({**key, **told, **_FRESH}))
    symbols = symbols_of(file, at.astimezone(NEW_YORK).date())
    known = _known(connection)
    rows = [{**key, "symbol": symbol, "is_new": symbol not in known} for symbol in symbols]
    if rows:
        connection.execute(sa.insert(onboarding_symbols), rows)


def _known(connection: sa.Connection) -> set[str]:
    columns = fetch_coverage.c
    return set(connection.scalars(sa.select(columns.subject).where(columns.asset == BARS)))


class OnboardingStore:
    """The onboardings of all portfolios."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, portfolio_id: str | None = None) -> list[Onboarding]:
        """Give all onboardings, or those of one portfolio, by portfolio and file."""
        with self._database.reading() as connection:
            return _read(connection, portfolio_id)

    def unfinished(self) -> list[Onboarding]:
        """Give those that have not led to a snapshot, failed ones included."""
        return [one for one in self.all() if one.completed_at is None]

    def newcomers(self) -> frozenset[str]:
        """Name the new symbols of what is unfinished, once each."""
        return frozenset(symbol for one in self.unfinished() for symbol in one.new)

    def take(
        self, chosen: Collection[Onboarding], session: date, run_id: str, at: datetime
    ) -> None:
        """Note that a run works on onboardings, before it reads any book.

        A step that is tried again in its run takes what it has taken already once.
        """
        columns = onboarding.c
        values = {
            "session_date": session, "run_id": run_id, "started_at": at, "failed_at": None,
            "reason": None, "attempts": columns.attempts + 1,
        }  # fmt: skip
        with self._database.writing() as connection:
            lock(connection, onboarding.name)
            for one in chosen:
                is_other = columns.run_id.is_distinct_from(run_id)
                this = sa.and_(_this(one), is_other)
                connection.execute(sa.update(onboarding).where(this).values(values))

    def complete(self, one: Onboarding, at: datetime) -> None:
        """Note that the run which took an onboarding has led it to a snapshot."""
        self._end(one, {"completed_at": at, "failed_at": None, "reason": None})

    def fail(self, one: Onboarding, reason: str, at: datetime) -> None:
        """Note that an onboarding came to nothing, and why; a later run may take it again."""
        limit = length_of(onboarding.c.reason)
        self._end(one, {"failed_at": at, "reason": clean_text(reason, limit)})

    def retry(self, at: datetime, portfolio_id: str | None = None) -> int:
        """Make failed onboardings pending again; give how many."""
        columns = onboarding.c
        these = sa.and_(columns.completed_at.is_(None), columns.failed_at.is_not(None))
        if portfolio_id is not None:
            these = sa.and_(these, columns.portfolio_id == portfolio_id)
        with self._database.writing() as connection:
            lock(connection, onboarding.name)
            again = {**_FRESH, "asked_at": at}
            changed = connection.execute(sa.update(onboarding).where(these).values(again))
            return int(changed.rowcount)

    def _end(self, one: Onboarding, values: dict[str, object]) -> None:
        is_same_run = onboarding.c.run_id.is_not_distinct_from(one.run_id)
        this = sa.and_(_this(one), is_same_run)
        with self._database.writing() as connection:
            lock(connection, onboarding.name)
            connection.execute(sa.update(onboarding).where(this).values(values))


def _this(one: Onboarding) -> sa.ColumnElement[bool]:
    """Mean an onboarding as long as its file is the one it was, and it is not complete."""
    columns = onboarding.c
    return sa.and_(
        columns.portfolio_id == one.portfolio_id,
        columns.source_file == one.source_file,
        columns.content_hash == one.content_hash,
        columns.imported_at == one.imported_at,
        columns.completed_at.is_(None),
    )


def _read(connection: sa.Connection, portfolio_id: str | None) -> list[Onboarding]:
    headers, rows = sa.select(onboarding), sa.select(onboarding_symbols)
    if portfolio_id is not None:
        headers = headers.where(onboarding.c.portfolio_id == portfolio_id)
        rows = rows.where(onboarding_symbols.c.portfolio_id == portfolio_id)
    named: dict[tuple[str, str, bool], list[str]] = {}
    for row in connection.execute(rows):
        named.setdefault((row.portfolio_id, row.source_file, row.is_new), []).append(row.symbol)
    found = [
        Onboarding(
            **row,
            known=tuple(sorted(named.get((row["portfolio_id"], row["source_file"], False), ()))),
            new=tuple(sorted(named.get((row["portfolio_id"], row["source_file"], True), ()))),
        )
        for row in connection.execute(headers).mappings()
    ]
    return sorted(found, key=lambda one: (one.portfolio_id, one.source_file))
