"""The report on the scores: against hand counts, and against statsmodels and pandas."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.impact import ADJUSTED_COLUMNS
from market_pipeline.domain.impact_report import (
    REPORT_COLUMNS,
    bucket_of,
    clustered_error,
    impact_report,
)
from market_pipeline.domain.sentiment import is_low
from market_pipeline.domain.sessions import TradingCalendar

SESSIONS = TradingCalendar.xnys().sessions(date(2026, 1, 5), date(2026, 6, 30))


def row(at: int, story: str, label: str, adjusted: float, **more: Any) -> dict[str, Any]:
    """Make a row of the session `at`; the next five are its `after` each."""
    after = more.pop("after", 0.0)
    return {
        "session_date": pd.Timestamp(SESSIONS[at]),
        "headline_hash": story,
        "symbol": "A",
        "sentiment_score": {"positive": 0.5, "negative": -0.5}.get(label, 0.0),
        "sentiment_confidence": 0.9,
        "sentiment_label": label,
        ADJUSTED_COLUMNS[0]: adjusted,
        **dict.fromkeys(ADJUSTED_COLUMNS[1:], after),
        **more,
    }


def report(*rows: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    frame = impact_report(pd.DataFrame(list(rows)))
    assert tuple(frame.columns) == REPORT_COLUMNS
    rows_found: list[Any] = frame.to_dict("records")
    return {(r["label"], r["confidence"]): r for r in rows_found}


def test_a_small_report_by_hand() -> None:
    """Two sessions, means 1 and 3 of two stories each: mean 2, error 2 x sqrt(2 x (4 + 4)) / 4."""
    found = report(
        row(0, "a", "positive", 0.0),
        row(0, "b", "positive", 2.0),
        row(1, "c", "positive", -1.0, after=0.5),
        row(1, "d", "positive", 7.0),
    )[("positive", "high")]
    assert (found["stories"], found["sessions"], found["pairs"]) == (4, 2, 4)
    assert found["mean_adjusted_pct"] == 2.0
    assert found["median_adjusted_pct"] == 1.0
    # Sums of deviations: -2 and 2; variance 2/1 / 16 x (4 + 4) = 1.
    assert found["std_error_pct"] == pytest.approx(1.0)
    assert found["t_stat"] == pytest.approx(2.0)
    assert found["hit_rate"] == 0.5, "no return at all is no hit"
    assert found["mean_next_5_pct"] == pytest.approx(2.5 / 4)
    assert found["sample"] == "small"


def test_labels_and_buckets_and_their_sums() -> None:
    """Every group that holds a story has a row, and none other; sums come last."""
    found = report(
        row(0, "a", "positive", 1.0, sentiment_confidence=0.59),
        row(0, "b", "negative", 1.0, sentiment_confidence=0.6),
        row(1, "c", "neutral", 1.0, sentiment_confidence=0.8),
    )
    assert list(found) == [
        ("positive", "low"), ("positive", "all"), ("neutral", "high"), ("neutral", "all"),
        ("negative", "middle"), ("negative", "all"), ("all", "low"), ("all", "middle"),
        ("all", "high"), ("all", "all"),
    ]  # fmt: skip
    assert found[("all", "all")]["stories"] == 3
    assert found[("negative", "all")]["hit_rate"] == 0.0
    assert np.isnan(found[("neutral", "all")]["hit_rate"])
    assert found[("all", "all")]["hit_rate"] == 0.5, "neutral stories claim no direction"


@pytest.mark.parametrize(
    ("confidence", "bucket", "low"),
    [(0.0, "low", True), (0.5999, "low", True), (0.6, "middle", False), (0.79, "middle", False),
     (0.8, "high", False), (1.0, "high", False)],
)  # fmt: skip
def test_the_bounds_belong_to_the_upper_bucket(confidence: float, bucket: str, low: bool) -> None:
    """0.6 is not low any more, 0.8 is high."""
    assert bucket_of(pd.Series([confidence])).tolist() == [bucket]
    assert is_low(confidence) is low


def test_a_missing_return_counts_as_a_story_and_not_as_a_pair() -> None:
    """Nor does a story whose five sessions are not over count for them."""
    found = report(
        row(0, "a", "positive", np.nan, after=np.nan),
        row(1, "b", "positive", 1.0, **{ADJUSTED_COLUMNS[3]: np.nan}),
        row(2, "c", "positive", 3.0, after=1.0),
    )[("positive", "all")]
    assert (found["stories"], found["sessions"], found["pairs"]) == (3, 3, 2)
    assert (found["pairs_next_5"], found["mean_next_5_pct"]) == (1, 5.0)
    assert np.isnan(found["std_error_next_5_pct"])
    assert np.isnan(found["t_stat_next_5"])


def test_two_symbols_of_a_story_are_two_pairs_of_one_story() -> None:
    """Counts say which is which."""
    found = report(
        row(0, "a", "positive", 1.0), row(0, "a", "positive", 2.0, symbol="B"),
    )[("positive", "all")]  # fmt: skip
    assert (found["stories"], found["pairs"], found["sessions"]) == (1, 2, 1)
    assert np.isnan(found["t_stat"]), "one session has no spread"


@pytest.mark.parametrize(("sessions", "sample"), [(29, "small"), (30, "ok")])
def test_the_sample_is_as_large_as_its_sessions(sessions: int, sample: str) -> None:
    """Sixty stories in 29 sessions are a small sample: sessions are what is independent."""
    rows = [
        row(at % sessions, f"{at}", "positive", float(at % 7)) for at in range(2 * sessions)
    ]  # fmt: skip
    assert report(*rows)[("positive", "all")]["sample"] == sample


def test_an_empty_frame_gives_an_empty_report() -> None:
    """No story, no row, no error."""
    frame = pd.DataFrame([row(0, "a", "positive", 1.0)])[:0]
    assert impact_report(frame).empty


def test_copies_of_the_stories_of_a_session_add_no_evidence() -> None:
    """Ten times the same stories leave mean, error and t as they are; naive errors would shrink."""
    base = [row(at, f"{at}", "positive", value) for at, value in enumerate((1.0, -2.0, 4.0, 0.5))]
    copies = [{**r, "symbol": f"S{n}"} for r in base for n in range(10)]
    once, often = (report(*rows)[("positive", "all")] for rows in (base, copies))
    for name in ("mean_adjusted_pct", "std_error_pct", "t_stat", "t_stat_next_5"):
        assert often[name] == pytest.approx(once[name], nan_ok=True)


values = st.lists(st.tuples(st.integers(0, 9), st.floats(-5, 5)), min_size=8, max_size=40)


@given(values)
@settings(max_examples=50, deadline=None)
def test_the_error_is_statsmodels_clustered_one(pairs: list[tuple[int, float]]) -> None:
    """Least squares on a constant with errors clustered by session."""
    at, x = np.array([a for a, _ in pairs]), np.array([v for _, v in pairs])
    error = clustered_error(x, at)
    if len(set(at)) < 2:
        assert np.isnan(error)
        return
    fit = sm.OLS(x, np.ones(len(x))).fit(cov_type="cluster", cov_kwds={"groups": at})
    assert error == pytest.approx(float(fit.bse[0]), rel=1e-8, abs=1e-10)


@given(st.lists(st.floats(-5, 5), min_size=24, max_size=60))
@settings(max_examples=50, deadline=None)
def test_with_lags_it_is_the_one_of_driscoll_and_kraay(x: list[float]) -> None:
    """statsmodels' `hac-groupsum` over sessions in a row, weights of Bartlett."""
    values, at = np.array(x), np.arange(len(x)) // 2
    fit = sm.OLS(values, np.ones(len(x))).fit(
        cov_type="hac-groupsum",
        cov_kwds={"time": at, "maxlags": 4, "use_correction": False},
    )
    groups = len(set(at))
    expected = float(fit.bse[0]) * np.sqrt(groups / (groups - 1))
    assert clustered_error(values, at, lags=4) == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_the_rank_correlation_is_spearmans_averaged_over_sessions() -> None:
    """Sessions of two pairs, or of one score only, have none."""
    random = np.random.default_rng(3)
    rows = [
        row(at, f"{at}-{n}", "positive", float(random.normal()),
            sentiment_score=float(random.integers(0, 4)) / 4)
        for at, count in enumerate((5, 2, 9, 3))
        for n in range(count)
    ]  # fmt: skip
    rows += [row(10, f"x{n}", "positive", float(n)) for n in range(4)]
    found = report(*rows)[("positive", "all")]
    frame = pd.DataFrame(rows)
    expected: list[Any] = []
    for _, day in frame.groupby("session_date"):
        ranks = day[["sentiment_score", ADJUSTED_COLUMNS[0]]].rank()
        if len(day) >= 3 and (ranks.std() > 0).all():
            expected.append(ranks.corr().iloc[0, 1])
    assert found["rank_ic"] == pytest.approx(np.mean(expected))
    assert found["rank_ic_sessions"] == len(expected) == 3


def test_a_score_that_orders_returns_has_a_correlation_of_one() -> None:
    """Perfect order in each session, whatever the sessions' own level."""
    rows = [
        row(at, f"{at}{n}", "positive", at * 100 + n**3, sentiment_score=n / 10)
        for at in range(3)
        for n in range(5)
    ]
    assert report(*rows)[("positive", "all")]["rank_ic"] == pytest.approx(1.0)
