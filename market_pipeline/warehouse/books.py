"""What people own, stored: portfolios with their positions, and the watchlist.

A book is replaced as a whole in one transaction; importing the same content changes nothing,
not even the date of the import. Everything runs inside the caller's transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.books import PRIVATE, Book, Position
from market_pipeline.domain.ledger import ManualValues
from market_pipeline.domain.portfolio_csv.hashing import says_the_same
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.universe import Watched
from market_pipeline.warehouse import onboarding
from market_pipeline.warehouse.engine import lock
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.tables import (
    manual_values,
    portfolios,
    positions,
    watch_spells,
    watchlist,
)
from market_pipeline.warehouse.values import refuse_rounding

_EXACT = ("quantity", "entry_price_usd", "strike_usd", "exit_price_usd")
_POSITION_FIELDS = [field.name for field in fields(Position)]


def import_book(connection: sa.Connection, book: Book, imported_at: datetime) -> WriteCounts:
    """Store `book` in place of the portfolio's present one, and begin its onboarding.

    Counts positions only.

    Raises ValueError for a number that would be rounded on its way to the column.
    """
    lock(connection, portfolios.name)
    stored = next(iter(read_books(connection, book.portfolio_id)), None)
    if stored is not None and says_the_same(book, stored):
        return WriteCounts(unchanged=len(book.positions))
    _refuse_rounding(book)
    header = pd.DataFrame(
        {
            "portfolio_id": [book.portfolio_id],
            "name": [book.name],
            "source_file": [book.source_file],
            "content_hash": [book.content_hash],
            "as_of_date": [book.as_of_date],
            "imported_at": [pd.Timestamp(imported_at)],
        }
    )
    dialect = connection.dialect.name
    merge_rows(connection, portfolios, to_rows(portfolios, header, dialect))
    frame = pd.DataFrame(
        [asdict(position) for position in book.positions], columns=_POSITION_FIELDS, dtype=object
    ).assign(portfolio_id=book.portfolio_id)
    scope = positions.c.portfolio_id == book.portfolio_id
    if stored is not None:
        _date_first_values(connection, stored)
    _keep_values(connection, book)
    counts = merge_rows(connection, positions, to_rows(positions, frame, dialect), scope=scope)
    onboarding.begin(connection, book, imported_at)
    return counts


def read_manual_values(connection: sa.Connection) -> dict[str, ManualValues]:
    """Give the values of private holdings over time, by portfolio.

    The first counts since the entry, each later one since the day of the file that stated it; one
    that repeats the one before is left out. Two holdings of one name and date cannot be told apart
    over time: they have no history.
    """
    columns = manual_values.c
    query = sa.select(manual_values).order_by(columns.portfolio_id, columns.since_date)
    alike = _held_twice(connection)
    found: dict[str, dict[tuple[str, date], list[tuple[date, Decimal]]]] = {}
    for row in connection.execute(query):
        if (row.portfolio_id, row.symbol, row.entry_date) in alike:
            continue
        held = found.setdefault(row.portfolio_id, {})
        history = held.setdefault((row.symbol, row.entry_date), [])
        if not history:
            history.append((row.entry_date, row.value_usd))
        elif history[-1][1] != row.value_usd:
            history.append((row.since_date, row.value_usd))
    return {name: dict(held) for name, held in found.items()}


def _held_twice(connection: sa.Connection) -> set[tuple[str, str, date]]:
    """Give portfolio, name and entry date of private holdings that a book has more than once."""
    columns = positions.c
    key = (columns.portfolio_id, columns.symbol, columns.entry_date)
    query = sa.select(*key).where(columns.asset_class == PRIVATE).group_by(*key)
    return {
        (row[0], row[1], row[2]) for row in connection.execute(query.having(sa.func.count() > 1))
    }


def _keep_values(connection: sa.Connection, book: Book) -> None:
    """Note what private holdings are worth as of the book's date, in place of what was that day's.

    A corrected file so takes back what the one before it said; what those of other days said stays.
    """
    held = [p for p in book.positions if p.asset_class == PRIVATE]
    told = Counter((p.symbol, p.entry_date) for p in held)
    rows = [
        (book.portfolio_id, p.symbol, p.entry_date, book.as_of_date, p.entry_price_usd)
        for p in held
        if told[p.symbol, p.entry_date] == 1
    ]
    columns = manual_values.c
    scope = sa.and_(
        columns.portfolio_id == book.portfolio_id, columns.since_date == book.as_of_date
    )
    frame = pd.DataFrame(rows, columns=columns.keys(), dtype=object)
    staged = to_rows(manual_values, frame, connection.dialect.name)
    merge_rows(connection, manual_values, staged, scope=scope)


def _date_first_values(connection: sa.Connection, stored: Book) -> None:
    """Date a first value that stands at the entry by the stored book, as it was not once done.

    Else a corrected file of that book's day would leave it. Where there are later values it is not
    known which file stated the first.
    """
    columns, other, held = manual_values.c, manual_values.alias(), positions.c
    is_same = (
        other.c.portfolio_id == columns.portfolio_id, other.c.symbol == columns.symbol,
        other.c.entry_date == columns.entry_date, other.c.since_date != columns.since_date,
    )  # fmt: skip
    is_held = (
        held.portfolio_id == columns.portfolio_id, held.symbol == columns.symbol,
        held.entry_date == columns.entry_date, held.asset_class == PRIVATE,
    )  # fmt: skip
    connection.execute(
        sa.update(manual_values)
        .where(
            columns.portfolio_id == stored.portfolio_id,
            columns.since_date == columns.entry_date,
            columns.since_date < stored.as_of_date,
            ~sa.exists().where(*is_same),
            sa.exists().where(*is_held),
        )
        .values(since_date=stored.as_of_date)
    )


def _refuse_rounding(book: Book) -> None:
    for position in book.positions:
        refuse_rounding(position, _EXACT, f"{book.portfolio_id}, position {position.position_no}")


def content_hash(connection: sa.Connection, portfolio_id: str) -> str | None:
    """Give the hash of the stored book, or None where there is none."""
    stored = sa.select(portfolios.c.content_hash).where(portfolios.c.portfolio_id == portfolio_id)
    return connection.scalar(stored)


def read_books(connection: sa.Connection, portfolio_id: str | None = None) -> list[Book]:
    """Give all books, or the one asked for, by portfolio id; positions by number."""
    headers, rows = sa.select(portfolios), sa.select(positions).order_by(positions.c.position_no)
    if portfolio_id is not None:
        headers = headers.where(portfolios.c.portfolio_id == portfolio_id)
        rows = rows.where(positions.c.portfolio_id == portfolio_id)
    held: dict[str, list[Position]] = {}
    for row in connection.execute(rows).mappings():
        position = Position(**{name: row[name] for name in _POSITION_FIELDS})
        held.setdefault(row["portfolio_id"], []).append(position)
    books = [
        Book(
            portfolio_id=row["portfolio_id"],
            name=row["name"],
            as_of_date=row["as_of_date"],
            source_file=row["source_file"],
            content_hash=row["content_hash"],
            positions=tuple(held.get(row["portfolio_id"], ())),
        )
        for row in connection.execute(headers).mappings()
    ]
    return sorted(books, key=lambda book: book.portfolio_id)


def watch(connection: sa.Connection, symbols: Sequence[str], at: datetime) -> int:
    """Put symbols on the watchlist; give how many are new to it."""
    frame = pd.DataFrame({"symbol": sorted(set(symbols)), "added_at": pd.Timestamp(at)})
    rows = to_rows(watchlist, frame, connection.dialect.name)
    return merge_rows(connection, watchlist, rows, kept=("added_at",)).inserted


def unwatch(connection: sa.Connection, symbols: Sequence[str], at: datetime) -> int:
    """Take symbols off the watchlist; give how many were on it.

    The New York days on which each was watched are kept, save where it came and went on one day
    (a slip): the universe of those days stays what it was.
    """
    lock(connection, watchlist.name)
    there = sa.select(watchlist).where(watchlist.c.symbol.in_(symbols))
    today = _day(at)
    spells = [
        {"symbol": row.symbol, "first_date": pd.Timestamp(_day(row.added_at)), "last_date": today}
        for row in connection.execute(there)
        if _day(row.added_at) < today
    ]
    if spells:
        frame = pd.DataFrame(spells).astype({"last_date": "datetime64[s]"})
        merge_rows(connection, watch_spells, to_rows(watch_spells, frame, connection.dialect.name))
    result = connection.execute(sa.delete(watchlist).where(watchlist.c.symbol.in_(symbols)))
    return int(result.rowcount)


def read_watched(connection: sa.Connection) -> list[Watched]:
    """Give what is watched now, of every day, and what was watched once, of those days."""
    spells = connection.execute(
        sa.select(watch_spells).order_by(watch_spells.c.symbol, watch_spells.c.first_date)
    )
    return [
        *(Watched(symbol) for symbol in read_watchlist(connection)),
        *(Watched(row.symbol, row.first_date, row.last_date) for row in spells),
    ]


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def read_watchlist(connection: sa.Connection) -> list[str]:
    """Give the watched symbols, sorted."""
    return sorted(connection.scalars(sa.select(watchlist.c.symbol)))
