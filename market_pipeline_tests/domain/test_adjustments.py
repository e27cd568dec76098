"""Adjusted prices: the laws they obey, cases by hand, and ten years of recorded ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.adjustments import (
    Actions,
    Days,
    adjusted_closes,
    later_dividends,
    later_splits,
    total_returns,
)
from market_pipeline.domain.frames import Floats

HALF_DIGIT = 0.5e-4
"""The file writes adjusted closes and dividends with four decimals."""
NONE = np.array([], dtype="datetime64[D]"), np.array([])


def days_of(count: int) -> Days:
    """Give `count` days in a row."""
    return np.datetime64("2024-01-01", "D") + np.arange(count)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Days, Floats, Actions]:
    """Draw closes with splits and dividends small enough to leave a price."""
    count = draw(st.integers(2, 40))
    days = days_of(count)
    prices = st.floats(10, 500)
    closes = np.array(draw(st.lists(prices, min_size=count, max_size=count)))
    split_at = draw(st.lists(st.integers(0, count - 1), max_size=4, unique=True))
    ratios = [draw(st.sampled_from([0.1, 0.5, 1.5, 2.0, 3.0, 7.0])) for _ in split_at]
    paid_at = draw(st.lists(st.integers(0, count - 1), max_size=6))
    amounts = [draw(st.floats(0.001, 0.5)) for _ in paid_at]
    actions = Actions(
        days[np.array(split_at, dtype=int)],
        np.array(ratios),
        days[np.array(paid_at, dtype=int)],
        np.array(amounts),
    )
    return days, closes, actions


@given(histories())
def test_returns_of_the_adjusted_series_are_total_returns(
    history: tuple[Days, Floats, Actions],
) -> None:
    """What the chain of factors gives from day to day is each day's own total return."""
    days, closes, actions = history
    adjusted = adjusted_closes(days, closes, actions).total_return
    returns = adjusted[1:] / adjusted[:-1] - 1
    np.testing.assert_allclose(returns, total_returns(days, closes, actions)[1:], atol=1e-9)


@given(histories(), st.integers(1, 39))
def test_adjusting_commutes_with_appending(
    history: tuple[Days, Floats, Actions], length: int
) -> None:
    """History adjusted now and carried on is the whole adjusted at once, but for the anchor."""
    days, closes, actions = history
    length = min(length, len(days) - 1)
    whole = adjusted_closes(days, closes, actions).total_return[:length]
    part = adjusted_closes(days[:length], closes[:length], actions).total_return
    np.testing.assert_allclose(part / part[-1], whole / whole[-1], rtol=1e-9)


@given(histories())
def test_without_an_action_nothing_changes(history: tuple[Days, Floats, Actions]) -> None:
    """All three closes are the very numbers that came in."""
    days, closes, _ = history
    same = adjusted_closes(days, closes, Actions(*NONE, *NONE))
    for series in (same.raw, same.split_adjusted, same.total_return):
        np.testing.assert_array_equal(series, closes)


@given(histories(), st.sampled_from([2.0, 4.0, 0.5]))
def test_a_new_split_restates_by_computing_again(
    history: tuple[Days, Floats, Actions], ratio: float
) -> None:
    """A later split leaves prices as traded and all returns as they were."""
    days, closes, actions = history
    before = adjusted_closes(days, closes, actions)
    split_on = np.append(actions.split_dates, days[-1] + 1)
    now = Actions(
        split_on,
        np.append(actions.split_ratios, ratio),
        actions.dividend_dates,
        actions.dividends_usd / ratio,
    )
    after = adjusted_closes(days, closes / ratio, now)
    np.testing.assert_allclose(after.raw, before.raw, rtol=1e-12)
    np.testing.assert_allclose(after.total_return * ratio, before.total_return, rtol=1e-9)


def test_splits_and_dividends_by_hand() -> None:
    """Two for one on day 2, a dollar paid on day 3 out of a close of 50."""
    days = days_of(4)
    actions = Actions(days[2:3], np.array([2.0]), days[3:], np.array([1.0]))
    found = adjusted_closes(days, np.array([40.0, 45.0, 50.0, 49.0]), actions)
    assert found.raw.tolist() == [80.0, 90.0, 50.0, 49.0]
    assert found.total_return == pytest.approx([39.2, 44.1, 49.0, 49.0])


def test_a_dividend_of_the_whole_price_has_no_factor() -> None:
    """Before a dividend that is not below the previous close, nothing is known."""
    days = days_of(3)
    factors = later_dividends(days, np.array([5.0, 6.0, 1.0]), days[2:], np.array([6.0]))
    assert np.isnan(factors[:2]).all()
    assert factors[2] == 1.0


def test_a_dividend_looks_back_over_a_missing_close() -> None:
    """The previous close is the last one known; before the first bar nothing is adjusted."""
    days = days_of(4)
    closes = np.array([10.0, np.nan, 9.0, 9.0])
    factors = later_dividends(days, closes, days[[0, 2]], np.array([1.0, 1.0]))
    np.testing.assert_allclose(factors, [0.9, 0.9, 1.0, 1.0])


def test_several_dividends_of_a_day_and_one_to_come() -> None:
    """Dividends of one ex-date count as their sum; one after the last session not at all."""
    days = days_of(2)
    ex_dates = np.array([days[1], days[1], days[1] + 5])
    factors = later_dividends(days, np.array([10.0, 9.0]), ex_dates, np.array([0.5, 0.5, 3.0]))
    np.testing.assert_allclose(factors, [0.9, 1.0])


def test_a_split_ratio_that_is_none_counts_as_one() -> None:
    """Zero, negative and missing ratios say nothing."""
    days = days_of(2)
    assert later_splits(days, days[[1, 1, 1]], np.array([0.0, np.nan, -2.0])).tolist() == [1, 1]


@pytest.mark.parametrize("symbol", ["AAPL", "BAC", "IWM", "QQQ", "SPY"])
def test_recorded_adjusted_closes_across_two_splits(market_history: Path, symbol: str) -> None:
    """Ten years of recorded adjusted closes follow from bars and actions, to the last digit.

    The difference allowed is the file's rounding: half a digit of its adjusted close, and half a
    digit of every later dividend against the close before it.
    """
    rows = recorded(market_history / "raw_with_actions_2012_2021.csv.gz", symbol)
    days, raw = rows["date"].to_numpy().astype("datetime64[D]"), rows["close"].to_numpy()
    splits, paid = rows["splits"].to_numpy(), rows["dividends"].to_numpy()
    split_days, ratios = days[splits > 0], np.round(splits[splits > 0])
    closes = raw / later_splits(days, split_days, ratios)
    paid_days = days[paid > 0]
    dividends = paid[paid > 0] / later_splits(paid_days, split_days, ratios)
    found = adjusted_closes(days, closes, Actions(split_days, ratios, paid_days, dividends))
    told = rows["adj_close"].to_numpy()
    shares = np.divide(HALF_DIGIT, raw[:-1]) * (paid[1:] > 0)
    later = np.append(np.cumsum(shares[::-1])[::-1], 0.0)
    difference = np.abs(found.total_return - told)
    print(f"{symbol}: largest relative difference {np.max(difference / told):.2e}")  # noqa: T201  # read by people, with -s
    assert (difference <= HALF_DIGIT + told * later + 1e-9).all()
    np.testing.assert_allclose(found.raw, raw, rtol=1e-12)
    expected_splits = 2 if symbol == "AAPL" else 0
    assert len(ratios) == expected_splits


def recorded(path: Path, symbol: str) -> pd.DataFrame:
    """Read the recorded rows of one symbol, rising."""
    frame = pd.read_csv(path, parse_dates=["date"])
    return frame[frame["symbol"] == symbol].sort_values("date", ignore_index=True)
