"""The ledgers of all portfolios, and what they hold, as the warehouse stands."""

from collections.abc import Sequence
from datetime import date

from market_pipeline.domain.actions import dividends_by_symbol, splits_of_actions
from market_pipeline.domain.bookkeeping import ledgers_of
from market_pipeline.domain.books import Book
from market_pipeline.domain.holdings import books_of_holdings
from market_pipeline.domain.ledger import Dividends, Ledger
from market_pipeline.domain.option_splits import Splits
from market_pipeline.domain.transactions import Transaction
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.books import read_manual_values

_ACTION = ["ex_date", "symbol", "value"]


def read_ledgers(warehouse: Warehouse) -> list[Ledger]:
    """Bring files of positions, transactions, corporate actions and manual values together."""
    books, done = warehouse.books(), warehouse.transactions.by_portfolio()
    told = [one for transactions in done.values() for one in transactions]
    if not books and not told:
        return []
    return ledgers_of(
        books, done, splits_after(warehouse, _earliest_count(books, told)),
        _dividends(warehouse, books), warehouse.ask(read_manual_values),
    )  # fmt: skip


def held_books(warehouse: Warehouse) -> list[Book]:
    """Give everything portfolios hold as books: also what only transactions tell of."""
    books = warehouse.books()
    if not warehouse.transactions.hashes():
        return books
    return books_of_holdings(books, read_ledgers(warehouse))


def splits_after(warehouse: Warehouse, day: date) -> Splits:
    """Read the splits with an ex-date from `day` on."""
    rows = warehouse.read("corporate_actions", first=day, columns=_ACTION, where={"kind": "split"})
    return splits_of_actions(rows)


def _earliest_count(books: Sequence[Book], told: Sequence[Transaction]) -> date:
    """Give the day of the oldest quantity: later splits change what it means."""
    return min([book.as_of_date for book in books] + [one.trade_date for one in told])


def _dividends(warehouse: Warehouse, books: Sequence[Book]) -> Dividends:
    symbols = sorted({p.symbol for book in books for p in book.positions})
    if not symbols:
        return {}
    rows = warehouse.read(
        "corporate_actions", symbols=symbols, columns=_ACTION, where={"kind": "dividend"}
    )
    return dividends_by_symbol(rows)
