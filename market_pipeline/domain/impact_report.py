"""Did the scores mean anything? Rows of `headline_impact`, gathered by label and confidence.

Every statistic, its formula and its source stand in docs/impact.md. Stories of one session share
its news and its market, so errors are clustered by session; a sample too small to say anything is
marked, not hidden.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.impact import ADJUSTED_COLUMNS, NEXT_SESSIONS
from market_pipeline.domain.sentiment import LOW_CONFIDENCE

BUCKETS: Final = (("low", 0.0), ("middle", LOW_CONFIDENCE), ("high", 0.8))
"""Buckets of confidence, each from its bound to below the next one's."""

LABELS: Final = ("positive", "neutral", "negative")
ALL: Final = "all"

SMALL_SAMPLE: Final = 30
"""With fewer stories, or fewer sessions, the normal approximation of `t_stat` is not to be used."""

MIN_RANKED: Final = 3
"""Pairs a session needs for a rank correlation: two always correlate fully."""

REPORT_COLUMNS = (
    "label", "confidence", "stories", "sessions", "pairs", "mean_adjusted_pct",
    "median_adjusted_pct", "std_error_pct", "t_stat", "hit_rate", "rank_ic", "rank_ic_sessions",
    "pairs_next_5", "mean_next_5_pct", "median_next_5_pct", "std_error_next_5_pct",
    "t_stat_next_5", "sample",
)  # fmt: skip

_SIGNS = {"positive": 1.0, "negative": -1.0}
_SESSION, _CUMULATED = ADJUSTED_COLUMNS[0], "cumulated"


def bucket_of(confidence: "pd.Series[float]") -> "pd.Series[str]":
    """Name the bucket of each confidence."""
    bounds = [bound for _, bound in BUCKETS[1:]]
    at = np.searchsorted(bounds, confidence.to_numpy(dtype=np.float64), side="right")
    return pd.Series(np.array([name for name, _ in BUCKETS])[at], index=confidence.index)


def impact_report(frame: pd.DataFrame) -> pd.DataFrame:
    """Gather `headline_impact` rows by label and confidence bucket, sums (`all`) last.

    Returns `REPORT_COLUMNS`, a row for each group that holds any story; percentages in percent.
    `pairs` are the story-symbol rows with an adjusted return, which the statistics are of.
    """
    rows = frame.assign(
        confidence=bucket_of(frame["sentiment_confidence"]),
        at=pd.factorize(frame["session_date"], sort=True)[0],
        # Sums of daily adjusted returns: missing where any of the five is.
        cumulated=frame[list(ADJUSTED_COLUMNS[1:])].sum(axis=1, min_count=NEXT_SESSIONS),
    )
    found = [
        {"label": label, "confidence": bucket, **_described(group)}
        for label, bucket, group in _groups(rows)
    ]
    return pd.DataFrame(found, columns=list(REPORT_COLUMNS))


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for label in (*LABELS, ALL):
        of_label = rows if label == ALL else rows[rows["sentiment_label"] == label]
        for bucket in (*(name for name, _ in BUCKETS), ALL):
            group = of_label if bucket == ALL else of_label[of_label["confidence"] == bucket]
            if not group.empty:
                yield label, bucket, group


def _described(group: pd.DataFrame) -> dict[str, object]:
    stories, sessions = group["headline_hash"].nunique(), group["session_date"].nunique()
    same, after = _average(group, _SESSION, lags=0), _average(group, _CUMULATED, NEXT_SESSIONS - 1)
    ic, ic_sessions = _rank_ic(group)
    is_small = min(stories, sessions) < SMALL_SAMPLE
    return {
        "stories": stories,
        "sessions": sessions,
        "pairs": same.count,
        "mean_adjusted_pct": same.mean,
        "median_adjusted_pct": same.median,
        "std_error_pct": same.error,
        "t_stat": same.t_stat,
        "hit_rate": _hit_rate(group),
        "rank_ic": ic,
        "rank_ic_sessions": ic_sessions,
        "pairs_next_5": after.count,
        "mean_next_5_pct": after.mean,
        "median_next_5_pct": after.median,
        "std_error_next_5_pct": after.error,
        "t_stat_next_5": after.t_stat,
        "sample": "small" if is_small else "ok",
    }


@dataclass(frozen=True, slots=True)
class _Average:
    """A mean with its clustered error; NaN where there is too little for either."""

    count: int
    mean: float
    median: float
    error: float

    @property
    def t_stat(self) -> float:
        return self.mean / self.error if self.error > 0 else np.nan


def _average(group: pd.DataFrame, column: str, lags: int) -> _Average:
    known = group[group[column].notna()]
    values, at = known[column].to_numpy(dtype=np.float64), known["at"].to_numpy()
    if not len(values):
        return _Average(0, np.nan, np.nan, np.nan)
    error = clustered_error(values, at, lags)
    return _Average(len(values), float(values.mean()), float(np.median(values)), error)


def clustered_error(values: Floats, at: npt.NDArray[np.int64], lags: int = 0) -> float:
    """Give the standard error of the mean of `values`, clustered by session.

    `at` is each value's place among the sessions. Of N values in G sessions, S(t) the sum of
    deviations from the mean in session t: variance = G/(G-1) / N^2 x (sum of S(t)^2 + 2 x sum over
    l = 1..lags of (1 - l/(lags+1)) x sum of S(t) S(t-l)). `lags` is how many sessions a value
    overlaps with later ones. NaN with fewer than two sessions. Source: Liang and Zeger (1986) for
    lags 0; Driscoll and Kraay (1998) with the weights of Newey and West (1987) else.
    """
    sessions = len(np.unique(at))
    if sessions < 2:
        return np.nan
    sums = np.bincount(at - at.min(), weights=values - values.mean())
    total = float(sums @ sums)
    for lag in range(1, min(lags, len(sums) - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(sums[lag:] @ sums[:-lag])
    return float(np.sqrt(max(total, 0.0) * sessions / (sessions - 1)) / len(values))


def _hit_rate(group: pd.DataFrame) -> float:
    """Give the share of positive and negative pairs whose adjusted return has the label's sign."""
    told = group[group["sentiment_label"].isin(_SIGNS) & group[_SESSION].notna()]
    if told.empty:
        return np.nan
    return float((told["sentiment_label"].map(_SIGNS) * told[_SESSION] > 0).mean())


def _rank_ic(group: pd.DataFrame) -> tuple[float, int]:
    """Give the mean over sessions of Spearman's correlation of score and adjusted return."""
    known = group.loc[group[_SESSION].notna(), ["at", "sentiment_score", _SESSION]]
    ranks = known.groupby("at")[["sentiment_score", _SESSION]].rank()
    centred = ranks - ranks.groupby(known["at"]).transform("mean")
    x, y = centred["sentiment_score"], centred[_SESSION]
    products = pd.DataFrame({"xy": x * y, "xx": x * x, "yy": y * y, "n": 1.0})
    sums = products.groupby(known["at"]).sum()
    sums = sums[(sums["n"] >= MIN_RANKED) & (sums["xx"] * sums["yy"] > 0)]
    if sums.empty:
        return np.nan, 0
    return float((sums["xy"] / np.sqrt(sums["xx"] * sums["yy"])).mean()), len(sums)
