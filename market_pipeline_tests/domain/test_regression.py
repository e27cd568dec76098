"""Least squares: equal to statsmodels on anything, defined where statsmodels is not."""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.regression import least_squares

WINDOW = 40


Pair = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@st.composite
def windows(draw: st.DrawFn, drifts: list[float], noises: list[float]) -> Pair:
    """Draw returns of a proxy and of a symbol that follows it more or less, with gaps in both."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-4, 1e-2, 0.3]))
    drift = scale * draw(st.sampled_from(drifts))
    x = random.normal(drift, scale, WINDOW)
    noise = scale * draw(st.sampled_from(noises))
    y = draw(st.floats(-8, 8)) * x + random.normal(drift, noise, WINDOW)
    gaps = draw(st.sampled_from([0.0, 0.1, 0.6]))
    x[random.random(WINDOW) < gaps] = np.nan
    y[random.random(WINDOW) < gaps] = np.nan
    y[: draw(st.integers(0, WINDOW - 4))] = np.nan
    return x, y


def exact_fit(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Fit in rational numbers, by the textbook: beta, std_error, r_squared, volatility."""
    xs, ys = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
    n, mean_x, mean_y = len(xs), sum(xs) / len(xs), sum(ys) / len(ys)
    sxx = sum((v - mean_x) ** 2 for v in xs)
    syy = sum((v - mean_y) ** 2 for v in ys)
    beta = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True)) / sxx
    variance = (syy - beta * beta * sxx) / (n - 2)
    r_squared = 1 - variance * (n - 2) / syy
    volatility = math.sqrt(variance * 252)
    return float(beta), math.sqrt(variance / sxx), float(r_squared), volatility


@settings(max_examples=100, deadline=None, derandomize=True)
@given(windows(drifts=[0.0, 0.1, 1.0], noises=[0.1, 1.0, 10.0]))
def test_every_number_equals_statsmodels_to_1e_9(case: Pair) -> None:
    """Beta, standard error, t, R2 and residual volatility, over the pairs where both are there."""
    x, y = case
    both = np.isfinite(x) & np.isfinite(y)
    fit = least_squares(x, y)
    assert fit.observations == both.sum()
    if both.sum() < 3:
        assert np.isnan(fit.beta)
        return
    ols = sm.OLS(y[both], sm.add_constant(x[both], has_constant="add")).fit()
    # Near zero, closeness is measured against what the number could have been.
    beta_scale = y[both].std() / x[both].std()
    assert fit.beta == pytest.approx(ols.params[1], rel=1e-9, abs=1e-12 * beta_scale)
    assert fit.std_error == pytest.approx(ols.bse[1], rel=1e-9)
    assert fit.t_stat == pytest.approx(ols.tvalues[1], rel=1e-9, abs=1e-11)
    assert fit.r_squared == pytest.approx(ols.rsquared, rel=1e-9, abs=1e-12)
    assert fit.residual_volatility == pytest.approx(np.sqrt(ols.mse_resid * 252), rel=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(windows(drifts=[0.0, 500.0], noises=[1e-5, 1e-2, 1.0]))
def test_even_badly_conditioned_windows_are_exact_to_1e_9(case: Pair) -> None:
    """Against rational arithmetic, where statsmodels itself is off by more than that."""
    x, y = case
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 3:
        return
    fit = least_squares(x, y)
    beta, std_error, r_squared, volatility = exact_fit(x[both], y[both])
    assert fit.beta == pytest.approx(beta, rel=1e-9, abs=1e-12 * y[both].std() / x[both].std())
    assert fit.std_error == pytest.approx(std_error, rel=1e-9)
    assert fit.r_squared == pytest.approx(r_squared, rel=1e-9, abs=1e-12)
    assert fit.residual_volatility == pytest.approx(volatility, rel=1e-9)


def test_a_constant_symbol_has_beta_zero_and_no_r_squared() -> None:
    """Nothing moved, so nothing is explained: 0 exactly, whatever the constant rounds to."""
    fit = least_squares(np.linspace(-0.01, 0.02, WINDOW), np.full(WINDOW, 0.1))
    assert fit.beta == 0
    assert fit.std_error == 0
    assert fit.residual_volatility == 0
    assert np.isnan(fit.r_squared)
    assert np.isnan(fit.t_stat)


def test_a_constant_proxy_explains_nothing() -> None:
    """There is no slope on a proxy that did not move."""
    fit = least_squares(np.full(WINDOW, 0.1), np.linspace(-0.01, 0.02, WINDOW))
    assert np.isnan(fit.beta)


def test_a_proxy_against_itself_has_beta_one_and_no_error() -> None:
    """A perfect fit has R2 1 and no t statistic: a division by a zero error."""
    x = np.random.default_rng(1).normal(0, 0.01, WINDOW)
    fit = least_squares(x, x)
    assert [float(fit.beta), float(fit.std_error), float(fit.r_squared)] == [1, 0, 1]
    assert np.isnan(fit.t_stat)


def test_two_points_are_no_regression() -> None:
    """A line through two points says nothing about error."""
    x = np.full(WINDOW, np.nan)
    x[:2] = [0.01, 0.02]
    assert np.isnan(least_squares(x, x).beta)
