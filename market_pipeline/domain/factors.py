"""How much a symbol moves with a factor: rolling least squares of its returns on a proxy's.

Wide frames of returns in, `tables.symbol_factor_exposures` and notes out. Definitions and sources
of every number stand in docs/factors.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.books import STOCK
from market_pipeline.domain.frames import (
    Floats,
    blocks,
    empty_frame,
    wide,
    windows_ending,
)
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.price_rules import REVERTED_JUMP, UNUSABLE_RETURN_FLAGS
from market_pipeline.domain.regression import Fit, least_squares
from market_pipeline.domain.universe import listed

ASSET = "factor_exposures"
OLS = "ols"

EXPOSURE_COLUMNS = (
    "session_date", "symbol", "factor", "beta", "std_error", "t_stat", "r_squared",
    "residual_volatility", "observations", "window_first_date", "quality", "method",
)  # fmt: skip

FULL_HISTORY, LIMITED_HISTORY, CAPPED = "full_history", "limited_history", "capped"
SKIPPED, INSUFFICIENT_HISTORY = "skipped", "insufficient_history"


@dataclass(frozen=True, slots=True)
class FactorDefinition:
    """A factor and how exposure to it is measured: over `window` sessions against `proxy`."""

    name: str
    proxy: str
    window: int = 90
    min_observations: int = 30
    cap: float = 5.0
    method: str = OLS

    def __post_init__(self) -> None:
        # Two parameters are estimated: three observations leave one degree of freedom.
        if not 3 <= self.min_observations <= self.window:
            raise ValueError(f"{self.name}: needs 3 <= min_observations <= window")
        if not self.cap > 0:
            raise ValueError(f"{self.name}: cap must be positive")
        if self.method != OLS:
            raise ValueError(f"{self.name}: {self.method!r} is no known method; {OLS!r} is")


MARKET = FactorDefinition("market", "SPY")
INTEREST_RATE = FactorDefinition("interest_rate", "TLT")
DEFAULTS = (MARKET, INTEREST_RATE)


@dataclass(frozen=True, slots=True)
class Exposures:
    """Exposures as `EXPOSURE_COLUMNS`, and why others are missing."""

    frame: pd.DataFrame
    notes: tuple[ComputeNote, ...]


def returns_for_regression(market_data: pd.DataFrame, sessions: Sequence[date]) -> pd.DataFrame:
    """Spread the stocks' daily returns to sessions x symbols, without those that are no market's.

    Takes `market_data_cache` rows; a return flagged as an unexplained jump or an unadjusted split
    becomes NaN, so that a spin-off or a bad row does not bend a beta.
    """
    stocks = market_data[market_data["asset_class"] == STOCK]
    return wide(stocks.assign(return_1d=usable_returns(stocks)), "return_1d", sessions)


def usable_returns(market_data: pd.DataFrame) -> "pd.Series[float]":
    """Give `return_1d` of each row, NaN where flags say that it is not the market's doing.

    A price that came back from a spike takes the return into the spike with it: that row was not
    known to be one when it was judged.
    """
    # Judged once a distinct text: a few stand for all rows, and nearly all of them are missing.
    at, texts = pd.factorize(market_data["flags"])
    doubtful = [not set(UNUSABLE_RETURN_FLAGS).isdisjoint(str(text).split(",")) for text in texts]
    is_doubtful = np.array([*doubtful, False])[at]  # the last is that of a missing text, -1
    usable = market_data["return_1d"].astype(np.float64).mask(is_doubtful)
    comes_back = np.array([*(REVERTED_JUMP in str(text).split(",") for text in texts), False])[at]
    for _, row in market_data[comes_back].iterrows():
        days = market_data.loc[market_data["symbol"] == row["symbol"], "session_date"]
        earlier = days[days < row["session_date"]]
        if len(earlier):
            usable[earlier.idxmax()] = np.nan
    return usable


def exposures(
    returns: pd.DataFrame,
    definitions: Sequence[FactorDefinition],
    first: date,
    last: date,
    universe: pd.DataFrame | None = None,
) -> Exposures:
    """Measure every symbol's exposure to every factor in each session from `first` to `last`.

    `returns` (sessions x symbols, fractions) starts `window - 1` sessions before `first`; a proxy
    is one of its columns or missing. With `universe` (symbol_universe) its stocks are answered or
    noted, in their sessions, and no others. Ordinary least squares with intercept over pairwise
    complete returns; see docs/factors.md.
    """
    if universe is not None:
        universe = listed(universe)
        # A stock without any price has no column, and still is owed a note.
        columns = returns.columns.union(pd.Index(universe["symbol"].unique()))
        returns = returns.reindex(columns=columns)
    wanted = _wanted(returns, universe)
    targets = range(*returns.index.slice_locs(pd.Timestamp(first), pd.Timestamp(last)))
    frames, notes = [], []
    for definition in definitions:
        for rows in blocks(targets, definition.window, returns.shape[1]):
            frame, block_notes = _measure(returns, definition, rows, wanted)
            notes.extend(block_notes)
            if not frame.empty:
                frames.append(frame)
    if not frames:
        return Exposures(empty_frame(EXPOSURE_COLUMNS), tuple(notes))
    frame = pd.concat(frames, ignore_index=True)
    frame = frame.sort_values(["session_date", "symbol", "factor"], ignore_index=True)
    notes.sort(key=lambda note: (note.session_date, note.subject))
    return Exposures(frame[list(EXPOSURE_COLUMNS)], tuple(notes))


def _wanted(returns: pd.DataFrame, universe: pd.DataFrame | None) -> npt.NDArray[np.bool_]:
    """Mark the (symbol, session) pairs to answer."""
    if universe is None:
        return np.ones((returns.shape[1], len(returns)), dtype=bool)
    wanted = np.zeros((returns.shape[1], len(returns)), dtype=bool)
    at_symbol = returns.columns.get_indexer(pd.Index(universe["symbol"]))
    at_session = returns.index.get_indexer(pd.DatetimeIndex(universe["session_date"]))
    known = (at_symbol >= 0) & (at_session >= 0)
    wanted[at_symbol[known], at_session[known]] = True
    return wanted


def _measure(
    returns: pd.DataFrame,
    definition: FactorDefinition,
    rows: range,
    wanted: npt.NDArray[np.bool_],
) -> tuple[pd.DataFrame, list[ComputeNote]]:
    """Fit one factor in the sessions of `rows`: (symbols x sessions) at once."""
    values = np.ascontiguousarray(returns.to_numpy(dtype=np.float64).T)
    proxy_at = returns.columns.get_indexer(pd.Index([definition.proxy]))[0]
    proxy = values[proxy_at][None] if proxy_at >= 0 else np.full((1, values.shape[1]), np.nan)
    x = windows_ending(proxy, rows, definition.window)
    faults = [_proxy_fault(window, definition) for window in x[0]]
    has_proxy = np.array([fault is None for fault in faults])
    fit = least_squares(x, windows_ending(values, rows, definition.window))

    asked = wanted[:, rows.start : rows.stop] & has_proxy
    enough = fit.observations >= definition.min_observations
    days = returns.index[rows.start : rows.stop]
    notes = [
        ComputeNote(ASSET, day.date(), definition.name, SKIPPED, fault)
        for day, fault in zip(days, faults, strict=True)
        if fault is not None
    ]
    for at_symbol, at_day in zip(*np.nonzero(asked & ~enough), strict=True):
        seen = int(fit.observations[at_symbol, at_day])
        notes.append(_too_few(definition, returns.columns[at_symbol], days[at_day].date(), seen))
    # A window may hold enough pairs and still no movement of the proxy in them.
    fitted = asked & enough & np.isfinite(fit.beta)
    for at_symbol, at_day in zip(*np.nonzero(asked & enough & ~fitted), strict=True):
        notes.append(_still(definition, returns.columns[at_symbol], days[at_day].date()))
    return _rows(returns, definition, rows, fit, fitted), notes


def _proxy_fault(window: Floats, definition: FactorDefinition) -> str | None:
    """Say why the proxy's window cannot explain anything, None where it can."""
    seen = window[np.isfinite(window)]
    span = f"in the last {definition.window} sessions"
    if seen.size == 0:
        return f"proxy {definition.proxy} has no prices {span}"
    if seen.size < definition.min_observations:
        needed = definition.min_observations
        return f"proxy {definition.proxy} has {seen.size} returns {span}, {needed} are needed"
    if seen.min() == seen.max():
        return f"proxy {definition.proxy} did not move {span}"
    return None


def _too_few(definition: FactorDefinition, symbol: str, day: date, seen: int) -> ComputeNote:
    reason = (
        f"{seen} returns shared with {definition.proxy} in the last {definition.window} sessions, "
        f"{definition.min_observations} are needed"
    )
    return ComputeNote(ASSET, day, f"{symbol}:{definition.name}", INSUFFICIENT_HISTORY, reason)


def _still(definition: FactorDefinition, symbol: str, day: date) -> ComputeNote:
    reason = f"proxy {definition.proxy} did not move in the sessions the symbol traded"
    return ComputeNote(ASSET, day, f"{symbol}:{definition.name}", SKIPPED, reason)


def _rows(
    returns: pd.DataFrame,
    definition: FactorDefinition,
    rows: range,
    fit: Fit,
    fitted: npt.NDArray[np.bool_],
) -> pd.DataFrame:
    at_symbol, at_day = np.nonzero(fitted)
    beta, observations = fit.beta[fitted], fit.observations[fitted]
    quality = np.where(observations == definition.window, FULL_HISTORY, LIMITED_HISTORY)
    is_beyond = np.abs(beta) > definition.cap
    window_starts = np.maximum(np.array(rows) - definition.window + 1, 0)
    return pd.DataFrame(
        {
            "session_date": returns.index[rows.start : rows.stop][at_day],
            "symbol": returns.columns[at_symbol],
            "factor": definition.name,
            "beta": np.clip(beta, -definition.cap, definition.cap),
            "std_error": fit.std_error[fitted],
            "t_stat": fit.t_stat[fitted],
            "r_squared": fit.r_squared[fitted],
            "residual_volatility": fit.residual_volatility[fitted],
            "observations": observations,
            "window_first_date": returns.index[window_starts][at_day],
            "quality": np.where(is_beyond, CAPPED, quality),
            "method": definition.method,
        }
    )
