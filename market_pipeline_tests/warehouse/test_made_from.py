"""Snapshots on top of stored ones, after what they were made from was corrected."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_pipeline.assets.snapshots import Valuing
from market_pipeline.automation.corrected import corrected
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.snapshots import Snapshots
from market_pipeline.domain.transactions import Transaction, TransactionFile, cash_effect
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.input_changes import pasts_stored, pasts_told
from market_pipeline_tests.fakes import CALENDAR
from market_pipeline_tests.warehouse.revisions import take_back

SESSIONS = CALENDAR.sessions(date(2026, 10, 26), date(2026, 11, 6))
NOT_LAST = SESSIONS[:-1]
AS_OF, AT = SESSIONS[-1], datetime(2026, 11, 6, 22, tzinfo=UTC)
SYMBOLS = ("KO", "PEP")
MONEY = st.sampled_from([Decimal("9.5"), Decimal(40), Decimal("77.77")])
SOME = st.sampled_from([Decimal(1), Decimal(5), Decimal(-3)])
NUMBERS = count()


@dataclass(frozen=True)
class Told:
    """What is stated of a portfolio of positions, and of another of transactions."""

    positions: tuple[Position, ...]
    transactions: tuple[Transaction, ...]


def lot(symbol: str, quantity: Decimal, price: Decimal, entry: date, out: date | None) -> Position:
    has_left = out is not None and out >= entry
    return Position(
        0, symbol, "stock", quantity, price, entry, exit_date=out if has_left else None,
        exit_price_usd=Decimal(50) if has_left else None,
    )  # fmt: skip


def trade(day: date, kind: str, symbol: str, quantity: Decimal, price: Decimal) -> Transaction:
    quantity = abs(quantity)
    if kind == "deposit":
        amount = cash_effect(kind, quantity * 1000, None, 1, Decimal(0))
        return Transaction(0, day, kind, quantity * 1000, amount)
    amount = cash_effect(kind, quantity, price, 1, Decimal(0))
    return Transaction(0, day, kind, quantity, amount, Decimal(0), price, symbol, "stock")


EDITS = ("moved", "changed", "added", "dropped")
DAYS = st.sampled_from(NOT_LAST)
LOTS = st.builds(lot, st.sampled_from(SYMBOLS), SOME, MONEY, DAYS, st.none() | DAYS)
TRADES = st.builds(
    trade, DAYS, st.sampled_from(["buy", "sell", "deposit"]), st.sampled_from(SYMBOLS), SOME, MONEY
)
LISTS = st.builds(
    Told,
    st.lists(LOTS, min_size=1, max_size=4).map(tuple),
    st.lists(TRADES, min_size=1, max_size=5).map(tuple),
)


Row = TypeVar("Row", bound=Position | Transaction)


def edited(rows: tuple[Row, ...], at: int, edit: str, other: Row) -> tuple[Row, ...]:
    """Change a row, add one, take one away, or move one to the day of another."""
    place = at % len(rows)
    here = rows[place]
    instead = {
        "moved": [moved(here, day_of(other))], "changed": [other], "added": [here, other],
        "dropped": [] if len(rows) > 1 else [other],
    }  # fmt: skip
    return (*rows[:place], *instead[edit], *rows[place + 1 :])


def day_of(row: Position | Transaction) -> date:
    return row.entry_date if isinstance(row, Position) else row.trade_date


def moved(row: Row, day: date) -> Row:
    if isinstance(row, Position):
        return replace(row, entry_date=day, exit_date=None, exit_price_usd=None)
    return replace(row, trade_date=day)


def import_told(warehouse: Warehouse, told: Told) -> None:
    """Import both files in place of those before."""
    positions = tuple(replace(p, position_no=no) for no, p in enumerate(told.positions, 1))
    book = Book("list", "list", AS_OF, "list.csv", f"{next(NUMBERS):064d}", positions)
    warehouse.import_book(book, AT)
    rows = tuple(replace(one, transaction_no=no) for no, one in enumerate(told.transactions, 1))
    warehouse.transactions.import_file(
        TransactionFile("trades", "trades.csv", f"{next(NUMBERS):064d}", rows), AT
    )


def value(warehouse: Warehouse, first: date, last: date) -> Snapshots:
    return Valuing(warehouse, CALENDAR, first).value(first, last)


def store(warehouse: Warehouse, first: date, last: date) -> Snapshots:
    found = value(warehouse, first, last)
    tables = {"portfolio_snapshots": found.portfolios, "portfolio_positions": found.positions}
    warehouse.replace_ranges(tables, first, last)
    return found


def market() -> pd.DataFrame:
    """Give a random walk of every symbol as `market_data_cache` rows."""
    days = CALENDAR.sessions(date(2026, 10, 12), SESSIONS[-1])
    steps = np.random.default_rng(3).normal(0, 0.05, (len(SYMBOLS), len(days)))
    walks = zip(SYMBOLS, 50 * np.exp(np.cumsum(steps, axis=1)), strict=True)
    rows: dict[str, Any] = {
        "session_date": pd.DatetimeIndex(days * len(SYMBOLS)),
        "symbol": np.repeat(SYMBOLS, len(days)),
        "price_usd": np.concatenate([walk.round(2) for _, walk in walks]),
    }  # fmt: skip
    frame = pd.DataFrame(rows).assign(
        asset_class="stock", price_kind="close", dividend_usd=0.0, split_ratio=0.0, multiplier=1,
        source="yahoo", fetched_at=pd.Timestamp(AT),
    )  # fmt: skip
    optional = ["open", "high", "low", "adj_close", "volume", "return_1d", "delta", "flags"]
    return frame.assign(**dict.fromkeys(optional, None))


@pytest.fixture
def priced(warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with prices."""
    rows = market()
    warehouse.replace_range(
        "market_data_cache", rows, rows["session_date"].min().date(), SESSIONS[-1]
    )
    return warehouse


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    LISTS, st.integers(0, 4), st.sampled_from(EDITS), LOTS, TRADES,
)  # fmt: skip
def test_a_session_on_top_of_outdated_ones_equals_the_whole_range(
    priced: Warehouse, told: Told, at: int, edit: str, other: Position, another: Transaction
) -> None:
    """To the bit, whatever was corrected in files of positions and of transactions."""
    import_told(priced, told)
    store(priced, SESSIONS[0], SESSIONS[-2])
    corrected = Told(
        edited(told.positions, at, edit, other), edited(told.transactions, at, edit, another)
    )
    import_told(priced, corrected)
    alone = value(priced, SESSIONS[-1], SESSIONS[-1])
    whole = value(priced, SESSIONS[0], SESSIONS[-1])
    for part, rows in (
        (alone.portfolios, whole.portfolios), (alone.positions, whole.positions),
    ):  # fmt: skip
        is_last = rows["session_date"] == pd.Timestamp(SESSIONS[-1])
        pd.testing.assert_frame_equal(
            part, rows[is_last].reset_index(drop=True), check_exact=True, check_dtype=False
        )


ONE_LOT = lot("KO", Decimal(100), Decimal(40), SESSIONS[1], None)
MOVED_LOT = lot("PEP", Decimal(50), Decimal(40), SESSIONS[1], None)
A_DEPOSIT = trade(SESSIONS[1], "deposit", "", Decimal(9), Decimal(0))
A_BUY = trade(SESSIONS[1], "buy", "KO", Decimal(20), Decimal(40))


def test_dates_that_move_leave_the_amounts_and_not_the_return(priced: Warehouse) -> None:
    """An entry and a deposit some days later: all amounts of the day before stay, its growth not.

    Chained from what was stored, Friday would have another growth than the range has.
    """
    late = trade(SESSIONS[1], "deposit", "", Decimal(90), Decimal(0))
    import_told(priced, Told((ONE_LOT, MOVED_LOT), (A_DEPOSIT, A_BUY, late)))
    old = store(priced, SESSIONS[0], SESSIONS[-2]).portfolios
    corrected = Told(
        (ONE_LOT, replace(MOVED_LOT, entry_date=SESSIONS[5])),
        (A_DEPOSIT, A_BUY, replace(late, trade_date=SESSIONS[5])),
    )
    import_told(priced, corrected)
    new = value(priced, SESSIONS[0], SESSIONS[-2]).portfolios
    before, after = (
        rows[rows["session_date"] == pd.Timestamp(SESSIONS[-2])] for rows in (old, new)
    )
    for column in ("equity_usd", "flows_usd", "invested_usd", "cumulative_pnl_usd"):
        assert before[column].tolist() == after[column].tolist()
    assert (before["growth"].to_numpy() != after["growth"].to_numpy()).all()
    assert (before["made_from"].to_numpy() != after["made_from"].to_numpy()).all()
    alone = value(priced, SESSIONS[-1], SESSIONS[-1]).portfolios
    whole = value(priced, SESSIONS[0], SESSIONS[-1]).portfolios.tail(2)
    assert alone["growth"].tolist() == whole["growth"].tolist()


def test_nothing_is_chained_from_a_row_without_a_digest(priced: Warehouse) -> None:
    """What was made before digests were kept may be from another past: it is not gone on from."""
    import_told(priced, Told((ONE_LOT,), (A_DEPOSIT, A_BUY)))
    rows = store(priced, SESSIONS[0], SESSIONS[-2]).portfolios
    right = value(priced, SESSIONS[-1], SESSIONS[-1]).portfolios["growth"].tolist()
    wrong = rows.assign(growth=7.0)
    priced.replace_range("portfolio_snapshots", wrong, SESSIONS[0], SESSIONS[-2])
    chained = value(priced, SESSIONS[-1], SESSIONS[-1]).portfolios["growth"]
    assert (chained > 5).all()  # amounts and digest are those: it is gone on from
    old = wrong.assign(made_from=None)
    priced.replace_range("portfolio_snapshots", old, SESSIONS[0], SESSIONS[-2])
    assert value(priced, SESSIONS[-1], SESSIONS[-1]).portfolios["growth"].tolist() == right


def test_what_is_told_and_what_is_stored_have_names(priced: Warehouse) -> None:
    """Another name with each file and dividend, the same where nothing is; digests by their span.

    What stands for no portfolio any more, or without a digest, is asked of nobody.
    """
    import_told(priced, Told((ONE_LOT,), (A_DEPOSIT, A_BUY)))
    store(priced, SESSIONS[0], SESSIONS[-1])
    names = [priced.ask(pasts_told), priced.ask(pasts_told)]
    assert names[0] == names[1]
    assert corrected(priced) == {}
    spans = sorted(span[2:] for span in priced.ask(pasts_stored) if span[0] == "list")
    assert spans == [(SESSIONS[0], SESSIONS[0]), (SESSIONS[1], SESSIONS[-1])]
    paid = pd.DataFrame(
        {
            "ex_date": [pd.Timestamp(SESSIONS[6])], "symbol": "KO", "kind": "dividend",
            "value": 0.5, "source": "yahoo", "fetched_at": pd.Timestamp(AT),
            "first_seen_at": pd.Timestamp(AT),
        }
    )  # fmt: skip
    priced.merge("corporate_actions", paid)
    names.append(priced.ask(pasts_told))
    assert list(corrected(priced)) == SESSIONS[6:]
    import_told(priced, Told((ONE_LOT,), (A_DEPOSIT, replace(A_BUY, trade_date=SESSIONS[3]))))
    names.append(priced.ask(pasts_told))
    assert len(set(names)) == 3
    assert list(corrected(priced)) == SESSIONS[1:]
    rows = priced.read("portfolio_snapshots").assign(made_from=None)
    priced.replace_range("portfolio_snapshots", rows, SESSIONS[0], SESSIONS[-1])
    assert corrected(priced) == {}


def test_the_revision_keeps_the_snapshots(url: str) -> None:
    """Down and up: rows stay, without a digest."""
    warehouse = Warehouse.open(url)
    rows = market()
    warehouse.replace_range(
        "market_data_cache", rows, rows["session_date"].min().date(), SESSIONS[-1]
    )
    import_told(warehouse, Told((ONE_LOT,), (A_DEPOSIT, A_BUY)))
    made = store(warehouse, SESSIONS[0], SESSIONS[-1]).portfolios
    assert made["made_from"].str.fullmatch("[0-9a-f]{32}").all()
    take_back(url, "0019")
    database = Database(url)
    with database.reading() as connection:
        names = {each["name"] for each in sa.inspect(connection).get_columns("portfolio_snapshots")}
    database.dispose()
    assert "made_from" not in names
    warehouse.upgrade()
    kept = warehouse.read("portfolio_snapshots")
    assert kept["made_from"].isna().all()
    assert kept["equity_usd"].tolist() == made["equity_usd"].tolist()
    warehouse.dispose()
