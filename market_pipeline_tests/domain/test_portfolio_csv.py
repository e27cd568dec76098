"""Portfolio files that are fine: every accepted writing gives the same exact book."""

from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.portfolio_csv import parse_portfolio, portfolio_id_from_file_name

AS_OF = date(2026, 11, 20)
HEADER = "Symbol,Quantity,Entry Price Per Share,Entry Date"
EXAMPLES = Path(__file__).parents[2] / "examples" / "portfolios"


def parse(text: str | bytes) -> Book:
    """Read a file given as text."""
    content = text.encode() if isinstance(text, str) else text
    return parse_portfolio(BytesIO(content), file_name="a.csv", portfolio_id="a", as_of=AS_OF)


def test_a_plain_row_becomes_an_exact_position() -> None:
    """Numbers are Decimals as written, the class is told from the symbol."""
    (position,) = parse(f"{HEADER}\nbrk-b,10.5,455.20,2025-01-13\n").positions
    assert position.symbol == "BRK.B"
    assert position.asset_class == "stock"
    assert position.quantity == Decimal("10.5")
    assert position.entry_price_usd == Decimal("455.2")
    assert position.entry_date == date(2025, 1, 13)
    assert position.multiplier == 1


def test_the_book_says_where_it_came_from() -> None:
    """Id, date, file and a readable name are kept with the positions."""
    book = parse_portfolio(
        BytesIO(f"{HEADER}\nAAPL,1,2,2025-01-13\n".encode()),
        file_name="long_equity.csv",
        portfolio_id="mine",
        as_of=AS_OF,
    )
    assert (book.portfolio_id, book.name, book.as_of_date, book.source_file) == (
        "mine",
        "Long equity",
        AS_OF,
        "long_equity.csv",
    )


def test_comments_blank_lines_padding_bom_and_line_ends_do_not_change_the_book() -> None:
    """The hash is of the positions, so cosmetic edits of a file leave it as it was."""
    plain = parse(f"{HEADER}\nAAPL,1000,2.50,2025-01-13\nMSFT,-1,3,2025-01-14\n")
    dressed = parse(
        b"\xef\xbb\xbf# a comment, with a comma\r\n\r\n"
        b' SYMBOL ,  quantity,Entry  Price Per SHARE, "Entry Date",Investment Class\r\n'
        b'"# quoted by a spreadsheet, again",,,,\r\n'
        b' aapl , "1,000.000", $2.5 , 1/13/2025 ,public\r\n'
        b",,,,\r\n"
        b"MSFT,(1),3.0,2025-01-14,\r\n   # the end"
    )
    assert dressed.content_hash == plain.content_hash
    assert dressed.positions == plain.positions


@pytest.mark.parametrize(
    "row",
    [
        "AAPL,1001,2.50,2025-01-13",
        "AAPL,1000,2.51,2025-01-13",
        "AAPL,1000,2.50,2025-01-14",
        "MSFT,1000,2.50,2025-01-13",
        "AAPL,1000,2.50,2025-01-13\nAAPL,1000,2.50,2025-01-13",
    ],
)
def test_the_hash_changes_with_any_position(row: str) -> None:
    """Symbol, quantity, price, date and number of lots all count."""
    before = parse(f"{HEADER}\nAAPL,1000,2.50,2025-01-13\n")
    assert parse(f"{HEADER}\n{row}\n").content_hash != before.content_hash


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1234.5", "1234.5"), ('"1,234.50"', "1234.5"), ('"$1,234.50"', "1234.5"), ("+7", "7"),
        ("-7", "-7"), ("(7)", "-7"), ("($7.25)", "-7.25"), ("-$7", "-7"), ("$-7", "-7"),
        (".5", "0.5"), ("5.", "5"), ("007", "7"), ("100", "100"),
        ("99999999999.0000000001", "99999999999.0000000001"),
    ],
)  # fmt: skip
def test_numbers_read_as_brokers_write_them(written: str, number: str) -> None:
    """Signs, dollars, thousands commas and parentheses are understood, exactly."""
    (position,) = parse(f"{HEADER}\nAAPL,{written},2,2025-01-13\n").positions
    assert position.quantity == Decimal(number)


def test_an_option_is_the_same_by_symbol_and_by_four_fields() -> None:
    """OCC in any writing, the four fields, or both in agreement give one contract."""
    header = f"{HEADER},Underlying Symbol,Strike Price,Expiration Date,Option Type"
    rows = [
        "BRKB270617P00450500,2,3,2026-01-12,,,,",
        "O:BRKB270617P00450500,2,3,2026-01-12,,,,",
        "BRKB  270617P00450500,2,3,2026-01-12,,,,",
        "BRK.B,2,3,2026-01-12,BRK-B,450.50,2027-06-17,put",
        "brk-b,2,3,2026-01-12,BRK.B,450.5,6/17/2027,P",
        "BRKB270617P00450500,2,3,2026-01-12,BRK.B,$450.5,2027-06-17,PUT",
    ]
    positions = parse("\n".join([header, *rows])).positions
    described = {
        (p.symbol, p.asset_class, p.underlying, p.strike_usd, p.expiration_date, p.option_type)
        for p in positions
    }
    assert described == {
        ("BRKB270617P00450500", "option", "BRK.B", Decimal("450.5"), date(2027, 6, 17), "put")
    }
    assert {p.multiplier for p in positions} == {100}


def test_cash_is_its_amount_and_may_be_owed() -> None:
    """Cash needs no price; a negative amount is margin debt."""
    header = f"{HEADER},Investment Class"
    rows = ["CASH,1250.75,,2025-01-13,", "cash,(300),1,2025-01-13,CASH", "Spaxx,5,,2025-01-13,CASH"]
    positions = parse("\n".join([header, *rows])).positions
    assert [(p.symbol, p.asset_class, p.quantity, p.entry_price_usd) for p in positions] == [
        ("CASH", "cash", Decimal("1250.75"), Decimal(1)),
        ("CASH", "cash", Decimal(-300), Decimal(1)),
        ("SPAXX", "cash", Decimal(5), Decimal(1)),
    ]


@pytest.mark.parametrize(
    "name",
    ["USD", "usd cash", "Cash USD", "Cash_USD", "US Dollar", "U.S. dollars", "US dollar balance",
     "Margin debit", "SPAXX", "VMFXX", "FCASH", "FDIC", "CASH SWEEP", "CASH.USD"],
)  # fmt: skip
def test_cash_may_have_a_name_that_says_dollars_or_nothing(name: str) -> None:
    """What says US dollars, no currency at all, or names a US money-market fund."""
    (position,) = parse(f"{HEADER},Investment Class\n{name},5,,2025-01-13,CASH\n").positions
    assert (position.symbol, position.asset_class) == (name.upper(), "cash")


def test_a_private_position_has_a_free_name_and_may_be_worth_nothing() -> None:
    """The name keeps its case and single spaces; zero is a value."""
    row = "Alder  Brewing Co.,10,0,2025-01-13,PRIVATE"
    (position,) = parse(f"{HEADER},Investment Class\n{row}\n").positions
    assert (position.symbol, position.asset_class) == ("Alder Brewing Co.", "private")
    assert position.entry_price_usd == 0


def test_a_position_that_was_left_keeps_its_exit() -> None:
    """Exit date and price are kept; leaving on the day of entry is allowed."""
    header = f"{HEADER},Exit Date,Exit Price Per Share"
    rows = ["AAPL,1,2,2025-01-13,2025-01-13,2.5", "AAPL,1,2,2025-01-13,,"]
    first, second = parse("\n".join([header, *rows])).positions
    assert (first.exit_date, first.exit_price_usd) == (date(2025, 1, 13), Decimal("2.5"))
    assert (second.exit_date, second.exit_price_usd) == (None, None)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.csv")), ids=lambda path: path.stem)
def test_every_example_parses(path: Path) -> None:
    """What is shipped as an example is accepted."""
    with path.open("rb") as stream:
        book = parse_portfolio(
            stream,
            file_name=path.name,
            portfolio_id=portfolio_id_from_file_name(path.name),
            as_of=AS_OF,
        )
    assert book.portfolio_id == path.stem
    assert len(book.positions) >= 10


def test_the_examples_show_every_kind_of_position() -> None:
    """Long and short, options both ways, private holdings, cash and debt are all shown."""
    positions: list[Position] = []
    for path in EXAMPLES.glob("*.csv"):
        positions.extend(parse(path.read_bytes()).positions)
    kinds = {(p.asset_class, p.quantity > 0) for p in positions}
    assert kinds >= {
        ("stock", True), ("stock", False), ("option", True), ("option", False),
        ("private", True), ("cash", True), ("cash", False),
    }  # fmt: skip
    assert "BRK.B" in {p.symbol for p in positions}
    assert all(p.expiration_date is None or p.expiration_date.year >= 2027 for p in positions)


@pytest.mark.parametrize(
    ("name", "portfolio_id"),
    [
        ("long_equity.csv", "long_equity"),
        ("Long Equity (2).CSV", "long-equity-2"),
        ("/inbox/Mine v1.2.csv", "mine-v1-2"),
        ("C:\\books\\a.csv", "a"),
        ("Caf\u00e9.csv", "cafe"),
        (f"{'a' * 80}.csv", "a" * 64),
        ("--x--.csv", "x"),
    ],
)
def test_a_portfolio_id_is_made_of_the_file_name(name: str, portfolio_id: str) -> None:
    """Ids are slugs of at most 64 characters without the folder and the suffix."""
    assert portfolio_id_from_file_name(name) == portfolio_id


@pytest.mark.parametrize("name", ["", ".csv", "\u6295\u8cc7.csv", "---"])
def test_a_name_without_letters_makes_no_id(name: str) -> None:
    """The person is asked to name one."""
    with pytest.raises(InputError, match="no portfolio id"):
        portfolio_id_from_file_name(name)


@pytest.mark.parametrize("portfolio_id", ["", "A", "a b", "a" * 65, "../a", "a\n"])
def test_an_impossible_portfolio_id_is_refused(portfolio_id: str) -> None:
    """An id is a slug before anything of the file is read."""
    with pytest.raises(InputError, match="portfolio id"):
        parse_portfolio(BytesIO(b""), file_name="a.csv", portfolio_id=portfolio_id, as_of=AS_OF)
