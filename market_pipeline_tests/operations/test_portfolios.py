"""Books and the watchlist: what would change, what did, what was refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.portfolio_csv import positions_hash
from market_pipeline.operations.portfolios import (
    BookChanges,
    changes_of,
    import_book,
    list_portfolios,
    symbols_of_list,
    unwatch,
    watch,
)
from market_pipeline.warehouse import Warehouse

AT = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
DAY = date(2026, 1, 5)


def lot(symbol: str, quantity: int, entry: date = DAY, price: str = "10") -> Position:
    """Build a stock position; its number is given by the book."""
    return Position(1, symbol, "stock", Decimal(quantity), Decimal(price), entry)


def book(*lots: Position) -> Book:
    """Build a book of lots, numbered in order."""
    positions = tuple(replace(each, position_no=at) for at, each in enumerate(lots, 1))
    return Book("growth", "Growth", DAY, "growth.csv", positions_hash(positions), positions)


def told(changes: BookChanges) -> Sequence[tuple[str, str, str]]:
    """Give what a person reads: change, symbol, detail."""
    rows = changes.frame[["change", "symbol", "detail"]]
    return list(rows.itertuples(index=False, name=None))


def test_a_first_import_adds_every_position() -> None:
    """Without a stored book everything is new."""
    changes = changes_of(book(lot("AAPL", 1), lot("MSFT", 2)), None)
    assert told(changes) == [("added", "AAPL", ""), ("added", "MSFT", "")]
    assert changes.is_new
    assert not changes.is_same


def test_a_changed_quantity_is_told_with_both_values() -> None:
    """The lot is the same instrument and entry; what differs is named."""
    stored, new = book(lot("AAPL", 1), lot("MSFT", 2)), book(lot("AAPL", 5), lot("MSFT", 2))
    assert told(changes_of(new, stored)) == [("changed", "AAPL", "quantity 1 -> 5")]


def test_a_row_put_in_front_moves_nothing_else() -> None:
    """Positions are known by what they say, not by their number."""
    stored, new = book(lot("AAPL", 1)), book(lot("TSLA", 3), lot("AAPL", 1))
    assert told(changes_of(new, stored)) == [("added", "TSLA", "")]


def test_equal_lots_are_counted() -> None:
    """Of two equal lots one can go."""
    stored, new = book(lot("AAPL", 1), lot("AAPL", 1)), book(lot("AAPL", 1))
    assert told(changes_of(new, stored)) == [("removed", "AAPL", "")]


def test_another_entry_date_is_a_change_of_the_same_symbol() -> None:
    """Where no lot fits, a lot of the same instrument is the likely ancestor."""
    new = book(lot("AAPL", 1, date(2026, 2, 2)))
    assert told(changes_of(new, book(lot("AAPL", 1)))) == [
        ("changed", "AAPL", "entry_date 2026-01-05 -> 2026-02-02")
    ]


def test_a_new_order_is_said_to_be_only_that() -> None:
    """The hash differs although no position does."""
    stored, new = book(lot("AAPL", 1), lot("MSFT", 2)), book(lot("MSFT", 2), lot("AAPL", 1))
    changes = changes_of(new, stored)
    assert changes.summary == "only the order of positions changes; as of 2026-01-05"
    assert changes.frame.empty


def test_importing_twice_changes_nothing(warehouse: Warehouse) -> None:
    """The second import of the same content says so and leaves the date of the first."""
    assert import_book(warehouse, book(lot("AAPL", 1)), AT).summary == (
        "1 added, 0 changed, 0 removed; as of 2026-01-05"
    )
    again = import_book(warehouse, book(lot("AAPL", 1)), AT.replace(year=2027))
    assert again.is_same
    listed = list_portfolios(warehouse)
    assert list(listed["imported_at"]) == [AT]
    assert list(listed["positions"]) == [1]


def test_good_symbols_are_watched_and_bad_ones_named(warehouse: Warehouse) -> None:
    """One mistake in a long list does not lose the rest."""
    outcome = watch(warehouse, ["brk-b", "=cmd", "AAPL", "aapl"], AT)
    assert (outcome.done, outcome.count_new) == (("BRK.B", "AAPL"), 2)
    assert list(outcome.refused) == ["=cmd"]
    assert warehouse.watchlist() == ["AAPL", "BRK.B"]


def test_removing_names_what_was_not_there(warehouse: Warehouse) -> None:
    """A typing mistake in a removal does not pass for a success."""
    watch(warehouse, ["AAPL", "MSFT"], AT)
    outcome = unwatch(warehouse, ["AAPL", "APPL"], AT)
    assert outcome.done == ("AAPL",)
    assert outcome.refused == {"APPL": "is not on the watchlist"}
    assert warehouse.watchlist() == ["MSFT"]


def test_a_list_is_read_a_symbol_a_line() -> None:
    """A byte order mark, comments, empty lines and CRLF are nothing to refuse."""
    content = "\ufeffAAPL\r\n\r\n# mine\r\n  BRK-B \n".encode()
    assert symbols_of_list(content) == ["AAPL", "BRK-B"]


def test_a_list_has_an_end() -> None:
    """A stream that does not stop is refused instead of read."""
    with pytest.raises(InputError, match="larger than"):
        symbols_of_list(b"A\n" * 600_000)
