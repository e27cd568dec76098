"""Of which day a file of positions is: the importer, a comment, the broker, or today."""

from datetime import date
from io import BytesIO

import pytest

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import FileProblem, PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file, positions_hash
from market_pipeline.domain.portfolio_csv.hashing import says_the_same
from market_pipeline_tests.domain.test_broker_profiles import FIDELITY_POSITIONS, SCHWAB_POSITIONS

TODAY, DAY = date(2026, 11, 23), date(2026, 11, 20)
ROWS = "Symbol,Quantity,Entry Price Per Share,Entry Date\nAAPL,10,150,2026-01-05\n"
DONE = "Date,Type,Symbol,Quantity,Price\n2026-01-05,buy,AAPL,10,150\n"


def book(text: str, stated: date | None = None, today: date = TODAY) -> Book:
    """Read a file of positions on a day."""
    found = parse_file(
        BytesIO(text.encode()), file_name="a.csv", portfolio_id="a", as_of=today, stated=stated
    )
    assert isinstance(found, Book)
    return found


def problem(text: str, stated: date | None = None) -> FileProblem:
    """Give the one problem of a file."""
    with pytest.raises(PortfolioFileError) as refused:
        book(text, stated)
    (found,) = refused.value.problems
    return found


@pytest.mark.parametrize(
    "comment",
    [
        "# As of: 2026-11-20", "#as of:11/20/2026", "  ## AS-OF : 2026-11-20  ",
        "# As of: 2026-11-20,,,", '"# As of: 2026-11-20",,,', "# mine, all\n\n# As of: 2026-11-20",
        "# As of: 2026-11-20\n# As of: 11/20/2026",
    ],
)  # fmt: skip
def test_a_comment_above_the_header_says_of_which_day(comment: str) -> None:
    """However it is written, and padded by a spreadsheet; it is part of the content."""
    found = book(f"{comment}\n{ROWS}")
    assert found.as_of_date == DAY
    assert found == book(ROWS, DAY)
    assert found.content_hash != book(ROWS).content_hash


@pytest.mark.parametrize(
    "text",
    [f"{ROWS}# As of: 2026-11-20\n", f"# As of last week\n{ROWS}", f"# as offered: 1\n{ROWS}"],
)
def test_other_comments_say_nothing(text: str) -> None:
    """Below the header, or in words."""
    assert book(text) == book(ROWS)
    assert book(text).as_of_date == TODAY


@pytest.mark.parametrize(
    ("comment", "value", "expected"),
    [
        ("# As of: 20.11.2026", "20.11.2026", "expected a date as YYYY-MM-DD"),
        ("# As of: ", "", "expected a date as YYYY-MM-DD"),
        ("# As of: 2026-02-30", "2026-02-30", "no such date"),
        ("# As of: 2026-11-24", "2026-11-24", "expected a date not after 2026-11-23"),
    ],
)
def test_a_day_that_cannot_be_is_named_with_its_row(
    comment: str, value: str, expected: str
) -> None:
    """Nothing is imported as of another day than was meant."""
    found = problem(f"# mine\n{comment}\n{ROWS}")
    assert (found.row, found.column, found.value) == (2, "As of", value)
    assert found.expected.startswith(expected)


def test_two_days_contradict_each_other() -> None:
    """Of two comments, and of a comment and the importer."""
    for found in (
        problem(f"# As of: 2026-11-20\n# As of: 2026-11-19\n{ROWS}"),
        problem(f"# mine\n# As of: 2026-11-19\n{ROWS}", DAY),
    ):
        assert (found.row, found.column, found.value) == (2, "As of", "2026-11-19")
        assert "another date is stated for the file as well, 2026-11-20" in found.expected


@pytest.mark.parametrize("text", [SCHWAB_POSITIONS, FIDELITY_POSITIONS])
def test_a_brokers_own_day_stays(text: str) -> None:
    """Who says the same changes nothing; who says another day is told so."""
    assert book(text, DAY) == book(text)
    found = problem(text, date(2026, 11, 19))
    assert found.value == "2026-11-19"
    assert "the file itself says that it is of 2026-11-20" in found.expected


def test_a_list_of_holdings_without_its_day_may_be_given_one() -> None:
    """What the export lacks the importer knows."""
    text = FIDELITY_POSITIONS.replace("Date downloaded Nov-20-2026 4:15 p.m ET\n", "")
    assert book(text, DAY) == book(FIDELITY_POSITIONS)


def test_transactions_have_dates_of_their_own() -> None:
    """A day for the file is no date of theirs; a comment is a comment."""
    found = problem(DONE, DAY)
    assert (found.column, found.value) == ("As of", "2026-11-20")
    assert "each transaction has its own date" in found.expected
    said = f"# As of: some day\n{DONE}".encode()
    assert parse_file(BytesIO(said), file_name="a.csv", portfolio_id="a", as_of=TODAY)


def test_no_day_is_no_other_day() -> None:
    """The same positions change what is stored only where somebody states another day."""
    stated, other, unstated = book(ROWS, DAY), book(ROWS, date(2026, 11, 19)), book(ROWS)
    assert unstated.content_hash == positions_hash(unstated.positions)
    assert says_the_same(unstated, stated)
    assert says_the_same(book(ROWS, TODAY), unstated)
    assert not says_the_same(other, stated)
    assert not says_the_same(stated, unstated)
    more = book(ROWS + "MSFT,1,2,2026-01-05\n", DAY)
    assert not says_the_same(more, stated)
