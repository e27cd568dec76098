"""What people did, stored: transactions by portfolio and the file that stated them.

A file's rows are replaced as a whole in one transaction; the same content changes nothing, not
even the date of the import.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.portfolio_csv.chosen_lots import refuse_unknown_lots
from market_pipeline.domain.portfolio_csv.overlap import refuse_overlap
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.domain.transactions import Transaction, TransactionFile
from market_pipeline.warehouse import onboarding
from market_pipeline.warehouse.books import read_books
from market_pipeline.warehouse.engine import Database, lock
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.tables import transaction_files, transactions
from market_pipeline.warehouse.values import refuse_rounding

_EXACT = ("quantity", "price_usd", "fees_usd", "amount_usd", "strike_usd")
_FIELDS = [field.name for field in fields(Transaction)]


class TransactionStore:
    """The transactions of all portfolios, by the file that stated them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def import_file(self, file: TransactionFile, imported_at: datetime) -> WriteCounts:
        """Store `file` in place of what its portfolio has of that name; count transactions only.

        Raises PortfolioFileError for rows that another file of the portfolio states and for chosen
        lots that nobody opened, ValueError for a number that would be rounded on its way to the
        column.
        """
        with self._database.writing() as connection:
            return _import_file(connection, file, imported_at)

    def files(self, portfolio_id: str | None = None) -> list[TransactionFile]:
        """Give all files, or those of one portfolio, by portfolio and name; rows by number."""
        with self._database.reading() as connection:
            return _read_files(connection, portfolio_id)

    def by_portfolio(self) -> dict[str, list[Transaction]]:
        """Give the transactions of every portfolio, by date, file and place in it."""
        found: dict[str, list[Transaction]] = {}
        for file in self.files():
            found.setdefault(file.portfolio_id, []).extend(file.transactions)
        # Files come by name and rows by number: a stable sort keeps that order within a day.
        return {name: sorted(done, key=lambda one: one.trade_date) for name, done in found.items()}

    def hashes(self) -> list[tuple[str, str, str]]:
        """Give portfolio, name and content hash of every file, in order."""
        columns = transaction_files.c
        query = sa.select(columns.portfolio_id, columns.source_file, columns.content_hash)
        with self._database.reading() as connection:
            return sorted((row[0], row[1], row[2]) for row in connection.execute(query))

    def between(self, first: date, last: date) -> Sequence[Transaction]:
        """Give the transactions of all portfolios in [first, last], by date."""
        columns = transactions.c
        order = (
            columns.trade_date, columns.portfolio_id, columns.source_file, columns.transaction_no,
        )  # fmt: skip
        query = sa.select(transactions).where(columns.trade_date.between(first, last))
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(*order)).mappings()
            return [_transaction(row) for row in found]


def _import_file(
    connection: sa.Connection, file: TransactionFile, imported_at: datetime
) -> WriteCounts:
    lock(connection, transaction_files.name)
    if _content_hash(connection, file) == file.content_hash:
        return WriteCounts(unchanged=len(file.transactions))
    others = _read_files(connection, file.portfolio_id)
    refuse_overlap(file, others)
    refuse_unknown_lots(file, others, next(iter(read_books(connection, file.portfolio_id)), None))
    _refuse_rounding(file)
    named = {"portfolio_id": file.portfolio_id, "source_file": file.source_file}
    header = pd.DataFrame(
        [{**named, "content_hash": file.content_hash, "imported_at": pd.Timestamp(imported_at)}]
    )
    dialect = connection.dialect.name
    merge_rows(connection, transaction_files, to_rows(transaction_files, header, dialect))
    rows = [asdict(one) for one in file.transactions]
    frame = pd.DataFrame(rows, columns=_FIELDS, dtype=object).assign(**named)
    scope = (transactions.c.portfolio_id == file.portfolio_id) & (
        transactions.c.source_file == file.source_file
    )
    counts = merge_rows(
        connection, transactions, to_rows(transactions, frame, dialect), scope=scope
    )
    onboarding.begin(connection, file, imported_at)
    return counts


def _content_hash(connection: sa.Connection, file: TransactionFile) -> str | None:
    columns = transaction_files.c
    query = sa.select(columns.content_hash).where(
        columns.portfolio_id == file.portfolio_id, columns.source_file == file.source_file
    )
    return connection.scalar(query)


def _refuse_rounding(file: TransactionFile) -> None:
    for one in file.transactions:
        where = f"{file.portfolio_id}, {file.source_file}, transaction {one.transaction_no}"
        refuse_rounding(one, _EXACT, where)


def _read_files(connection: sa.Connection, portfolio_id: str | None) -> list[TransactionFile]:
    order = transactions.c.transaction_no
    headers, rows = sa.select(transaction_files), sa.select(transactions).order_by(order)
    if portfolio_id is not None:
        headers = headers.where(transaction_files.c.portfolio_id == portfolio_id)
        rows = rows.where(transactions.c.portfolio_id == portfolio_id)
    stated: dict[tuple[str, str], list[Transaction]] = {}
    for row in connection.execute(rows).mappings():
        place = row["portfolio_id"], row["source_file"]
        stated.setdefault(place, []).append(_transaction(row))
    files = [
        TransactionFile(
            portfolio_id=row["portfolio_id"],
            source_file=row["source_file"],
            content_hash=row["content_hash"],
            transactions=tuple(stated.get((row["portfolio_id"], row["source_file"]), ())),
        )
        for row in connection.execute(headers).mappings()
    ]
    return sorted(files, key=lambda file: (file.portfolio_id, file.source_file))


def _transaction(row: sa.RowMapping) -> Transaction:
    return Transaction(**{name: row[name] for name in _FIELDS})
