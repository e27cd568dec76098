"""Rolling regressions on real prices, next to the textbook's implementations."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from statsmodels.regression.rolling import RollingOLS

from market_pipeline.domain.regression import Model, Quality, fit_all

pytestmark = pytest.mark.real_history

Matrix = npt.NDArray[np.float64]
PROXIES = ["SPY", "QQQ", "IWM", "EEM"]
WINDOW = 252


@pytest.fixture(scope="module")
def returns(market_history: Path) -> pd.DataFrame:
    """Simple close-to-close returns of all 260 symbols, gaps and late starts as they are."""
    frame = pd.read_csv(market_history / "daily_ohlcv_2013_2018.csv.gz")
    closes = frame.pivot(index="date", columns="symbol", values="close")
    return closes.pct_change(fill_method=None)


@pytest.fixture(scope="module")
def matrices(returns: pd.DataFrame) -> tuple[Matrix, Matrix]:
    return returns.to_numpy(), returns[PROXIES].to_numpy()


def test_betas_over_the_whole_window_are_the_check_values(returns: pd.DataFrame) -> None:
    """The three digits stated with the recording, from plain returns without any rule of ours."""
    expected = {"AAPL": 0.978, "JPM": 1.258, "KO": 0.588, "XOM": 0.923, "NVDA": 1.247, "NEE": 0.522}
    y, spy = returns[list(expected)].to_numpy(), returns[["SPY"]].to_numpy()
    fit = fit_all(y, spy, Model(1258, 1000), range(len(y) - 1, len(y)))
    assert (fit.observations == 1258).all()
    assert dict(zip(expected, fit.beta[0, 0].round(3), strict=True)) == expected


@pytest.mark.parametrize("symbol", ["AAPL", "DWDP", "LNT", "FTV"])
def test_all_dates_of_a_symbol_equal_rolling_ols(returns: pd.DataFrame, symbol: str) -> None:
    """Four proxies jointly, every window of five years: late starts, gaps and wrong jumps too."""
    y, x = returns[[symbol]].to_numpy(), returns[PROXIES].to_numpy()
    fit = fit_all(y, x, Model(WINDOW, 60), range(len(y)))
    rolled = RollingOLS(y[:, 0], sm.add_constant(x), window=WINDOW, min_nobs=60, expanding=True)
    theirs = rolled.fit()
    answered = fit.quality[0, :, 0] >= Quality.FULL
    assert answered.sum() > 40
    for ours, other in (
        (fit.beta[..., 0].T, theirs.params[:, 1:]),
        (fit.std_error[..., 0].T, theirs.bse[:, 1:]),
        (fit.r_squared[:, 0], theirs.rsquared),
    ):
        np.testing.assert_allclose(ours[answered], other[answered], rtol=1e-9, atol=1e-11)


def test_every_symbol_equals_ols_on_a_date(matrices: tuple[Matrix, Matrix]) -> None:
    """All 260 symbols, the four proxies themselves included."""
    y, x = matrices
    row = 1200
    fit = fit_all(y, x, Model(WINDOW, 60), range(row, row + 1))
    for symbol in range(y.shape[1]):
        window = slice(row - WINDOW + 1, row + 1)
        use = np.isfinite(y[window, symbol]) & np.isfinite(x[window]).all(axis=1)
        if use.sum() < 60:
            assert fit.quality[0, 0, symbol] == Quality.TOO_FEW
            continue
        ols = sm.OLS(y[window, symbol][use], sm.add_constant(x[window][use])).fit()
        np.testing.assert_allclose(fit.beta[:, 0, symbol], ols.params[1:], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(fit.std_error[:, 0, symbol], ols.bse[1:], rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(fit.r_squared[0, symbol], ols.rsquared, rtol=1e-9)


def test_exponential_weights_equal_wls(matrices: tuple[Matrix, Matrix]) -> None:
    """A half-life of 63 sessions, weights by session, scaled to a mean of 1."""
    y, x = matrices
    fit = fit_all(y, x, Model(WINDOW, 60, half_life=63.0), range(900, 905))
    for symbol in range(0, y.shape[1], 13):
        window = slice(904 - WINDOW + 1, 905)
        use = np.isfinite(y[window, symbol]) & np.isfinite(x[window]).all(axis=1)
        weights = 0.5 ** (np.arange(WINDOW)[::-1] / 63)[use]
        design = sm.add_constant(x[window][use])
        wls = sm.WLS(y[window, symbol][use], design, weights / weights.mean()).fit()
        np.testing.assert_allclose(fit.beta[:, 4, symbol], wls.params[1:], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(fit.std_error[:, 4, symbol], wls.bse[1:], rtol=1e-9)
        assert fit.residual_deviation[4, symbol] == pytest.approx(wls.mse_resid**0.5, rel=1e-9)
        assert fit.r_squared[4, symbol] == pytest.approx(wls.rsquared, rel=1e-9)


def test_ridge_equals_scikit_learn(matrices: tuple[Matrix, Matrix]) -> None:
    """On standardised returns of the window, betas back in returns."""
    y, x = matrices
    fit = fit_all(y, x, Model(WINDOW, 60, penalty=1.0), range(1100, 1101))
    for symbol in range(0, y.shape[1], 7):
        window = slice(1100 - WINDOW + 1, 1101)
        use = np.isfinite(y[window, symbol]) & np.isfinite(x[window]).all(axis=1)
        if use.sum() < 60:
            continue
        scaler = StandardScaler().fit(x[window][use])
        z, own = scaler.transform(x[window][use]), y[window, symbol][use]
        ridge = Ridge(alpha=1.0, solver="svd").fit(z, own)
        np.testing.assert_allclose(fit.beta[:, 0, symbol], ridge.coef_ / scaler.scale_, rtol=1e-9)
        assert fit.r_squared[0, symbol] == pytest.approx(ridge.score(z, own), rel=1e-9)
