"""A symbol's day in numbers: returns, volatility, drawdown, volume, size, betas, and quality.

Frames of `market_data_cache`, `symbol_factor_exposures`, `fundamentals` and `symbol_universe` in,
`symbol_daily_metrics` out.
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
from market_pipeline.domain.factors import returns_as_judged, usable_returns
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
from market_pipeline.domain.valuations import all_betas, with_sectors, with_valuations

METRIC_COLUMNS = (
    "session_date", "symbol", "price_usd", "return_1d_pct", "return_1w_pct", "return_mtd_pct",
    "return_1m_pct", "return_3m_pct", "return_6m_pct", "return_ytd_pct", "return_1y_pct",
    "volatility_21d_pct", "volatility_63d_pct", "volatility_trend_pct", "volatility_21d_percentile",
    "volatility_63d_percentile", "drawdown_63d_pct", "drawdown_1y_pct", "average_volume_21d",
    "market_cap_usd", "trailing_pe", "price_to_sales", "price_to_book", "fundamentals_date",
    "sector", "beta_market", "beta_interest_rate", "betas", "observations", "quality_score",
)  # fmt: skip

WEEK, MONTH, QUARTER, HALF_YEAR, YEAR = 5, 21, 63, 126, 252
_OBSERVED = WINDOW

SESSIONS_BEFORE = (YEAR - 1) + (QUARTER - 1)
"""Sessions needed before the first date: a year of volatilities over a quarter reaches furthest."""


def daily_metrics(
    market_data: pd.DataFrame,
    exposures: pd.DataFrame,
    sessions: Sequence[date],
    first: date,
    last: date,
    universe: pd.DataFrame | None = None,
    fundamentals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Describe each stock in each session from `first` to `last` that has a price.

    `market_data` covers `sessions`, which rise and start `SESSIONS_BEFORE` sessions before `first`
    (with fewer, what reaches further back is NaN); `exposures` and `universe` (sectors) cover the
    range, `fundamentals` it and `valuations.KNOWN_FOR` before. Percentages, volatility annualised,
    average volume in shares. Returns `METRIC_COLUMNS`.
    """
    stocks = market_data[market_data["asset_class"] == STOCK]
    today = between(stocks, first, last)
    if today.empty:
        return empty_frame(METRIC_COLUMNS)
    index = session_index(sessions)
    rows = range(*index.slice_locs(pd.Timestamp(first), pd.Timestamp(last)))
    symbols, history = _history(stocks, sessions, rows)
    parts = [_describe(history, part) for part in blocks(rows, YEAR, len(symbols))]
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
    frame = frame.merge(all_betas(exposures), how="left")
    frame = with_valuations(with_sectors(frame, universe), fundamentals)
    frame = frame.sort_values(["session_date", "symbol"], ignore_index=True)
    return frame[list(METRIC_COLUMNS)]


@dataclass(frozen=True, slots=True)
class _History:
    """What is known of all symbols: matrices of symbols x sessions, and each session's year."""

    price: Floats
    volume: Floats
    is_clean: Floats
    volatility_21d: Floats
    volatility_63d: Floats
    years: npt.NDArray[np.int64]
    months: npt.NDArray[np.int64]


def _history(
    stocks: pd.DataFrame, sessions: Sequence[date], rows: range
) -> tuple[pd.Index, _History]:
    clean = stocks.assign(
        return_1d=usable_returns(stocks),
        return_as_judged=returns_as_judged(stocks),
        is_clean=stocks["flags"].isna().astype(np.float64),
    )
    names = ("price_usd", "volume", "is_clean", "return_1d", "return_as_judged")
    spread = [wide(clean, name, sessions) for name in names]
    price, volume, is_clean, later, then = (np.ascontiguousarray(f.to_numpy().T) for f in spread)
    years = np.array([day.year for day in sessions])
    months = 12 * years + np.array([day.month for day in sessions])
    month, quarter = (_volatilities(later, then, rows, span) for span in (MONTH, QUARTER))
    history = _History(price, volume, is_clean, month, quarter, years, months)
    return spread[0].columns, history


def _volatilities(later: Floats, then: Floats, rows: range, span: int) -> Floats:
    """Compute the volatility of each session that the percentiles of `rows` look at.

    A window ends with its session's return as judged `then`: whether it was one into a spike is
    known a session `later`.
    """
    found = np.full(later.shape, np.nan)
    looked_at = range(max(rows.start - YEAR + 1, 0), rows.stop)
    for part in blocks(looked_at, span, len(later)):
        at = slice(part.start, part.stop)
        windows = windows_ending(later, part, span).copy()
        windows[..., -1] = then[:, at]
        found[:, at] = _volatility(windows)
    return found


def _describe(history: _History, rows: range) -> dict[str, Floats]:
    """Compute every number as a matrix of symbols x sessions of `rows`."""
    price, at = history.price, slice(rows.start, rows.stop)
    now = price[:, at]
    month, quarter = history.volatility_21d, history.volatility_63d
    observed = np.isfinite(windows_ending(price, rows, _OBSERVED)).sum(axis=-1)
    return {
        "return_1w_pct": _change(price, rows, WEEK),
        "return_mtd_pct": 100 * (now / _starts(price, history.months, rows) - 1),
        "return_1m_pct": _change(price, rows, MONTH),
        "return_3m_pct": _change(price, rows, QUARTER),
        "return_6m_pct": _change(price, rows, HALF_YEAR),
        "return_ytd_pct": 100 * (now / _starts(price, history.years, rows) - 1),
        "return_1y_pct": _change(price, rows, YEAR),
        "volatility_21d_pct": month[:, at],
        "volatility_63d_pct": quarter[:, at],
        "volatility_trend_pct": _trend(month[:, at], quarter[:, at]),
        "volatility_21d_percentile": _percentile(windows_ending(month, rows, YEAR)),
        "volatility_63d_percentile": _percentile(windows_ending(quarter, rows, YEAR)),
        "drawdown_63d_pct": 100 * (now / _highest(windows_ending(price, rows, QUARTER)) - 1),
        "drawdown_1y_pct": 100 * (now / _highest(windows_ending(price, rows, YEAR)) - 1),
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


def _starts(price: Floats, spans: npt.NDArray[np.int64], rows: range) -> Floats:
    """Give the price of the last session of the year (or month) before each session of `rows`."""
    base = np.searchsorted(spans, spans[rows.start : rows.stop]) - 1
    return np.where(base >= 0, price[:, np.maximum(base, 0)], np.nan)


def _trend(recent: Floats, usual: Floats) -> Floats:
    """Percent by which the recent volatility is above the usual one, NaN where nothing moved."""
    return np.where(usual > 0, 100 * (recent / np.where(usual > 0, usual, 1.0) - 1), np.nan)


def _percentile(values: Floats) -> Floats:
    """Percent of each window's values that are at most its last one."""
    n, is_enough = _is_enough(values)
    now = values[..., -1]
    at_most = (values <= now[..., None]).sum(axis=-1)
    return np.where(is_enough & np.isfinite(now), 100 * at_most / np.maximum(n, 1), np.nan)


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
