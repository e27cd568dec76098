"""Scenarios move one factor by a documented amount."""

from math import nan, sqrt

import pytest

from market_pipeline.domain.stress import modified_duration, scenarios
from market_pipeline.settings import Settings


def test_every_factor_falls_by_two_deviations_of_a_month() -> None:
    """A daily deviation of 1 % is 4.58 % in 21 sessions; two of them are a fall of 9.17 %."""
    found = {each.name: each for each in scenarios({"market": 0.01, "energy": 0.02}, 16.0)}
    assert found["down_2_sigma:market"].shock == pytest.approx(-0.02 * sqrt(21))
    assert found["down_2_sigma:energy"].shock == pytest.approx(-0.04 * sqrt(21))
    assert found["market_down_10_pct"].shock == -0.10
    assert "rates_up_100_bp" not in found


def test_rates_move_the_bond_fund_by_its_duration() -> None:
    """A percent more on 16 years is a price 16 % lower; without a deviation there is no sigma."""
    found = list(scenarios({"interest_rate": nan}, 16.0))
    assert [(each.name, each.factor, each.shock) for each in found] == [
        ("rates_up_100_bp", "interest_rate", -0.16)
    ]


@pytest.mark.parametrize("years", [2.0, 10.0, 25.0])
def test_a_bonds_duration_is_how_its_price_answers_to_its_yield(years: float) -> None:
    """Against the plain present value at a yield one hundredth of a point up and down."""

    def price(rate: float) -> float:
        count = round(2 * years)
        return sum(0.015 / (1 + rate / 2) ** n for n in range(1, count + 1)) + (
            1.0 / (1 + rate / 2) ** count
        )

    bump = 1e-4
    slope = (price(0.045 - bump) - price(0.045 + bump)) / (2 * bump * price(0.045))
    assert modified_duration(0.03, 0.045, years) == pytest.approx(slope, rel=1e-5)


def test_the_default_duration_is_that_of_the_bond_the_docs_name() -> None:
    """25.5 years to maturity, a coupon of 3 % and a yield of 5 %: sixteen years."""
    default = Settings.model_fields["rate_proxy_duration"].default
    assert modified_duration(0.03, 0.05, 25.5) == pytest.approx(default, abs=0.05)
