"""A small market of known returns, books in it, and the exposures a plain fit finds."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from market_pipeline.domain.factor_definitions import DEFAULTS, FactorDefinition
from market_pipeline.domain.portfolio_risk import SESSIONS_BEFORE, Risk, portfolio_risk
from market_pipeline.domain.sessions import TradingCalendar

CALENDAR = TradingCalendar.xnys()
DAY = date(2026, 11, 20)
FIRST = CALENDAR.shift(DAY, -SESSIONS_BEFORE)
STOCKS = ("AAPL", "KO", "MSFT")
DEFINITIONS: tuple[FactorDefinition, ...] = tuple(
    each
    for each in DEFAULTS
    if each.name in ("market", "interest_rate", "small_over_market", "sector_energy")
)
FACTORS = ("market", "interest_rate", "small_over_market")
SECTORS = {"AAPL": "Technology", "MSFT": "Technology", "KO": "Staples"}


def market(seed: int = 5, last: date = DAY) -> pd.DataFrame:
    """Make a year of returns of stocks and proxies, sessions x symbols."""
    sessions = CALENDAR.sessions(FIRST, last)
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 0.01, (len(sessions), 4))
    returns = {"SPY": x[:, 0], "TLT": 0.2 * x[:, 0] + 0.5 * x[:, 1], "IWM": x[:, 0] + x[:, 2]}
    returns["XLE"] = 0.9 * x[:, 0] + x[:, 3]
    for number, name in enumerate(STOCKS):
        own = rng.normal(0.0, 0.012, len(sessions))
        returns[name] = (0.8 + 0.2 * number) * x[:, 0] + 0.3 * number * x[:, 2] + own
    index = pd.DatetimeIndex(np.array(sessions, dtype="datetime64[s]"), name="session_date")
    return pd.DataFrame(returns, index=index)


def cache_of(returns: pd.DataFrame) -> pd.DataFrame:
    """Tell returns as rows of `market_data_cache`; one that is missing has no row."""
    long = returns.reset_index().melt("session_date", var_name="symbol", value_name="return_1d")
    return long.dropna().assign(asset_class="stock", price_usd=100.0, delta=np.nan, flags=None)


def factors_of(returns: pd.DataFrame) -> pd.DataFrame:
    """Give the factors that divide the risk, by hand."""
    return pd.DataFrame(
        {
            "market": returns["SPY"],
            "interest_rate": returns["TLT"],
            "small_over_market": returns["IWM"] - returns["SPY"],
        }
    )


def betas_of(returns: pd.DataFrame, day: date = DAY) -> pd.DataFrame:
    """Fit every stock on every factor by itself, over the whole window."""
    x = factors_of(returns).assign(sector_energy=returns["XLE"])
    rows = []
    for symbol in STOCKS:
        for name in x.columns:
            both = pd.DataFrame({"x": x[name], "y": returns[symbol]}).dropna()
            slope = float(np.polyfit(both["x"], both["y"], 1)[0])
            rows.append((pd.Timestamp(day), symbol, name, slope, "full_history"))
    return pd.DataFrame(rows, columns=["session_date", "symbol", "factor", "beta", "quality"])


def holdings_of(books: Mapping[str, Mapping[str, float]], day: date = DAY) -> pd.DataFrame:
    """Give what `moving_dollars` says of stocks held, by portfolio, symbol and dollars."""
    rows = [
        (pd.Timestamp(day), portfolio, symbol, "stock", symbol, abs(dollars), dollars)
        for portfolio, book in books.items()
        for symbol, dollars in sorted(book.items())
    ]
    columns = ["session_date", "portfolio_id", "symbol", "asset_class", "moves_with"]
    frame = pd.DataFrame(rows, columns=[*columns, "gross_usd", "base_usd"])
    frame = frame.astype({"gross_usd": np.float64, "base_usd": np.float64})
    return frame.assign(gamma_usd=0.0, vega_usd=0.0, theta_usd=0.0)


_MARKET = market()
_BETAS, _CACHE = betas_of(_MARKET), cache_of(_MARKET)


def risk_of(
    books: Mapping[str, Mapping[str, float]],
    returns: pd.DataFrame | None = None,
    equity: float = 10_000.0,
    **changes: Any,
) -> Risk:
    """Tell the risk of books of stocks on the last day."""
    told = _MARKET if returns is None else returns
    inputs: dict[str, Any] = {
        "holdings": holdings_of(books),
        "snapshots": snapshots_of(list(books), equity),
        "betas": _BETAS if returns is None else betas_of(told),
        "market_data": _CACHE if returns is None else cache_of(told),
        "universe": pd.DataFrame(
            [(pd.Timestamp(DAY), *each) for each in SECTORS.items()],
            columns=["session_date", "symbol", "sector"],
        ),
        "definitions": DEFINITIONS,
    } | changes
    sessions = CALENDAR.sessions(FIRST, told.index[-1].date())
    return portfolio_risk(**inputs, sessions=sessions, first=DAY, last=sessions[-1], duration=16.0)


def snapshots_of(portfolios: Sequence[str], equity: float, day: date = DAY) -> pd.DataFrame:
    """Give snapshots of one equity."""
    rows = [(pd.Timestamp(day), name, equity) for name in portfolios]
    return pd.DataFrame(rows, columns=["session_date", "portfolio_id", "equity_usd"])
