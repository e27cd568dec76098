"""What private holdings were worth by hand, kept when a file states a new value."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse import warehouse as module
from market_pipeline.warehouse.books import read_manual_values
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.tables import manual_values
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


def history(warehouse: Warehouse) -> list[tuple[date, Decimal]]:
    """Give what is told of the holding over time."""
    return [*warehouse.ask(read_manual_values)["p"]["ACME", ENTRY]]


def test_a_corrected_file_of_the_same_day_takes_back_what_that_day_said(
    warehouse: Warehouse,
) -> None:
    """As often as it is corrected: the entry's value is the last one, without a history."""
    for value, content in (("1000", "a"), ("100", "b"), ("110", "c"), ("1000", "d")):
        warehouse.import_book(valued(value, LATER, content), AT)
        assert history(warehouse) == [(ENTRY, Decimal(value))]


def test_a_corrected_file_of_a_later_day_leaves_the_value_before(warehouse: Warehouse) -> None:
    """The second value is corrected, the first stays, and a repeated one adds nothing."""
    warehouse.import_book(valued("1000", LATER, "a"), AT)
    warehouse.import_book(valued("50", LAST, "b"), AT)
    warehouse.import_book(valued("1200", LAST, "c"), AT)
    assert history(warehouse) == [(ENTRY, Decimal(1000)), (LAST, Decimal(1200))]
    warehouse.import_book(valued("1000", LAST, "d"), AT)
    assert history(warehouse) == [(ENTRY, Decimal(1000))]


def test_an_earlier_file_corrected_after_a_later_one(warehouse: Warehouse) -> None:
    """Its own day changes, the entry included; what the later file said stays, even if the same."""
    for later in ("1200", "1000"):
        warehouse.import_book(valued("1000", LATER, "a"), AT)
        warehouse.import_book(valued(later, LAST, "b"), AT)
        warehouse.import_book(valued("100", LATER, "c"), AT)
        assert history(warehouse) == [(ENTRY, Decimal(100)), (LAST, Decimal(later))]


def test_a_file_older_than_the_first_value_tells_the_entry(warehouse: Warehouse) -> None:
    """The first value counts since the entry, in whichever order files come."""
    warehouse.import_book(valued("1000", LAST, "a"), AT)
    warehouse.import_book(valued("900", LATER, "b"), AT)
    assert history(warehouse) == [(ENTRY, Decimal(900)), (LAST, Decimal(1000))]


def test_a_corrected_entry_date_leaves_nothing_behind(warehouse: Warehouse) -> None:
    """Corrected back, the holding does not get what the mistaken file said of it."""
    moved = replace(HELD, entry_date=date(2024, 1, 3), entry_price_usd=Decimal(100))
    warehouse.import_book(valued("1000", LATER, "a"), AT)
    warehouse.import_book(
        replace(BOOK, positions=(moved,), as_of_date=LATER, content_hash="b" * 64), AT
    )
    assert warehouse.ask(read_manual_values) == {
        "p": {("ACME", moved.entry_date): [(moved.entry_date, Decimal(100))]}
    }
    warehouse.import_book(valued("110", LAST, "c"), AT)
    assert history(warehouse) == [(ENTRY, Decimal(110))]


def test_lots_of_one_name_are_told_apart_by_their_entry(warehouse: Warehouse) -> None:
    """Each has its own history; where the dates are the same, neither has, whatever was before."""
    other = replace(HELD, position_no=2, entry_date=date(2024, 1, 3))
    both = replace(BOOK, positions=(HELD, other), as_of_date=LATER)
    warehouse.import_book(both, AT)
    fixed = replace(other, entry_price_usd=Decimal(7))
    warehouse.import_book(replace(both, positions=(HELD, fixed), content_hash="b" * 64), AT)
    assert warehouse.ask(read_manual_values)["p"] == {
        ("ACME", ENTRY): [(ENTRY, Decimal("1000.10"))],
        ("ACME", other.entry_date): [(other.entry_date, Decimal(7))],
    }
    alike = replace(BOOK, positions=(HELD, replace(fixed, entry_date=ENTRY)), as_of_date=LAST)
    warehouse.import_book(replace(alike, content_hash="c" * 64), AT)
    assert warehouse.ask(read_manual_values)["p"].keys() == {("ACME", other.entry_date)}


def test_a_value_from_before_days_were_kept_is_corrected_as_well(warehouse: Warehouse) -> None:
    """It stands at its entry: the stored book says of which day it is."""
    warehouse.import_book(valued("1000", LATER, "a"), AT)
    with warehouse._database.writing() as connection:  # as it was once written
        connection.execute(sa.update(manual_values).values(since_date=ENTRY))
    assert history(warehouse) == [(ENTRY, Decimal(1000))]
    warehouse.import_book(valued("100", LATER, "b"), AT)
    assert history(warehouse) == [(ENTRY, Decimal(100))]
    warehouse.import_book(valued("120", LAST, "c"), AT)
    assert history(warehouse) == [(ENTRY, Decimal(100)), (LAST, Decimal(120))]


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
