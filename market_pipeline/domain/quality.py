"""How far a symbol's prices can be relied on: its bars of the last quarter, counted.

Frames of `market_data_cache` and of what was rejected in, `price_quality` out. The formulas
stand in docs/prices.md.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from market_pipeline.domain.books import STOCK
from market_pipeline.domain.frames import (
    Floats,
    blocks,
    empty_frame,
    session_index,
    wide,
    windows_ending,
)

WINDOW = 64
"""Sessions looked at: the prices of a quarter's 63 returns."""

SESSIONS_BEFORE = WINDOW - 1

TARGET_VALIDATION, TARGET_SCORE = 0.95, 0.90
"""What a symbol's rate and score should be above."""

QUALITY_COLUMNS = (
    "session_date", "symbol", "expected", "priced", "flagged", "rejected", "validation_rate",
    "quality_score",
)  # fmt: skip


def quality_score(is_priced: Floats, is_clean: Floats) -> Floats:
    """Give the share of expected sessions with a price that nothing is held against, 0 to 1.

    The last axis holds a window's sessions, as 1 and 0. A session is expected from the first one
    with a price on: a symbol owes nothing before its listing. NaN where there is no price at all.
    """
    expected = expected_sessions(is_priced)
    clean = np.nansum(is_clean, axis=-1)
    return np.where(expected > 0, clean / np.maximum(expected, 1), np.nan)


def expected_sessions(is_priced: Floats) -> Floats:
    """Count the sessions of each window from the first one with a price on; 0 without any."""
    is_there = np.nan_to_num(is_priced) > 0
    counted: Floats = np.where(
        is_there.any(axis=-1), is_there.shape[-1] - is_there.argmax(axis=-1), 0
    ).astype(np.float64)
    return counted


def price_quality(
    market_data: pd.DataFrame,
    rejected: pd.DataFrame,
    sessions: Sequence[date],
    first: date,
    last: date,
) -> pd.DataFrame:
    """Judge each stock in each session from `first` to `last` by the `WINDOW` that ends there.

    `market_data` covers `sessions`, which rise and start `SESSIONS_BEFORE` sessions before
    `first`; `rejected` (session_date, symbol) names the bars refused, each once or more. Symbols
    without a price in the window have no row. Returns `QUALITY_COLUMNS`: `expected` sessions,
    of which so many `priced`, of those so many `flagged`; `validation_rate` is the share of
    received bars (priced and rejected) that broke no rule.
    """
    stocks = market_data[market_data["asset_class"] == STOCK]
    if stocks.empty:
        return empty_frame(QUALITY_COLUMNS)
    index = session_index(sessions)
    rows = range(*index.slice_locs(pd.Timestamp(first), pd.Timestamp(last)))
    marked = stocks.assign(is_priced=1.0, is_clean=stocks["flags"].isna().astype(np.float64))
    priced = wide(marked, "is_priced", sessions)
    symbols = priced.columns
    clean = wide(marked, "is_clean", sessions)
    refused = _refused(rejected, sessions, symbols)
    there, good, bad = (np.nan_to_num(f.to_numpy().T) for f in (priced, clean, refused))
    parts = [_counted(there, good, bad, part) for part in blocks(rows, WINDOW, len(symbols))]
    keys = pd.MultiIndex.from_product(
        [symbols, index[rows.start : rows.stop]], names=["symbol", "session_date"]
    )
    columns = {name: np.concatenate([p[name] for p in parts], axis=1).ravel() for name in parts[0]}
    frame = pd.DataFrame(columns, index=keys).reset_index()
    frame = frame[frame["expected"] > 0]
    counts = ("expected", "priced", "flagged", "rejected")
    frame = frame.sort_values(["session_date", "symbol"], ignore_index=True)
    return frame[list(QUALITY_COLUMNS)].astype(dict.fromkeys(counts, np.int64))


def _refused(rejected: pd.DataFrame, sessions: Sequence[date], symbols: pd.Index) -> pd.DataFrame:
    unique = rejected[["session_date", "symbol"]].drop_duplicates()
    spread = wide(unique.assign(is_rejected=1.0), "is_rejected", sessions)
    return spread.reindex(columns=symbols)


def _counted(priced: Floats, clean: Floats, refused: Floats, rows: range) -> dict[str, Floats]:
    """Count what each window holds, as matrices of symbols x sessions of `rows`."""
    windows = [np.nan_to_num(windows_ending(each, rows, WINDOW)) for each in (priced, clean)]
    there, good = (each.sum(axis=-1) for each in windows)
    bad = np.nan_to_num(windows_ending(refused, rows, WINDOW)).sum(axis=-1)
    return {
        "expected": expected_sessions(windows[0]),
        "priced": there,
        "flagged": there - good,
        "rejected": bad,
        "validation_rate": good / np.maximum(there + bad, 1),
        "quality_score": quality_score(*windows),
    }
