"""Finding rows for a person, and the words where there are none."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import InputError, NotASession, NothingStored
from market_pipeline.domain.factor_definitions import INTEREST_RATE, MARKET
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations.show import Request, Shown, show
from market_pipeline.operations.views import VIEWS
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.operations import rows

CALENDAR = TradingCalendar.xnys()
ADDED = {
    "headlines": {"tone", "is_low_confidence"},
    "factor-definitions": {"skipped"},
}
"""Columns a view adds to its table's."""

FILLED = ("universe", "prices", "factors", "metrics", "headlines", "snapshot", "positions")


def now() -> datetime:
    """Give the tests' present: a Sunday."""
    return rows.NOW


def look(warehouse: Warehouse, view: str, **asked: object) -> Shown:
    """Show a view of the filled warehouse."""
    return show(warehouse, CALENDAR, now, Request(view, **asked))  # type: ignore[arg-type]  # as each test asks


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with a row or more of each view, and one book."""
    rows.fill(warehouse)
    option = Position(
        2, "MSFT280121C00240000", "option", Decimal(1), Decimal(5), date(2026, 1, 5), 100,
        underlying="MSFT", strike_usd=Decimal(240), expiration_date=date(2028, 1, 21),
        option_type="call",
    )  # fmt: skip
    cash = Position(1, "AAPL", "cash", Decimal(5), Decimal(1), date(2026, 1, 5))
    book = Book("growth", "Growth", rows.SESSION, "growth.csv", "0" * 64, (cash, option))
    warehouse.import_book(book, rows.AT)
    return warehouse


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_names_columns_its_table_has(name: str) -> None:
    """A renamed column is noticed before a person sees the view fail."""
    view = VIEWS[name]
    columns = set(metadata.tables[view.table].columns.keys())
    named = {view.date_column, view.subject, view.newest} - {None}
    if name in ("snapshot",):
        named -= {"symbol"}
    assert {*view.for_people, *named} - ADDED.get(name, set()) <= columns


@pytest.mark.parametrize("name", FILLED)
def test_without_a_date_the_latest_is_shown(filled: Warehouse, name: str) -> None:
    """The default is the last date the table holds, and every column is there."""
    shown = look(filled, name)
    assert shown.day == rows.SESSION
    columns = list(metadata.tables[VIEWS[name].table].columns.keys())
    assert list(shown.frame.columns[: len(columns)]) == columns
    assert set(shown.frame.columns[len(columns) :]) == ADDED.get(name, set())
    assert len(shown.frame) > 0


@pytest.mark.parametrize("name", [name for name in FILLED if name != "headlines"])
def test_a_day_without_trading_names_the_nearest_sessions(filled: Warehouse, name: str) -> None:
    """A Saturday is answered with Friday and Monday."""
    with pytest.raises(NotASession, match="2026-11-20 and 2026-11-23"):
        look(filled, name, day=rows.SATURDAY)


def test_stress_is_asked_for_by_portfolio_and_not_by_symbol(filled: Warehouse) -> None:
    """Rows of a portfolio's risk belong to no one symbol."""
    row = {
        "session_date": pd.Timestamp(rows.SESSION), "scenario": "market_down_10_pct",
        "factor": "market", "shock_pct": -10.0, "pnl_usd": -123.5, "covered_pct": 100.0,
    }  # fmt: skip
    both = pd.DataFrame([row | {"portfolio_id": name} for name in ("growth", "other")])
    filled.replace_range("portfolio_stress", both, rows.SESSION, rows.SESSION)
    shown = look(filled, "stress", portfolio="growth")
    assert shown.frame[["portfolio_id", "pnl_usd"]].to_numpy().tolist() == [["growth", -123.5]]
    with pytest.raises(InputError, match="stress tests belong to no symbol: leave that out"):
        look(filled, "stress", symbols=("AAPL",))
    with pytest.raises(InputError, match="no portfolio 'nobody'"):
        look(filled, "stress", portfolio="nobody")


def test_a_chain_is_shown_by_its_underlying(filled: Warehouse) -> None:
    """Only options on that stock, with the names of what is computed among the columns."""
    row = {
        "session_date": pd.Timestamp(rows.SESSION), "symbol": "MSFT280121C00240000",
        "underlying": "MSFT", "expiration_date": pd.Timestamp("2028-01-21"),
        "option_type": "call", "strike_usd": 240.0, "multiplier": 100, "price_usd": 5.0,
        "price_kind": "last", "delta": 0.5, "rate": 0.04, "dividend_yield": 0.0,
        "computed": "delta", "source": "polygon", "fetched_at": pd.Timestamp(rows.AT),
        "flags": "stale_quote",
    }  # fmt: skip
    other = {**row, "symbol": "KO280121C00070000", "underlying": "KO"}
    frame = pd.DataFrame([row, other], columns=metadata.tables["option_values"].columns.keys())
    filled.merge("option_values", frame)
    shown = look(filled, "options", underlying="msft")
    assert shown.frame["symbol"].tolist() == ["MSFT280121C00240000"]
    assert shown.frame["computed"].tolist() == ["delta"]
    assert shown.frame["flags"].tolist() == ["stale_quote"]
    assert {"computed", "flags", "quoted_at"} <= set(shown.for_people)
    assert len(look(filled, "options").frame) == 2


def test_contracts_are_shown_by_their_underlying(filled: Warehouse) -> None:
    """Of whatever date they were seen, with what was recognised and how."""
    row = {
        "symbol": "MSFT280121C00240000", "underlying": "MSFT", "option_type": "call",
        "strike_usd": 240.0, "expiration_date": pd.Timestamp("2028-01-21"),
        "exercise_style": "american", "multiplier": 100, "contract_kind": "standard",
        "recognised_by": "100 shares", "primary_exchange": "BATO",
        "first_seen_date": pd.Timestamp(rows.SESSION), "last_seen_date": pd.Timestamp(rows.SESSION),
        "source": "polygon", "fetched_at": pd.Timestamp(rows.AT),
    }  # fmt: skip
    other = {**row, "symbol": "KO280121C00070000", "underlying": "KO"}
    filled.merge("option_contracts", pd.DataFrame([row, other]))
    shown = look(filled, "contracts", underlying="msft")
    assert shown.frame["symbol"].tolist() == ["MSFT280121C00240000"]
    assert {"contract_kind", "recognised_by", "last_seen_date"} <= set(shown.for_people)
    assert len(look(filled, "contracts").frame) == 2


def test_headlines_are_shown_for_any_day(filled: Warehouse) -> None:
    """News keeps no market hours: a Saturday's are shown, newest first."""
    news = rows.headlines(rows.SATURDAY)
    filled.replace_range("headlines", news, rows.SATURDAY, rows.SATURDAY)
    shown = look(filled, "headlines", day=rows.SATURDAY)
    assert shown.frame["published_at"].is_monotonic_decreasing
    assert len(shown.frame) == 3


def test_a_session_without_rows_says_how_to_make_them(filled: Warehouse) -> None:
    """The command to type stands in the message, dates filled in."""
    with pytest.raises(
        NothingStored, match="market-pipeline backfill --from 2026-11-19 --to 2026-11-19"
    ):
        look(filled, "prices", day=date(2026, 11, 19))


def test_a_session_to_come_is_not_offered_as_a_backfill(filled: Warehouse) -> None:
    """What has not happened cannot be made."""
    with pytest.raises(NothingStored, match="not over yet"):
        look(filled, "prices", day=date(2026, 11, 23))


def test_a_table_without_rows_says_how_to_make_them(warehouse: Warehouse) -> None:
    """The first look at a new warehouse names the commands that fill it."""
    with pytest.raises(NothingStored, match=r"market-pipeline backfill .* `market-pipeline demo`"):
        look(warehouse, "factors")


def test_symbols_are_read_as_people_write_them(filled: Warehouse) -> None:
    """Lower case and vendors' option forms find the rows of our own."""
    shown = look(filled, "prices", symbols=("aapl", "O:AAPL280121C00240000"))
    assert list(shown.frame["symbol"]) == ["AAPL", "AAPL280121C00240000"]


def test_an_impossible_symbol_is_wrong_input(filled: Warehouse) -> None:
    """What cannot be a symbol is named, and nothing is looked for."""
    with pytest.raises(InputError, match=r"\[red\]x"):
        look(filled, "prices", symbols=("[red]x",))


def test_a_headline_of_several_symbols_is_found_under_each(filled: Warehouse) -> None:
    """The list of symbols is searched by whole names."""
    assert len(look(filled, "headlines", symbols=("AAPL",)).frame) == 2
    with pytest.raises(NothingStored):
        look(filled, "headlines", symbols=("AAP",))


def test_a_symbol_without_an_answer_comes_with_the_recorded_reason(filled: Warehouse) -> None:
    """Why a beta is missing was written down when it was; the person is told."""
    note = ComputeNote(
        "factor_exposures", rows.SESSION, "NEWCO", "insufficient_history", "only 7 of 30"
    )
    filled.replace_notes("factor_exposures", rows.SESSION, rows.SESSION, [note])
    with pytest.raises(NothingStored, match="NEWCO: only 7 of 30"):
        look(filled, "factors", symbols=("NEWCO",))
    assert list(look(filled, "notes", day=rows.SESSION).frame["reason"]) == ["only 7 of 30"]
    note = replace(note, subject="NEWCO:market")
    filled.replace_notes("factor_exposures", rows.SESSION, rows.SESSION, [note])
    with pytest.raises(NothingStored, match="NEWCO:market: only 7 of 30"):
        look(filled, "factors", symbols=("NEWCO",))


def test_definitions_are_shown_by_version_and_with_why_they_were_skipped(
    filled: Warehouse,
) -> None:
    """Only the active version is said to be skipped, and only where it was in the last session."""
    filled.factors.settle_definitions([MARKET, INTEREST_RATE], rows.AT)
    filled.factors.settle_definitions([replace(MARKET, window=60), INTEREST_RATE], rows.AT)
    note = ComputeNote("factor_exposures", rows.SESSION, "market", "skipped", "proxy SPY is gone")
    filled.replace_notes("factor_exposures", rows.SESSION, rows.SESSION, [note])
    shown = look(filled, "factor-definitions").frame
    told = shown.set_index(["name", "version"])["skipped"].to_dict()
    assert told == {
        ("interest_rate", 1): None, ("market", 1): None, ("market", 2): "proxy SPY is gone",
    }  # fmt: skip


def test_superseded_exposures_are_shown_of_their_session(filled: Warehouse) -> None:
    """What a replaced definition had measured is read as the present results are."""
    old = filled.read("symbol_factor_exposures")
    day = rows.SESSION
    filled.factors.replace_exposures(
        old.assign(definition_version=2, beta=9.0), day, day, {"market": 2}
    )
    kept = look(filled, "superseded-factors", day=day).frame
    assert kept["definition_version"].tolist() == [1, 1]
    assert kept["beta"].tolist() == old["beta"].tolist()
    assert look(filled, "factors").frame["beta"].tolist() == [9.0, 9.0]


def test_a_portfolio_narrows_symbols_to_what_it_holds(filled: Warehouse) -> None:
    """Underlyings of its options count as held, cash does not."""
    assert list(look(filled, "prices", portfolio="growth").frame["symbol"]) == ["MSFT"]
    assert list(look(filled, "factors", portfolio="growth").frame["symbol"]) == ["MSFT"]


def test_an_unknown_portfolio_is_named_with_those_there_are(filled: Warehouse) -> None:
    """A typing mistake is answered with what could have been meant."""
    with pytest.raises(InputError, match="no portfolio 'grwoth'; there are growth"):
        look(filled, "snapshot", portfolio="grwoth")


def test_a_snapshot_by_symbol_is_of_those_who_hold_it(filled: Warehouse) -> None:
    """The symbol is looked for in the positions of the same session."""
    assert list(look(filled, "snapshot", symbols=("AAPL",)).frame["portfolio_id"]) == ["growth"]
    with pytest.raises(NothingStored):
        look(filled, "snapshot", symbols=("TSLA",))


def test_positions_narrow_by_portfolio_and_symbol(filled: Warehouse) -> None:
    """Both filters hold at once."""
    shown = look(filled, "positions", portfolio="growth", symbols=("ZZZ",))
    assert list(shown.frame["status"]) == ["unpriced"]


def test_a_limit_counts_what_it_hides(filled: Warehouse) -> None:
    """A person is told that there is more, and 0 shows all."""
    assert (len(look(filled, "prices", limit=1).frame), look(filled, "prices", limit=1).hidden) == (
        1, 2,
    )  # fmt: skip
    assert look(filled, "prices", limit=0).hidden == 0
