"""What private holdings were worth by hand, kept when a file states a new value."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse import warehouse as module
from market_pipeline.warehouse.books import read_manual_values
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.operations.rows import snapshots, valued_positions
from market_pipeline_tests.warehouse.revisions import take_back
from market_pipeline_tests.warehouse.rows import AT

ENTRY, LATER, LAST = date(2024, 1, 2), date(2024, 6, 3), date(2024, 9, 2)
HELD = Position(1, "ACME", "private", Decimal(3), Decimal("1000.10"), ENTRY)
BOOK = Book("p", "P", date(2024, 1, 31), "p.csv", "a" * 64, (HELD,))


def valued(value: str, as_of: date, content: str) -> Book:
    """Give the book with another value, as of another day."""
    held = replace(HELD, entry_price_usd=Decimal(value))
    return replace(BOOK, positions=(held,), as_of_date=as_of, content_hash=content * 64)


def test_a_new_value_keeps_the_old_from_its_date(warehouse: Warehouse) -> None:
    """The first counts since the entry, each later one since the file that first stated it."""
    warehouse.import_book(BOOK, AT)
    warehouse.import_book(valued("1200", LATER, "b"), AT)
    warehouse.import_book(valued("1200", LAST, "c"), AT)
    history = [(ENTRY, Decimal("1000.10")), (LATER, Decimal(1200))]
    assert warehouse.ask(read_manual_values) == {"p": {("ACME", ENTRY): history}}


def test_a_file_of_an_earlier_day_tells_of_its_own_day(warehouse: Warehouse) -> None:
    """What is imported late counts from its day until the next that was told."""
    warehouse.import_book(BOOK, AT)
    warehouse.import_book(valued("1200", LAST, "b"), AT)
    warehouse.import_book(valued("1100", LATER, "c"), AT)
    history = [(ENTRY, Decimal("1000.10")), (LATER, Decimal(1100)), (LAST, Decimal(1200))]
    assert warehouse.ask(read_manual_values) == {"p": {("ACME", ENTRY): history}}


def test_holdings_that_cannot_be_told_apart_have_no_history(warehouse: Warehouse) -> None:
    """Two of one name and entry date: which value is whose is not known."""
    twice = (HELD, replace(HELD, position_no=2, entry_price_usd=Decimal(5)))
    warehouse.import_book(replace(BOOK, positions=twice), AT)
    assert warehouse.ask(read_manual_values) == {}


def test_the_migration_takes_the_present_values_as_the_first(url: str) -> None:
    """A private holding imported before has its value since its entry; listed ones have none."""
    warehouse = Warehouse.open(url)
    stock = Position(2, "KO", "stock", Decimal(1), Decimal(60), ENTRY)
    warehouse.import_book(replace(BOOK, positions=(HELD, stock)), AT)
    take_back(url, "0013")
    assert Warehouse.open(url).current_revision() == "0013"
    again = Warehouse.open(url)
    again.upgrade()
    assert again.ask(read_manual_values) == {"p": {("ACME", ENTRY): [(ENTRY, Decimal("1000.10"))]}}
    assert again.book("p") == replace(BOOK, positions=(HELD, stock))
    for each in (warehouse, again):
        each.dispose()


def test_tables_of_one_range_are_written_together_or_not_at_all(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails at the second table takes the first one's rows back."""
    frames = {"portfolio_positions": valued_positions(LAST), "portfolio_snapshots": snapshots(LAST)}

    def fail_late(connection: Any, table: Any, *rest: Any, **named: Any) -> WriteCounts:
        if table.name == "portfolio_snapshots":
            raise RuntimeError("late")
        return merge_rows(connection, table, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(module, "merge_rows", fail_late)
        with pytest.raises(RuntimeError, match="late"):
            warehouse.replace_ranges(frames, LAST, LAST)
    assert warehouse.count("portfolio_positions") == 0
    assert warehouse.replace_ranges(frames, LAST, LAST).inserted == 3
