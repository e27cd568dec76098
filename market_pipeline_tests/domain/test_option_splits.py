"""What splits make of options: names, counts, strikes, and the universe that follows them."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.option_splits import (
    Splits,
    in_present_series,
    series_of,
    series_on,
    split_contract,
)
from market_pipeline.domain.symbols import OptionContract, parse_occ
from market_pipeline.domain.universe import build_universe

EX = date(2014, 6, 9)
SESSIONS = [date(2014, 6, 5), date(2014, 6, 6), EX, date(2014, 6, 10)]
OLD, NEW = "AAPL140621C00650000", "AAPL140621C00092860"
SPLITS: Splits = {"AAPL": [(EX, 6.999997)]}


def contract(occ: str) -> OptionContract:
    found = parse_occ(occ)
    assert found is not None
    return found


def held(occ: str, asset_class: str = "option") -> Position:
    terms = parse_occ(occ)
    return Position(
        1, occ, asset_class, Decimal(2), Decimal(10), date(2014, 1, 2), 100,
        underlying=terms.stock if terms else None,
        expiration_date=terms.expiration_date if terms else None,
    )  # fmt: skip


def book(occ: str, as_of: date, name: str = "p") -> Book:
    return Book(name, name, as_of, "f.csv", "h", (held(occ),))


@pytest.mark.parametrize(
    ("strike", "after"),
    [("650", "92.86"), ("645", "92.14"), ("490", "70"), ("700", "100"), ("647.5", "92.5")],
)
def test_apples_strikes_of_2014(strike: str, after: str) -> None:
    """Seven for one: the strikes that traded on 2014-06-09, rounded to the cent."""
    old = OptionContract("AAPL", date(2014, 6, 21), "call", Decimal(strike))
    new = split_contract(old, Fraction(7))
    assert new == OptionContract("AAPL", date(2014, 6, 21), "call", Decimal(after))


@pytest.mark.parametrize("ratio", [Fraction(3, 2), Fraction(1, 10), Fraction(1)])
def test_other_splits_name_no_new_contract(ratio: Fraction) -> None:
    """The OCC keeps count and strike and changes the deliverable."""
    assert split_contract(contract(OLD), ratio) is None


@given(st.integers(1, 9_999_999), st.integers(2, 20))
def test_a_split_keeps_the_exercise_price_of_a_holding(cents: int, ratio: int) -> None:
    """Count times strike stays, but for the rounding of the strike to the cent."""
    old = OptionContract("A", date(2027, 1, 15), "put", Decimal(cents) / 100)
    new = split_contract(old, Fraction(ratio))
    if new is None:
        assert cents * 2 < ratio
    else:
        assert abs(new.strike_usd * ratio - old.strike_usd) <= Decimal("0.005") * ratio


def test_a_holding_changes_series_on_the_ex_date() -> None:
    """The ratio is read as the plain one it stands for; later splits go on from there."""
    position = held(OLD)
    series = series_of(
        position, date(2014, 6, 5), {"AAPL": [(EX, 6.999997), (date(2014, 6, 16), 2.0)]}
    )
    assert [(s.symbol, int(s.ratio)) for s in series] == [
        (OLD, 1), (NEW, 7), ("AAPL140621C00046430", 14),
    ]  # fmt: skip
    assert series_on(series, date(2014, 6, 6)).symbol == OLD
    assert series_on(series, EX).symbol == NEW


@pytest.mark.parametrize(
    ("position", "as_of"),
    [
        (held(OLD), EX),  # written on the day: counted in new terms
        (held("AAPL140606C00650000"), date(2014, 6, 5)),  # expired before
        (held("MSFT140621C00040000"), date(2014, 6, 5)),
        (held("AAPL", "stock"), date(2014, 6, 5)),
    ],
)
def test_other_holdings_stay_what_they_are(position: Position, as_of: date) -> None:
    """One series for good."""
    assert len(series_of(position, as_of, SPLITS)) == 1


def test_the_universe_follows_a_holding_through_a_split() -> None:
    """The old symbol up to Friday, the new one from Monday on; nothing else changes."""
    books = [book(OLD, date(2014, 6, 5))]
    universe = build_universe(books, [], ["SPY"], SESSIONS)
    found = in_present_series(universe, books, SPLITS)
    options = found[found["asset_class"] == "option"]
    assert options["symbol"].tolist() == [OLD, OLD, NEW, NEW]
    assert set(options["underlying"]) == {"AAPL"}
    rest = universe[universe["asset_class"] != "option"].reset_index(drop=True)
    kept = found[found["asset_class"] != "option"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, rest)
    assert found.dtypes.to_dict() == universe.dtypes.to_dict()


def test_a_symbol_that_another_book_means_or_that_is_watched_stays() -> None:
    """A book written after the split means a strike of 650 by it."""
    books = [book(OLD, date(2014, 6, 5)), book(OLD, EX, "late")]
    found = in_present_series(build_universe(books, [], [], SESSIONS), books, SPLITS)
    last = found[found["session_date"] == pd.Timestamp(EX)]
    assert last.loc[last["asset_class"] == "option", "symbol"].tolist() == [NEW, OLD]
    alone = [book(OLD, date(2014, 6, 5))]
    watched = in_present_series(build_universe(alone, [OLD], [], SESSIONS), alone, SPLITS)
    assert (watched["symbol"] == OLD).sum() == len(SESSIONS)


def test_an_adjusted_root_names_its_stock() -> None:
    """The digit is the OCC's, not the ticker's."""
    assert contract("AAPL7140621C00092860").stock == "AAPL"
    assert contract("BRKB1140621C00092860").stock == "BRK.B"
    assert contract("BRKB140621C00092860").stock == "BRK.B"
