"""What makes a bar or an option quote impossible (rejected) or doubtful (flagged).

Rules look at a row and at the two sessions before it: nothing later, so that a verdict never
depends on how much history was at hand. A spike is known as one only when the price comes back:
then it stands on the row that came back, and who looks back from there leaves both returns out
(`factors.usable_returns`).
"""

import numpy as np
import pandas as pd

from market_pipeline.domain.option_pricing import MOST_VOLATILITY
from market_pipeline.domain.option_quotes import STALE_QUOTE
from market_pipeline.domain.quarantine import FLAGGED, REJECTED, Rule
from market_pipeline.domain.symbols import PLAIN, contract_kind

DEFAULT_JUMP_THRESHOLD = 0.30
SESSIONS_BEFORE = 2
"""Sessions before the first one judged that the rules look at."""

REVERTED_JUMP = "reverted_jump"
UNEXPLAINED_JUMP = "unexplained_jump"
UNUSABLE_RETURN_FLAGS = ("unadjusted_split", UNEXPLAINED_JUMP, REVERTED_JUMP)
"""Flags of a row whose return says nothing about the market; `REVERTED_JUMP` speaks of the row
before as well."""

_SPIKE, _BACK_WITHIN = 0.10, 0.05
_SAME_RETURN = 0.02

_TICK_CHANGE_USD = 1.0
_HALF_CENT, _HALF_SUB_PENNY = 0.005, 0.00005
_RELATIVE_ROUNDING = 1e-6
_COMMON_SPLITS = (2, 3, 4, 5, 7, 10, 15, 20)
_LIKE_A_SPLIT = 0.05

WIDEST_SPREAD = 0.5
"""A quote whose spread is more than this share of its middle is flagged."""

_LEAST_WIDE_USD = 0.25
_INTRINSIC_SLACK, _SLACK_USD = 0.005, 0.05

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


def finished_rule(is_over: "pd.Series[bool]") -> Rule:
    """Reject rows fetched before their session closed; `is_over` speaks of the same rows."""
    return Rule(
        "not_over_yet",
        REJECTED,
        ("session_date", "fetched_at"),
        "fetched before the session closed: a date in the future, or a bar still forming",
        lambda frame: ~is_over.loc[frame.index],
    )


def jump_rules(threshold: float) -> tuple[Rule, Rule]:
    """Flag returns beyond `threshold` (a fraction) that no split or dividend explains.

    Needs columns `previous` (price of the session before, NaN without one), `return_1d`, and
    `second_return` (what another source says of it, NaN where none was asked or none told).
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
        UNEXPLAINED_JUMP,
        FLAGGED,
        shows,
        lambda row: _jump_fault(row, threshold),
        lambda f: _is_jump(f, threshold) & ~_is_split_jump(f, threshold) & ~_is_confirmed(f),
    )
    return split, jump


def _jump_fault(row: pd.Series, threshold: float) -> str:
    """Say that nothing explains the jump and, where it fits, that it looks like a split."""
    told = (
        f"the price moved by more than {threshold:.0%} in a session, and neither a split nor a "
        "dividend explains it"
    )
    ratio = row["close"] / row["previous"]
    for split in _COMMON_SPLITS:
        for factor, words in ((1 / split, f"{split} for 1"), (float(split), f"1 for {split}")):
            if abs(ratio / factor - 1) <= _LIKE_A_SPLIT:
                return f"{told}: it is about that of a split of {words} not told and not adjusted"
    return f"{told} (a spin-off, a merger, or the market)"


def _is_back(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Mark a price that came back from a bar that lies outside both of its neighbours' ranges."""
    jump = frame["previous"] / frame["before_previous"] - 1
    is_above = frame["previous_low"] > frame[["high", "before_high"]].max(axis=1)
    is_below = frame["previous_high"] < frame[["low", "before_low"]].min(axis=1)
    came_back = (frame["close"] / frame["before_previous"] - 1).abs() <= _BACK_WITHIN
    return (jump.abs() > _SPIKE) & came_back & (is_above | is_below)


SPIKE_RULE = Rule(
    REVERTED_JUMP,
    FLAGGED,
    ("close", "previous", "previous_date", "before_previous"),
    "the price is back where it was two sessions ago, and the whole bar between lies outside of "
    "both its neighbours: that bar is none of this symbol's prices",
    _is_back,
)


def _is_jump(frame: pd.DataFrame, threshold: float) -> "pd.Series[bool]":
    with_dividend = (frame["close"] + frame["dividend_usd"]) / frame["previous"] - 1
    return (frame["return_1d"].abs() > threshold) & (with_dividend.abs() > threshold)


def _is_confirmed(frame: pd.DataFrame) -> "pd.Series[bool]":
    return (frame["return_1d"] - frame["second_return"]).abs() <= _SAME_RETURN


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


def _is_wide(frame: pd.DataFrame) -> "pd.Series[bool]":
    spread, middle = frame["ask"] - frame["bid"], (frame["ask"] + frame["bid"]) / 2
    wide: pd.Series[bool] = (frame["bid"] > 0) & (
        spread > np.maximum(middle * WIDEST_SPREAD, _LEAST_WIDE_USD)
    )
    return wide


def _is_below_intrinsic(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Allow for half the spread, half a percent of the share (closes minutes apart), five cents.

    Contracts that do not deliver plainly their shares have no intrinsic value to compare.
    """
    sign = np.where(frame["option_type"] == "call", 1.0, -1.0)
    intrinsic = sign * (frame["underlying_price"] - frame["strike_usd"])
    half_spread = ((frame["ask"] - frame["bid"]) / 2).where(frame["price_kind"] == "mid", 0.0)
    slack = np.maximum(half_spread, frame["underlying_price"] * _INTRINSIC_SLACK) + _SLACK_USD
    kinds = map(contract_kind, frame["symbol"], frame["multiplier"])
    is_plain = pd.Series([kind in PLAIN for kind in kinds], index=frame.index, dtype=bool)
    below: pd.Series[bool] = is_plain & (frame["price_usd"] < intrinsic - slack)
    return below


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
        STALE_QUOTE, FLAGGED, ("quoted_at", *_QUOTE),
        "a price in it is of another session, or came without a time",
        lambda f: f["is_stale"].astype(bool),
    ),
    Rule(
        "crossed_quote", FLAGGED, _QUOTE, "the ask is below the bid; valued at the last trade",
        lambda f: (f["bid"] > 0) & (f["ask"] > 0) & (f["ask"] < f["bid"]),
    ),
    Rule(
        "zero_bid", FLAGGED, _QUOTE, "nobody bids; valued at the last trade",
        lambda f: (f["bid"] == 0) & (f["ask"] > 0),
    ),
    Rule(
        "wide_quote", FLAGGED, _QUOTE,
        "bid and ask are further apart than half of their middle (and than 0.25)", _is_wide,
    ),
    Rule(
        "below_intrinsic", FLAGGED, ("price_usd", "strike_usd", "underlying_price"),
        "the price is below what exercising would bring, by more than the tolerance",
        _is_below_intrinsic,
    ),
    Rule(
        "volatility_out_of_range", FLAGGED, ("implied_volatility", "price_usd"),
        "the implied volatility is not above 0 and at most 5 (500 % a year)",
        lambda f: (f["implied_volatility"] <= 0) | (f["implied_volatility"] > MOST_VOLATILITY),
    ),
)  # fmt: skip
