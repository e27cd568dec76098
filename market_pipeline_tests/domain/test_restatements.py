"""Splits and dividends are told from a changed past, and what was known then can be had again."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.restatements import (
    FIELDS,
    PRICES,
    SPLIT_BASIS,
    basis_steps,
    explains,
    known_on,
    reconcile,
)
from market_pipeline_tests.fakes import steady_bars

FIRST, LAST = date(2024, 1, 2), date(2024, 4, 30)
SEEN = datetime(2024, 5, 1, 1, tzinfo=UTC)
BARS = steady_bars("KO", FIRST, LAST).assign(source="yahoo")
DAYS = [day.date() for day in BARS["session_date"]]
SPLIT_DAY, PAID_DAY = DAYS[60], DAYS[50]


def seen(frame: pd.DataFrame, hours: int = 0) -> pd.DataFrame:
    """Date the fetching of rows, `hours` after the first time."""
    return frame.assign(fetched_at=pd.Timestamp(SEEN + timedelta(hours=hours)).as_unit("us"))


def split(frame: pd.DataFrame, day: date, ratio: float) -> pd.DataFrame:
    """Restate a history for a split as Yahoo does: prices before it, and volumes."""
    before = frame["session_date"] < pd.Timestamp(day)
    moved = frame.copy()
    for name in (*PRICES, "adj_close", "dividend_usd"):
        moved[name] = moved[name].where(~before, moved[name] / ratio)
    moved["volume"] = moved["volume"].where(~before, moved["volume"] * ratio)
    moved.loc[moved["session_date"] == pd.Timestamp(day), "split_ratio"] = ratio
    return moved


def paying(frame: pd.DataFrame, day: date, amount: float) -> pd.DataFrame:
    """Add a dividend as Yahoo does: on its row, and in every adjusted close before it."""
    at = DAYS.index(day)
    share = 1 - amount / frame["close"].iloc[at - 1]
    paid = frame.copy()
    paid.loc[at, "dividend_usd"] = amount
    return paid.assign(
        adj_close=paid["adj_close"].where(paid.index >= at, paid["adj_close"] * share)
    )


def scaled(frame: pd.DataFrame, row: int, factor: float) -> pd.DataFrame:
    """Change the close of one row."""
    return frame.assign(close=frame["close"].where(frame.index != row, frame["close"] * factor))


def until(frame: pd.DataFrame, day: date) -> pd.DataFrame:
    """Keep what had been traded by a day."""
    return frame[frame["session_date"] <= pd.Timestamp(day)].reset_index(drop=True)


def since(frame: pd.DataFrame, day: date) -> pd.DataFrame:
    """Keep a day and what follows."""
    return frame[frame["session_date"] >= pd.Timestamp(day)].reset_index(drop=True)


@pytest.mark.parametrize("ratio", [2.0, 7.0, 0.1])
def test_a_new_split_is_one_change_and_moves_all_that_is_stored(ratio: float) -> None:
    """One fetched bar of overlap is enough to compute the whole history anew."""
    stored = seen(until(BARS, DAYS[59]))
    told = seen(split(BARS, SPLIT_DAY, ratio), 24)
    found = reconcile(stored, since(told, DAYS[59]), replace=False)
    assert found.changes["field"].tolist() == [SPLIT_BASIS]
    assert found.restated == 0
    assert found.is_new_basis
    pd.testing.assert_frame_equal(found.frame[list(PRICES)], told[list(PRICES)])
    np.testing.assert_allclose(found.frame["volume"], told["volume"])
    np.testing.assert_allclose(found.frame["adj_close"], told["adj_close"])
    assert (found.frame["fetched_at"][:60] == stored["fetched_at"]).all()


def test_a_split_that_is_in_the_basis_already_moves_nothing() -> None:
    """A backfilled range was adjusted for splits to come; seeing them later changes nothing."""
    told = split(BARS, SPLIT_DAY, 4.0)
    stored = seen(until(told, DAYS[59]))
    fresh = seen(since(told, DAYS[59]), 24)
    assert explains((stored["close"].iloc[-1], stored["adj_close"].iloc[-1]), fresh, DAYS[59])
    found = reconcile(stored, fresh, replace=False)
    assert found.changes.empty
    assert not found.is_new_basis


def test_of_two_splits_only_the_new_one_counts() -> None:
    """The earlier one is in what is stored; both stand in what is fetched."""
    once = split(BARS, DAYS[20], 7.0)
    stored = seen(until(once, DAYS[59]))
    told = seen(split(once, SPLIT_DAY, 4.0), 24)
    steps = basis_steps(stored, told)
    assert [(step.before, step.ratio) for step in steps] == [(SPLIT_DAY, 4.0)]


def test_a_new_dividend_is_explained_and_floods_nothing() -> None:
    """Every adjusted close changes, no value is restated."""
    stored = seen(until(BARS, DAYS[49]))
    told = seen(paying(BARS, PAID_DAY, 0.8), 24)
    fresh = since(told, DAYS[49])
    assert explains((stored["close"].iloc[-1], stored["adj_close"].iloc[-1]), fresh, DAYS[49])
    found = reconcile(stored, fresh, replace=False)
    assert found.changes.empty
    np.testing.assert_allclose(found.frame["adj_close"], told["adj_close"])


def test_a_split_and_a_dividend_at_once() -> None:
    """Both are told apart though one bar carries their product."""
    told = seen(split(paying(BARS, PAID_DAY, 0.8), SPLIT_DAY, 2.0), 24)
    stored = seen(until(BARS, DAYS[49]))
    fresh = since(told, DAYS[49])
    assert explains((stored["close"].iloc[-1], stored["adj_close"].iloc[-1]), fresh, DAYS[49])
    found = reconcile(stored, fresh, replace=False)
    assert found.changes["field"].tolist() == [SPLIT_BASIS]
    np.testing.assert_allclose(found.frame["adj_close"], told["adj_close"])
    np.testing.assert_allclose(found.frame["dividend_usd"], told["dividend_usd"])


@pytest.mark.parametrize("factor", [1.001, 0.98, 2.5])
def test_a_changed_close_is_not_explained(factor: float) -> None:
    """No split and no dividend, or one of another size: the past itself has changed."""
    stored = (100.0, 100.0)
    fresh = since(split(BARS, SPLIT_DAY, 2.0), DAYS[59])
    changed = fresh.assign(close=fresh["close"] * 50 * factor / fresh["close"].iloc[0])
    assert not explains(stored, changed, DAYS[59])


def test_a_bar_that_did_not_come_again_is_no_evidence() -> None:
    """Nothing can be said about a bar that is not there."""
    assert explains((100.0, 100.0), since(BARS, DAYS[60]), DAYS[59])


def test_a_whole_history_on_another_basis_is_one_change() -> None:
    """A split outside of what was fetched shows as one ratio of nearly every close."""
    stored = seen(BARS)
    told = scaled(split(BARS, date(2024, 5, 10), 3.0), 5, 1.02)
    found = reconcile(stored, seen(told, 24), replace=True)
    basis = found.changes[found.changes["field"] == SPLIT_BASIS]
    assert basis["new_value"].tolist() == pytest.approx([3.0])
    values = found.changes[found.changes["field"] != SPLIT_BASIS]
    assert values[["field", "session_date"]].to_numpy().tolist() == [
        ["close", pd.Timestamp(DAYS[5])]
    ]


def test_a_silent_change_is_kept_with_both_values() -> None:
    """Old and new value, when seen, and by whom."""
    told = scaled(seen(BARS, 24), 3, 1.01)
    found = reconcile(seen(BARS), told, replace=False)
    [change] = found.changes.to_dict("records")
    assert change["session_date"] == pd.Timestamp(DAYS[3])
    assert change["field"] == "close"
    assert change["old_value"] == BARS["close"][3]
    assert change["new_value"] == told["close"][3]
    assert change["seen_at"] == pd.Timestamp(SEEN + timedelta(hours=24))
    assert change["old_fetched_at"] == pd.Timestamp(SEEN)
    assert found.restated == 1
    assert found.frame["fetched_at"].tolist().count(pd.Timestamp(SEEN)) == len(BARS) - 1


def test_noise_and_missing_values_change_nothing() -> None:
    """A last digit, late trades, a value that is not told this time: what is stored stays."""
    told = seen(BARS, 24)
    told["close"] *= 1 + 1e-6
    told["adj_close"] *= 1 - 1e-6
    told["volume"] *= 1.01
    told.loc[4, "open"] = np.nan
    found = reconcile(seen(BARS), told, replace=False)
    assert found.changes.empty
    pd.testing.assert_frame_equal(found.frame[list(BARS.columns)], BARS)


@st.composite
def retold(draw: st.DrawFn) -> list[pd.DataFrame]:
    """Draw a vendor's tellings: bars change, come, go, and the whole is split now and then."""
    bars = until(BARS, DAYS[30])
    tellings = [bars]
    for _ in range(draw(st.integers(1, 4))):
        bars = bars.copy()
        for _ in range(draw(st.integers(0, 3))):
            row = draw(st.integers(0, len(bars) - 1))
            name = draw(st.sampled_from([*PRICES, "volume", "dividend_usd"]))
            bars.loc[row, name] = draw(st.floats(20, 300))
        what = draw(st.sampled_from(["split", "withdraw", "nothing"]))
        if what == "split":
            day = draw(st.sampled_from(DAYS[25:30]))
            on_day = bars["session_date"] == pd.Timestamp(day)
            if on_day.any() and not bars.loc[on_day, "split_ratio"].any():
                bars = split(bars, day, draw(st.sampled_from([2.0, 3.0])))
        elif what == "withdraw" and len(bars) > 25:
            bars = bars.drop(index=draw(st.integers(0, 20))).reset_index(drop=True)
        tellings.append(bars)
    return tellings


def judge_memory(tellings: list[pd.DataFrame]) -> None:
    """Store the tellings one after the other, and ask for what was known between them."""
    stored, changes, memory = seen(tellings[0]), [], []
    memory.append(stored)
    for hours, telling in enumerate(tellings[1:], 1):
        found = reconcile(stored, seen(telling, hours), replace=True)
        stored = found.frame
        changes.append(found.changes)
        memory.append(stored)
    log = pd.concat([each for each in changes if len(each)] or [changes[0]])
    for hours, then in enumerate(memory):
        known = known_on(stored, log, SEEN + timedelta(hours=hours, minutes=1))
        assert known["session_date"].tolist() == then["session_date"].tolist()
        for name in FIELDS:
            np.testing.assert_allclose(known[name], then[name], rtol=1e-9)
    assert known_on(stored, log, SEEN - timedelta(minutes=1)).empty


@settings(deadline=None, max_examples=30)
@given(retold())
def test_what_was_known_can_be_had_again(tellings: list[pd.DataFrame]) -> None:
    """After any history of changes, each moment's bars come back as they were stored then."""
    judge_memory(tellings)


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=500)
@given(retold())
def test_what_was_known_in_five_hundred_histories(tellings: list[pd.DataFrame]) -> None:
    """The same, at length."""
    judge_memory(tellings)
