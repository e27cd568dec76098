"""Portfolio files that are refused: each with row, column, value and what was expected."""

import io
import tracemalloc
from collections.abc import Iterator
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import FileProblem, PortfolioFileError
from market_pipeline.domain.portfolio_csv import MAX_FILE_BYTES, parse_portfolio, positions_hash

AS_OF = date(2026, 11, 20)
COLUMNS = (
    "Symbol", "Quantity", "Entry Price Per Share", "Entry Date", "Investment Class",
    "Investment Subtype", "Underlying Symbol", "Strike Price", "Expiration Date", "Option Type",
    "Exit Date", "Exit Price Per Share",
)  # fmt: skip
HEADER = ",".join(COLUMNS[:4])
GOOD = "AAPL,1,2,2025-01-13"


def parse(content: bytes) -> Book:
    """Read a file given as bytes."""
    return parse_portfolio(BytesIO(content), file_name="a.csv", portfolio_id="a", as_of=AS_OF)


def problems_of(content: str | bytes) -> tuple[FileProblem, ...]:
    """Give the problems a file is refused for."""
    with pytest.raises(PortfolioFileError) as caught:
        parse(content.encode() if isinstance(content, str) else content)
    return caught.value.problems


def one_problem(content: str | bytes) -> FileProblem:
    """Give the only problem a file is refused for."""
    problems = problems_of(content)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


FOREIGN_CASH = (
    "EUR cash", "Cash EUR", "EURO", "euros", "CNH", "THB", "cash-thb", "CASH.JPY", "Yen",
    "HK dollar", "Canadian dollars", "Pound sterling", "USD EUR", "BTC", "Tresor",
)  # fmt: skip


def row_of(**cells: str) -> str:
    """Write a one-row file with all columns; keywords replace cells of a good stock row."""
    values = dict.fromkeys(COLUMNS, "")
    values |= dict(zip(COLUMNS, GOOD.split(","), strict=False))
    short = {name.replace(" ", "_").lower(): name for name in COLUMNS}
    values |= {short[key]: value for key, value in cells.items()}
    quoted = ",".join('"' + value.replace('"', '""') + '"' for value in values.values())
    return f"{','.join(COLUMNS)}\n{quoted}\n"


OPTION = {"symbol": "AAPL270617C00250000", "investment_class": "OPTIONS"}
FIELDS = {
    "symbol": "AAPL",
    "underlying_symbol": "AAPL",
    "strike_price": "250",
    "expiration_date": "2027-06-17",
    "option_type": "CALL",
}

ONE_CELL_WRONG = [
    # symbol
    ({"symbol": ""}, "Symbol", "a value is required"),
    ({"symbol": "=1+1"}, "Symbol", "formula-like"),
    ({"symbol": "@SUM(A1)"}, "Symbol", "formula-like"),
    ({"symbol": "+AAPL"}, "Symbol", "formula-like"),
    ({"symbol": "-AAPL"}, "Symbol", "formula-like"),
    ({"symbol": "\tAAPL"}, "Symbol", "formula-like"),
    ({"symbol": "Apple Inc"}, "Symbol", "a ticker has up to 12"),
    ({"symbol": "ABCDEFGHIJKLM"}, "Symbol", "a ticker has up to 12"),
    ({"symbol": "AAPL1270617C00250000"}, "Symbol", "adjusted contract"),
    ({"symbol": "x" * 33, "investment_class": "PRIVATE"}, "Symbol", "up to 32"),
    ({"symbol": "a/b", "investment_class": "PRIVATE"}, "Symbol", "up to 32"),
    ({"symbol": "EUR", "investment_class": "CASH", "entry_price_per_share": ""}, "Symbol", "US do"),
    # quantity
    ({"quantity": ""}, "Quantity", "a value is required"),
    ({"quantity": "0"}, "Quantity", "other than zero"),
    ({"quantity": "-0.00"}, "Quantity", "other than zero"),
    ({"quantity": "ten"}, "Quantity", "a plain number"),
    ({"quantity": "1e3"}, "Quantity", "a plain number"),
    ({"quantity": "-1e3"}, "Quantity", "a plain number"),
    ({"quantity": "NaN"}, "Quantity", "a plain number"),
    ({"quantity": "inf"}, "Quantity", "a plain number"),
    ({"quantity": "-inf"}, "Quantity", "formula-like"),
    ({"quantity": "=10"}, "Quantity", "formula-like"),
    ({"quantity": "1,00"}, "Quantity", "a plain number"),
    ({"quantity": "0,500"}, "Quantity", "decimals with a point"),
    ({"quantity": "-0,001"}, "Quantity", "thousands as 1,500"),
    ({"quantity": "(00,100)"}, "Quantity", "decimals with a point"),
    ({"entry_price_per_share": "$0,950"}, "Entry Price Per Share", "decimals with a point"),
    ({**FIELDS, "strike_price": "0,500"}, "Strike Price", "decimals with a point"),
    (
        {"exit_date": "2025-02-03", "exit_price_per_share": "012,500.5"},
        "Exit Price Per Share",
        "decimals with a point",
    ),
    ({"quantity": "1.234,50"}, "Quantity", "a plain number"),
    ({"quantity": "."}, "Quantity", "a plain number"),
    ({"quantity": "(-1)"}, "Quantity", "a plain number"),
    ({"quantity": "\u0661"}, "Quantity", "a plain number"),
    ({"quantity": "1" * 19}, "Quantity", "at most 18 digits"),
    ({"quantity": "1.00000000001"}, "Quantity", "10 after"),
    ({"quantity": "9" * 18}, "Quantity", "10^18"),
    # prices
    ({"entry_price_per_share": ""}, "Entry Price Per Share", "a value is required"),
    ({"entry_price_per_share": "0"}, "Entry Price Per Share", "above zero"),
    ({"entry_price_per_share": "-1"}, "Entry Price Per Share", "above zero"),
    ({**OPTION, "entry_price_per_share": "-1"}, "Entry Price Per Share", "zero or more"),
    ({"symbol": "CASH", "entry_price_per_share": "2"}, "Entry Price Per Share", "1 or a blank"),
    # dates
    ({"entry_date": ""}, "Entry Date", "a value is required"),
    ({"entry_date": "13 Jan 2025"}, "Entry Date", "YYYY-MM-DD"),
    ({"entry_date": "2025-1-3"}, "Entry Date", "YYYY-MM-DD"),
    ({"entry_date": "1/3/25"}, "Entry Date", "YYYY-MM-DD"),
    ({"entry_date": "2025-02-30"}, "Entry Date", "2025-02 has no day 30"),
    ({"entry_date": "2025-13-01"}, "Entry Date", "no month 13"),
    ({"entry_date": "13/1/2025"}, "Entry Date", "month first"),
    ({"entry_date": "0000-01-01"}, "Entry Date", "from 1900"),
    ({"entry_date": "2026-11-21"}, "Entry Date", "not after 2026-11-20"),
    ({"entry_date": "=TODAY()"}, "Entry Date", "formula-like"),
    # class and subtype
    ({"investment_class": "BOND"}, "Investment Class", "PUBLIC, OPTIONS, PRIVATE, CASH"),
    ({"symbol": "CASH", "investment_class": "PUBLIC"}, "Investment Class", "US dollars"),
    ({**OPTION, "investment_class": "PUBLIC"}, "Investment Class", "an option's"),
    ({"investment_subtype": "x" * 65}, "Investment Subtype", "64 printable"),
    ({"investment_subtype": "a\nb"}, "Investment Subtype", "64 printable"),
    ({"investment_subtype": "=cmd()"}, "Investment Subtype", "formula-like"),
    # options
    ({"investment_class": "PUBLIC", "strike_price": "1"}, "Strike Price", "only options"),
    ({"investment_class": "PUBLIC", "underlying_symbol": "MSFT"}, "Underlying Symbol", "only opti"),
    ({**FIELDS, "underlying_symbol": ""}, "Underlying Symbol", "all of"),
    ({**FIELDS, "strike_price": ""}, "Strike Price", "all of"),
    ({**FIELDS, "expiration_date": ""}, "Expiration Date", "all of"),
    ({**FIELDS, "option_type": ""}, "Option Type", "all of"),
    ({**FIELDS, "option_type": "straddle"}, "Option Type", "CALL or PUT"),
    ({**FIELDS, "strike_price": "0"}, "Strike Price", "a strike is"),
    ({**FIELDS, "strike_price": "1.0001"}, "Strike Price", "a strike is"),
    ({**FIELDS, "expiration_date": "1999-01-15"}, "Expiration Date", "2000 to 2099"),
    ({**FIELDS, "underlying_symbol": "LONGNAME"}, "Underlying Symbol", "1 to 6"),
    ({**FIELDS, "symbol": "MSFT"}, "Symbol", "expected AAPL or AAPL270617C00250000"),
    ({**OPTION, "underlying_symbol": "MSFT"}, "Underlying Symbol", "disagrees"),
    ({**OPTION, "strike_price": "251"}, "Strike Price", "disagrees"),
    ({**OPTION, "expiration_date": "2027-06-18"}, "Expiration Date", "disagrees"),
    ({**OPTION, "option_type": "P"}, "Option Type", "disagrees"),
    ({"symbol": "AAPL241220C00250000"}, "Entry Date", "had expired on 2024-12-20"),
    # exits
    ({"exit_date": "2025-02-03"}, "Exit Price Per Share", "needs an exit price"),
    ({"exit_price_per_share": "3"}, "Exit Date", "needs an exit date"),
    ({"exit_date": "2025-01-10", "exit_price_per_share": "3"}, "Exit Date", "not before"),
    ({"exit_date": "2026-12-01", "exit_price_per_share": "3"}, "Exit Date", "not after 2026"),
    ({"exit_date": "2025-02-03", "exit_price_per_share": "-3"}, "Exit Price Per Share", "zero or"),
]


@pytest.mark.parametrize(("cells", "column", "expected"), ONE_CELL_WRONG)
def test_one_wrong_cell_is_one_problem_with_its_place(
    cells: dict[str, str], column: str, expected: str
) -> None:
    """Row, column, value and expectation are named, and nothing else is complained of."""
    problem = one_problem(row_of(**cells))
    assert problem.row == 2
    assert problem.column == column
    assert expected in problem.expected
    written = cells.get(column.replace(" ", "_").lower())
    if written is not None and len(written) <= 40:
        assert problem.value == written


def test_everything_wrong_is_told_at_once_in_file_order() -> None:
    """Header and rows are all judged, and the message carries each place."""
    text = f"{HEADER},Colour\n=A,0,x,2025-02-30,red\n{GOOD},blue\nMSFT,1,1,tomorrow,green\n"
    with pytest.raises(PortfolioFileError) as caught:
        parse(text.encode())
    places = [(problem.row, problem.column) for problem in caught.value.problems]
    assert places == [
        (1, "Colour"), (2, "Symbol"), (2, "Quantity"), (2, "Entry Price Per Share"),
        (2, "Entry Date"), (4, "Entry Date"),
    ]  # fmt: skip
    message = str(caught.value)
    assert "a.csv: nothing was imported, 6 problem(s)" in message
    assert "row 4, column Entry Date: found 'tomorrow', expected a date" in message


@pytest.mark.parametrize(
    ("written", "closest"),
    [("Quantty", "Quantity"), ("Entry Price", "Entry Price Per Share"), ("Strike", "Strike Price")],
)
def test_an_unknown_column_is_named_with_the_closest_known(written: str, closest: str) -> None:
    """A typing error in the header is not silently ignored."""
    problem = one_problem(f"{HEADER},{written}\n{GOOD},1\n")
    assert (problem.row, problem.column) == (1, written)
    assert problem.expected == f"unknown column; the closest known name is {closest}"


def test_header_columns_are_unique_named_and_complete() -> None:
    """Duplicate, nameless and missing columns are each a problem of the header's row."""
    problems = problems_of("# note\nSymbol,symbol,,Quantity,Entry Date\nA,A,x,1,2025-01-13\n")
    assert [(p.row, p.column, p.expected) for p in problems] == [
        (2, "symbol", "duplicate column"),
        (2, None, "a column without a name"),
        (2, "Entry Price Per Share", "the required column is missing from the header"),
    ]


@pytest.mark.parametrize(
    "text", [GOOD, "Symbol;Quantity;Entry Price Per Share;Entry Date\n", "," * 500 + "Symbol"]
)
def test_a_file_that_does_not_start_with_a_header_says_so(text: str) -> None:
    """A missing header, another separator, or hundreds of columns stop the reading there."""
    problem = one_problem(f"{text}\n")
    assert problem.row == 1
    assert "expected the header row" in problem.expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\n\n# only a comment\n,,,\n", "the file is empty"),
        (f"{HEADER}\n\n".encode(), "a header and no position"),
        (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_without_positions_is_refused(content: bytes, expected: str) -> None:
    """An empty import would quietly empty a portfolio."""
    assert expected in one_problem(content).expected


@pytest.mark.parametrize(
    ("row", "found"), [("AAPL,1,2", 3), (f"{GOOD},", 5), ("AAPL,1,000,2,x", 5)]
)
def test_a_row_with_another_number_of_cells_is_one_problem(row: str, found: int) -> None:
    """Which cell belongs to which column is then unknown, so nothing else is said of it."""
    problem = one_problem(f"{HEADER}\n{row}\n")
    assert (problem.row, problem.column) == (2, None)
    assert f"expected 4 cells as in the header, found {found}" in problem.expected


def test_rows_are_counted_as_an_editor_does() -> None:
    """Comments, blank lines, quoted line breaks and all three line ends count."""
    header = f"{HEADER},Investment Subtype"
    text = (
        f'# one\r\n{header}\r\n\r\n{GOOD},"two\nlines\r\n# three"\r{GOOD},x\nMSFT,0,1,2025-01-13,\n'
    )
    assert [(p.row, p.column) for p in problems_of(text)] == [
        (4, "Investment Subtype"),
        (8, "Quantity"),
    ]


def test_bytes_that_are_not_utf8_are_shown_with_their_place() -> None:
    """The cell is named, its bytes are escaped, and the other rows are still judged."""
    content = f"{HEADER}\n{GOOD}\n".encode() + b"CAF\xc9,1,2,2025-01-13\nMSFT,0,2,2025-01-13\n"
    first, second = problems_of(content)
    assert (first.row, first.column, first.value) == (3, "Symbol", "CAF\\xc9")
    assert "not UTF-8" in first.expected
    assert (second.row, second.column) == (4, "Quantity")


def test_a_nul_byte_is_a_problem_of_its_cell() -> None:
    """A NUL never reaches a table or breaks the reader."""
    problem = one_problem(f"{HEADER}\nAAPL,1\x00,2,2025-01-13\n")
    assert (problem.row, problem.column) == (2, "Quantity")
    assert "NUL" in problem.expected


@pytest.mark.parametrize("name", FOREIGN_CASH)
def test_cash_that_may_not_be_in_dollars_is_refused(name: str) -> None:
    """Another currency, by code or word, and a name nobody knows: neither is counted as dollars."""
    problem = one_problem(row_of(symbol=name, investment_class="CASH", entry_price_per_share=""))
    assert (problem.column, problem.value) == ("Symbol", name)
    assert "expected CASH, a name that says so" in problem.expected


def test_quotes_that_do_not_balance_are_told_at_the_row_they_open() -> None:
    """An unclosed quote would swallow the rest of the file."""
    never_closed = one_problem(f'{HEADER}\n{GOOD}\n"AAPL,1,2,2025-01-13\n{GOOD}\n')
    assert never_closed.row == 3
    assert "never closed" in never_closed.expected
    long = one_problem(f'{HEADER}\n"AAPL,1,2,2025-01-13\n' + f"{GOOD}\n" * 10_000)
    assert long.row == 2
    assert "never closed" in long.expected


def test_text_after_a_closing_quote_costs_that_row_only() -> None:
    """The rows after it are read and judged."""
    problems = problems_of(f'{HEADER}\n"AA"PL,1,2,2025-01-13\nMSFT,0,2,2025-01-13\n')
    assert [(p.row, p.column) for p in problems] == [(2, None), (3, "Quantity")]
    assert "after a closing quote" in problems[0].expected


def test_an_endless_line_is_named_and_passed_over() -> None:
    """A line past 64 KiB is refused without being kept, and the rest is judged."""
    problems = problems_of(f"{HEADER}\n{'x' * 1_000_000}\nMSFT,0,2,2025-01-13\n")
    assert [(p.row, p.column) for p in problems] == [(2, None), (3, "Quantity")]
    assert "longer than" in problems[0].expected


def test_no_more_than_a_hundred_problems_are_listed() -> None:
    """The rest is counted, so that a wholly wrong file gives a readable answer."""
    with pytest.raises(PortfolioFileError) as caught:
        parse("\n".join([HEADER, *["AAPL,0,2,2025-01-13"] * 250]).encode())
    assert len(caught.value.problems) == 100
    assert caught.value.unlisted == 150
    assert "250 problem(s)" in str(caught.value)
    assert str(caught.value).endswith("and 150 more")


def test_a_long_cell_is_shortened_in_the_message() -> None:
    """A megabyte in a cell does not become a megabyte of log."""
    problem = one_problem(f"{HEADER}\n{'x' * 50_000},1,2,2025-01-13\n")
    assert problem.value == "x" * 40 + "..."


def test_control_characters_of_a_file_name_do_not_reach_the_message() -> None:
    """A name cannot forge a second line or colour a terminal."""
    with pytest.raises(PortfolioFileError) as caught:
        parse_portfolio(BytesIO(b""), file_name="a\n\x1b[31m.csv", portfolio_id="a", as_of=AS_OF)
    assert caught.value.file == "a??[31m.csv"


class _Endless(io.RawIOBase):
    """A file of 100 MB that is made while it is read."""

    def __init__(self) -> None:
        self.given = 0
        self._chunks = self._make()

    def _make(self) -> Iterator[bytes]:
        yield f"{HEADER}\n".encode()
        while self.given < 100 * 1024**2:
            yield f"{GOOD}\n".encode() * 1000

    def read(self, size: int = -1, /) -> bytes:
        """Give the next piece, whatever the size asked for."""
        chunk = next(self._chunks, b"")
        self.given += len(chunk)
        return chunk


def test_a_hundred_megabytes_are_refused_without_being_read() -> None:
    """Reading stops just past the limit, memory stays near it, the row reached is told."""
    stream = _Endless()
    tracemalloc.start()
    try:
        with pytest.raises(PortfolioFileError) as caught:
            parse_portfolio(stream, file_name="a.csv", portfolio_id="a", as_of=AS_OF)  # type: ignore[arg-type]  # only read() is used of a BinaryIO
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (problem,) = caught.value.problems
    assert "size limit of 10 MB" in problem.expected
    assert problem.row == pytest.approx(MAX_FILE_BYTES / len(f"{GOOD}\n"), rel=0.01)
    assert stream.given < MAX_FILE_BYTES + 100_000
    assert peak < 3 * MAX_FILE_BYTES


CELLS = st.one_of(
    st.sampled_from(
        ["AAPL", "CASH", "AAPL270617C00250000", "1", "-1", "(1,000)", "2025-01-13", "1/2/2025",
         "PUBLIC", "OPTIONS", "PRIVATE", "=A1", "", '"', "#", "\n", "\x00", "CALL"]
    ),
    st.text(max_size=8),
)  # fmt: skip
GOOD_ROWS = st.sampled_from(
    [
        "AAPL,-1.5,2,2025-01-13,,,,,,,2025-02-03,3",
        "AAPL,1,2,2025-01-13,OPTIONS,,AAPL,250,2027-06-17,CALL,,",
        "AAPL270617C00250000,-1,2,2025-01-13,,,,,,,,",
        "A name,1,0,2025-01-13,PRIVATE,,,,,,,",
        "CASH,-1,,2025-01-13,,,,,,,,",
    ]
).map(lambda row: row.split(","))


@st.composite
def almost_good_rows(draw: st.DrawFn) -> str:
    """Write an acceptable row, often with one of its cells replaced."""
    cells = draw(GOOD_ROWS)
    if draw(st.booleans()):
        cells = [*cells]
        cells[draw(st.integers(0, len(cells) - 1))] = draw(CELLS)
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def file_of(rows: list[str]) -> bytes:
    """Put rows under a full header; a lone surrogate becomes bytes that are not UTF-8."""
    return "\n".join([",".join(COLUMNS), *rows]).encode("utf-8", "surrogatepass")


FILES = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=200).map(lambda tail: f"{HEADER}\n".encode() + tail),
    st.lists(st.lists(CELLS, min_size=11, max_size=13).map(",".join), max_size=4).map(file_of),
    st.lists(almost_good_rows(), min_size=1, max_size=3).map(file_of),
)


@settings(max_examples=300, deadline=None)
@given(FILES)
def test_any_bytes_are_a_book_or_a_refusal(content: bytes) -> None:
    """No file ends in another error; a book is stable, a refusal is printable text."""
    refusal: PortfolioFileError | None = None
    try:
        book = parse(content)
    except PortfolioFileError as error:
        refusal = error
    if refusal is not None:
        assert refusal.problems
        assert all(line.isprintable() for line in str(refusal).split("\n"))
        return
    assert book.positions
    assert book.content_hash == positions_hash(book.positions) == parse(content).content_hash
    assert all(position.quantity.is_finite() for position in book.positions)
