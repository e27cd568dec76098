"""Onboardings as rows: begun with the import, and settled only by the run that took them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from market_pipeline.domain.books import OPTION, PRIVATE, STOCK, Book, Position
from market_pipeline.domain.onboarding import Onboarding
from market_pipeline.domain.ports import CollectedBatch, Coverage
from market_pipeline.domain.transactions import Transaction, TransactionFile
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.warehouse.revisions import take_back

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
SESSION = date(2026, 11, 20)


def position(number: int, symbol: str, kind: str = STOCK, **more: object) -> Position:
    """Make a lot of ten."""
    lot = Position(number, symbol, kind, Decimal(10), Decimal(5), date(2026, 1, 5))
    return replace(lot, **more)  # type: ignore[arg-type]  # fields of a position


def book(*positions: Position, name: str = "alpha", file: str = "alpha.csv") -> Book:
    """Make a book whose hash follows from its symbols."""
    marked = "/".join(each.symbol for each in positions)
    return Book(name, name, SESSION, file, marked, positions)


def only(warehouse: Warehouse) -> Onboarding:
    """Give the one onboarding there is."""
    (found,) = warehouse.onboarding.all()
    return found


def known(warehouse: Warehouse, symbol: str) -> None:
    """Store that the prices of a symbol were collected."""
    frame = warehouse.read("equity_bars")
    told = Coverage("equity_bars", symbol, date(2026, 1, 5), SESSION, "yahoo", NOW)
    warehouse.commit_batch("equity_bars", CollectedBatch(frame, (), (told,)))


def test_an_import_begins_an_onboarding_of_new_and_known_symbols(warehouse: Warehouse) -> None:
    """Stocks and underlyings are in, each known or new; private holdings are nobody's business."""
    known(warehouse, "KO")
    option = position(
        3, "AAPL280121C00300000", OPTION, underlying="AAPL", strike_usd=Decimal(300),
        expiration_date=date(2028, 1, 21), option_type="call", multiplier=100,
    )  # fmt: skip
    held = (position(1, "KO"), position(2, "Alder", PRIVATE), option, position(4, "NEW"))
    warehouse.import_book(book(*held), NOW)
    one = only(warehouse)
    assert (one.new, one.known, one.kind) == (("AAPL", "NEW"), ("KO",), "positions")
    assert (one.state, one.attempts, one.asked_at) == ("pending", 0, NOW)
    assert warehouse.onboarding.newcomers() == {"AAPL", "NEW"}


def test_a_file_of_transactions_is_onboarded_too(warehouse: Warehouse) -> None:
    """Beside the positions of its portfolio, with the symbols it names."""
    bought = Transaction(
        1, date(2026, 11, 2), "buy", Decimal(5), Decimal(-300), symbol="KO",
        asset_class=STOCK, price_usd=Decimal(60),
    )  # fmt: skip
    warehouse.import_book(book(position(1, "AAPL")), NOW)
    warehouse.transactions.import_file(TransactionFile("alpha", "done.csv", "h", (bought,)), NOW)
    found = {(one.source_file, one.kind): one.new for one in warehouse.onboarding.all()}
    assert found == {("alpha.csv", "positions"): ("AAPL",), ("done.csv", "transactions"): ("KO",)}


def test_the_same_file_again_begins_nothing_and_a_corrected_one_anew(warehouse: Warehouse) -> None:
    """What led to a snapshot stays complete until its content changes."""
    warehouse.import_book(book(position(1, "KO")), NOW)
    warehouse.onboarding.take([only(warehouse)], SESSION, "run", NOW)
    warehouse.onboarding.complete(only(warehouse), NOW)
    warehouse.import_book(book(position(1, "KO")), NOW + timedelta(hours=1))
    assert only(warehouse).state == "completed"
    warehouse.import_book(book(position(1, "PEP"), file="new.csv"), NOW + timedelta(hours=2))
    one = only(warehouse)
    assert (one.state, one.source_file, one.new, one.run_id) == (
        "pending", "new.csv", ("PEP",), None,
    )  # fmt: skip


def test_a_run_settles_only_the_content_it_took(warehouse: Warehouse) -> None:
    """A file corrected while a run works waits for the next one."""
    warehouse.import_book(book(position(1, "KO")), NOW)
    warehouse.onboarding.take([only(warehouse)], SESSION, "run", NOW)
    taken = only(warehouse)
    assert (taken.state, taken.session_date, taken.attempts) == ("processing", SESSION, 1)
    warehouse.import_book(book(position(1, "PEP")), NOW + timedelta(minutes=1))
    warehouse.onboarding.complete(taken, NOW)
    warehouse.onboarding.fail(taken, "late", NOW)
    assert only(warehouse).state == "pending"


def test_a_run_that_was_overtaken_settles_nothing(warehouse: Warehouse) -> None:
    """The latest run that took it decides; one that is tried again takes it once."""
    warehouse.import_book(book(position(1, "KO")), NOW)
    warehouse.onboarding.take([only(warehouse)], SESSION, "first", NOW)
    first = only(warehouse)
    warehouse.onboarding.take([first], SESSION, "second", NOW)
    warehouse.onboarding.take([first], SESSION, "second", NOW + timedelta(minutes=1))
    warehouse.onboarding.complete(first, NOW)
    one = only(warehouse)
    assert (one.run_id, one.attempts, one.started_at) == ("second", 2, NOW)
    assert one.state == "processing"
    warehouse.onboarding.complete(one, NOW)
    assert only(warehouse).state == "completed"
    assert warehouse.onboarding.newcomers() == frozenset()


def test_a_failed_one_says_why_and_may_be_asked_for_again(warehouse: Warehouse) -> None:
    """The reason is storable whatever it holds; asking again starts afresh."""
    warehouse.import_book(book(position(1, "KO")), NOW)
    warehouse.onboarding.take([only(warehouse)], SESSION, "run", NOW)
    warehouse.onboarding.fail(only(warehouse), "bad\0" + "x" * 900, NOW)
    one = only(warehouse)
    assert one.state == "failed"
    assert one.reason is not None
    assert (len(one.reason), "\0" in one.reason) == (500, False)
    later = NOW + timedelta(hours=1)
    assert warehouse.onboarding.retry(later, "other") == 0
    assert warehouse.onboarding.retry(later) == 1
    again = only(warehouse)
    assert (again.state, again.asked_at, again.reason) == ("pending", later, None)
    assert (again.imported_at, again.new) == (NOW, ("KO",))


def test_an_import_that_fails_begins_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and onboarding are one transaction: neither is there without the other."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("midway")

    monkeypatch.setattr("market_pipeline.warehouse.onboarding._known", fail)
    with pytest.raises(RuntimeError, match="midway"):
        warehouse.import_book(book(position(1, "KO")), NOW)
    assert warehouse.books() == []
    assert warehouse.onboarding.all() == []


def test_the_revision_is_undone_and_done_again(url: str) -> None:
    """Without it there are books and no onboarding; with it the books stay."""
    warehouse = Warehouse.open(url)
    warehouse.import_book(book(position(1, "KO")), NOW)
    take_back(url, "0012")
    assert warehouse.current_revision() == "0012"
    warehouse.upgrade()
    assert [each.portfolio_id for each in warehouse.books()] == ["alpha"]
    assert warehouse.onboarding.all() == []
    assert {"onboarding", "onboarding_symbols"} <= set(metadata.tables)
    warehouse.dispose()
