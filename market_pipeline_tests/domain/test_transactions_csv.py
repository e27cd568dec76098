"""Files of transactions: what each type asks for, what it does to cash, what is refused."""

from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import FileProblem, PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file, parse_portfolio, transactions_hash
from market_pipeline.domain.transactions import TYPES, Transaction, TransactionFile

AS_OF = date(2026, 11, 20)
HEADER = "Date,Type,Symbol,Quantity,Price,Fees,Currency,Note"
OPTION = "AAPL261218C00250000"
GOOD = {
    "buy": "2026-01-05,buy,aapl,10,150.25,1,USD,first",
    "sell": "2026-01-06,SELL,BRK-B,2,400,,,",
    "short": "2026-01-06,short,MSFT,5,300.10,0.5,usd,",
    "cover": "1/7/2026,cover,MSFT,5,290,0.5,,",
    "deposit": "2026-01-02,deposit,,10000,,,,",
    "withdrawal": "2026-01-09,withdrawal,,250.50,1,,,",
    "dividend": "2026-02-10,dividend,AAPL,10,0.26,,,",
    "fee": "2026-02-10,fee,,12.5,,,,",
    "interest": "2026-02-11,interest,,-3.21,,,,margin",
    "split": "2026-06-10,split,AAPL,4,,,,",
    "option exercise": f"2026-06-10,Option_Exercise,{OPTION},1,,,,",
    "assignment": f"2026-06-10,assignment,{OPTION},2,0,,,",
    "expiry": f"2026-11-20,expiry,{OPTION.replace('261218', '261120')},3,,,,",
}


def parse(content: str | bytes) -> TransactionFile:
    """Read a file of transactions."""
    raw = content.encode() if isinstance(content, str) else content
    found = parse_file(BytesIO(raw), file_name="a.csv", portfolio_id="a", as_of=AS_OF)
    assert isinstance(found, TransactionFile)
    return found


def one(row: str, header: str = HEADER) -> Transaction:
    """Read the only transaction of a file."""
    (found,) = parse(f"{header}\n{row}\n").transactions
    return found


def problems_of(content: str | bytes) -> tuple[FileProblem, ...]:
    """Give the problems a file is refused for."""
    with pytest.raises(PortfolioFileError) as caught:
        parse(content)
    return caught.value.problems


def test_every_type_is_read() -> None:
    """The thirteen types in any case and spelling give one transaction each, in file order."""
    assert tuple(GOOD) == TYPES
    found = parse("\n".join([HEADER, *GOOD.values()])).transactions
    assert [each.type for each in found] == list(TYPES)
    assert [each.transaction_no for each in found] == list(range(1, 14))


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("buy", "-1503.5"), ("sell", "800"), ("short", "1500"), ("cover", "-1450.5"),
        ("deposit", "10000"), ("withdrawal", "-250.5"), ("dividend", "2.6"), ("fee", "-12.5"),
        ("interest", "-3.21"), ("split", "0"), ("option exercise", "0"), ("assignment", "0"),
        ("expiry", "0"),
    ],
)  # fmt: skip
def test_what_each_type_does_to_cash(kind: str, amount: str) -> None:
    """Buying, covering, fees and withdrawals take; the rest brings or moves nothing; exactly."""
    assert one(GOOD[kind]).amount_usd == Decimal(amount)


def test_a_trade_is_exact_and_canonical() -> None:
    """Symbol in dot form, Decimals as written, the note kept, US dollars when nothing is said."""
    bought, sold = parse("\n".join([HEADER, GOOD["buy"], GOOD["sell"]])).transactions
    assert bought == Transaction(
        1, date(2026, 1, 5), "buy", Decimal(10), Decimal("-1503.5"), Decimal(1),
        Decimal("150.25"), "AAPL", "stock", note="first",
    )  # fmt: skip
    assert (sold.symbol, sold.currency, sold.fees_usd, sold.note) == (
        "BRK.B",
        "USD",
        Decimal(0),
        None,
    )


@pytest.mark.parametrize(
    "written",
    [OPTION, f"O:{OPTION}", "AAPL  261218C00250000", "AAPL261218C250", "AAPL 12/18/2026 250.00 C",
     "AAPL 12/18/2026 Call $250.00"],
)  # fmt: skip
def test_an_option_is_known_in_every_usual_writing(written: str) -> None:
    """One contract of a hundred shares, priced by the share."""
    sold = one(f"2026-01-05,short,{written},2,3.5,1.3,,")
    assert (sold.symbol, sold.asset_class, sold.multiplier) == (OPTION, "option", 100)
    assert (sold.underlying, sold.strike_usd, sold.option_type) == ("AAPL", Decimal(250), "call")
    assert sold.expiration_date == date(2026, 12, 18)
    assert sold.amount_usd == Decimal("698.7")


def test_no_digit_of_the_product_is_lost() -> None:
    """Twenty-eight digits times ten decimals are computed in full before the last rounding."""
    bought = one("2026-01-05,buy,AAPL,123456789.0123456789,1.0000000001,,,")
    assert bought.amount_usd == Decimal("-123456789.0246913578")


def test_the_stated_amount_is_what_moved() -> None:
    """A broker's cash may differ by the rounding of its price; the stated one is kept."""
    header = "Date,Type,Symbol,Quantity,Price,Fees,Amount"
    assert one("2026-01-05,buy,VTI,0.123,81.23,,-9.99", header).amount_usd == Decimal("-9.99")


@pytest.mark.parametrize("amount", ["150.25", "-15025", "-140"])
def test_an_amount_that_does_not_follow_is_refused(amount: str) -> None:
    """A wrong sign, a factor of a hundred, a missing charge: what was expected is told."""
    header = "Date,Type,Symbol,Quantity,Price,Amount"
    (problem,) = problems_of(f"{header}\n2026-01-05,buy,AAPL,1,150.25,{amount}\n")
    assert (problem.row, problem.column, problem.value) == (2, "Amount", amount)
    assert "expected about -150.25" in problem.expected


AMOUNTS = "Date,Type,Symbol,Quantity,Price,Fees,Amount"


@pytest.mark.parametrize(
    ("cells", "rounding"),
    [
        ("buy,AAPL,100,200.00,,-20000{}", "0.51"),  # half a cent a share, and a cent
        ("buy,AAPL,100,200,,-20000{}", "0.51"),  # a spreadsheet took the zeros
        ("buy,AAPL,100,200.0000,,-20000{}", "0.015"),  # prices of four digits
        ("sell,AAPL,100,200.0000,1.25,19998.75{}", "0.015"),
        (f"buy,{OPTION},2,3.450,,-690{{}}", "0.11"),
        ("buy,VTI,0.500,300.0000,,-150{}", "0.160025"),  # half a thousandth of a share
        ("deposit,,500,,,500{}", "0.01"),
        ("dividend,KO,100,0.4850,,48.5{}", "0.015"),
    ],
)
def test_an_amount_may_differ_by_what_was_rounded_and_no_more(cells: str, rounding: str) -> None:
    """Just within passes and is kept; a hundredth of a cent beyond is refused, either way."""
    stem, _, stated = f"2026-01-05,{cells.format('')}".rpartition(",")
    for sign in (1, -1):
        within = Decimal(stated) + sign * Decimal(rounding)
        assert one(f"{stem},{within}", AMOUNTS).amount_usd == within
        beyond = within + sign * Decimal("0.0001")
        (problem,) = problems_of(f"{AMOUNTS}\n{stem},{beyond}\n")
        assert (problem.row, problem.column, problem.value) == (2, "Amount", str(beyond))
        assert f"expected about {Decimal(stated):.2f}" in problem.expected


def test_a_charge_has_to_be_stated() -> None:
    """The message says what is missing; as a fee it passes."""
    (problem,) = problems_of(f"{AMOUNTS}\n2026-01-05,sell,AAPL,100,200.0000,,19995\n")
    assert "where the other 5.00 were charged, they belong to the fees" in problem.expected
    sold = one("2026-01-05,sell,AAPL,100,200.0000,5,19995", AMOUNTS)
    assert (sold.amount_usd, sold.fees_usd) == (Decimal(19995), Decimal(5))


def test_a_rebate_needs_the_amount_that_says_so() -> None:
    """A minus that only means paid would add to the cash: alone it is refused."""
    bought = one("2026-01-05,buy,AAPL,100,200.0000,-0.3,-19999.70", AMOUNTS)
    assert (bought.amount_usd, bought.fees_usd) == (Decimal("-19999.7"), Decimal("-0.3"))
    (alone,) = problems_of(f"{AMOUNTS}\n2026-01-05,buy,AAPL,100,200,-0.3,\n")
    assert (alone.column, "needs its Amount" in alone.expected) == ("Fees", True)
    (paid,) = problems_of(f"{AMOUNTS}\n2026-01-05,buy,AAPL,100,200.0000,-0.3,-20000.30\n")
    assert paid.column == "Amount"


def test_a_fee_may_stand_in_either_column() -> None:
    """Quantity or Fees: the same cash goes out."""
    assert one("2026-02-10,fee,,,,12.5,,").amount_usd == Decimal("-12.5")
    assert one("2026-02-10,fee,AAPL,-2,,,,refund").amount_usd == 2


def test_comments_bom_order_of_columns_and_padding_change_nothing() -> None:
    """The same rules as for positions; the hash is of what is said."""
    plain = parse(f"{HEADER}\n{GOOD['buy']}\n{GOOD['deposit']}\n")
    dressed = parse(
        b"\xef\xbb\xbf# mine\r\n\r\n TYPE ,date,symbol,QUANTITY,price,fees,note\r\n"
        b' buy ,1/5/2026, AAPL ,"10.00",$150.250,1.0,first\r\n,,,,,,\r\n'
        b'# more\r\nDeposit,2026-01-02,,"10,000",,,'
    )
    assert dressed.content_hash == plain.content_hash == transactions_hash(plain.transactions)
    assert dressed.transactions == plain.transactions
    assert dressed.lines == (7, 4)  # its dates fall


def test_equal_rows_are_kept() -> None:
    """Two equal fills are two transactions, and count for the hash."""
    once, twice = (parse("\n".join([HEADER, *[GOOD["buy"]] * n])) for n in (1, 2))
    assert len(twice.transactions) == 2
    assert once.content_hash != twice.content_hash


REFUSED = [
    ("tomorrow,buy,AAPL,1,2,,,", "Date", "YYYY-MM-DD"),
    ("2026-11-21,buy,AAPL,1,2,,,", "Date", "not after 2026-11-20"),
    (",buy,AAPL,1,2,,,", "Date", "a value is required"),
    ("2026-01-05,,AAPL,1,2,,,", "Type", "one of buy, sell"),
    ("2026-01-05,bought,AAPL,1,2,,,", "Type", "one of buy, sell"),
    ("2026-01-05,=buy,AAPL,1,2,,,", "Type", "formula-like"),
    ("2026-01-05,buy,,1,2,,,", "Symbol", "what the buy is of"),
    ("2026-01-05,buy,=AAPL,1,2,,,", "Symbol", "formula-like"),
    ("2026-01-05,buy,\u00a0-AAPL,1,2,,,", "Symbol", "formula-like"),
    ("2026-01-05,buy,Apple Inc,1,2,,,", "Symbol", "a ticker has"),
    ("2026-01-05,buy,AAPL1261218C00250000,1,2,,,", "Symbol", "adjusted contract"),
    ("2026-01-05,deposit,AAPL,1,,,,", "Symbol", "of cash"),
    (f"2026-01-05,split,{OPTION},2,,,,", "Symbol", "of a stock"),
    ("2026-01-05,expiry,AAPL,2,,,,", "Symbol", "expected an option"),
    (f"2026-01-05,expiry,{OPTION},2,,,,", "Date", "not expire before 2026-12-18"),
    ("2026-01-05,buy,AAPL250117C00250000,1,2,,,", "Date", "had expired on 2025-01-17"),
    ("2026-01-05,buy,AAPL,,2,,,", "Quantity", "a value is required"),
    ("2026-01-05,buy,AAPL,0,2,,,", "Quantity", "other than zero"),
    ("2026-01-05,sell,AAPL,-1,2,,,", "Quantity", "the type says the direction"),
    ("2026-01-05,buy,AAPL,1e3,2,,,", "Quantity", "a plain number"),
    ("2026-01-05,split,AAPL,1,,,,", "Quantity", "new shares for each old"),
    ("2026-01-05,buy,AAPL,1,,,,", "Price", "a value is required"),
    ("2026-01-05,buy,AAPL,1,-2,,,", "Price", "zero or more"),
    ("2026-01-05,deposit,,1,2,,,", "Price", "1 or a blank"),
    ("2026-01-05,split,AAPL,2,2,,,", "Price", "blank cell or 0"),
    ("2026-01-05,buy,AAPL,1,2,-1,,", "Fees", "zero or more"),
    ("2026-01-05,fee,,,,0,,", "Fees", "other than zero"),
    ("2026-01-05,buy,AAPL,999999999999999999,9,,,", "Quantity", "10^18"),
    ("2026-01-05,buy,AAPL,1,2,,EUR,", "Currency", "USD or a blank"),
    ("2026-01-05,buy,AAPL,1,2,,,=cmd()", "Note", "formula-like"),
    (f"2026-01-05,buy,AAPL,1,2,,,{'x' * 201}", "Note", "200 printable"),
]


@pytest.mark.parametrize(("row", "column", "expected"), REFUSED)
def test_one_wrong_cell_is_one_problem_with_its_place(row: str, column: str, expected: str) -> None:
    """Row, column and expectation are named, and nothing else is complained of."""
    problems = problems_of(f"{HEADER}\n{row}\n")
    assert [(p.row, p.column) for p in problems] == [(2, column)], [str(p) for p in problems]
    assert expected in problems[0].expected


def test_everything_wrong_is_told_at_once_in_file_order() -> None:
    """Header and rows are all judged; nothing of the file is returned."""
    text = f"{HEADER},Colour\n2026-13-01,by,=A,0,x,,EUR,,red\n{GOOD['buy']},blue\nx\n"
    assert [(p.row, p.column) for p in problems_of(text)] == [
        (1, "Colour"), (2, "Date"), (2, "Type"), (2, "Symbol"), (2, "Quantity"), (2, "Price"),
        (2, "Currency"), (4, None),
    ]  # fmt: skip


def test_the_header_tells_which_kind_of_file_it_is() -> None:
    """The kind with more of its columns in the header wins, also where one is misspelt."""
    problems = problems_of(f"Date,Typ,Symbol,Quantity,Price\n{GOOD['deposit']}\n")
    assert [(p.column, p.expected) for p in problems[:2]] == [
        ("Typ", "unknown column; the closest known name is Type"),
        ("Type", "the required column is missing from the header"),
    ]
    held = b"Symbol,Quantity,Entry Price Per Share,Entry Date\nAAPL,1,2,2026-01-05\n"
    found = parse_file(BytesIO(held), file_name="a.csv", portfolio_id="a", as_of=AS_OF)
    assert isinstance(found, Book)


def test_a_file_of_transactions_is_no_book() -> None:
    """Where positions are asked for the kind of the file is the problem."""
    content = BytesIO(f"{HEADER}\n{GOOD['buy']}\n".encode())
    with pytest.raises(PortfolioFileError, match="the file is of transactions"):
        parse_portfolio(content, file_name="a.csv", portfolio_id="a", as_of=AS_OF)


def test_a_header_alone_is_refused() -> None:
    """An empty import would quietly take a file's rows away."""
    (problem,) = problems_of(f"{HEADER}\n\n")
    assert problem.expected == "the file has a header and no transaction"


def test_the_example_shows_shorts_options_and_cash() -> None:
    """What is shipped as an example is accepted, and has a row of most types."""
    path = Path(__file__).parents[2] / "examples" / "transactions" / "long_equity.csv"
    kinds = {each.type for each in parse(path.read_bytes()).transactions}
    assert kinds == set(TYPES) - {"split", "option exercise", "assignment"}


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ('2026-01-05,buy,AAPL,"0,500",150,,,,', "Quantity"),
        ('2026-01-05,buy,AAPL,1,"0,950",,,,', "Price"),
        ('2026-01-05,buy,AAPL,1,150,"0,001",,,', "Fees"),
        ('2026-01-05,dividend,AAPL,1,,,"00,100",,', "Amount"),
        (f'2026-01-05,buy,{OPTION},1,2,,,,"0,100"', "Multiplier"),
    ],
)
def test_a_decimal_comma_is_not_read_as_thousands(row: str, column: str) -> None:
    """In no column of numbers does a group begin with 0; what is expected is told."""
    header = "Date,Type,Symbol,Quantity,Price,Fees,Amount,Note,Multiplier"
    (problem,) = problems_of(f"{header}\n{row}\n")
    assert problem.column == column
    assert "thousands as 1,500, decimals with a point as 0.5" in problem.expected
