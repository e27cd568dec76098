"""The quality of prices: counts by hand, the bounds, and slices that agree with the whole."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.quality import (
    QUALITY_COLUMNS,
    SESSIONS_BEFORE,
    WINDOW,
    price_quality,
)
from market_pipeline_tests.fakes import CALENDAR

SESSIONS = CALENDAR.sessions(date(2025, 1, 2), date(2025, 6, 30))
LAST = SESSIONS[-1]
BEGIN = CALENDAR.shift(LAST, -SESSIONS_BEFORE)
NOTHING = pd.DataFrame({"session_date": pd.Series([], dtype="datetime64[s]"), "symbol": []})


def cache(symbol: str, states: dict[date, str | None]) -> pd.DataFrame:
    """Build cached prices by session: None is clean, text the flags."""
    frame = pd.DataFrame({"session_date": list(states), "flags": list(states.values())})
    frame["session_date"] = pd.to_datetime(frame["session_date"]).astype("datetime64[s]")
    return frame.assign(symbol=symbol, asset_class="stock", flags=frame["flags"].astype(object))


def refused(*keys: tuple[date, str]) -> pd.DataFrame:
    """Build the list of rejected bars."""
    frame = pd.DataFrame(keys, columns=["session_date", "symbol"])
    return frame.assign(session_date=pd.to_datetime(frame["session_date"]).astype("datetime64[s]"))


def judged(frame: pd.DataFrame, rejected: pd.DataFrame = NOTHING) -> dict[str, float]:
    """Judge the last session; give its one row's numbers."""
    found = price_quality(frame, rejected, CALENDAR.sessions(BEGIN, LAST), LAST, LAST)
    assert list(found.columns) == list(QUALITY_COLUMNS)
    [row] = found.to_dict("records")
    return {name: row[name] for name in QUALITY_COLUMNS[2:]}


def test_a_quarter_of_clean_bars_is_perfect() -> None:
    """64 of 64."""
    row = judged(cache("KO", dict.fromkeys(SESSIONS)))
    assert row == {
        "expected": 64, "priced": 64, "flagged": 0, "rejected": 0, "validation_rate": 1.0,
        "quality_score": 1.0,
    }  # fmt: skip


def test_flagged_rejected_and_missing_bars_by_hand() -> None:
    """Two flagged, one rejected by two rules, one that never came: 60 clean of 64."""
    states = dict.fromkeys(SESSIONS)
    states[SESSIONS[-5]] = states[SESSIONS[-9]] = "missing_open"
    del states[SESSIONS[-7]], states[SESSIONS[-11]]
    row = judged(
        cache("KO", states), refused((SESSIONS[-7], "KO"), (SESSIONS[-7], "KO"), (LAST, "PEP"))
    )
    assert (row["priced"], row["flagged"], row["rejected"]) == (62, 2, 1)
    assert row["validation_rate"] == pytest.approx(60 / 63)
    assert row["quality_score"] == pytest.approx(60 / 64)


def test_a_young_symbol_owes_nothing_before_its_first_bar() -> None:
    """Five clean sessions since its listing are perfect; the sixth day's silence is not."""
    row = judged(cache("YOUNG", dict.fromkeys(SESSIONS[-5:])))
    assert (row["expected"], row["quality_score"]) == (5, 1.0)
    row = judged(cache("YOUNG", dict.fromkeys(SESSIONS[-6:-1])))
    assert row["expected"] == 6
    assert row["quality_score"] == pytest.approx(5 / 6)


def test_nothing_to_judge_is_an_empty_frame() -> None:
    """No price, no row."""
    none = cache("KO", {})
    found = price_quality(none, NOTHING, CALENDAR.sessions(BEGIN, LAST), LAST, LAST)
    assert found.empty
    assert list(found.columns) == list(QUALITY_COLUMNS)


@st.composite
def universes(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw prices of two symbols with flags, gaps and refused bars."""
    parts, bad = [], []
    for symbol in ("KO", "PEP"):
        fates = draw(st.lists(st.sampled_from("cccfmr"), min_size=90, max_size=90))
        days = SESSIONS[-90:]
        told = list(zip(days, fates, strict=True))
        flags = {"c": None, "f": "zero_volume"}
        states = {day: flags[fate] for day, fate in told if fate in flags}
        parts.append(cache(symbol, states))
        bad += [(day, symbol) for day, fate in told if fate == "r"]
    return pd.concat(parts, ignore_index=True), refused(*bad) if bad else NOTHING


@settings(deadline=None, max_examples=25)
@given(universes())
def test_single_days_equal_a_range_and_all_lies_between_0_and_1(
    drawn: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    """Any slicing gives the same rows; more doubts never raise a number above 1."""
    frame, bad = drawn
    first = SESSIONS[-20]
    sessions = CALENDAR.sessions(CALENDAR.shift(first, -SESSIONS_BEFORE), LAST)
    whole = price_quality(frame, bad, sessions, first, LAST)
    days = [
        price_quality(
            frame[frame["session_date"] >= pd.Timestamp(CALENDAR.shift(day, -SESSIONS_BEFORE))],
            bad,
            CALENDAR.sessions(CALENDAR.shift(day, -SESSIONS_BEFORE), day),
            day,
            day,
        )
        for day in SESSIONS[-20:]
    ]
    pd.testing.assert_frame_equal(pd.concat(days, ignore_index=True), whole)
    for name in ("validation_rate", "quality_score"):
        assert whole[name].between(0, 1).all()
    assert (whole["priced"] <= np.minimum(whole["expected"], WINDOW)).all()
