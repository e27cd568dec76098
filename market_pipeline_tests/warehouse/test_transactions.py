"""Transactions, stored by the file that stated them and given back as they were."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

import pytest

from market_pipeline.domain.errors import PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.domain.transactions import Transaction, TransactionFile
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import AT

LATER = AT + timedelta(days=1)
TABLES = ("transactions", "transaction_files")
BOUGHT = Transaction(
    1, date(2024, 1, 2), "buy", Decimal("10.5"), Decimal("-3681.2963"), Decimal("4.95"),
    Decimal("350.123456789"), "BRK.B", "stock", note="first",
)  # fmt: skip
WRITTEN = Transaction(
    2, date(2024, 1, 3), "short", Decimal(3), Decimal("1274.3400000001"), Decimal("0.66"),
    Decimal("4.25"), "AAPL251219C00150000", "option", 100, "AAPL", Decimal(150),
    date(2025, 12, 19), "call",
)  # fmt: skip
PAID_IN = Transaction(3, date(2024, 1, 3), "deposit", Decimal(5000), Decimal(5000))
FILE = TransactionFile("ls", "q1.csv", "a" * 64, (BOUGHT, WRITTEN, PAID_IN))


def digests(warehouse: Warehouse) -> list[str]:
    """Give the digests of both tables, dates of import included."""
    return [warehouse.table_digest(table, exclude=()) for table in TABLES]


def test_transactions_come_back_as_imported(warehouse: Warehouse) -> None:
    """Every field survives, exactly, on either database."""
    assert warehouse.transactions.import_file(FILE, AT) == WriteCounts(inserted=3)
    assert warehouse.transactions.files() == [FILE]
    assert warehouse.transactions.files("ls") == [FILE]
    assert warehouse.transactions.files("other") == []
    assert warehouse.transactions.hashes() == [("ls", "q1.csv", "a" * 64)]


def test_the_same_content_changes_nothing(warehouse: Warehouse) -> None:
    """Importing again keeps even the date of the import."""
    warehouse.transactions.import_file(FILE, AT)
    before = digests(warehouse)
    assert warehouse.transactions.import_file(FILE, LATER) == WriteCounts(unchanged=3)
    assert digests(warehouse) == before


def test_a_file_that_lists_the_newest_first_changes_nothing_when_it_comes_again(
    warehouse: Warehouse,
) -> None:
    """Nor does the same one turned round: both say the same."""
    rows = ["2024-01-03,buy,KO,1,60", "2024-01-03,sell,KO,2,61", "2024-01-02,buy,KO,2,59"]
    told = []
    for content in (rows, rows, rows[::-1]):
        text = "\n".join(["Date,Type,Symbol,Quantity,Price", *content])
        file = parse_file(
            BytesIO(text.encode()), file_name="q1.csv", portfolio_id="ls", as_of=AT.date()
        )
        assert isinstance(file, TransactionFile)
        told.append(warehouse.transactions.import_file(file, AT))
    assert told == [WriteCounts(inserted=3), WriteCounts(unchanged=3), WriteCounts(unchanged=3)]
    (stored,) = warehouse.transactions.by_portfolio().values()
    assert [one.price_usd for one in stored] == [59, 61, 60]


def test_a_corrected_file_replaces_its_own_rows_only(warehouse: Warehouse) -> None:
    """Rows that are gone go, changed ones change; other files and portfolios stay."""
    second = TransactionFile("ls", "q2.csv", "b" * 64, (replace(PAID_IN, transaction_no=1),))
    warehouse.transactions.import_file(FILE, AT)
    later = replace(PAID_IN, transaction_no=1, trade_date=date(2024, 4, 1))
    second = replace(second, transactions=(later,))
    other = replace(FILE, portfolio_id="other")
    warehouse.transactions.import_file(second, AT)
    warehouse.transactions.import_file(other, AT)
    corrected = replace(
        FILE, content_hash="c" * 64, transactions=(replace(BOUGHT, quantity=Decimal(11)), WRITTEN)
    )
    counts = warehouse.transactions.import_file(corrected, LATER)
    assert counts == WriteCounts(updated=1, deleted=1, unchanged=1)
    assert warehouse.transactions.files() == [corrected, second, other]


def test_equal_rows_of_one_file_are_both_kept(warehouse: Warehouse) -> None:
    """Two equal fills are two transactions."""
    twice = replace(FILE, transactions=(BOUGHT, replace(BOUGHT, transaction_no=2)))
    assert warehouse.transactions.import_file(twice, AT).inserted == 2
    assert warehouse.transactions.files() == [twice]


def test_a_row_that_another_file_states_is_refused_whole(warehouse: Warehouse) -> None:
    """Overlapping exports would count twice: rows and the other file are named, nothing is kept."""
    warehouse.transactions.import_file(FILE, AT)
    before = digests(warehouse)
    again = TransactionFile(
        "ls", "again.csv", "d" * 64,
        (replace(PAID_IN, transaction_no=1, quantity=Decimal(7)),
         replace(WRITTEN, transaction_no=2)), (2, 5),
    )  # fmt: skip
    with pytest.raises(PortfolioFileError) as caught:
        warehouse.transactions.import_file(again, LATER)
    (problem,) = caught.value.problems
    assert problem.row == 5
    assert "imported from q1.csv" in problem.expected
    assert digests(warehouse) == before
    elsewhere = replace(again, portfolio_id="mine")
    assert warehouse.transactions.import_file(elsewhere, LATER).inserted == 2


def test_a_transaction_is_never_rounded(warehouse: Warehouse) -> None:
    """A number with more decimals than the column is refused with its place, and nothing stored."""
    fine = replace(BOUGHT, fees_usd=Decimal("0.00000000001"))
    with pytest.raises(ValueError, match=r"q1\.csv, transaction 1: fees_usd"):
        warehouse.transactions.import_file(replace(FILE, transactions=(fine,)), AT)
    assert warehouse.transactions.files() == []


def test_a_range_of_days_holds_the_transactions_of_all_portfolios(warehouse: Warehouse) -> None:
    """Both ends are in, by date, whatever the portfolio or file."""
    warehouse.transactions.import_file(FILE, AT)
    warehouse.transactions.import_file(replace(FILE, portfolio_id="b"), AT)
    day = date(2024, 1, 3)
    found = warehouse.transactions.between(day, day)
    assert found == [WRITTEN, PAID_IN, WRITTEN, PAID_IN]
    assert list(warehouse.transactions.between(day + timedelta(days=1), date.max)) == []
