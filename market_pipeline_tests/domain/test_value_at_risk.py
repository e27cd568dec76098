"""Value at risk is a quantile of losses, expected shortfall the mean of what lies beyond."""

from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from market_pipeline.domain.value_at_risk import (
    LEAST_DAYS,
    LEVELS,
    UNKNOWN,
    historical_loss,
    normal_loss,
)

PNL = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=LEAST_DAYS, max_size=300).map(
    np.array
)


def slow_quantile(values: list[float], share: float) -> float:
    """Interpolate between the two nearest of the sorted values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def test_of_a_hundred_and_one_equal_steps_the_loss_is_read_off() -> None:
    """Of -50, -49, ... 50 five percent are below -45; -50 to -45 are -47.5 in the mean."""
    loss = historical_loss(np.arange(-50.0, 51.0), 0.95)
    assert loss.value_at_risk == pytest.approx(45.0, abs=1e-9)
    assert loss.expected_shortfall == pytest.approx(47.5, abs=1e-9)


@given(PNL)
def test_the_loss_is_the_quantile_and_the_shortfall_the_mean_beyond(pnl: np.ndarray) -> None:
    """As a plain sort says; the shortfall is no smaller, and a rarer loss is no smaller."""
    slack = 1e-9 * (1.0 + float(np.abs(pnl).max()))
    found = [historical_loss(pnl, level) for level in LEVELS]
    for level, loss in zip(LEVELS, found, strict=True):
        assert loss.value_at_risk == pytest.approx(-slow_quantile(list(pnl), 1 - level), abs=slack)
        assert loss.expected_shortfall >= loss.value_at_risk - slack
        assert loss.expected_shortfall <= -float(pnl.min()) + slack
    assert found[1].value_at_risk >= found[0].value_at_risk - slack
    assert found[1].expected_shortfall >= found[0].expected_shortfall - slack


@given(PNL, st.floats(0.01, 100.0))
def test_losses_grow_with_the_holdings(pnl: np.ndarray, times: float) -> None:
    """Twice the holdings lose twice as much."""
    one, more = historical_loss(pnl, 0.95), historical_loss(pnl * times, 0.95)
    slack = 1e-9 * (1.0 + times * float(np.abs(pnl).max()))
    assert more.value_at_risk == pytest.approx(times * one.value_at_risk, abs=slack)


def test_too_few_days_say_nothing() -> None:
    """Below sixty days there is no number, from sixty on there is."""
    assert historical_loss(np.arange(LEAST_DAYS - 1.0), 0.95) is UNKNOWN
    assert not isnan(historical_loss(np.arange(float(LEAST_DAYS)), 0.95).value_at_risk)


@pytest.mark.parametrize("level", LEVELS)
def test_a_normal_loss_is_what_the_density_integrates_to(level: float) -> None:
    """The quantile is scipy's; the shortfall is the integral of the loss over its tail."""
    deviation = 250.0
    loss = normal_loss(deviation, level)
    assert loss.value_at_risk == pytest.approx(stats.norm.ppf(level, scale=deviation), rel=1e-9)
    tail, _ = integrate.quad(
        lambda x: x * stats.norm.pdf(x, scale=deviation), loss.value_at_risk, 40 * deviation
    )
    assert loss.expected_shortfall == pytest.approx(tail / (1 - level), rel=1e-7)


def test_a_historical_loss_of_normal_days_is_near_the_normal_one() -> None:
    """Of 200,000 normal days both ways agree within two percent."""
    pnl = np.random.default_rng(7).normal(0.0, 100.0 * sqrt(2.0), 200_000)
    for level in LEVELS:
        found, expected = historical_loss(pnl, level), normal_loss(100.0 * sqrt(2.0), level)
        assert found.value_at_risk == pytest.approx(expected.value_at_risk, rel=0.02)
        assert found.expected_shortfall == pytest.approx(expected.expected_shortfall, rel=0.02)
