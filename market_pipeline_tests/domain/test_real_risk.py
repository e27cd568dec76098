"""Risk on real prices of 2014 to 2018: how often losses were exceeded, how well factors add up."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.factor_risk import WINDOW, deviations, factor_model, specific_variances
from market_pipeline.domain.value_at_risk import historical_loss

pytestmark = pytest.mark.real_history

OWN_WINDOWS = {"market": 90, "momentum": 180, "small": 180, "quality": 180, "value": 180}
"""Those of the shipped definitions of the same kinds."""


@pytest.fixture(scope="module")
def returns(market_history: Path) -> pd.DataFrame:
    """Give daily returns of stocks and of the funds that factors are made of."""
    rows = pd.read_csv(market_history / "daily_ohlcv_2013_2018.csv.gz", parse_dates=["date"])
    closes = rows.pivot(index="date", columns="symbol", values="close")
    funds = pd.read_csv(
        market_history / "factor_etf_adj_close_2014_2022.csv.gz", parse_dates=[0], index_col=0
    )
    whole = closes[closes.columns[closes.notna().all()]]
    return whole.pct_change().join(funds.pct_change(), how="inner").dropna()


@pytest.fixture(scope="module")
def stocks(returns: pd.DataFrame) -> Any:
    """Name thirty stocks, from all over the alphabet."""
    funds = {"SPY", "IWM", "QQQ", "EEM", "MTUM", "QUAL", "SIZE", "USMV", "VLUE"}
    return [name for name in returns.columns if name not in funds][::8][:30]


@pytest.mark.parametrize(("level", "least", "most"), [(0.95, 0.03, 0.07), (0.99, 0.003, 0.025)])
def test_the_loss_is_exceeded_about_as_often_as_it_says(
    returns: pd.DataFrame, stocks: Any, level: float, least: float, most: float
) -> None:
    """On the day after each window, over three years of an equal book."""
    pnl = returns[stocks].sum(axis=1).to_numpy()
    days = range(WINDOW, len(pnl))
    exceeded = [
        -pnl[day] > historical_loss(pnl[day - WINDOW : day], level).value_at_risk for day in days
    ]
    assert len(days) > 700
    assert least <= float(np.mean(exceeded)) <= most


def test_exposures_of_different_windows_still_add_up_to_the_books_risk(
    returns: pd.DataFrame, stocks: Any
) -> None:
    """Against one fit on all factors: as large in the mean; added as they are, far too large."""
    spy = returns["SPY"]
    x = pd.DataFrame(
        {
            "market": spy,
            "momentum": returns["MTUM"] - spy,
            "small": returns["IWM"] - spy,
            "quality": returns["QUAL"] - spy,
            "value": returns["VLUE"] - spy,
        }
    ).to_numpy()
    y = returns[stocks].to_numpy()
    told, plain, whole = [], [], []
    for end in range(WINDOW, len(y), 40):
        window, own = x[end - WINDOW : end], y[end - WINDOW : end]
        model = factor_model(window, tuple(OWN_WINDOWS))
        betas = _slopes(window, own)
        together = model.together(betas)
        joint = together.sum(axis=0)
        design = np.column_stack([np.ones(WINDOW), window])
        fit, *_ = np.linalg.lstsq(design, own, rcond=None)
        expected = (design @ fit).sum(axis=1).std(ddof=1)
        told.append(np.sqrt(joint @ model.marginal(joint)) / expected)
        alone = betas.sum(axis=0)
        plain.append(np.sqrt(alone @ model.marginal(alone)) / expected)
        specific = specific_variances(model, together, deviations(own)).sum()
        whole.append(
            np.sqrt(joint @ model.marginal(joint) + specific) / own.sum(axis=1).std(ddof=1)
        )
    assert float(np.mean(told)) == pytest.approx(1.0, abs=0.05)
    assert 0.75 < min(told) < max(told) < 1.3
    assert float(np.mean(plain)) > 1.2
    assert float(np.mean(whole)) == pytest.approx(1.0, abs=0.05)


def _slopes(x: Any, y: Any) -> Any:
    """Fit every stock on every factor by itself, over the factor's own window."""
    found = np.empty((y.shape[1], x.shape[1]))
    for factor, count in enumerate(OWN_WINDOWS.values()):
        moved = x[-count:, factor] - x[-count:, factor].mean()
        found[:, factor] = moved @ (y[-count:] - y[-count:].mean(axis=0)) / (moved @ moved)
    return found
