"""The universe: who is in on which session, and why."""

import time
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.companies import CompanyProfile
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.transactions import Transaction
from market_pipeline.domain.universe import (
    UNIVERSE_COLUMNS,
    IntradayChoice,
    Watched,
    build_universe,
    collectable,
    listed,
)
from market_pipeline.warehouse import tables

WEEK = [date(2026, 1, day) for day in (5, 6, 7, 8, 9)]


def position(no: int, symbol: str, asset_class: str = "stock", **rest: Any) -> Position:
    start = rest.pop("entry_date", date(2025, 1, 2))
    return Position(no, symbol, asset_class, Decimal(1), Decimal(10), start, **rest)


def book(*positions: Position) -> Book:
    return Book("p", "p", date(2026, 1, 2), "p.csv", "hash", positions)


def option(no: int, **rest: Any) -> Position:
    return position(
        no, "AAPL260107C00150000", "option", multiplier=100, underlying="AAPL",
        expiration_date=date(2026, 1, 7), **rest,
    )  # fmt: skip


def days_of(universe: pd.DataFrame, symbol: str) -> list[int]:
    return [day.day for day in universe.loc[universe["symbol"] == symbol, "session_date"]]


def test_columns_are_those_of_the_table() -> None:
    """The frame can be written as it is, also when nothing is in it."""
    assert tuple(tables.symbol_universe.columns.keys()) == UNIVERSE_COLUMNS
    assert tuple(build_universe([], [], [], WEEK).columns) == UNIVERSE_COLUMNS


def test_a_position_is_held_from_entry_to_exit_both_included() -> None:
    """The exit session still needs its price."""
    held = position(1, "KO", entry_date=date(2026, 1, 6), exit_date=date(2026, 1, 8))
    universe = build_universe([book(held)], [], [], WEEK)
    is_held = universe["reasons"] == "held"
    assert days_of(universe[is_held], "KO") == [6, 7, 8]


def test_a_transaction_brings_its_symbol_for_thirty_days() -> None:
    """A stock from its day on; an option until it expires, with its underlying; cash never."""
    days = [date(2026, 1, 5), date(2026, 1, 7), date(2026, 1, 8), date(2026, 2, 5),
            date(2026, 2, 9)]  # fmt: skip
    one = Decimal(1)
    done = [
        Transaction(1, date(2026, 1, 6), "buy", one, -one, symbol="KO", asset_class="stock"),
        Transaction(2, date(2026, 1, 7), "deposit", one, one),
        Transaction(
            3, date(2026, 1, 6), "short", one, one, symbol="AAPL260107C00150000",
            asset_class="option", multiplier=100, underlying="AAPL",
            expiration_date=date(2026, 1, 7),
        ),
        Transaction(4, date(2026, 1, 8), "dividend", one, one, symbol="MSFT", asset_class="stock"),
    ]  # fmt: skip
    universe = build_universe([], [], [], days, transactions=done)
    told = universe[["session_date", "symbol", "reasons", "priority"]].to_numpy().tolist()
    assert [(str(row[0])[5:10], *row[1:]) for row in told] == [
        ("01-07", "AAPL", "underlying", 2),
        ("01-07", "AAPL260107C00150000", "traded", 3),
        ("01-07", "KO", "traded", 3),
        ("01-08", "KO", "traded", 3),
        ("01-08", "MSFT", "traded", 3),
        ("02-05", "KO", "traded", 3),
        ("02-05", "MSFT", "traded", 3),
    ]


def test_a_sold_symbol_stays_in_for_thirty_days() -> None:
    """Behind what is held; an option or a private position is out with its exit."""
    days = [date(2026, 1, 8), date(2026, 1, 9), date(2026, 2, 6), date(2026, 2, 9)]
    sold = position(1, "KO", entry_date=date(2026, 1, 6), exit_date=date(2026, 1, 8))
    closed = option(2, exit_date=date(2026, 1, 6))
    private = position(3, "ACME", "private", exit_date=date(2026, 1, 7))
    universe = build_universe([book(sold, closed, private)], [], [], days)
    told = universe[["session_date", "symbol", "reasons", "priority"]].to_numpy().tolist()
    assert [(str(row[0])[:10], *row[1:]) for row in told] == [
        ("2026-01-08", "KO", "held", 1),
        ("2026-01-09", "KO", "traded", 3),
        ("2026-02-06", "KO", "traded", 3),
    ]


def test_an_exit_at_the_end_of_the_calendar_is_no_error() -> None:
    """The thirty days after it are cut, not computed beyond the last date there is."""
    forever = position(1, "KO", exit_date=date.max)
    assert len(build_universe([book(forever)], [], [], WEEK)) == len(WEEK)


def test_an_option_is_in_to_its_expiration_and_brings_its_underlying() -> None:
    """Both leave after the expiration; the underlying ranks behind what is held."""
    universe = build_universe([book(option(1))], [], [], WEEK)
    assert days_of(universe, "AAPL260107C00150000") == [5, 6, 7]
    assert days_of(universe, "AAPL") == [5, 6, 7]
    facts = universe.iloc[:2][["symbol", "asset_class", "reasons", "priority"]]
    assert facts.to_numpy().tolist() == [
        ["AAPL", "stock", "underlying", 2],
        ["AAPL260107C00150000", "option", "held", 1],
    ]
    assert universe["underlying"].iloc[1] == "AAPL"


def test_reasons_join_sorted_and_the_strongest_gives_the_priority() -> None:
    """One row a symbol and session, whatever number of reasons it has."""
    universe = build_universe(
        [book(position(1, "SPY"), position(2, "SPY"), option(3))],
        ["AAPL", "SPY", "TSLA"], ("SPY", "TLT"), WEEK[:1],
    )  # fmt: skip
    assert not universe.duplicated(["session_date", "symbol"]).any()
    facts = universe.set_index("symbol")[["reasons", "priority"]].T.to_dict("list")
    assert facts == {
        "AAPL": ["underlying,watched", 2],
        "AAPL260107C00150000": ["held", 1],
        "SPY": ["factor_proxy,held,watched", 1],
        "TLT": ["factor_proxy", 1],
        "TSLA": ["watched", 3],
    }


def test_cash_is_out_and_private_is_in_but_never_asked_about() -> None:
    """A private holding's name goes to no vendor."""
    universe = build_universe(
        [book(position(1, "ACME", "private"), position(2, "USD", "cash"))], ["KO"], [], WEEK[:1]
    )
    assert sorted(universe["symbol"]) == ["ACME", "KO"]
    assert list(collectable(universe)["symbol"]) == ["KO"]


def test_a_private_name_that_is_also_listed_is_one_row_only_where_both_are_in() -> None:
    """The key stays unique, and other sessions keep the position private."""
    private = position(1, "KO", "private")
    listed = position(2, "KO", entry_date=date(2026, 1, 7))
    universe = build_universe([book(private, listed)], [], [], WEEK)
    assert list(universe["asset_class"]) == ["private", "private", "stock", "stock", "stock"]


def test_a_range_and_its_days_give_the_same_rows() -> None:
    """A session's universe does not depend on the sessions asked for with it."""
    books = [book(option(1), position(2, "KO", exit_date=date(2026, 1, 6)))]
    whole = build_universe(books, ["MSFT260108P00300000"], ["SPY"], WEEK)
    days = [build_universe(books, ["MSFT260108P00300000"], ["SPY"], [day]) for day in WEEK]
    pd.testing.assert_frame_equal(whole, pd.concat(days, ignore_index=True))
    assert days_of(whole, "MSFT") == [5, 6, 7, 8]


@pytest.mark.timeout(60)
def test_five_years_of_260_symbols_take_about_a_second() -> None:
    """The universe of a backfill is no bottleneck (a generous bound: the machine is shared)."""
    sessions = TradingCalendar.xnys().sessions(date(2021, 1, 4), date(2025, 12, 31))
    books = [book(*(position(n, f"S{n}", entry_date=sessions[0]) for n in range(130)))]
    start = time.perf_counter()
    universe = build_universe(books, [f"W{n}" for n in range(130)], ["SPY", "TLT"], sessions)
    assert time.perf_counter() - start < 5
    assert len(universe) == 262 * len(sessions)


def test_a_past_session_has_what_was_watched_then() -> None:
    """Who was dropped since is still in the sessions it was watched in, and in no other."""
    spells = [Watched("KO", date(2026, 1, 6), date(2026, 1, 7)), Watched("PEP")]
    universe = build_universe([], spells, [], WEEK)
    assert days_of(universe, "KO") == [6, 7]
    assert days_of(universe, "PEP") == [5, 6, 7, 8, 9]
    option = [Watched("MSFT260108P00300000", date(2026, 1, 6), date(2026, 1, 9))]
    watched = build_universe([], option, [], WEEK)
    assert days_of(watched, "MSFT260108P00300000") == days_of(watched, "MSFT") == [6, 7, 8]


def test_a_profile_says_what_a_symbol_is() -> None:
    """Else its name or its use does; options and private holdings are no companies."""
    profiles = {
        "QQQ": CompanyProfile("QQQ", "Invesco QQQ", "yahoo", "etf", "XNAS"),
        "KO": CompanyProfile("KO", "Coca-Cola", "yahoo", "stock", "XNYS", "Staples", "Drinks"),
        "ACME": CompanyProfile("ACME", "Another Acme", "yahoo", "stock", "XNYS"),
        "PEP": CompanyProfile("PEP", "PepsiCo", "finviz_page", None, None, "Staples", "Drinks"),
    }
    books = [book(position(1, "KO"), position(2, "QQQ"), position(3, "ACME", "private"), option(4))]
    universe = build_universe(
        books, ["^GSPC", "PEP"], ["SPY"], WEEK[:1],
        profiles=profiles, intraday=IntradayChoice(frozenset({"^GSPC"}), frozenset({"held"})),
    ).set_index("symbol")  # fmt: skip
    columns = ["asset_class", "exchange", "sector", "industry", "timeframes"]
    told = universe[columns].astype(object).where(universe[columns].notna(), None)
    assert told.T.to_dict("list") == {
        "AAPL": ["stock", None, None, None, "1d"],
        "AAPL260107C00150000": ["option", None, None, None, "1d"],
        "ACME": ["private", None, None, None, None],
        "KO": ["stock", "XNYS", "Staples", "Drinks", "1d,1h"],
        "PEP": ["stock", None, "Staples", "Drinks", "1d"],
        "QQQ": ["etf", "XNAS", None, None, "1d,1h"],
        "SPY": ["etf", None, None, None, "1d"],
        "^GSPC": ["index", None, None, None, "1d,1h"],
    }
    bars = listed(universe.reset_index())["symbol"]
    assert set(bars) == {"AAPL", "KO", "PEP", "QQQ", "SPY", "^GSPC"}
