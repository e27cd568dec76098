"""From what vendors said to one price a symbol and session: clean, flagged, or quarantined.

Frames of `equity_bars` and `option_quotes` in, `market_data_cache` and findings out. Causal: a
row depends on its session and the two before, so a range and single days give the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from market_pipeline.domain.books import OPTION, STOCK
from market_pipeline.domain.frames import between, empty_frame, session_index
from market_pipeline.domain.option_quotes import quoted_price
from market_pipeline.domain.price_rules import (
    BAR_FLAGS,
    BAR_REJECTIONS,
    DEFAULT_JUMP_THRESHOLD,
    QUOTE_FLAGS,
    QUOTE_REJECTIONS,
    SPIKE_RULE,
    finished_rule,
    jump_rules,
    session_rule,
)
from market_pipeline.domain.quarantine import (
    Rule,
    broken,
    finding_frame,
    findings,
    joined_flags,
)
from market_pipeline.domain.sessions import TradingCalendar

ASSET = "market_data_cache"

MARKET_DATA_COLUMNS = (
    "session_date", "symbol", "asset_class", "price_usd", "price_kind", "open", "high", "low",
    "adj_close", "volume", "dividend_usd", "split_ratio", "return_1d", "multiplier", "delta",
    "flags", "source", "fetched_at",
)  # fmt: skip

_BAR_NUMBERS = (
    "open", "high", "low", "close", "adj_close", "volume", "dividend_usd", "split_ratio",
)  # fmt: skip
_QUOTE_NUMBERS = (
    "bid", "ask", "last", "volume", "delta", "strike_usd", "underlying_price",
    "implied_volatility",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarketData:
    """Usable prices as `MARKET_DATA_COLUMNS`, and what was wrong as `FINDING_COLUMNS`."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame


def derive_market_data(
    bars: pd.DataFrame,
    options: pd.DataFrame,
    universe: pd.DataFrame,
    *,
    sessions: Sequence[date],
    first: date,
    last: date,
    jump_threshold: float = DEFAULT_JUMP_THRESHOLD,
    opinions: pd.DataFrame | None = None,
) -> MarketData:
    """Judge and price every bar, and the option quotes of contracts in the universe.

    `bars` (equity_bars) and `options` (option_quotes) hold the range and the two sessions before it
    (`price_rules.SESSIONS_BEFORE`), which returns and rules look at; `sessions` rise and cover
    both. Bars of symbols outside the universe are kept: statistics reach back to before a symbol
    was held. `return_1d` is
    price / price of the session before - 1, NaN where that session has no valid price; closes
    are split-adjusted, so splits need no treatment, and dividends are not added. `opinions`
    (second_opinions) are returns as other sources tell them, which explain a jump.
    """
    parts, found = [], []
    for priced, rows in (
        _price_bars(_with_opinions(bars, opinions), sessions, first, last, jump_threshold),
        _price_options(options, universe, sessions, first, last),
    ):
        found.extend(rows)
        if not priced.empty:
            parts.append(priced.reindex(columns=list(MARKET_DATA_COLUMNS)))
    if not parts:
        return MarketData(empty_frame(MARKET_DATA_COLUMNS), finding_frame(found))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.sort_values(["session_date", "symbol"], ignore_index=True)
    return MarketData(frame.astype({"flags": "str", "multiplier": np.int64}), finding_frame(found))


def _price_bars(
    bars: pd.DataFrame, sessions: Sequence[date], first: date, last: date, threshold: float
) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    if bars.empty:
        return bars, []
    frame = _with_numbers(bars, _BAR_NUMBERS)
    position = _session_position(frame, sessions)
    rejections = (session_rule(position >= 0), finished_rule(_is_over(frame)), *BAR_REJECTIONS)
    good, rejected = _split(frame, rejections, first, last)
    good = good.assign(
        asset_class=STOCK, price_usd=good["close"], price_kind="close", multiplier=1, delta=np.nan
    )
    good = _with_neighbours(_with_returns(good, position), position)
    return _flag(good, (*BAR_FLAGS, *jump_rules(threshold), SPIKE_RULE), rejected, first, last)


def _price_options(
    options: pd.DataFrame,
    universe: pd.DataFrame,
    sessions: Sequence[date],
    first: date,
    last: date,
) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    # Contracts are narrowed to those in the universe on any session, then each row to its own:
    # a return may reach back to a session on which the contract was not yet held.
    wanted = universe.loc[universe["asset_class"] == OPTION, ["session_date", "symbol"]]
    frame = options[options["symbol"].isin(wanted["symbol"])] if len(options) else options
    if frame.empty:
        return frame, []
    frame = _with_numbers(frame, _QUOTE_NUMBERS)
    position = _session_position(frame, sessions)
    frame = frame.join(quoted_price(frame)).assign(
        asset_class=OPTION,
        dividend_usd=0.0,
        split_ratio=0.0,
    )
    in_universe = pd.MultiIndex.from_frame(frame[["session_date", "symbol"]]).isin(
        pd.MultiIndex.from_frame(wanted)
    )
    rejections = (session_rule(position >= 0), *QUOTE_REJECTIONS)
    good, _ = _split(frame, rejections, first, last)
    good = _with_returns(good, position)
    _, rejected = _split(frame[in_universe], rejections, first, last)
    return _flag(good[in_universe[good.index]], QUOTE_FLAGS, rejected, first, last)


def _split(
    frame: pd.DataFrame, rules: Sequence[Rule], first: date, last: date
) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    """Part the rows that break no rule from the findings on the rest (of the range only)."""
    marks = broken(frame, rules)
    return frame[~marks.any(axis=1)], findings(ASSET, between(frame, first, last), marks, rules)


def _flag(
    good: pd.DataFrame,
    rules: Sequence[Rule],
    rejected: list[dict[str, object]],
    first: date,
    last: date,
) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    """Narrow to the range, name each row's doubts, and add them to the findings."""
    frame = between(good, first, last)
    marks = broken(frame, rules)
    flagged = findings(ASSET, frame, marks, rules)
    return frame.assign(flags=joined_flags(marks)), rejected + flagged


def _with_numbers(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Renumber the rows and make `columns` floats: a column all NULL arrives as objects."""
    return frame.reset_index(drop=True).astype(dict.fromkeys(columns, np.float64))


def _session_position(frame: pd.DataFrame, sessions: Sequence[date]) -> "pd.Series[int]":
    """Give each row the place of its date among the sessions, -1 where it is none."""
    at = session_index(sessions).get_indexer(pd.DatetimeIndex(frame["session_date"]))
    return pd.Series(at, index=frame.index)


def _with_opinions(bars: pd.DataFrame, opinions: pd.DataFrame | None) -> pd.DataFrame:
    """Add `second_return`: another source's return of the session, the first by name that tells."""
    if opinions is None or opinions.empty or bars.empty:
        return bars.assign(second_return=np.nan)
    told = opinions.dropna(subset=["return_1d"]).sort_values("source")
    told = told.drop_duplicates(["session_date", "symbol"])
    told = told[["session_date", "symbol", "return_1d"]].rename(
        columns={"return_1d": "second_return"}
    )
    return bars.merge(told, on=["session_date", "symbol"], how="left")


def _is_over(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Say of each bar whether its session had closed when it was fetched."""
    calendar = TradingCalendar.xnys()
    days = {day: day.date() for day in frame["session_date"].unique()}
    closes = {
        day: calendar.close_at(each) if calendar.is_session(each) else pd.Timestamp(each, tz="UTC")
        for day, each in days.items()
    }
    return frame["fetched_at"] >= pd.to_datetime(frame["session_date"].map(closes), utc=True)


def _with_neighbours(frame: pd.DataFrame, position: "pd.Series[int]") -> pd.DataFrame:
    """Add the range of the session just before, and what came before that (NaN without one)."""
    ordered = frame.assign(at=position).sort_values(["symbol", "at"], kind="stable")
    added = {}
    for back in (1, 2):
        earlier = ordered.shift(back)
        is_it = (earlier["symbol"] == ordered["symbol"]) & (earlier["at"] == ordered["at"] - back)
        added[back] = earlier.where(is_it)
    return frame.assign(
        previous_date=added[1]["session_date"],
        previous_low=added[1]["low"],
        previous_high=added[1]["high"],
        before_previous=added[2]["price_usd"],
        before_low=added[2]["low"],
        before_high=added[2]["high"],
    )


def _with_returns(frame: pd.DataFrame, position: "pd.Series[int]") -> pd.DataFrame:
    """Add `previous` (price of the session just before, else NaN) and `return_1d`."""
    ordered = frame.assign(at=position).sort_values(["symbol", "at"], kind="stable")
    before = ordered.shift(1)
    is_next = (before["symbol"] == ordered["symbol"]) & (before["at"] == ordered["at"] - 1)
    previous = before["price_usd"].where(is_next)
    return frame.assign(previous=previous, return_1d=frame["price_usd"] / previous - 1)
