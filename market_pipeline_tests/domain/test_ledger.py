"""Ledgers: which lots a portfolio has, and what files, transactions and splits did to them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from market_pipeline.domain.bookkeeping import ledger_of
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.transactions import Transaction, cash_effect

CALL = "KO260116C00070000"
SPLIT_CALL = "KO260116C00035000"
D = Decimal


def day(number: int) -> date:
    return date(2026, 1, number)


def done(
    no: int, on: int, kind: str, quantity: str, price: str | None = None, symbol: str | None = "KO",
    fees: str = "0", **rest: Any,
) -> Transaction:  # fmt: skip
    is_option = symbol is not None and len(symbol) > 8
    multiplier = 100 if is_option else 1
    cost = None if price is None else D(price)
    amount = cash_effect(kind, D(quantity), cost, multiplier, D(fees))
    asset_class = None if symbol is None else "option" if is_option else "stock"
    expiration = date(2026, 1, 16) if is_option else None
    return Transaction(
        no, day(on), kind, D(quantity), amount, D(fees), cost, symbol, asset_class, multiplier,
        expiration_date=expiration, **rest,
    )  # fmt: skip


def book(*positions: Position, as_of: date = date(2026, 1, 5)) -> Book:
    return Book("p", "p", as_of, "p.csv", "hash", positions)


def position(no: int, quantity: str, price: str = "10", **rest: Any) -> Position:
    kind = rest.pop("asset_class", "stock")
    return Position(no, rest.pop("symbol", "KO"), kind, D(quantity), D(price), day(2), **rest)


def made(transactions: Sequence[Transaction], held: Book | None = None, **rest: Any) -> Any:
    known = {"splits": {}, "dividends": {}, "values": {}} | rest
    return ledger_of("p", held, transactions, **known)


def gain(lot: Any) -> Any:
    return sum((change.cost - change.paid for change in lot.changes), D(0))


def total(ledger: Any, name: str) -> Any:
    return sum((getattr(c, name) for lot in ledger.lots for c in lot.changes), D(0))


def test_sales_take_the_oldest_lot_first() -> None:
    """Ten at 10 and ten at 20; fifteen sold at 30 gain 200 on the first and 50 on the second."""
    ledger = made([
        done(1, 2, "buy", "10", "10"), done(2, 3, "buy", "10", "20"),
        done(3, 6, "sell", "15", "30"),
    ])  # fmt: skip
    first, second = ledger.lots
    assert (first.quantity, second.quantity) == (0, 5)
    assert (gain(first), gain(second)) == (200, 50)
    assert (first.left_on, second.cost) == (day(6), 100)


def test_a_sale_may_choose_its_lot() -> None:
    """The lot opened that day goes first; what it does not cover, first in first out again."""
    ledger = made([
        done(1, 2, "buy", "10", "10"), done(2, 3, "buy", "10", "20"),
        done(3, 6, "sell", "15", "30", lot_date=day(3)),
    ])  # fmt: skip
    first, second = ledger.lots
    assert (first.quantity, second.quantity) == (5, 0)
    assert (gain(first), gain(second)) == (100, 100)


def test_a_chosen_lot_that_is_not_open_is_told() -> None:
    """Closed by then, of the other side, or of a file that knows no dates: the oldest goes."""
    rows = [
        done(1, 6, "buy", "10", "10"), done(2, 7, "buy", "10", "20"),
        done(3, 8, "sell", "10", "30", lot_date=day(7)),
        done(4, 9, "sell", "5", "30", lot_date=day(7)),
    ]  # fmt: skip
    ledger = made(rows)
    assert [(each.transaction, each.is_of_file) for each in ledger.missed] == [(rows[3], False)]
    assert [lot.quantity for lot in ledger.lots] == [5, 0]
    (missed,) = made(rows, book(position(1, "3"))).missed
    assert (missed.transaction, missed.is_of_file) == (rows[3], True)
    assert not made(rows[:3]).missed


def test_a_sale_beyond_the_holding_is_short_and_a_purchase_closes_it() -> None:
    """Sold 15 of 10 held: five are short, their cost negative; covering at less gains."""
    ledger = made([
        done(1, 2, "buy", "10", "10"), done(2, 3, "sell", "15", "20", fees="3"),
        done(3, 6, "cover", "5", "12"),
    ])  # fmt: skip
    long, short = ledger.lots
    assert (gain(long), gain(short)) == (100, 40)
    assert (short.number, short.quantity, short.entry_date) == (2, 0, day(3))
    assert short.changes[0].quantity == -5
    assert (long.changes[-1].fees, short.changes[0].fees) == (2, 1)


def test_dividends_and_fees_are_shared_by_size_to_the_last_digit() -> None:
    """A dividend on a short is paid; a row of a symbol nobody holds is cash alone."""
    ledger = made([
        done(1, 2, "buy", "1", "10"), done(2, 3, "buy", "2", "10"),
        done(3, 6, "dividend", "1"), done(4, 6, "fee", "0.5"),
        done(5, 7, "short", "5", "8", symbol="PEP"), done(6, 8, "dividend", "-2", symbol="PEP"),
        done(7, 8, "dividend", "3", symbol="GM"),
    ])  # fmt: skip
    one, two, short = ledger.lots
    assert one.changes[1].dividends + two.changes[1].dividends == 1
    assert one.changes[1].dividends == D("0.3333333333")
    assert total(ledger, "fees") == D("0.5")
    assert short.changes[-1].dividends == -2
    assert [move.dividends for move in ledger.cash] == [0, 0, 0, 0, 0, 0, 3]
    assert sum(move.amount for move in ledger.cash) == -10 - 20 + 1 - D("0.5") + 40 - 2 + 3


def test_the_file_contains_what_was_done_up_to_its_date() -> None:
    """Only later transactions change it; numbers of new lots come after the file's."""
    held = book(position(1, "10"), position(7, "500", "1", symbol="CASH", asset_class="cash"))
    ledger = made([done(1, 5, "sell", "4", "30"), done(2, 6, "sell", "4", "30"),
                   done(3, 6, "buy", "1", "20", symbol="PEP")], held)  # fmt: skip
    shares, cash, bought = ledger.lots
    assert (shares.quantity, gain(shares)) == (6, 80)
    assert (cash.quantity, bought.number) == (500, 10)
    assert ledger.keeps_cash
    assert [move.amount for move in ledger.cash] == [120, -20]


@pytest.mark.parametrize(
    ("rows", "keeps"),
    [
        ([done(1, 2, "buy", "1", "10")], False),
        ([done(1, 2, "buy", "1", "10"), done(2, 9, "deposit", "5", symbol=None)], True),
    ],
)
def test_cash_is_kept_where_somebody_told_of_it(rows: list[Transaction], keeps: bool) -> None:
    """By a deposit or withdrawal; trades alone are paid from outside."""
    assert made(rows).keeps_cash is keeps


def test_a_split_row_counts_once() -> None:
    """Where the prices know the split it is theirs; where they do not, the row multiplies."""
    rows = [done(1, 2, "buy", "10", "20"), done(2, 8, "split", "2"), done(3, 9, "sell", "20", "11")]
    known = made(rows, splits={"KO": [(day(6), 2.0)]})
    unknown = made(rows)
    for ledger in (known, unknown):
        (lot,) = ledger.lots
        assert (lot.quantity, gain(lot)) == (0, 20)
    assert known.lots[0].changes[0].quantity == 20
    assert unknown.lots[0].changes[0].quantity == 10


def test_an_option_sold_under_its_new_name_closes_the_old_one() -> None:
    """Two for one: a contract bought as the 70 call is two of the 35 call from the ex-date on."""
    rows = [
        done(1, 2, "buy", "1", "6", symbol=CALL),
        done(2, 8, "sell", "2", "4", symbol=SPLIT_CALL),
    ]
    (lot,) = made(rows, splits={"KO": [(day(6), 2.0)]}).lots
    assert (lot.quantity, gain(lot)) == (0, 200)
    assert [each.symbol for each in lot.series] == [CALL, SPLIT_CALL]


@pytest.mark.parametrize("kind", ["option exercise", "assignment", "expiry"])
@pytest.mark.parametrize("opened", ["buy", "short"])
def test_the_end_of_an_option_takes_the_contracts_and_their_cost(kind: str, opened: str) -> None:
    """Nothing is paid for them: a bought one loses its premium, a written one keeps it."""
    rows = [done(1, 2, opened, "2", "1.5", symbol=CALL), done(2, 20, kind, "2", symbol=CALL)]
    (lot,) = made(rows).lots
    assert (lot.quantity, lot.cost) == (0, 0)
    assert gain(lot) == (-300 if opened == "buy" else 300)
    assert lot.left_on == date(2026, 1, 17), "booked on the 20th, gone when the 16th was over"


def test_declared_dividends_count_while_no_transaction_could_tell_of_them() -> None:
    """For who held before the ex-date; after a file with transactions only rows count."""
    declared = {"KO": [(day(2), D(1)), (day(4), D(1)), (day(8), D(1))]}
    alone = made([], book(position(1, "-10")), dividends=declared)
    assert total(alone, "dividends") == -20
    told = made([done(1, 1, "buy", "1", "9")], book(position(1, "10")), dividends=declared)
    assert total(told, "dividends") == 10


def test_rounding_of_a_split_leaves_no_dust() -> None:
    """Three single shares of before a 1:3 are the one share that is sold after it."""
    buys = [done(no, 2, "buy", "1", "10") for no in (1, 2, 3)]
    ledger = made([*buys, done(4, 9, "sell", "1", "33")], splits={"KO": [(day(6), 1 / 3)]})
    assert [lot.quantity for lot in ledger.lots] == [0, 0, 0]
    assert sum(map(gain, ledger.lots), D(0)) == 3
