"""How vendors adjust prices, and when bars of two of them may stand side by side.

Stored bars are split-adjusted as of their fetch. Raw bars without a split between their first day
and the present are that too, so they may join; all others would show a jump that never was.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import numpy as np

RAW = "raw"
"""Prices as they were traded: a split shows as a jump (Alpha Vantage's TIME_SERIES_DAILY)."""

SPLIT_ADJUSTED = "split_adjusted"
"""Prices before a split divided by its ratio (Yahoo; Polygon's aggregates with adjusted=true)."""

SPLIT_LIKE_MOVE = 0.13
"""A close this much (as a fraction) below or above the one before may hide a split: the smallest
that is usual, five for four, is a fall of 20 %, and seems one of 13 % on a day that gains 9 %.
Stock dividends of a tenth and less are not told from moves of the market."""

OVERLAP_TOLERANCE = 5e-3
"""Relative difference of one session's close at two vendors that counts as the same price:
closing auctions and late corrections differ by tenths of a percent, splits by a fifth or more."""


def suspected_splits(days: Sequence[date], closes: Sequence[float]) -> tuple[date, ...]:
    """Name the days whose raw close moved as a split moves it; both in the order of days.

    Closes that are missing or not positive are passed over: the next one is held against the last
    known.
    """
    known = [
        (day, close)
        for day, close in zip(days, closes, strict=True)
        if np.isfinite(close) and close > 0
    ]
    lowest, highest = 1 - SPLIT_LIKE_MOVE, 1 / (1 - SPLIT_LIKE_MOVE)
    return tuple(
        day
        for (_, before), (day, close) in pairwise(known)
        if not lowest < close / before < highest
    )


def is_same_price(stored: float, fresh: float) -> bool:
    """Say whether two vendors' closes of one session are one price; unknown ones are no proof."""
    return bool(abs(fresh - stored) <= OVERLAP_TOLERANCE * abs(stored))
