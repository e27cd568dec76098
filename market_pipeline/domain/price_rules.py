"""What makes a bar or an option quote impossible (rejected) or doubtful (flagged).

Rules look at a row and, for jumps, at the session before it: nothing later, so that a verdict
never depends on how much history was at hand.
"""

import numpy as np
import pandas as pd

from market_pipeline.domain.quarantine import FLAGGED, REJECTED, Rule

DEFAULT_JUMP_THRESHOLD = 0.30
UNUSABLE_RETURN_FLAGS = ("unadjusted_split", "unexplained_jump")
"""Flags of a row whose return says nothing about the market."""

_TICK_CHANGE_USD = 1.0
_HALF_CENT, _HALF_SUB_PENNY = 0.005, 0.00005
_RELATIVE_ROUNDING = 1e-6
_COMMON_SPLITS = (2, 3, 4, 5, 7, 10, 15, 20)

_OHLC = ("open", "high", "low", "close")


def session_rule(is_session: "pd.Series[bool]") -> Rule:
    """Reject rows dated on a day without trading; `is_session` speaks of the same rows."""
    return Rule(
        "not_a_session",
        REJECTED,
        ("session_date",),
        "the exchange did not trade on this date",
        lambda frame: ~is_session.loc[frame.index],
    )


def jump_rules(threshold: float) -> tuple[Rule, Rule]:
    """Flag returns beyond `threshold` (a fraction) that no split or dividend explains.

    Needs columns `previous` (price of the session before, NaN without one) and `return_1d`.
    Prices are split-adjusted, so a split that explains a jump means that they are not: such a
    row is flagged too, under its own name.
    """
    shows = ("close", "previous", "return_1d", "dividend_usd", "split_ratio")
    split = Rule(
        "unadjusted_split",
        FLAGGED,
        shows,
        "the price moved by the split ratio, so the prices before the split are not adjusted",
        lambda f: _is_jump(f, threshold) & _is_split_jump(f, threshold),
    )
    jump = Rule(
        "unexplained_jump",
        FLAGGED,
        shows,
        f"the price moved by more than {threshold:.0%} in a session, and neither a split nor a "
        "dividend explains it (a spin-off, a merger, an unadjusted split, or the market)",
        lambda f: _is_jump(f, threshold) & ~_is_split_jump(f, threshold),
    )
    return split, jump


def _is_jump(frame: pd.DataFrame, threshold: float) -> "pd.Series[bool]":
    with_dividend = (frame["close"] + frame["dividend_usd"]) / frame["previous"] - 1
    return (frame["return_1d"].abs() > threshold) & (with_dividend.abs() > threshold)


def _is_split_jump(frame: pd.DataFrame, threshold: float) -> "pd.Series[bool]":
    ratio = frame["split_ratio"]
    unsplit = frame["close"] * ratio / frame["previous"] - 1
    return (ratio > 0) & (ratio != 1) & (unsplit.abs() <= threshold)


def _is_positive(values: "pd.Series[float]") -> "pd.Series[bool]":
    return (values > 0) & (values < np.inf)


def _has_bad_price(frame: pd.DataFrame) -> "pd.Series[bool]":
    bad = ~_is_positive(frame["close"])
    for name in ("open", "high", "low"):
        bad |= frame[name].notna() & ~_is_positive(frame[name])
    return bad


def _is_outside_range(frame: pd.DataFrame, name: str) -> "pd.Series[bool]":
    price, high, low = frame[name], frame["high"], frame["low"]
    # Vendors round each of the four by itself: half a tick, or a 32-bit float's last digit.
    half_tick = pd.Series(_HALF_CENT, index=frame.index).where(
        price >= _TICK_CHANGE_USD, _HALF_SUB_PENNY
    )
    slack = np.maximum(half_tick, price.abs() * _RELATIVE_ROUNDING) + 1e-9
    return (price > high + slack) | (price < low - slack)


def _close_fault(row: pd.Series) -> str:
    """Say that the close left the range and, where it fits, that it looks half-adjusted."""
    middle = (row["high"] + row["low"]) / 2
    for split in _COMMON_SPLITS:
        for ratio, words in ((1 / split, f"1/{split}"), (float(split), f"{split} times")):
            if abs(row["close"] / middle / ratio - 1) <= 0.03:
                return (
                    f"the close lies outside low to high and is about {words} their middle: "
                    "a split applied to one but not to the other"
                )
    return "the close lies outside low to high"


BAR_REJECTIONS = (
    Rule("bad_price", REJECTED, _OHLC, "a price is not a positive, finite number", _has_bad_price),
    Rule(
        "high_below_low", REJECTED, ("high", "low"), "the high is below the low",
        lambda f: f["high"] < f["low"],
    ),
    Rule(
        "open_outside_range", REJECTED, _OHLC, "the open lies outside low to high",
        lambda f: _is_outside_range(f, "open"),
    ),
    Rule(
        "close_outside_range", REJECTED, _OHLC, _close_fault,
        lambda f: _is_outside_range(f, "close"),
    ),
    Rule(
        "negative_volume", REJECTED, ("volume",), "the volume is negative",
        lambda f: f["volume"] < 0,
    ),
)  # fmt: skip

BAR_FLAGS = (
    Rule("missing_open", FLAGGED, _OHLC, "the open is missing", lambda f: f["open"].isna()),
    Rule("missing_high", FLAGGED, _OHLC, "the high is missing", lambda f: f["high"].isna()),
    Rule("missing_low", FLAGGED, _OHLC, "the low is missing", lambda f: f["low"].isna()),
    Rule(
        "zero_volume", FLAGGED, ("close", "volume"), "a close without a trade",
        lambda f: f["volume"] == 0,
    ),
)  # fmt: skip

_QUOTE = ("bid", "ask", "last")


def _has_bad_quote(frame: pd.DataFrame) -> "pd.Series[bool]":
    quotes = frame[list(_QUOTE)]
    return ((quotes < 0) | np.isinf(quotes)).any(axis=1)


QUOTE_REJECTIONS = (
    Rule(
        "negative_quote", REJECTED, _QUOTE, "a quote is negative or not finite", _has_bad_quote
    ),
    Rule(
        "expired_contract", REJECTED, ("session_date", "expiration_date"),
        "quoted after its expiration", lambda f: f["session_date"] > f["expiration_date"],
    ),
    Rule(
        "no_price", REJECTED, _QUOTE, "neither a two-sided quote nor a last trade gives a price",
        lambda f: ~_is_positive(f["price_usd"]),
    ),
)  # fmt: skip

QUOTE_FLAGS = (
    Rule(
        "crossed_quote", FLAGGED, _QUOTE, "the ask is below the bid; valued at the last trade",
        lambda f: (f["bid"] > 0) & (f["ask"] > 0) & (f["ask"] < f["bid"]),
    ),
)  # fmt: skip
