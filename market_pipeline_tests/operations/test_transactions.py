"""Portfolios out as files and in again: the same, and harmless in a spreadsheet."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file
from market_pipeline.domain.transactions import TRADES, TYPES, Transaction, TransactionFile
from market_pipeline.operations.rendering import to_csv
from market_pipeline.operations.transactions import positions_frame, transactions_frame

AS_OF = date(2026, 11, 20)
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

numbers = st.decimals(
    Decimal("0.0000000001"), Decimal("99999999.9999999999"), allow_nan=False, places=10
)
days = st.dates(date(2020, 1, 1), AS_OF)
texts = st.one_of(
    st.sampled_from(["=1+1", "'=1", "\uff1dA1", "\u00a0=1", "@x", 'a, "b"']), st.text(max_size=9)
)


def parse(text: str) -> Book | TransactionFile:
    """Read what was written."""
    return parse_file(
        BytesIO(text.encode("utf-8", "surrogatepass")),
        file_name="a.csv", portfolio_id="a", as_of=AS_OF,
    )  # fmt: skip


def line(cells: list[object]) -> str:
    """Write a row, every cell in quotes."""
    return ",".join('"' + str(cell).replace('"', '""') + '"' for cell in cells)


@st.composite
def position_rows(draw: st.DrawFn) -> str:
    """Write a row of a stock, an option, a private holding or cash, with any subtype."""
    quantity, price = draw(numbers) * draw(st.sampled_from([1, -1])), draw(numbers)
    symbol, kind = draw(st.sampled_from([
        ("BRK.B", "PUBLIC"), ("BRKB270617P00450500", "OPTIONS"), ("Alder Brewing", "PRIVATE"),
        ("CASH", "CASH"),
    ]))  # fmt: skip
    left = draw(st.booleans())
    day = draw(days)
    return line([
        symbol, quantity, 1 if kind == "CASH" else price, day, kind, draw(texts),
        AS_OF if left else "", 1 if kind == "CASH" and left else price if left else "",
    ])  # fmt: skip


@st.composite
def transaction_rows(draw: st.DrawFn) -> str:
    """Write a row of any type, with any note."""
    kind = draw(st.sampled_from(TYPES))
    option = "AAPL261120C00250000"
    symbol = "BRK-B"
    if kind in ("deposit", "withdrawal"):
        symbol = ""
    elif kind in ("option exercise", "assignment", "expiry") or (
        kind in TRADES and draw(st.booleans())
    ):
        symbol = option
    sign = -1 if kind in ("dividend", "interest", "fee") and draw(st.booleans()) else 1
    price = draw(numbers) if kind in TRADES else ""
    day = AS_OF if kind == "expiry" else draw(days)
    return line([day, kind, symbol, draw(numbers) * sign, price, draw(numbers), draw(texts)])


POSITIONS = (
    "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Investment Subtype,"
    "Exit Date,Exit Price Per Share"
)
TRANSACTIONS = "Date,Type,Symbol,Quantity,Price,Fees,Note"
FILES = st.one_of(
    st.lists(position_rows(), min_size=1, max_size=4).map(
        lambda rows: "\n".join([POSITIONS, *rows])
    ),
    st.lists(transaction_rows(), min_size=1, max_size=4).map(
        lambda rows: "\n".join([TRANSACTIONS, *rows])
    ),
)


@settings(max_examples=300, deadline=None)
@given(FILES)
def test_whatever_is_imported_comes_back_equal_and_harmless(text: str) -> None:
    """Export and import are inverse, and no exported text is a formula."""
    try:
        found = parse(text)
    except PortfolioFileError:
        return
    if isinstance(found, Book):
        written = to_csv(positions_frame(found))
        again = parse(written)
        assert isinstance(again, Book)
        assert again.positions == found.positions
    else:
        written = to_csv(transactions_frame(found.transactions))
        again = parse(written)
        assert isinstance(again, TransactionFile)
        assert again.transactions == found.transactions
    assert again.content_hash == found.content_hash
    for row in csv.reader(StringIO(written)):
        for cell in row:
            assert not cell.lstrip().startswith(STARTS) or is_number(cell)


def is_number(cell: str) -> bool:
    """Say whether a cell is a number, which a sign may lead."""
    return cell.removeprefix("-").replace(".", "", 1).isdigit()


def test_a_text_that_was_stored_before_the_rule_is_tamed() -> None:
    """Whatever a table holds, no cell of an export runs."""
    lot = Position(1, "AAPL", "stock", Decimal(-1), Decimal(2), AS_OF, subtype="=cmd()")
    held = Book("a", "A", AS_OF, "a.csv", "h", (lot,))
    done = Transaction(1, AS_OF - timedelta(days=1), "fee", Decimal(1), Decimal(-1), note="@x")
    frames: list[Callable[[], pd.DataFrame]] = [
        lambda: positions_frame(held), lambda: transactions_frame([done])
    ]  # fmt: skip
    written = "".join(to_csv(make()) for make in frames)
    assert ",'=cmd()," in written
    assert written.endswith(",'@x,,\n")
    assert "\nAAPL,-1,2," in written
