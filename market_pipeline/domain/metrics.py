"""A symbol's day in numbers: returns, volatility, drawdown, volume, betas, and their quality.

Frames of `market_data_cache` and `symbol_factor_exposures` in, `symbol_daily_metrics` out.
Definitions and sources of every number stand in docs/factors.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.books import STOCK
from market_pipeline.domain.factor_definitions import INTEREST_RATE, MARKET
from market_pipeline.domain.factors import usable_returns
from market_pipeline.domain.frames import (
    SESSIONS_A_YEAR,
    Floats,
    between,
    blocks,
    empty_frame,
    session_index,
    wide,
    windows_ending,
)
from market_pipeline.domain.quality import WINDOW, quality_score

METRIC_COLUMNS = (
    "session_date", "symbol", "price_usd", "return_1d_pct", "return_1w_pct", "return_1m_pct",
    "return_3m_pct", "return_ytd_pct", "volatility_21d_pct", "volatility_63d_pct",
    "drawdown_63d_pct", "average_volume_21d", "beta_market", "beta_interest_rate",
    "observations", "quality_score",
)  # fmt: skip

SESSIONS_BEFORE = 255
"""Sessions needed before the first date: no year has more, and the year's start is the furthest."""

WEEK, MONTH, QUARTER = 5, 21, 63
_OBSERVED = WINDOW


def daily_metrics(
    market_data: pd.DataFrame,
    exposures: pd.DataFrame,
    sessions: Sequence[date],
    first: date,
    last: date,
) -> pd.DataFrame:
    """Describe each stock in each session from `first` to `last` that has a price.

    `market_data` covers `sessions`, which rise and start `SESSIONS_BEFORE` sessions before `first`
    (with fewer, what reaches further back is NaN); `exposures` covers the range. Percentages,
    volatility annualised, average volume in shares. Returns `METRIC_COLUMNS`.
    """
    stocks = market_data[market_data["asset_class"] == STOCK]
    today = between(stocks, first, last)
    if today.empty:
        return empty_frame(METRIC_COLUMNS)
    index = session_index(sessions)
    rows = range(*index.slice_locs(pd.Timestamp(first), pd.Timestamp(last)))
    symbols, history = _history(stocks, sessions)
    parts = [_describe(history, part) for part in blocks(rows, _OBSERVED, len(symbols))]
    keys = pd.MultiIndex.from_product(
        [symbols, index[rows.start : rows.stop]], names=["symbol", "session_date"]
    )
    columns = {
        name: np.concatenate([part[name] for part in parts], axis=1).ravel() for name in parts[0]
    }
    frame = today[["session_date", "symbol", "price_usd", "return_1d"]].merge(
        pd.DataFrame(columns, index=keys).reset_index(), on=["session_date", "symbol"]
    )
    frame["return_1d_pct"] = 100 * frame.pop("return_1d")
    frame["observations"] = frame["observations"].astype(np.int64)
    for factor in (MARKET, INTEREST_RATE):
        frame = frame.merge(_betas(exposures, factor.name), how="left")
    frame = frame.sort_values(["session_date", "symbol"], ignore_index=True)
    return frame[list(METRIC_COLUMNS)]


@dataclass(frozen=True, slots=True)
class _History:
    """What is known of all symbols: matrices of symbols x sessions, and each session's year."""

    price: Floats
    returns: Floats
    volume: Floats
    is_clean: Floats
    years: npt.NDArray[np.int64]


def _history(stocks: pd.DataFrame, sessions: Sequence[date]) -> tuple[pd.Index, _History]:
    clean = stocks.assign(
        return_1d=usable_returns(stocks), is_clean=stocks["flags"].isna().astype(np.float64)
    )
    names = ("price_usd", "return_1d", "volume", "is_clean")
    spread = [wide(clean, name, sessions) for name in names]
    price, returns, volume, is_clean = (np.ascontiguousarray(f.to_numpy().T) for f in spread)
    years = np.array([day.year for day in sessions])
    return spread[0].columns, _History(price, returns, volume, is_clean, years)


def _describe(history: _History, rows: range) -> dict[str, Floats]:
    """Compute every number as a matrix of symbols x sessions of `rows`."""
    price, returns = history.price, history.returns
    now = price[:, rows.start : rows.stop]
    observed = np.isfinite(windows_ending(price, rows, _OBSERVED)).sum(axis=-1)
    return {
        "return_1w_pct": _change(price, rows, WEEK),
        "return_1m_pct": _change(price, rows, MONTH),
        "return_3m_pct": _change(price, rows, QUARTER),
        "return_ytd_pct": 100 * (now / _year_starts(history, rows) - 1),
        "volatility_21d_pct": _volatility(windows_ending(returns, rows, MONTH)),
        "volatility_63d_pct": _volatility(windows_ending(returns, rows, QUARTER)),
        "drawdown_63d_pct": 100 * (now / _highest(windows_ending(price, rows, QUARTER)) - 1),
        "average_volume_21d": _mean(windows_ending(history.volume, rows, MONTH)),
        "observations": observed.astype(np.float64),
        "quality_score": quality_score(
            np.isfinite(windows_ending(price, rows, _OBSERVED)).astype(np.float64),
            windows_ending(history.is_clean, rows, _OBSERVED),
        ),
    }


def _change(price: Floats, rows: range, span: int) -> Floats:
    """Percent change over `span` sessions, NaN where either end has no price."""
    ends = windows_ending(price, rows, span + 1)
    return 100 * (ends[..., -1] / ends[..., 0] - 1)


def _year_starts(history: _History, rows: range) -> Floats:
    """Give the price of the last session of the year before each session of `rows`."""
    years = history.years
    base = np.searchsorted(years, years[rows.start : rows.stop]) - 1
    return np.where(base >= 0, history.price[:, np.maximum(base, 0)], np.nan)


def _is_enough(values: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Count the numbers of each window, and say whether two thirds of it are there."""
    n = np.isfinite(values).sum(axis=-1)
    return n, 3 * n >= 2 * values.shape[-1]


def _mean(values: Floats) -> Floats:
    n, is_enough = _is_enough(values)
    total = np.where(np.isfinite(values), values, 0.0).sum(axis=-1)
    return np.where(is_enough, total / np.maximum(n, 1), np.nan)


def _volatility(returns: Floats) -> Floats:
    """Annualise the sample standard deviation of each window of returns, in percent."""
    n, is_enough = _is_enough(returns)
    deviations = np.where(np.isfinite(returns), returns - _mean(returns)[..., None], 0.0)
    variance = (deviations * deviations).sum(axis=-1) / np.maximum(n - 1, 1)
    return np.where(is_enough, 100 * np.sqrt(variance * SESSIONS_A_YEAR), np.nan)


def _highest(prices: Floats) -> Floats:
    highest = np.where(np.isfinite(prices), prices, -np.inf).max(axis=-1)
    return np.where(highest > 0, highest, np.nan)


def _betas(exposures: pd.DataFrame, factor: str) -> pd.DataFrame:
    rows = exposures.loc[exposures["factor"] == factor, ["session_date", "symbol", "beta"]]
    betas = rows.rename(columns={"beta": f"beta_{factor}"})
    return betas.astype({"session_date": "datetime64[s]", f"beta_{factor}": np.float64})
