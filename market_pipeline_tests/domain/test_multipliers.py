"""What a contract stands for: stated by the file, looked up in the listing, never assumed."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.moving_dollars import moving_dollars
from market_pipeline.domain.option_contracts import as_listed, stated_multipliers
from market_pipeline.domain.price_rules import QUOTE_FLAGS
from market_pipeline.domain.symbols import stock_delivered
from market_pipeline.operations.transactions import positions_frame, transactions_frame
from market_pipeline_tests.domain.test_moving_dollars import greeks, positions, quotes, row
from market_pipeline_tests.domain.test_portfolio_csv import parse as book_of
from market_pipeline_tests.domain.test_portfolio_csv_refusals import one_problem
from market_pipeline_tests.domain.test_transactions_csv import parse as file_of

MINI, ADJUSTED, PLAIN = "AAPL7270617C00250000", "AAPL1270617C00250000", "AAPL270617C00250000"
HEADER = "Symbol,Quantity,Entry Price Per Share,Entry Date,Multiplier"
TRADES = "Date,Type,Symbol,Quantity,Price,Multiplier"


def held(symbol: str, multiplier: str) -> Position:
    (position,) = book_of(f"{HEADER}\n{symbol},2,4.20,2026-01-13,{multiplier}\n").positions
    return position


@pytest.mark.parametrize(
    ("symbol", "stated", "expected"),
    [(MINI, "10", 10), (ADJUSTED, "100", 100), (PLAIN, "", 100), (PLAIN, "10", 10), ("KO", "1", 1)],
)
def test_a_position_stands_for_what_its_file_says(symbol: str, stated: str, expected: int) -> None:
    """Blank is the standard; the stock of a root with a digit is the one without it."""
    position = held(symbol, stated)
    assert position.multiplier == expected
    assert position.underlying == ("AAPL" if symbol != "KO" else None)


@pytest.mark.parametrize(
    ("symbol", "stated", "column"),
    [
        (MINI, "", "Symbol"), (ADJUSTED, "", "Symbol"), (PLAIN, "0", "Multiplier"),
        (PLAIN, "-10", "Multiplier"), (PLAIN, "2.5", "Multiplier"), (PLAIN, "1e9", "Multiplier"),
        (PLAIN, "99999", "Multiplier"), ("KO", "100", "Multiplier"),
    ],
)  # fmt: skip
def test_what_a_contract_stands_for_is_never_guessed(symbol: str, stated: str, column: str) -> None:
    """A digit in the root must be explained; nonsense is refused with its place."""
    assert one_problem(f"{HEADER}\n{symbol},2,4.20,2026-01-13,{stated}\n").column == column


def test_cash_of_a_trade_follows_from_the_multiplier_of_its_contract() -> None:
    """Two minis at 4.20 cost 84 dollars, not 840."""
    (row,) = file_of(f"{TRADES}\n2026-01-13,buy,{MINI},2,4.20,10\n").transactions
    assert (row.multiplier, row.amount_usd, row.underlying) == (10, Decimal(-84), "AAPL")


def test_what_is_exported_reads_as_the_same() -> None:
    """The column is written where a blank cell would mean another number."""
    rows = f"{MINI},2,4.20,2026-01-13,10\n{PLAIN},1,4,2026-01-13,\nKO,1,60,2026-01-13,\n"
    book = book_of(f"{HEADER}\n{rows}")
    exported = positions_frame(book)
    assert exported["Multiplier"].tolist() == [10, None, None]
    assert book_of(exported.to_csv(index=False)).positions == book.positions
    trades = file_of(f"{TRADES}\n2026-01-13,buy,{MINI},2,4.20,10\n2026-01-13,buy,KO,1,9,\n")
    written = transactions_frame(trades.transactions).to_csv(index=False)
    assert file_of(written).transactions == trades.transactions


def test_a_broker_states_the_multiplier() -> None:
    """Interactive Brokers has a column of it."""
    text = (
        '"CurrencyPrimary","AssetClass","Symbol","Multiplier","TradeDate","Quantity","TradePrice",'
        '"IBCommission","Buy/Sell","Open/CloseIndicator"\n'
        '"USD","OPT","AAPL7 270617C00250000","10","20260113","2","4.20","0","BUY","O"\n'
    )
    (row,) = file_of(text).transactions
    assert (row.symbol, row.multiplier, row.amount_usd) == (MINI, 10, Decimal(-84))


def test_a_bar_takes_the_multiplier_of_the_listing_then_of_the_book() -> None:
    """What a snapshot tells other than the standard wins over both; unknown stays standard."""
    quotes = pd.DataFrame(
        {
            "symbol": [MINI, ADJUSTED, PLAIN, "KO1270617C00250000"],
            "multiplier": [100, 100, 100, 150],
        }
    )
    book = Book("a", "A", date(2026, 1, 13), "", "", (held(MINI, "20"), held(ADJUSTED, "50")))
    found = as_listed(quotes, {MINI: 10, "KO1270617C00250000": 10}, stated_multipliers([book]))
    assert found["multiplier"].tolist() == [10, 50, 100, 150]


def test_the_share_prices_a_mini_and_no_adjusted_contract() -> None:
    """A mini delivers the stock itself; of the other the share says nothing."""
    assert stock_delivered(MINI, 10) == "AAPL"
    assert stock_delivered(ADJUSTED, 100) is None
    (rule,) = (each for each in QUOTE_FLAGS if each.name == "below_intrinsic")
    rows = pd.DataFrame(
        {
            "symbol": [PLAIN, MINI, ADJUSTED], "multiplier": [100, 10, 100], "option_type": "call",
            "underlying_price": 300.0, "strike_usd": 250.0, "price_usd": 30.0, "bid": 29.0,
            "ask": 31.0, "price_kind": "mid",
        }
    )  # fmt: skip
    assert rule.breaks(rows).tolist() == [True, True, False]


def test_an_adjusted_contract_has_no_dollars_of_the_share() -> None:
    """Its delta is of another deliverable; a mini's is of ten shares."""
    lots = positions((MINI, "option", 2, 10, 84.0), (ADJUSTED, "option", 2, 100, 840.0))
    market = quotes(AAPL=(200.0, None), **{MINI: (4.2, 0.5), ADJUSTED: (4.2, 0.5)})
    found = moving_dollars(lots, market, greeks(), {})
    assert row(found, MINI)["base_usd"] == 2_000.0
    assert found.set_index("symbol")["base_usd"].isna()[ADJUSTED]
    assert row(found, ADJUSTED)["gross_usd"] == 840.0
