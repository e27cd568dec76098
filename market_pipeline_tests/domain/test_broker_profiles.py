"""Exports of brokers as they write them: known by the header, read by our own rules."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import FileProblem, PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file
from market_pipeline.domain.portfolio_csv.option_names import parse_option
from market_pipeline.domain.portfolio_csv.profiles import PROFILES, profile_of
from market_pipeline.domain.transactions import Transaction, TransactionFile

AS_OF = date(2026, 11, 23)
OPTION = "AAPL260116C00150000"

SCHWAB_TRANSACTIONS = """\
"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"
"11/20/2026","Buy","VTI","VANGUARD TOTAL STOCK MARKET","10","$301.25","","-$3,012.50"
"11/20/2026","Sell","BRK/B","BERKSHIRE HATHAWAY","1","$455.20","$0.01","$455.19"
"11/19/2026","Sell to Open","AAPL 01/15/2027 150.00 C","CALL APPLE INC","2","$3.45","$1.32","$688.68"
"11/18/2026 as of 11/17/2026","Qualified Dividend","KO","COCA-COLA CO","","","","$48.50"
"11/17/2026","Bank Interest","","BANK INT 101626-111526","","","","$1.07"
"11/16/2026","MoneyLink Transfer","","Tfr BANK","","","","-$2,500.00"
"11/16/2026","ADR Mgmt Fee","TSM","TAIWAN SEMICONDUCTOR","","","","-$0.45"
"01/20/2026","Expired","AAPL 01/16/2026 150.00 C","CALL APPLE INC","1","","",""
"Transactions Total","","","","","","","-$4,776.20"
"""  # noqa: E501

FIDELITY_ACTIVITY = """\


Run Date,Action,Symbol,Description,Type,Quantity,Price ($),Commission ($),Fees ($),Accrued Interest ($),Amount ($),Settlement Date
 11/20/2026,YOU BOUGHT VANGUARD INDEX FDS (VTI) (Cash), VTI,VANGUARD INDEX FDS,Cash,3,301.25,,,,-903.75,11/23/2026
 11/19/2026,YOU SOLD OPENING TRANSACTION CALL (AAPL) APPLE INC, -AAPL270115C150,CALL (AAPL),Margin,-2,3.45,1.3,0.02,,688.68,11/20/2026
 11/18/2026,DIVIDEND RECEIVED COCA-COLA CO (KO) (Cash), KO,COCA-COLA CO,Cash,,,,,,48.5,
 11/18/2026,REINVESTMENT COCA-COLA CO (KO) (Cash), KO,COCA-COLA CO,Cash,0.7,69.29,,,,-48.5,
 11/17/2026,REINVESTMENT FIDELITY GOVERNMENT MONEY MARKET (SPAXX) (Cash), SPAXX,FIDELITY,Cash,3.1,1,,,,-3.1,
 11/17/2026,Electronic Funds Transfer Received (Cash), , No Description,Cash,,,,,,1000,
 11/16/2026,FOREIGN TAX PAID TAIWAN SEMICONDUCTOR (TSM) (Cash), TSM,TAIWAN,Cash,,,,,,-4.5,
 01/16/2026,EXPIRED CALL (AAPL) APPLE INC, -AAPL260116C150,CALL (AAPL),Margin,2,,,,,0,

"The data and information in this spreadsheet is provided to you solely for your use, and more"
"informational purposes only, and is not intended to provide advice"

Date downloaded 11/20/2026 4:15 pm
"""  # noqa: E501

FLEX_TRADES = """\
"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","Description","Multiplier","Strike","Expiry","Put/Call","TradeDate","Quantity","TradePrice","IBCommission","Buy/Sell","Open/CloseIndicator","Notes/Codes","LevelOfDetail"
"U1","USD","STK","BRK B","BERKSHIRE","1","","","","20261119","10","455.2","-1","BUY","O","","EXECUTION"
"U1","USD","STK","TSLA","TESLA","1","","","","20261119","-5","300.5","-0.7","SELL","O","P","EXECUTION"
"U1","USD","STK","TSLA","TESLA","1","","","","20261119","-5","300.5","-0.7","SELL","O","P","ORDER"
"U1","USD","STK","TSLA","TESLA","1","","","","20261120","5","299","-0.7","BUY","C","","EXECUTION"
"U1","USD","OPT","AAPL  260116C00150000","AAPL","100","150","20260116","C","20260116","2","0","0","BUY","C","Ep","EXECUTION"
"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","Description","Multiplier","Strike","Expiry","Put/Call","TradeDate","Quantity","TradePrice","IBCommission","Buy/Sell","Open/CloseIndicator","Notes/Codes","LevelOfDetail"
"""  # noqa: E501

ROBINHOOD = """\
"Activity Date","Process Date","Settle Date","Instrument","Description","Trans Code","Quantity","Price","Amount"
"11/20/2026","11/20/2026","11/23/2026","VTI","Vanguard Total Stock Market
CUSIP: 922908769","Buy","0.5","$301.25","($150.63)"
"11/19/2026","11/19/2026","11/20/2026","AAPL","AAPL 1/15/2027 Call $150.00","STO","1","$3.45","$344.95"
"11/18/2026","11/18/2026","11/18/2026","KO","Cash Div: R/D 2026-11-02","CDIV","","","$4.85"
"11/17/2026","11/17/2026","11/17/2026","","ACH Withdrawal","ACH","","","($500.00)"
"01/16/2026","01/16/2026","01/16/2026","AAPL","Option Expiration for AAPL 1/16/2026 Call $150.00","OEXP","1S","",""
"","","","","","","","","","The data provided is for informational purposes only. Please consult a professional."
"""  # noqa: E501

SCHWAB_POSITIONS = """\
"Positions for account Individual ...123 as of 04:36 PM ET, 2026/11/20","","","","","",""

"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Security Type"
"AAPL","APPLE INC","30","$250.00","$7,500.00","$4,000.00","Equity"
"AAPL 01/15/2027 150.00 C","CALL APPLE INC","-2","$105.00","-$21,000.00","$690.00","Option"
"Cash & Cash Investments","--","--","--","$1,234.56","--","Cash and Money Market"
"Account Total","","--","--","-$12,265.44","$4,690.00","--"
"""  # noqa: E501

FIDELITY_POSITIONS = """\
Account Number,Account Name,Symbol,Description,Quantity,Last Price,Last Price Change,Current Value,Percent Of Account,Cost Basis Total,Average Cost Basis,Type
X123,Individual,SPAXX**,HELD IN MONEY MARKET,,,,$1234.56,5%,,,Cash,
X123,Individual,AAPL,APPLE INC,30,$250.00,+$1.00,$7500.00,30%,$4000.00,$133.33,Margin,
X123,Individual, -AAPL270115C150,AAPL JAN 15 2027 $150 CALL,-2,$105.00,+$1.00,-$21000.00,30%,$690.00,$3.45,Margin,
X123,Individual,Pending Activity,,,,,-$100.00,,,,

"The data and information in this spreadsheet is provided to you solely for your use"

Date downloaded Nov-20-2026 4:15 p.m ET
"""  # noqa: E501


def parse(text: str) -> Book | TransactionFile:
    """Read a file given as text."""
    content = BytesIO(text.encode())
    return parse_file(content, file_name="export.csv", portfolio_id="a", as_of=AS_OF)


def transactions(text: str) -> Sequence[Transaction]:
    """Read a broker's activity."""
    found = parse(text)
    assert isinstance(found, TransactionFile)
    return found.transactions


def problems_of(text: str) -> tuple[FileProblem, ...]:
    """Give the problems a file is refused for."""
    with pytest.raises(PortfolioFileError) as caught:
        parse(text)
    return caught.value.problems


def told(text: str) -> list[tuple[str, str, str | None, str, str]]:
    """Give day, type, symbol, quantity and cash of every transaction."""
    return [
        (f"{t.trade_date}", t.type, t.symbol, f"{t.quantity}", f"{t.amount_usd.normalize():f}")
        for t in transactions(text)
    ]


def test_schwab_transactions() -> None:
    """Signs, dollars, `as of` days, options, transfers by sign; the total row is no transaction."""
    assert told(SCHWAB_TRANSACTIONS) == [
        ("2026-01-20", "expiry", OPTION, "1", "0"),
        ("2026-11-16", "fee", "TSM", "0.45", "-0.45"),
        ("2026-11-16", "withdrawal", None, "2500", "-2500"),
        ("2026-11-17", "interest", None, "1.07", "1.07"),
        ("2026-11-17", "dividend", "KO", "48.5", "48.5"),
        ("2026-11-19", "short", "AAPL270115C00150000", "2", "688.68"),
        ("2026-11-20", "sell", "BRK.B", "1", "455.19"),
        ("2026-11-20", "buy", "VTI", "10", "-3012.5"),
    ]


def test_fidelity_activity() -> None:
    """Actions by their first words, marked options, fees of two columns, disclaimers passed over.

    A reinvestment in the fund where cash rests moves no cash.
    """
    assert told(FIDELITY_ACTIVITY) == [
        ("2026-01-16", "expiry", OPTION, "2", "0"),
        ("2026-11-16", "fee", "TSM", "4.5", "-4.5"),
        ("2026-11-17", "deposit", None, "1000", "1000"),
        ("2026-11-18", "buy", "KO", "0.7", "-48.5"),
        ("2026-11-18", "dividend", "KO", "48.5", "48.5"),
        ("2026-11-19", "short", "AAPL270115C00150000", "2", "688.68"),
        ("2026-11-20", "buy", "VTI", "3", "-903.75"),
    ]
    assert transactions(FIDELITY_ACTIVITY)[-2].fees_usd == Decimal("1.32")


def test_flex_trades_of_interactive_brokers() -> None:
    """Executions only, shorts and covers by the indicator, share classes, expiries by the code."""
    assert told(FLEX_TRADES) == [
        ("2026-11-19", "buy", "BRK.B", "10", "-4553"),
        ("2026-11-19", "short", "TSLA", "5", "1501.8"),
        ("2026-11-20", "cover", "TSLA", "5", "-1495.7"),
        ("2026-01-16", "expiry", OPTION, "2", "0"),
    ]


def test_robinhood_activity() -> None:
    """Amounts in parentheses, contracts from the description, the mark of a short expiry."""
    assert told(ROBINHOOD) == [
        ("2026-01-16", "expiry", OPTION, "1", "0"),
        ("2026-11-17", "withdrawal", None, "500", "-500"),
        ("2026-11-18", "dividend", "KO", "4.85", "4.85"),
        ("2026-11-19", "short", "AAPL270115C00150000", "1", "344.95"),
        ("2026-11-20", "buy", "VTI", "0.5", "-150.63"),
    ]


@pytest.mark.parametrize("text", [SCHWAB_POSITIONS, FIDELITY_POSITIONS])
def test_positions_are_entered_on_the_day_of_the_file_at_their_cost(text: str) -> None:
    """Cost of all by units gives the price; shorts, options and cash are what they are."""
    book = parse(text)
    assert isinstance(book, Book)
    assert book.as_of_date == date(2026, 11, 20)
    assert {position.entry_date for position in book.positions} == {book.as_of_date}
    held = {p.symbol: (p.asset_class, p.quantity, p.entry_price_usd) for p in book.positions}
    assert held["AAPL"] == ("stock", Decimal(30), Decimal("133.3333333333"))
    assert held["AAPL270115C00150000"] == ("option", Decimal(-2), Decimal("3.45"))
    cash = {name: row for name, row in held.items() if row[0] == "cash"}
    if text == SCHWAB_POSITIONS:
        assert cash == {"CASH": ("cash", Decimal("1234.56"), Decimal(1))}
    else:
        assert cash == {
            "SPAXX": ("cash", Decimal("1234.56"), Decimal(1)),
            "PENDING": ("cash", Decimal(-100), Decimal(1)),
        }  # fmt: skip


@pytest.mark.parametrize(("name", "symbol"), [("FDRXX**", "FDRXX"), ("QPISQ**", "CASH")])
def test_where_fidelity_lets_cash_rest_is_cash(name: str, symbol: str) -> None:
    """A core position is in dollars, also where its ticker is not known."""
    book = parse(FIDELITY_POSITIONS.replace("SPAXX**", name))
    assert isinstance(book, Book)
    assert (book.positions[0].symbol, book.positions[0].asset_class) == (symbol, "cash")


def test_a_currency_that_fidelity_would_mark_as_core_is_refused() -> None:
    """The mark does not make dollars of euros."""
    (problem,) = problems_of(FIDELITY_POSITIONS.replace("SPAXX**", "EUR**"))
    assert (problem.row, problem.column) == (2, "Symbol")


def test_the_same_export_gives_the_same_book_on_another_day() -> None:
    """The day comes from the file, not from the clock."""
    books = [
        parse_file(
            BytesIO(FIDELITY_POSITIONS.encode()), file_name="a.csv", portfolio_id="a", as_of=day
        )
        for day in (AS_OF, date(2027, 3, 1))
    ]
    assert books[0] == books[1]


def test_a_list_of_holdings_without_its_day_is_refused() -> None:
    """Guessing the day would date the same file differently on every import."""
    text = FIDELITY_POSITIONS.replace("Date downloaded Nov-20-2026 4:15 p.m ET\n", "")
    (problem,) = problems_of(text)
    assert "does not say of which day it is" in problem.expected
    late = FIDELITY_POSITIONS.replace("Nov-20", "Dec-20")
    assert any("not after 2026-11-23" in p.expected for p in problems_of(late))


@pytest.mark.parametrize(
    ("text", "known", "unknown", "place"),
    [
        (SCHWAB_TRANSACTIONS, '"Buy"', '"Stock Split"', (2, "Action", "Stock Split")),
        (FIDELITY_ACTIVITY, "YOU BOUGHT", "TRANSFERRED FROM",
         (4, "Action", "TRANSFERRED FROM VANGUARD INDEX FDS (VTI...")),
        (FLEX_TRADES, '"BUY","O"', '"BUY (Ca.)","O"', (2, "Buy/Sell", "BUY (Ca.)")),
        (FLEX_TRADES, '"STK","BRK', '"FUT","BRK', (2, "AssetClass", "FUT")),
        (FLEX_TRADES, '"100","150"', '"10.5","150"', (6, "Multiplier", "10.5")),
        (FLEX_TRADES, '"BERKSHIRE","1"', '"BERKSHIRE","7"', (2, "Multiplier", "7")),
        (ROBINHOOD, '"CDIV"', '"SPL"', (5, "Trans Code", "SPL")),
    ],
)  # fmt: skip
def test_a_word_no_profile_knows_is_an_error_with_its_place(
    text: str, known: str, unknown: str, place: tuple[int, str, str]
) -> None:
    """Nothing is passed over silently: the broker's own column and word are named."""
    (problem,) = problems_of(text.replace(known, unknown, 1))
    assert (problem.row, problem.column, problem.value) == place


def test_errors_name_the_columns_of_the_broker() -> None:
    """A person looks for the problem in the file they have."""
    text = SCHWAB_TRANSACTIONS.replace('"10","$301.25"', '"ten","abc"')
    assert [(p.row, p.column, p.value) for p in problems_of(text)] == [
        (2, "Quantity", "ten"), (2, "Price", "abc"),
    ]  # fmt: skip
    text = FIDELITY_POSITIONS.replace("$4000.00", "n/a")
    (problem,) = problems_of(text)
    assert (problem.row, problem.column) == (3, "Cost Basis Total")


def test_money_that_is_not_in_dollars_is_refused() -> None:
    """A trade in euros does not pass for one in dollars."""
    (problem,) = problems_of(FLEX_TRADES.replace('"U1","USD"', '"U1","EUR"', 1))
    assert (problem.row, problem.column, problem.value) == (2, "CurrencyPrimary", "EUR")


FLEX_COLUMNS = (
    '"CurrencyPrimary","AssetClass","Symbol","TradeDate","SettleDateTarget","Quantity",'
    '"TradePrice","IBCommission","IBCommissionCurrency","Buy/Sell","LevelOfDetail"\n'
)
FLEX_ROW = '"USD","STK","KO","{}","{}","10","60","{}","{}","BUY","{}"\n'


@pytest.mark.parametrize(
    ("commission", "currency"),
    [("-1", "USD"), ("-1", ""), ("-1", "usd"), ("0", "EUR"), ("", "EUR")],
)
def test_a_commission_in_dollars_or_of_nothing_is_taken(commission: str, currency: str) -> None:
    """Nothing in euros is nothing in dollars."""
    row = FLEX_ROW.format("20261119", "20261120", commission, currency, "EXECUTION")
    (bought,) = transactions(FLEX_COLUMNS + row)
    assert bought.fees_usd == -Decimal(commission or 0)


def test_a_commission_in_another_currency_is_refused() -> None:
    """It is not added to dollars as if it were some."""
    row = FLEX_ROW.format("20261119", "20261120", "-1.5", "EUR", "EXECUTION")
    (problem,) = problems_of(FLEX_COLUMNS + row)
    assert (problem.row, problem.column, problem.value) == (2, "IBCommissionCurrency", "EUR")
    assert "commission is not in US dollars" in problem.expected


@pytest.mark.parametrize(
    ("day", "settled", "level", "column"),
    [
        ("13/11/2026", "16/11/2026", "EXECUTION", "TradeDate"),
        ("11/11/2026", "13/11/2026", "EXECUTION", "SettleDateTarget"),
        ("13/11/2026", "", "ORDER", "TradeDate"),  # a row that is passed over
        ("13/11/2026;093000", "", "ORDER", "TradeDate"),
    ],
)
def test_dates_that_are_day_first_are_not_read_month_first(
    day: str, settled: str, level: str, column: str
) -> None:
    """One date that can only be day first refuses the file: May 11 was November 5."""
    ambiguous = FLEX_ROW.format("05/11/2026", "06/11/2026", "-1", "USD", "EXECUTION")
    telling = FLEX_ROW.format(day, settled, "-1", "USD", level)
    (problem,) = problems_of(FLEX_COLUMNS + ambiguous + telling)
    assert (problem.row, problem.column) == (3, column)
    assert "yyyyMMdd" in problem.expected


def test_dates_with_the_month_first_are_taken() -> None:
    """What no date contradicts is read as US brokers write it."""
    row = FLEX_ROW.format("11/19/2026", "11/20/2026", "-1", "USD", "EXECUTION")
    assert transactions(FLEX_COLUMNS + row)[0].trade_date == date(2026, 11, 19)


def test_an_amount_that_contradicts_its_row_is_refused() -> None:
    """A misread unit (shares for contracts, a wrong sign) cannot pass."""
    text = SCHWAB_TRANSACTIONS.replace("$688.68", "-$688.68")
    (problem,) = problems_of(text)
    assert (problem.row, problem.column) == (4, "Amount")


def test_charges_without_a_column_are_the_fee() -> None:
    """Robinhood takes them off the amount; more than regulators ask is a contradiction."""
    sale = '"11/16/2026","11/16/2026","11/17/2026","AAPL","Apple","Sell","{}","{}","{}"\n'
    text = ROBINHOOD.splitlines(keepends=True)[0]
    (sold,) = transactions(text + sale.format("1000", "$250.0000", "$249,992.89"))
    assert (sold.amount_usd, sold.fees_usd) == (Decimal("249992.89"), Decimal("7.11"))
    (few,) = transactions(text + sale.format("1", "$250.00", "$249.99"))
    assert (few.amount_usd, few.fees_usd) == (Decimal("249.99"), Decimal(0))
    for amount in ("$249,950.00", "$250,007.11"):
        (problem,) = problems_of(text + sale.format("1000", "$250.0000", amount))
        assert (problem.row, problem.column) == (2, "Amount")
        assert "expected about 250000.00" in problem.expected


def test_a_rebate_and_taxes_are_in_the_net_cash() -> None:
    """Interactive Brokers states both; the net cash is held against them."""
    names = (
        '"CurrencyPrimary","AssetClass","Symbol","TradeDate","Quantity","TradePrice",'
        '"IBCommission","Taxes","NetCash","Buy/Sell"\n'
    )
    row = '"USD","STK","KO","20261119","100","60.12345","{}","{}","{}","BUY"\n'
    (rebate,) = transactions(names + row.format("0.2", "0", "-6012.145"))
    assert (rebate.amount_usd, rebate.fees_usd) == (Decimal("-6012.145"), Decimal("-0.2"))
    (taxed,) = transactions(names + row.format("-1", "-0.5", "-6013.845"))
    assert (taxed.amount_usd, taxed.fees_usd) == (Decimal("-6013.845"), Decimal("1.5"))
    (problem,) = problems_of(names + row.format("-1", "-0.5", "-6013.345"))
    assert problem.column == "NetCash"


def test_a_row_with_missing_cells_is_a_problem() -> None:
    """A file cut short in the middle of a row is not read as far as it goes."""
    cut = SCHWAB_TRANSACTIONS[: SCHWAB_TRANSACTIONS.index(',"-$3,012.50"')]
    (problem,) = problems_of(cut)
    assert (problem.row, problem.column) == (2, None)


def test_every_profile_is_known_by_its_header_alone() -> None:
    """No header fits two profiles, in any case of letters."""
    for profile in PROFILES:
        either = profile.signature
        for names in ([each[0] for each in either], [each[-1].upper() for each in either]):
            assert profile_of(names) is profile
            keys = {name.casefold() for name in names}
            assert sum(other.knows(keys) for other in PROFILES) == 1


@pytest.mark.parametrize(
    "text",
    [OPTION, "-AAPL260116C150", " -AAPL260116C150.00", "AAPL 01/16/2026 150.00 C",
     "AAPL 1/16/2026 Call $150.00", "AAPL  260116C00150000", "aapl 1/16/2026 150 c"],
)  # fmt: skip
def test_an_option_in_a_brokers_writing(text: str) -> None:
    """All the writings of one contract are one contract."""
    contract = parse_option(text)
    assert contract is not None
    assert contract.occ == OPTION


@pytest.mark.parametrize(
    "text",
    [
        "AAPL",
        "-AAPL",
        "AAPL 13/16/2026 150.00 C",
        "AAPL 1/16/2026 Call $0,500",
        "AAPL260116C0",
        "AAPL260116C150.0001",
        "",
    ],
)
def test_what_is_no_option(text: str) -> None:
    """An impossible day, strike or form is none."""
    assert parse_option(text) is None
