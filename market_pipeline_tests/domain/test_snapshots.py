"""Snapshots: exact, complete, and the same whether a day is computed alone or in a range."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.bookkeeping import ledgers_of
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.carried import PRICES_BEFORE, Carried
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.ledger import Ledger
from market_pipeline.domain.option_splits import splits_by_symbol
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import (
    POSITION_COLUMNS,
    SNAPSHOT_COLUMNS,
    Snapshots,
    snapshot_range,
)
from market_pipeline.warehouse import portfolio_tables

SESSIONS = TradingCalendar.xnys().sessions(date(2026, 1, 5), date(2026, 1, 30))
CALL = "KO260116C00070000"
SPLIT_CALL = "KO260116C00035000"
"""What `CALL` becomes by a split of 2 for 1."""

NO_SPLITS = pd.DataFrame(columns=["session_date", "symbol", "split_ratio"])


def position(no: int, symbol: str, quantity: str, price: str = "10", **rest: Any) -> Position:
    entry = rest.pop("entry_date", date(2025, 1, 2))
    kind = rest.pop("asset_class", "stock")
    return Position(no, symbol, kind, Decimal(quantity), Decimal(price), entry, **rest)


def book(*positions: Position, as_of_date: date = date(2025, 12, 31), name: str = "p") -> Book:
    return Book(name, name, as_of_date, "p.csv", "hash", positions)


def prices(**by_symbol: dict[int, float]) -> pd.DataFrame:
    """Prices by place of the session, as market_data_cache rows."""
    rows = [
        {"session_date": SESSIONS[at], "symbol": symbol, "price_usd": price, "source": "yahoo"}
        for symbol, series in by_symbol.items()
        for at, price in series.items()
    ]
    frame = pd.DataFrame(rows, columns=["session_date", "symbol", "price_usd", "source"])
    return frame.astype({"session_date": DATE_DTYPE})


def splits(*rows: tuple[date, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["session_date", "symbol", "split_ratio"])
    return frame.astype({"session_date": DATE_DTYPE})


def every(price: float, at: Sequence[int] = range(len(SESSIONS))) -> dict[int, float]:
    return dict.fromkeys(at, price)


def take(
    books: Sequence[Book], market: pd.DataFrame, first: int, last: int, known: Any = NO_SPLITS
) -> Snapshots:
    ledgers = ledgers_of(books, {}, splits_by_symbol(known), {}, {})
    return snapshot_range(ledgers, market, sessions=SESSIONS[: last + 1], first=SESSIONS[first])


def in_blocks(
    ledgers: Sequence[Ledger], market: pd.DataFrame, sessions: Sequence[date], starts: set[int]
) -> list[Snapshots]:
    """Value blocks of sessions that begin at the places `starts`, each given only what it needs."""
    begins = sorted(starts)
    carried = {each.portfolio_id: Carried(each) for each in ledgers}
    found = []
    for begin, end in zip(begins, [*begins[1:], len(sessions)], strict=True):
        near = sessions[max(begin - PRICES_BEFORE, 0) : end]
        days = market["session_date"]
        rows = market[days.between(pd.Timestamp(near[0]), pd.Timestamp(near[-1]))]
        part = snapshot_range(
            [each.ledger for each in carried.values()], rows, sessions=near,
            first=sessions[begin], before=carried,
        )  # fmt: skip
        carried = {each.ledger.portfolio_id: each for each in part.carried}
        found.append(part)
    return found


def one(books: Book, market: pd.DataFrame, at: int, known: Any = NO_SPLITS) -> dict[str, Any]:
    """The portfolio's row in the session at place `at`."""
    frame = take([books], market, at, at, known).portfolios
    assert len(frame) == 1
    return dict(frame.iloc[0])


def test_columns_are_those_of_the_tables() -> None:
    """Both frames can be written as they are, also when there is no book."""
    assert tuple(portfolio_tables.portfolio_snapshots.columns.keys()) == SNAPSHOT_COLUMNS
    assert tuple(portfolio_tables.portfolio_positions.columns.keys()) == POSITION_COLUMNS
    nothing = take([], prices(), 3, 4)
    assert tuple(nothing.portfolios.columns) == SNAPSHOT_COLUMNS
    assert tuple(nothing.positions.columns) == POSITION_COLUMNS


def test_a_long_short_book_adds_up_exactly() -> None:
    """Options count a hundredfold, shorts negatively, private at its own value, cash apart."""
    mixed = book(
        position(1, "KO", "10"), position(2, "PEP", "-4", "150"),
        position(3, CALL, "2", "1.5", asset_class="option", multiplier=100),
        position(4, "ACME", "3", "1000.10", asset_class="private"),
        position(5, "USD", "500.25", "1", asset_class="cash"),
    )  # fmt: skip
    market = prices(KO={7: 70.0, 8: 70.1}, PEP={7: 140.0, 8: 141.0}, **{CALL: {7: 1.2, 8: 1.1}})
    row = one(mixed, market, 8)
    assert row["long_usd"] == Decimal("701.0") + Decimal("220.0") + Decimal("3000.30")
    assert row["short_usd"] == Decimal(564)
    assert row["gross_usd"] == row["long_usd"] + 564
    assert row["net_usd"] == row["market_value_usd"] == row["long_usd"] - 564
    assert row["cash_usd"] == Decimal("500.25")
    assert row["equity_usd"] == row["market_value_usd"] + row["cash_usd"]
    assert row["daily_pnl_usd"] == Decimal("1.0") - 4 - 20
    assert (row["flows_usd"], row["gap_usd"]) == (0, 0)
    before = row["equity_usd"] - row["daily_pnl_usd"]
    assert row["daily_return_pct"] == pytest.approx(float(Decimal(-23) / before * 100))
    assert (row["position_count"], row["stale_count"], row["unpriced_count"]) == (5, 0, 0)


def test_floats_become_the_decimals_people_read() -> None:
    """0.1 is a tenth, whatever the float behind it."""
    row = one(book(position(1, "KO", "3")), prices(KO={0: 0.1}), 0)
    assert row["market_value_usd"] == Decimal("0.3")


def test_a_large_product_is_not_rounded() -> None:
    """Ten decimals of quantity times ten of price need more than the default 28 digits."""
    lot = position(1, "BRK.A", "123456789.0123456789")
    row = one(book(lot), prices(**{"BRK.A": {0: 765432.1}}), 0)
    assert row["market_value_usd"] == Decimal("94497789272976.6789263527")


def test_a_missing_price_is_replaced_for_five_sessions_and_named() -> None:
    """On the sixth it is unpriced: out of the value, named, and the loss of it a gap."""
    held = book(position(1, "KO", "10"), position(2, "PEP", "1"), position(3, "PEP", "2"))
    market = prices(KO=every(70.0), PEP={0: 100.0})
    fifth, sixth = one(held, market, 5), one(held, market, 6)
    assert (fifth["stale_symbols"], fifth["unpriced_symbols"]) == ("PEP", "")
    assert (fifth["stale_count"], fifth["unpriced_count"]) == (2, 0)
    assert fifth["equity_usd"] == 1000
    assert (sixth["stale_symbols"], sixth["unpriced_symbols"]) == ("", "PEP")
    assert (sixth["stale_count"], sixth["unpriced_count"], sixth["position_count"]) == (0, 2, 3)
    assert sixth["equity_usd"] == 700
    assert (sixth["daily_pnl_usd"], sixth["flows_usd"], sixth["gap_usd"]) == (0, 0, -300)
    rows = take([held], market, 6, 6).positions.set_index("position_no")
    assert list(rows["status"]) == ["priced", "unpriced", "unpriced"]
    assert rows.loc[2, "market_value_usd"] is None
    stale = take([held], market, 5, 5).positions.set_index("position_no")
    assert stale.loc[2, "price_date"] == pd.Timestamp(SESSIONS[0])


def test_a_price_that_comes_back_is_a_gap_not_a_gain() -> None:
    """The value appears because the price did."""
    row = one(book(position(1, "KO", "10")), prices(KO={9: 70.0}), 9)
    assert (row["daily_pnl_usd"], row["gap_usd"]) == (0, 700)
    assert row["daily_return_pct"] is None or np.isnan(row["daily_return_pct"])


def test_an_entry_is_a_flow_at_its_price_and_earns_from_there() -> None:
    """The rest of the day's move is P&L, and the return counts the money that came in."""
    held = book(position(1, "PEP", "1"), position(2, "KO", "10", "60", entry_date=SESSIONS[8]))
    row = one(held, prices(KO=every(70.0), PEP=every(100.0)), 8)
    assert (row["flows_usd"], row["daily_pnl_usd"], row["gap_usd"]) == (600, 100, 0)
    assert row["daily_return_pct"] == pytest.approx(100 / 700 * 100)


def test_an_exit_is_a_flow_at_its_price_and_is_out_that_day() -> None:
    """What it brought beyond yesterday's value is today's P&L."""
    leaving = position(1, "KO", "10", exit_date=SESSIONS[8], exit_price_usd=Decimal("72.5"))
    row = one(book(leaving), prices(KO=every(70.0)), 8)
    assert (row["flows_usd"], row["daily_pnl_usd"], row["equity_usd"]) == (-725, 25, 0)
    assert row["position_count"] == 0
    after = one(book(leaving), prices(KO=every(70.0)), 9)
    assert (after["equity_usd"], after["daily_pnl_usd"], after["flows_usd"]) == (0, 0, 0)


def test_a_round_trip_within_a_session_is_profit_without_value() -> None:
    """Bought at 60 and sold at 61 the same day."""
    trade = position(
        1, "KO", "10", "60", entry_date=SESSIONS[8], exit_date=SESSIONS[8],
        exit_price_usd=Decimal(61),
    )  # fmt: skip
    row = one(book(trade, position(2, "PEP", "1")), prices(PEP=every(100.0)), 8)
    assert (row["daily_pnl_usd"], row["flows_usd"], row["equity_usd"]) == (10, -10, 100)


def test_an_expired_option_leaves_at_its_last_price() -> None:
    """It counts on its expiration and is a flow, not a loss, the session after."""
    option = position(
        1, CALL, "2", "1", asset_class="option", multiplier=100, expiration_date=date(2026, 1, 16)
    )
    at = SESSIONS.index(date(2026, 1, 16))
    held = book(option, position(2, "PEP", "1"))
    market = prices(PEP=every(100.0), **{CALL: every(3.0)})
    assert one(held, market, at)["equity_usd"] == 700
    row = one(held, market, at + 1)
    assert (row["equity_usd"], row["flows_usd"], row["daily_pnl_usd"]) == (100, -600, 0)


def test_the_first_session_has_no_profit_and_is_all_flow() -> None:
    """Nothing was held before; sessions before the first entry are zeros."""
    held = book(position(1, "KO", "10", "60", entry_date=SESSIONS[8]))
    row = one(held, prices(KO=every(70.0)), 8)
    assert row["daily_pnl_usd"] is None
    assert row["flows_usd"] == row["equity_usd"] == 700
    empty = one(held, prices(KO=every(70.0)), 7)
    assert (empty["equity_usd"], empty["flows_usd"], empty["position_count"]) == (0, 0, 0)
    assert empty["daily_pnl_usd"] is None
    positions = take([held], prices(KO=every(70.0)), 8, 8).positions
    assert positions["daily_pnl_usd"].iloc[0] is None
    assert positions["unrealised_pnl_usd"].iloc[0] == 100


def test_splits_after_the_file_multiply_shares_and_leave_cost_alone() -> None:
    """Prices are adjusted for them in every session, before the split too."""
    held = book(position(1, "KO", "10", "70"))
    known = splits(
        (date(2025, 12, 31), "KO", 5.0), (SESSIONS[8], "KO", 6.999997), (SESSIONS[9], "KO", 0.5)
    )
    for at in (2, 8, 12):
        result = take([held], prices(KO=every(20.0)), at, at, known)
        rows = result.positions.set_index("position_no")
        assert rows.loc[1, "quantity"] == 35
        assert rows.loc[1, "market_value_usd"] == 700
        assert rows.loc[1, "unrealised_pnl_usd"] == 0


def test_a_whole_split_gives_an_option_a_new_name_and_count_on_its_ex_date() -> None:
    """Before it the old series counts, from it on the new one; nothing is gained by the split."""
    call = position(
        1, CALL, "-3", "6", asset_class="option", multiplier=100, expiration_date=date(2026, 1, 16)
    )
    held, known = book(call), splits((SESSIONS[6], "KO", 2.0))
    market = prices(**{CALL: every(5.0, range(6)), SPLIT_CALL: every(2.5)})
    rows = take([held], market, 4, 8, known).positions
    assert rows["symbol"].tolist() == [CALL, CALL, SPLIT_CALL, SPLIT_CALL, SPLIT_CALL]
    assert rows["quantity"].tolist() == [-3, -3, -6, -6, -6]
    assert rows["market_value_usd"].tolist() == [-1500] * 5
    assert rows["unrealised_pnl_usd"].tolist() == [300] * 5
    assert rows["daily_pnl_usd"].tolist() == [0] * 5


def test_until_the_new_series_is_quoted_the_old_price_counts_in_new_terms() -> None:
    """Stale, half the price for twice the count; a quote under the new name from before the split
    was another contract's.
    """
    call = position(1, CALL, "1", "6", asset_class="option", multiplier=100)
    market = prices(**{CALL: {5: 5.0}, SPLIT_CALL: {4: 80.0, 8: 2.6}})
    known = splits((SESSIONS[6], "KO", 2.0))
    rows = take([book(call)], market, 6, 8, known).positions
    assert rows["status"].tolist() == ["stale", "stale", "priced"]
    assert rows["price_usd"].tolist() == [Decimal("2.5"), Decimal("2.5"), Decimal("2.6")]
    assert rows["market_value_usd"].tolist() == [500, 500, 520]
    assert take([book(call)], market, 6, 6, known).portfolios["stale_symbols"].tolist() == [
        SPLIT_CALL
    ]


@pytest.mark.parametrize("ratio", [1.5, 0.1])
def test_a_split_that_is_not_whole_leaves_an_option_as_it_is(ratio: float) -> None:
    """The deliverable changes, not the count, the strike or the hundredfold of the premium."""
    call = position(1, CALL, "1", "6", asset_class="option", multiplier=100)
    known = splits((SESSIONS[6], "KO", ratio))
    rows = take([book(call)], prices(**{CALL: every(5.0)}), 5, 7, known).positions
    assert rows["symbol"].tolist() == [CALL] * 3
    assert rows["market_value_usd"].tolist() == [500] * 3


# -- laws ------------------------------------------------------------------------------------

SYMBOLS = ("KO", "PEP", CALL, SPLIT_CALL)
PLACES = st.integers(0, len(SESSIONS) - 1)
AMOUNTS = st.decimals(1, 500, places=3)
PRICES = st.integers(1, 9_000_000).map(lambda ten_thousandths: ten_thousandths / 10_000)


@st.composite
def lots(draw: st.DrawFn, no: int) -> Position:
    kind = draw(st.sampled_from(["stock", "stock", "option", "private", "cash"]))
    days = [date(2025, 6, 2), *SESSIONS[:16], date(2026, 1, 10)]
    last = date(2026, 1, 16) if kind == "option" else date.max
    entry = draw(st.sampled_from([day for day in days if day <= last]))
    leaves = draw(st.booleans())
    left = draw(st.sampled_from([day for day in SESSIONS if day >= entry])) if leaves else None
    symbol = {"option": CALL, "private": "ACME", "cash": "USD"}.get(kind)
    is_option = kind == "option"
    return Position(
        no, symbol or draw(st.sampled_from(SYMBOLS[:2])), kind,
        draw(AMOUNTS) * draw(st.sampled_from([1, -1])), draw(AMOUNTS), entry,
        multiplier=100 if is_option else 1,
        expiration_date=date(2026, 1, 16) if is_option else None, exit_date=left,
        exit_price_usd=draw(st.none() | AMOUNTS) if left else None,
    )  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Book], pd.DataFrame, pd.DataFrame]:
    books = [
        Book(name, name, draw(st.sampled_from([date(2025, 12, 1), SESSIONS[10]])), "f", "h",
             tuple(draw(lots(no)) for no in range(draw(st.integers(0, 4)))))
        for name in ("a", "b")
    ]  # fmt: skip
    series = {
        symbol: draw(st.dictionaries(PLACES, PRICES, max_size=len(SESSIONS))) for symbol in SYMBOLS
    }
    known = splits(
        *draw(st.sampled_from([[], [(SESSIONS[9], "KO", 2.0)], [(SESSIONS[6], "KO", 2.0)]]))
    )
    return books, prices(**series), known


def slow_rows(held: Book, market: pd.DataFrame, known: pd.DataFrame) -> list[dict[str, Any]]:
    """Recompute a book's rows from the rules, in rational numbers, one case after another."""
    quoted = {
        (row["symbol"], row["session_date"].date()): Fraction(repr(row["price_usd"]))
        for row in market.to_dict("records")
    }

    def size(p: Position) -> Fraction:
        factor = Fraction(1)
        for row in known.to_dict("records"):
            is_later = row["session_date"].date() > held.as_of_date
            if row["symbol"] == p.symbol and p.asset_class == "stock" and is_later:
                factor *= Fraction(row["split_ratio"])
        return Fraction(p.quantity) * p.multiplier * factor

    def at_price(p: Position, price: Decimal) -> Fraction:
        per_unit = Fraction(1) if p.asset_class == "cash" else Fraction(price)
        return Fraction(p.quantity) * p.multiplier * per_unit

    def is_in(p: Position, day: date) -> bool:
        if day < p.entry_date or (p.exit_date and day >= p.exit_date):
            return False
        return not (p.expiration_date and day > p.expiration_date)

    def value(p: Position, at: int) -> Fraction | None:
        if p.asset_class in ("cash", "private"):
            return at_price(p, p.entry_price_usd)
        for back in range(6):
            if at - back < 0:
                return None
            day = SESSIONS[at - back]
            symbol, count = named(p, day)
            if (symbol, day) in quoted:
                return size(p) * count * quoted[symbol, day]
        return None

    def named(p: Position, day: date) -> tuple[str, int]:
        for row in known.to_dict("records"):
            if p.symbol == CALL and held.as_of_date < row["session_date"].date() <= day:
                return SPLIT_CALL, 2
        return p.symbol, 1

    rows = []
    for at, day in enumerate(SESSIONS):
        inside = [p for p in held.positions if is_in(p, day)]
        equity = sum((value(p, at) or Fraction(0) for p in inside), Fraction(0))
        yesterday = SESSIONS[at - 1] if at else None
        if yesterday is None or not any(p.entry_date <= yesterday for p in held.positions):
            rows.append({"equity": equity, "pnl": None, "flows": equity, "gap": Fraction(0)})
            continue
        pnl = flows = gap = Fraction(0)
        for p in held.positions:
            was, still = is_in(p, yesterday), is_in(p, day)
            old, new = value(p, at - 1), value(p, at)
            cost = at_price(p, p.entry_price_usd)
            got = at_price(p, p.exit_price_usd) if p.exit_price_usd is not None else None
            left = p.exit_date and min(p.exit_date, p.expiration_date or date.max)
            sold_now = left is not None and (left < day or p.exit_date == day)
            if was and still:
                if old is not None and new is not None:
                    pnl += new - old
                else:
                    gap += (new or 0) - (old or 0)
            elif still:
                flows += cost
                pnl += new - cost if new is not None else 0
                gap -= cost if new is None else 0
            elif was:
                out = got if sold_now and got is not None else old
                flows -= out or 0
                if old is not None and out is not None:
                    pnl += out - old
                else:
                    gap += out or 0
            elif sold_now and yesterday < p.entry_date <= day:
                out = cost if got is None else got
                flows += cost - out
                pnl += out - cost
        rows.append({"equity": equity, "pnl": pnl, "flows": flows, "gap": gap})
    return rows


def is_close(exact: Decimal | None, slow: Fraction | None, terms: int) -> bool:
    """Equal but for the rounding of each term to ten decimals."""
    if exact is None or slow is None:
        return exact is None and slow is None
    return abs(Fraction(exact) - slow) <= Fraction(terms + 1, 10**10)


def judge(case: tuple[list[Book], pd.DataFrame, pd.DataFrame]) -> None:
    """Compare each session with the one before it, exactly, and with the slow recomputation."""
    books, market, known = case
    result = take(books, market, 0, len(SESSIONS) - 1, known)
    for held in books:
        rows = result.portfolios[result.portfolios["portfolio_id"] == held.portfolio_id]
        assert len(rows) == len(SESSIONS)
        before = Decimal(0)
        for row, slow in zip(rows.to_dict("records"), slow_rows(held, market, known), strict=True):
            change = (row["daily_pnl_usd"] or 0) + row["flows_usd"] + row["gap_usd"]
            assert row["equity_usd"] == before + change
            assert row["equity_usd"] == row["long_usd"] - row["short_usd"] + row["cash_usd"]
            before = row["equity_usd"]
            names = {"equity": "equity_usd", "pnl": "daily_pnl_usd", "flows": "flows_usd",
                     "gap": "gap_usd"}  # fmt: skip
            for name, column in names.items():
                assert is_close(row[column], slow[name], 2 * len(held.positions)), column


@settings(max_examples=50, deadline=None)
@given(cases())
def test_equity_is_equity_before_plus_profit_flows_and_gap(
    case: tuple[list[Book], pd.DataFrame, pd.DataFrame],
) -> None:
    """Exactly, in every session, and each part as a slow recomputation from the rules has it."""
    judge(case)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(max_examples=500, deadline=None)
@given(cases())
def test_equity_of_five_hundred_cases(case: tuple[list[Book], pd.DataFrame, pd.DataFrame]) -> None:
    """The same, at length."""
    judge(case)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_positions_add_up_to_their_portfolio(
    case: tuple[list[Book], pd.DataFrame, pd.DataFrame],
) -> None:
    """Counts, values and statuses of the rows are those of the snapshot."""
    result = take(*case[:2], 0, len(SESSIONS) - 1, case[2])
    by_key = dict(list(result.positions.groupby(["session_date", "portfolio_id"])))
    for row in result.portfolios.to_dict("records"):
        rows = by_key.get((row["session_date"], row["portfolio_id"]), result.positions[:0])
        gained = sum((v for v in rows["daily_pnl_usd"] if v is not None), Decimal(0))
        assert gained == (row["daily_pnl_usd"] or 0)
        assert sum(rows["flows_usd"], Decimal(0)) == row["flows_usd"]
        rows = rows[rows["status"] != "closed"]
        assert len(rows) == row["position_count"]
        assert (rows["status"] == "stale").sum() == row["stale_count"]
        assert (rows["status"] == "unpriced").sum() == row["unpriced_count"]
        total = sum((v for v in rows["market_value_usd"] if v is not None), Decimal(0))
        assert total == row["equity_usd"]


@settings(max_examples=40, deadline=None)
@given(cases(), st.sets(PLACES))
def test_however_a_range_is_cut_its_rows_are_the_same(
    case: tuple[list[Book], pd.DataFrame, pd.DataFrame], cuts: set[int]
) -> None:
    """A block asks for no more than the sessions it says it needs, and for no stored snapshot."""
    books, market, known = case
    whole = take(books, market, 0, len(SESSIONS) - 1, known)
    ledgers = ledgers_of(books, {}, splits_by_symbol(known), {}, {})
    parts = in_blocks(ledgers, market, SESSIONS, {0} | cuts)
    for in_parts, at_once in (
        ([part.portfolios for part in parts], whole.portfolios),
        ([part.positions for part in parts], whole.positions),
    ):
        filled = [frame for frame in in_parts if len(frame)] or in_parts[:1]
        assert frames_equal(pd.concat(filled), at_once)


def frames_equal(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Cell for cell, missing equal to missing of whatever kind."""
    if len(one) != len(other):
        return False
    for name in one.columns:
        for a, b in zip(one[name], other[name], strict=True):
            if not (a == b or (pd.isna(a) and pd.isna(b))):
                return False
    return True
