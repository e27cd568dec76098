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
    _keep_values(connection, book)
    counts = merge_rows(connection, positions, to_rows(positions, frame, dialect), scope=scope)
    onboarding.begin(connection, book, imported_at)
    return counts


def read_manual_values(connection: sa.Connection) -> dict[str, ManualValues]:
    """Give the values of private holdings over time, by portfolio."""
    columns = manual_values.c
    query = sa.select(manual_values).order_by(columns.portfolio_id, columns.since_date)
    found: dict[str, dict[tuple[str, date], list[tuple[date, Decimal]]]] = {}
    for row in connection.execute(query):
        held = found.setdefault(row.portfolio_id, {})
        held.setdefault((row.symbol, row.entry_date), []).append((row.since_date, row.value_usd))
    return {name: dict(held) for name, held in found.items()}


def _keep_values(connection: sa.Connection, book: Book) -> None:
    """Note what private holdings are worth from the book's date on; what was noted stays.

    The first value counts since the entry. Two holdings of one name and date cannot be told apart
    over time: they have no history.
    """
    held = [p for p in book.positions if p.asset_class == PRIVATE]
    told = Counter((p.symbol, p.entry_date) for p in held)
    known = read_manual_values(connection).get(book.portfolio_id, {})
    rows = []
    for p in held:
        history = known.get((p.symbol, p.entry_date), ())
        then = [value for since, value in history if since <= book.as_of_date]
        is_told = then[-1:] == [p.entry_price_usd]
        if told[p.symbol, p.entry_date] == 1 and not is_told:
            since = book.as_of_date if history else p.entry_date
            rows.append((book.portfolio_id, p.symbol, p.entry_date, since, p.entry_price_usd))
    if rows:
        frame = pd.DataFrame(rows, columns=manual_values.c.keys(), dtype=object)
        merge_rows(
            connection, manual_values, to_rows(manual_values, frame, connection.dialect.name)
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
