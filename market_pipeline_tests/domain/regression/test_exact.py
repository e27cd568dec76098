"""One window at a time: equal to rational arithmetic, defined where a textbook is not."""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.regression import Model, Quality
from market_pipeline.domain.regression.exact import fit_window

WINDOW = 40


MODEL = Model(WINDOW, 3)

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
    """Fit in rational numbers, by the textbook: beta, std_error, r_squared, deviation."""
    xs, ys = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
    n, mean_x, mean_y = len(xs), sum(xs) / len(xs), sum(ys) / len(ys)
    sxx = sum((v - mean_x) ** 2 for v in xs)
    syy = sum((v - mean_y) ** 2 for v in ys)
    beta = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True)) / sxx
    variance = (syy - beta * beta * sxx) / (n - 2)
    r_squared = 1 - variance * (n - 2) / syy
    deviation = math.sqrt(variance)
    return float(beta), math.sqrt(variance / sxx), float(r_squared), deviation


@settings(max_examples=60, deadline=None, derandomize=True)
@given(windows(drifts=[0.0, 500.0], noises=[1e-5, 1e-2, 1.0]))
def test_even_badly_conditioned_windows_are_exact_to_1e_9(case: Pair) -> None:
    """Against rational arithmetic, where statsmodels itself is off by more than that."""
    x, y = case
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 3:
        return
    fit = fit_window(x[:, None], y, MODEL)
    beta, std_error, r_squared, deviation = exact_fit(x[both], y[both])
    assert fit.beta[0] == pytest.approx(beta, rel=1e-9, abs=1e-12 * y[both].std() / x[both].std())
    assert fit.std_error[0] == pytest.approx(std_error, rel=1e-9)
    assert fit.r_squared == pytest.approx(r_squared, rel=1e-9, abs=1e-12)
    assert fit.residual_deviation == pytest.approx(deviation, rel=1e-9)


def test_a_constant_symbol_has_beta_zero_and_no_r_squared() -> None:
    """Nothing moved, so nothing is explained: 0 exactly, whatever the constant rounds to."""
    fit = fit_window(np.linspace(-0.01, 0.02, WINDOW)[:, None], np.full(WINDOW, 0.1), MODEL)
    assert (fit.beta[0], fit.std_error[0], fit.residual_deviation) == (0, 0, 0)
    assert np.isnan(fit.r_squared)


def test_a_constant_proxy_explains_nothing() -> None:
    """There is no slope on a proxy that did not move."""
    fit = fit_window(np.full((WINDOW, 1), 0.1), np.linspace(-0.01, 0.02, WINDOW), MODEL)
    assert np.isnan(fit.beta[0])
    assert fit.failure is Quality.STILL


@pytest.mark.parametrize("factors", [1, 3])
def test_a_proxy_itself_is_explained_wholly(factors: int) -> None:
    """Beta one and no error: what rounding leaves over is no residual."""
    x = np.random.default_rng(1).normal(0, 0.01, (WINDOW, factors))
    fit = fit_window(x, x[:, 0], MODEL)
    np.testing.assert_allclose(fit.beta, np.eye(factors)[0], atol=1e-14)
    assert (fit.std_error == 0).all()
    assert fit.r_squared == 1


def test_one_proxy_on_itself_has_a_beta_of_exactly_one() -> None:
    """The market's beta to the market is no 0.9999999."""
    x = np.random.default_rng(1).normal(0, 0.01, WINDOW)
    assert fit_window(x[:, None], x, MODEL).beta[0] == 1
