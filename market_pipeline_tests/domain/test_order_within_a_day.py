"""Files that list the newest first: their rows of one day are taken oldest first."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from market_pipeline.domain.bookkeeping import ledger_of
from market_pipeline.domain.errors import PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file
from market_pipeline.domain.portfolio_csv.overlap import refuse_overlap
from market_pipeline.domain.portfolio_csv.profiles import PROFILES
from market_pipeline.domain.transactions import TransactionFile

HEADER = "Date,Type,Symbol,Quantity,Price\n"
SCHWAB = '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n'
BOUGHT_LATE = '"11/20/2026","Buy","AAPL","x","5","$120.00","","-$600.00"\n'
SOLD = '"11/20/2026","Sell","AAPL","x","10","$110.00","","$1,100.00"\n'
BOUGHT = '"11/20/2026","Buy","AAPL","x","10","$100.00","","-$1,000.00"\n'
PAID_IN = '"11/19/2026","MoneyLink Transfer","","x","","","","$5,000.00"\n'
PAID_OUT = '"11/21/2026","MoneyLink Transfer","","x","","","","-$5.00"\n'


def parse(text: str, name: str = "a.csv") -> TransactionFile:
    """Read a file of transactions."""
    found = parse_file(
        BytesIO(text.encode()), file_name=name, portfolio_id="a", as_of=date(2026, 11, 27)
    )
    assert isinstance(found, TransactionFile)
    return found


def row(day: int, quantity: int) -> str:
    """Write a purchase in our own columns."""
    return f"2026-01-{day:02d},buy,AAPL,{quantity},1\n"


def order(text: str) -> list[int]:
    """Give the rows of the file in the order in which they are taken."""
    found = parse(text)
    numbers = [one.transaction_no for one in found.transactions]
    assert numbers == list(range(1, len(numbers) + 1))
    return list(found.lines)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (SCHWAB + BOUGHT_LATE + SOLD + BOUGHT + PAID_IN, [5, 4, 3, 2]),
        (SCHWAB + PAID_IN + BOUGHT + SOLD + BOUGHT_LATE, [2, 3, 4, 5]),  # turned by a person
        (SCHWAB + BOUGHT_LATE + SOLD + BOUGHT, [4, 3, 2]),  # one day: as Schwab lists them
        (HEADER + row(7, 1) + row(7, 2) + row(6, 3), [4, 3, 2]),
        (HEADER + row(6, 3) + row(7, 2) + row(7, 1), [2, 3, 4]),
        (HEADER + row(7, 1) + row(7, 2), [2, 3]),  # one day: as the file has them
        (HEADER + row(7, 1) + row(6, 2) + row(7, 3), [2, 3, 4]),  # in no order
        # One row that counted earlier does not turn what falls.
        (HEADER + row(9, 1) + row(8, 2) + row(8, 3) + row(3, 4) + row(5, 5), [6, 5, 4, 3, 2]),
        # Two exports one below the other.
        (HEADER + row(9, 1) + row(8, 2) + row(8, 3) + row(20, 4) + row(19, 5), [6, 5, 4, 3, 2]),
    ],
)
def test_the_oldest_comes_first(text: str, lines: list[int]) -> None:
    """Falling dates turn the file; where dates tell nothing, what is known of the broker does."""
    assert order(text) == lines


def test_lots_are_paired_as_they_were_traded() -> None:
    """Bought at 100, sold at 110, bought at 120: the first lot is closed, with a gain of 100."""
    for text in (
        SCHWAB + BOUGHT_LATE + SOLD + BOUGHT,
        SCHWAB + BOUGHT + SOLD + BOUGHT_LATE + PAID_OUT,
    ):
        done = parse(text).transactions
        ledger = ledger_of("a", None, done, {}, {}, {})
        (held,) = [lot for lot in ledger.lots if lot.quantity]
        assert (held.quantity, held.cost) == (Decimal(5), Decimal(600))


def test_brokers_that_list_the_newest_first_say_so() -> None:
    """It is data of the profile."""
    found = {profile.name for profile in PROFILES if profile.newest_first}
    assert found == {"Schwab transactions", "Fidelity activity", "Robinhood activity"}


def test_problems_name_the_rows_of_the_file_in_its_order() -> None:
    """A turned file is refused with the row numbers a person sees."""
    rows = row(7, 1) + row(6, 2) + row(5, 3)
    file, other = parse(HEADER + rows), parse(HEADER + "\n" + rows, "b.csv")
    with pytest.raises(PortfolioFileError) as caught:
        refuse_overlap(file, [other])
    assert [problem.row for problem in caught.value.problems] == [2, 3, 4]
    with pytest.raises(PortfolioFileError) as caught:
        parse(HEADER + row(7, 1) + row(6, 0) + row(5, 0))
    assert [problem.row for problem in caught.value.problems] == [3, 4]


def test_a_file_turned_by_hand_says_the_same() -> None:
    """Content and hash are what happened, in whichever direction it is listed."""
    rows = [row(7, 1), row(7, 2), row(6, 3)]
    down, up = parse(HEADER + "".join(rows)), parse(HEADER + "".join(reversed(rows)))
    assert down.content_hash == up.content_hash
    assert down.transactions == up.transactions
