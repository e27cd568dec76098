"""Transactions from files into the warehouse, and portfolios back out as files.

Belongs here: what a file of transactions would change, doing it, and rows in the columns that the
importer reads. Does not: what a file may hold (`domain/portfolio_csv`), how rows are kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import pandas as pd

from market_pipeline.domain.books import CASH, OPTION, OPTION_MULTIPLIER, PRIVATE, STOCK, Book
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.portfolio_csv.chosen_lots import refuse_unknown_lots
from market_pipeline.domain.portfolio_csv.columns import POSITIONS, TRANSACTIONS
from market_pipeline.domain.portfolio_csv.overlap import refuse_overlap
from market_pipeline.domain.transactions import Transaction, TransactionFile
from market_pipeline.operations.matching import unmatched
from market_pipeline.warehouse import Warehouse

CHANGE_COLUMNS = (
    "change", "trade_date", "type", "symbol", "quantity", "price_usd", "fees_usd", "amount_usd",
    "note",
)  # fmt: skip
_ADDED, _REMOVED = "added", "removed"
_CLASSES = {STOCK: "PUBLIC", OPTION: "OPTIONS", PRIVATE: "PRIVATE", CASH: "CASH"}


@dataclass(frozen=True, slots=True)
class TransactionChanges:
    """What storing `file` changes (or changed): one row a transaction, as `CHANGE_COLUMNS`."""

    file: TransactionFile
    frame: pd.DataFrame
    is_new: bool
    is_same: bool

    @property
    def summary(self) -> str:
        """Say what changes, in a few words."""
        if self.is_same:
            return "nothing changes"
        if self.frame.empty:
            return "only the order of transactions changes"
        counts = self.frame["change"].value_counts()
        return f"{counts.get(_ADDED, 0)} added, {counts.get(_REMOVED, 0)} removed"


def changes_of(
    file: TransactionFile, stored: Sequence[TransactionFile], book: Book | None
) -> TransactionChanges:
    """Say what storing `file` changes, `stored` and `book` being what its portfolio has.

    Raises PortfolioFileError for rows that another file states, and for lots nobody opened.
    """
    same_name = [other for other in stored if other.source_file == file.source_file]
    old = next(iter(same_name), None)
    is_same = old is not None and old.content_hash == file.content_hash
    if not is_same:
        refuse_overlap(file, stored)
        refuse_unknown_lots(file, stored, book)
    before = old.transactions if old else ()
    rows = [_change(_ADDED, one) for one in unmatched(file.transactions, before, _anonymous)]
    rows += [_change(_REMOVED, one) for one in unmatched(before, file.transactions, _anonymous)]
    frame = pd.DataFrame(rows, columns=list(CHANGE_COLUMNS), dtype=object)
    return TransactionChanges(file, frame, old is None, is_same)


def contained_in(file: TransactionFile, book: Book | None) -> str | None:
    """Say how many transactions the positions of their portfolio contain already, None for none."""
    if book is None or not book.positions:
        return None
    count = sum(one.trade_date <= book.as_of_date for one in file.transactions)
    if not count:
        return None
    return (
        f"{count} of {len(file.transactions)} are dated up to {book.as_of_date}, the date of the "
        f"positions in {book.source_file}: these contain them, and they change nothing"
    )


def import_transactions(
    warehouse: Warehouse, file: TransactionFile, imported_at: datetime
) -> TransactionChanges:
    """Store `file` as a whole, and give what that changed."""
    stored = warehouse.transactions.files(file.portfolio_id)
    changes = changes_of(file, stored, warehouse.book(file.portfolio_id))
    warehouse.transactions.import_file(file, imported_at)
    return changes


def export_positions(warehouse: Warehouse, portfolio_id: str) -> tuple[date, pd.DataFrame]:
    """Give a portfolio's positions in the columns of a file, and of which day they are.

    Importing them changes nothing. Raises InputError where there are none.
    """
    book = warehouse.book(portfolio_id)
    if book is None or not book.positions:
        has_others = bool(warehouse.transactions.files(portfolio_id))
        hint = "; it has transactions: --transactions exports them" if has_others else ""
        raise InputError(f"there is no portfolio {portfolio_id[:64]!r} with positions{hint}")
    return book.as_of_date, positions_frame(book)


def export_transactions(warehouse: Warehouse, portfolio_id: str) -> pd.DataFrame:
    """Give a portfolio's transactions, of all its files, in the columns of a file, by date."""
    done = [one for file in warehouse.transactions.files(portfolio_id) for one in file.transactions]
    if not done:
        hint = (
            "; it has positions: leave --transactions out" if warehouse.book(portfolio_id) else ""
        )
        raise InputError(f"there is no portfolio {portfolio_id[:64]!r} with transactions{hint}")
    return transactions_frame(sorted(done, key=lambda one: one.trade_date))


def positions_frame(book: Book) -> pd.DataFrame:
    """Write positions in our own columns, in the order of the book."""
    rows = [
        (
            p.symbol, p.quantity, p.entry_price_usd, p.entry_date, _CLASSES[p.asset_class],
            p.subtype, p.underlying, p.strike_usd, p.expiration_date,
            p.option_type and p.option_type.upper(), p.exit_date, p.exit_price_usd,
            _stated(p.asset_class, p.multiplier),
        )
        for p in book.positions
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(POSITIONS.columns), dtype=object)


def transactions_frame(transactions: Iterable[Transaction]) -> pd.DataFrame:
    """Write transactions in our own columns, in the order given."""
    rows = [
        (
            t.trade_date, t.type, t.symbol, t.quantity or None, t.price_usd, t.fees_usd or None,
            t.amount_usd, t.currency, t.note, t.lot_date,
            _stated(t.asset_class, t.multiplier),
        )
        for t in transactions
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(TRANSACTIONS.columns), dtype=object)


def _stated(asset_class: str | None, multiplier: int) -> int | None:
    """Give a multiplier that a file must state; None for the one that a blank cell means."""
    return multiplier if asset_class == OPTION and multiplier != OPTION_MULTIPLIER else None


def _anonymous(one: Transaction) -> Transaction:
    return replace(one, transaction_no=0)


def _change(change: str, one: Transaction) -> tuple[object, ...]:
    return (change, *(getattr(one, name) for name in CHANGE_COLUMNS[1:]))
