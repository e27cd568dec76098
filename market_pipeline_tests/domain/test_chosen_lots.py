"""Lot dates of a file of transactions: a day that opened nothing is named before it is stored."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file
from market_pipeline.domain.portfolio_csv.chosen_lots import refuse_unknown_lots
from market_pipeline.domain.transactions import TransactionFile
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.checks.conftest import IMPORTED

HEADER = "Date,Type,Symbol,Quantity,Price,Lot Date\n"
CALL, SPLIT_CALL = "KO270115C00070000", "KO270115C00035000"
BOUGHT = "2026-01-06,buy,KO,10,60,\n"


def told(rows: str, name: str = "a.csv") -> TransactionFile:
    """Read a file of rows below the header."""
    found = parse_file(
        BytesIO((HEADER + rows).encode()),
        file_name=name,
        portfolio_id="a",
        as_of=date(2026, 11, 20),
    )
    assert isinstance(found, TransactionFile)
    return found


def held(symbol: str, as_of: date = date(2026, 1, 31)) -> Book:
    """Give a book of one position, entered on the day of its file."""
    position = Position(1, symbol, "stock", Decimal(5), Decimal(60), as_of)
    return Book("a", "A", as_of, "a.csv", "hash", (position,))


@pytest.mark.parametrize(
    "rows",
    [
        BOUGHT + "2026-02-02,sell,KO,5,61,2026-01-06\n",
        "2026-02-02,sell,KO,5,61,2026-01-06\n" + BOUGHT,  # newest first, as brokers write
        BOUGHT + "2026-01-06,sell,KO,5,61,2026-01-06\n",
        "2026-01-06,short,KO,10,60,\n2026-02-02,cover,KO,5,61,2026-01-06\n",
        f"2026-01-06,short,{CALL},1,2,\n2026-02-02,assignment,{CALL},1,,2026-01-06\n",
        f"2026-01-06,buy,{CALL},1,2,\n2026-02-02,sell,{SPLIT_CALL},2,2,2026-01-06\n",
        # Four times ten are there to sell once the split is known.
        BOUGHT + "2026-02-02,sell,KO,30,15,2026-01-06\n2026-02-03,sell,KO,10,15,2026-01-06\n",
    ],
)
def test_what_may_be_right_passes(rows: str) -> None:
    """Any order, both sides, contracts that a split renames, quantities that one multiplies."""
    refuse_unknown_lots(told(rows), [], None)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (BOUGHT + "2026-02-02,sell,KO,5,61,2026-01-07\n", "bought that day"),
        (BOUGHT + "2026-02-02,sell,KO,5,61,2026-01-07\n", "expected one of 2026-01-06, or a blank"),
        (BOUGHT + "2026-02-02,cover,KO,5,61,2026-01-06\n", "sold that day"),
        (BOUGHT + "2026-02-02,sell,PEP,5,61,2026-01-06\n", "no PEP that this row could close"),
        (BOUGHT + f"2026-02-02,expiry,{CALL},1,,2026-01-06\n".replace("2026-02-02", "2026-11-20")
         .replace(CALL, "KO261120C00070000"), "bought or sold that day"),
    ],
)  # fmt: skip
def test_a_day_that_opened_nothing_is_named(rows: str, expected: str) -> None:
    """Row, column, value, and the days that would do."""
    with pytest.raises(PortfolioFileError) as refused:
        refuse_unknown_lots(told(rows), [], None)
    (problem,) = refused.value.problems
    assert (problem.row, problem.column) == (3, "Lot Date")
    assert problem.value in ("2026-01-07", "2026-01-06")
    assert expected in problem.expected


def test_other_files_and_positions_count() -> None:
    """A purchase of last year's file is one; the file of the same name is replaced."""
    sold = told("2026-02-02,sell,KO,5,61,2026-01-06\n", "b.csv")
    refuse_unknown_lots(sold, [told(BOUGHT)], None)
    refuse_unknown_lots(sold, [], held("KO"))
    refuse_unknown_lots(sold, [], held("PEP", as_of=date(2026, 2, 2)))  # contained in it
    for others, book in (([told(BOUGHT, "b.csv")], None), ([], held("PEP"))):
        with pytest.raises(PortfolioFileError, match="no KO"):
            refuse_unknown_lots(sold, others, book)
    refuse_unknown_lots(replace(sold, lines=()), [told(BOUGHT)], None)


def test_nothing_of_such_a_file_is_stored(warehouse: Warehouse) -> None:
    """The store refuses it, in the order in which files come; afterwards it is taken."""
    sold = told("2026-02-02,sell,KO,5,61,2026-01-06\n", "b.csv")
    with pytest.raises(PortfolioFileError, match="Lot Date"):
        warehouse.transactions.import_file(sold, IMPORTED)
    assert warehouse.transactions.files() == []
    for file in (told(BOUGHT), sold):
        warehouse.transactions.import_file(file, IMPORTED)
    assert len(warehouse.transactions.files()) == 2
