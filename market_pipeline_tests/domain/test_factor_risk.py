"""What factors measured one by one make together is what one fit on all of them makes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.factor_definitions import DEFAULTS, FactorDefinition
from market_pipeline.domain.factor_risk import (
    LEAST_RETURNS,
    deviations,
    factor_model,
    factor_returns,
    risk_factors,
    specific_variances,
)

COUNT = 252


def factors_of(seed: int, count: int = COUNT) -> np.ndarray:
    """Make three factors that move alike in part, as a market, a fund and a spread do."""
    x = np.random.default_rng(seed).normal(0.0, 0.01, (count, 3))
    x[:, 1] = 0.6 * x[:, 0] + 0.8 * x[:, 1]
    x[:, 2] = -0.3 * x[:, 0] + 0.5 * x[:, 2]
    return x


def alone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit y on each factor by itself: the slopes (symbols x factors)."""
    return np.array([[np.polyfit(factor, symbol, 1)[0] for factor in x.T] for symbol in y.T])


@given(st.integers(0, 10_000))
def test_single_slopes_together_are_the_joint_fit(seed: int) -> None:
    """Against least squares on all factors at once, with an intercept; and so is what is left."""
    x = factors_of(seed)
    rng = np.random.default_rng(seed + 1)
    y = x @ rng.normal(0.5, 1.0, (3, 4)) + rng.normal(0.0, 0.01, (COUNT, 4))
    model = factor_model(x, ("a", "b", "c"))
    together = model.together(alone(x, y))
    design = np.column_stack([np.ones(COUNT), x])
    joint, *_ = np.linalg.lstsq(design, y, rcond=None)
    np.testing.assert_allclose(together, joint[1:].T, rtol=1e-7, atol=1e-9)
    left = (y - design @ joint).var(axis=0, ddof=1)
    np.testing.assert_allclose(
        specific_variances(model, together, deviations(y)), left, rtol=1e-6, atol=1e-12
    )


@given(st.integers(0, 10_000))
def test_a_factor_told_twice_counts_once(seed: int) -> None:
    """A second name for the first factor changes no variance; they share the exposure."""
    x = factors_of(seed)
    y = x @ np.array([[1.0], [0.5], [-0.2]])
    once = factor_model(x, ("a", "b", "c"))
    twice = factor_model(np.column_stack([x, x[:, 0]]), ("a", "b", "c", "again"))
    one, two = (
        model.together(alone(returns, y))
        for model, returns in ((once, x), (twice, np.column_stack([x, x[:, 0]])))
    )
    variance = float(y.var(ddof=1))
    assert float((one @ once.covariance @ one.T).item()) == pytest.approx(variance, rel=1e-7)
    assert float((two @ twice.covariance @ two.T).item()) == pytest.approx(variance, rel=1e-6)
    assert two[0, 0] == pytest.approx(two[0, 3], rel=1e-6)


def test_factors_without_returns_are_left_out() -> None:
    """One that is missing, one that is too young and one that never moves divide no risk."""
    x = factors_of(3)
    x[:, 1] = np.nan
    x[: COUNT - LEAST_RETURNS + 1, 2] = np.nan
    wide = np.column_stack([x, np.full(COUNT, 0.001)])
    model = factor_model(wide, ("a", "gone", "young", "still"))
    assert model.names == ("a",)
    assert model.covariance.item() == pytest.approx(x[:, 0].var(ddof=1))
    assert factor_model(wide[: LEAST_RETURNS - 1], ("a", "gone", "young", "still")).names == ()


def test_a_session_in_which_a_factor_lacks_its_return_is_left_out() -> None:
    """The covariance is that of the sessions all factors tell of."""
    x = factors_of(4)
    x[10, 1] = np.nan
    model = factor_model(x, ("a", "b", "c"))
    np.testing.assert_allclose(
        model.covariance, np.cov(np.delete(x, 10, axis=0), rowvar=False), rtol=1e-12
    )


def test_a_spread_is_a_difference_and_several_proxies_are_several_factors() -> None:
    """In the names that exposures bear."""
    returns = pd.DataFrame({"SPY": [0.01, 0.02], "IWM": [0.03, np.nan], "VTV": [0.0, 0.1]})
    definitions = (
        FactorDefinition("small", ("IWM", "SPY"), kind="spread"),
        FactorDefinition("style", ("VTV", "SPY"), kind="style"),
        FactorDefinition("gone", ("XXX",)),
    )
    found = factor_returns(returns, definitions)
    assert list(found.columns) == ["small", "style_VTV", "style_SPY", "gone"]
    assert found["small"].iloc[0] == pytest.approx(0.02)
    assert np.isnan(found["small"].iloc[1])
    assert found["style_VTV"].tolist() == [0.0, 0.1]
    assert found["gone"].isna().all()


def test_funds_that_tell_the_same_again_divide_no_risk() -> None:
    """Of those shipped: market, rates and the four spreads."""
    assert risk_factors(DEFAULTS) == (
        "market", "interest_rate", "growth_over_value", "momentum_over_market",
        "small_over_market", "quality_over_market",
    )  # fmt: skip
