"""What people own, stored as a whole and given back as it was."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.domain.universe import Watched
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import AT

LATER = AT + timedelta(days=1)
STOCK = Position(1, "BRK.B", "stock", Decimal("100"), Decimal("350.123456789"), date(2024, 1, 2))
OPTION = Position(
    2, "AAPL251219C00150000", "option", Decimal("-3"), Decimal("4.25"), date(2024, 1, 3), 100,
    subtype="covered call", underlying="AAPL", strike_usd=Decimal("150"),
    expiration_date=date(2025, 12, 19), option_type="call", exit_date=date(2024, 2, 1),
    exit_price_usd=Decimal("0.0000000001"),
)  # fmt: skip
BOOK = Book("long-short", "Long short", date(2024, 1, 31), "ls.csv", "a" * 64, (STOCK, OPTION))


def test_a_book_comes_back_as_imported(warehouse: Warehouse) -> None:
    """Every field of every position survives, exactly."""
    assert warehouse.import_book(BOOK, AT) == WriteCounts(inserted=2)
    assert warehouse.book("long-short") == BOOK
    assert warehouse.books() == [BOOK]
    assert warehouse.content_hash("long-short") == BOOK.content_hash
    assert warehouse.book("other") is None
    assert warehouse.content_hash("other") is None


def test_the_same_content_changes_nothing(warehouse: Warehouse) -> None:
    """Importing again keeps even the date of the import and of the book."""
    warehouse.import_book(BOOK, AT)
    before = warehouse.table_digest("portfolios", exclude=())
    renamed = replace(BOOK, as_of_date=date(2024, 3, 1), source_file="copy.csv")
    assert warehouse.import_book(renamed, LATER) == WriteCounts(unchanged=2)
    assert warehouse.table_digest("portfolios", exclude=()) == before


def test_a_changed_book_is_replaced_as_a_whole(warehouse: Warehouse) -> None:
    """Positions that are gone go, changed ones change, other books stay."""
    other = replace(BOOK, portfolio_id="b", content_hash="c" * 64)
    warehouse.import_book(BOOK, AT)
    warehouse.import_book(other, AT)
    smaller = replace(
        BOOK, content_hash="b" * 64, positions=(replace(STOCK, quantity=Decimal(90)),)
    )
    assert warehouse.import_book(smaller, LATER) == WriteCounts(updated=1, deleted=1)
    assert warehouse.books() == [other, smaller]
    empty = replace(BOOK, content_hash="d" * 64, positions=())
    assert warehouse.import_book(empty, LATER).deleted == 1
    assert warehouse.book("long-short") == empty


def test_a_book_is_never_rounded(warehouse: Warehouse) -> None:
    """A number with more decimals than the column is refused with its place, and nothing stored."""
    fine = replace(STOCK, quantity=Decimal("0.00000000001"))
    with pytest.raises(ValueError, match="position 1: quantity"):
        warehouse.import_book(replace(BOOK, positions=(fine,)), AT)
    assert warehouse.books() == []


def test_what_was_watched_stays_in_the_days_it_was(warehouse: Warehouse) -> None:
    """Watched now: of every day. Once: of its New York days. A slip of the same day: of none."""
    warehouse.watch(["KO", "PEP", "OOPS"], AT)
    assert warehouse.unwatch(["OOPS"], AT) == 1
    assert warehouse.unwatch(["PEP"], AT + timedelta(days=3)) == 1
    spell = Watched("PEP", AT.date(), AT.date() + timedelta(days=3))
    assert warehouse.watched() == [Watched("KO"), spell]
    warehouse.watch(["PEP"], AT + timedelta(days=5))
    assert warehouse.watched() == [Watched("KO"), Watched("PEP"), spell]


def test_the_watchlist(warehouse: Warehouse) -> None:
    """Watching counts what is new, twice is once, unwatching counts what was there."""
    assert warehouse.watch(["MSFT", "AAPL", "AAPL"], AT) == 2
    assert warehouse.watch(["AAPL", "TLT"], LATER) == 1
    assert warehouse.watchlist() == ["AAPL", "MSFT", "TLT"]
    assert warehouse.unwatch(["AAPL", "NONE"], LATER) == 1
    assert warehouse.watchlist() == ["MSFT", "TLT"]
    assert warehouse.watch([], AT) == 0
    assert warehouse.unwatch([], LATER) == 0
