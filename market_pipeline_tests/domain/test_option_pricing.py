"""Values, greeks and implied volatilities: textbook numbers, independent peers, and laws."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.option_pricing import (
    MOST_VOLATILITY,
    Contracts,
    floor_and_ceiling,
    greeks,
    implied_volatility,
    intrinsic,
    value,
)
from market_pipeline.sandbox.option_pricing import RATE, price

AMERICAN_PEERS = (
    ("put", 36, 40, 365, 0.06, 0, 0.2, 4.486674, -0.69681, 0.086725, -0.001298, 0.10935),
    ("put", 40, 40, 730, 0.06, 0, 0.4, 6.923458, -0.35542, 0.019534, -0.003375, 0.20273),
    ("put", 44, 40, 365, 0.06, 0, 0.2, 1.112962, -0.21407, 0.036517, -0.002143, 0.12540),
    ("put", 100, 100, 30, 0.05, 0, 0.25, 2.681460, -0.46977, 0.056821, -0.041853, 0.11368),
    ("put", 120, 100, 365, 0.05, 0, 0.25, 2.649530, -0.15475, 0.008273, -0.007293, 0.28331),
    ("put", 80, 100, 365, 0.05, 0, 0.25, 20.363812, -0.85922, 0.026618, -0.002380, 0.14884),
    ("call", 100, 100, 365, 0.05, 0.08, 0.25, 8.407663, 0.49822, 0.016894, -0.009218, 0.37338),
    ("call", 110, 100, 182, 0.03, 0.06, 0.3, 13.748028, 0.69237, 0.016184, -0.016753, 0.26040),
    ("call", 42, 40, 274, 0.04, 0.08, 0.35, 5.310644, 0.58316, 0.032465, -0.006344, 0.13337),
    ("put", 100, 100, 7, 0.05, 0.02, 0.6, 3.285881, -0.48106, 0.048035, -0.233093, 0.05516),
    ("put", 100, 100, 365, 0.05, 0.02, 0.15, 4.764948, -0.42400, 0.029686, -0.005012, 0.37742),
    ("put", 90, 100, 730, 0.04, 0.0, 0.9, 45.903953, -0.28517, 0.003206, -0.020971, 0.42622),
)
"""Type, spot, strike, days, rate, yield, volatility; value, delta, gamma, theta a day and
vega a point as QuantLib 1.44's QdFpAmericanEngine (high precision) gives them, greeks by
differences of its values."""


def contracts(
    spot: Any, strike: Any, years: Any, rate: Any = 0.0, dividend_yield: Any = 0.0,
    *, call: Any = True, american: Any = False,
) -> Contracts:  # fmt: skip
    """Make contracts of numbers or arrays, broadcast to one length."""
    parts = (
        np.atleast_1d(np.asarray(x, float)) for x in (spot, strike, years, rate, dividend_yield)
    )
    share, exercise, time, interest, income = np.broadcast_arrays(*parts)
    is_call = np.broadcast_to(np.asarray(call, bool), share.shape)
    is_american = np.broadcast_to(np.asarray(american, bool), share.shape)
    return Contracts(share, exercise, time, interest, income, is_call, is_american)


def vol(contract: Contracts, volatility: float) -> Floats:
    return np.full(len(contract), volatility)


def one(contract: Contracts, volatility: float) -> float:
    return float(value(contract, vol(contract, volatility))[0])


# -- textbook numbers and peers --------------------------------------------------------------


def test_hulls_example_of_the_formula() -> None:
    """Hull, section 15.9: 42, 40, 10 %, 20 %, half a year: call 4.76, put 0.81."""
    assert one(contracts(42, 40, 0.5, 0.1), 0.2) == pytest.approx(4.76, abs=0.005)
    assert one(contracts(42, 40, 0.5, 0.1, call=False), 0.2) == pytest.approx(0.81, abs=0.005)


def test_hulls_example_with_a_dividend_yield() -> None:
    """Hull, section 17.4: index 930, strike 900, 8 %, yield 3 %, 20 %, two months: 51.83."""
    assert one(contracts(930, 900, 2 / 12, 0.08, 0.03), 0.2) == pytest.approx(51.83, abs=0.005)


def test_hulls_greeks() -> None:
    """Hull, the chapter on greek letters: 49, 50, 5 %, 20 %, 0.3846 years."""
    call = contracts(49, 50, 0.3846, 0.05)
    found = greeks(call, vol(call, 0.2))
    assert found.delta[0] == pytest.approx(0.522, abs=5e-4)
    assert found.gamma[0] == pytest.approx(0.066, abs=5e-4)
    assert found.vega[0] * 100 == pytest.approx(12.1, abs=0.05)
    assert found.theta[0] * 365 == pytest.approx(-4.31, abs=0.005)


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("strike", [60.0, 95.0, 100.0, 140.0])
def test_the_formula_is_the_discounted_expectation(strike: float, *, call: bool) -> None:
    """Integrating the payoff over the lognormal density gives the same value."""
    spot, years, rate, dividend, sigma = 100.0, 0.75, 0.04, 0.015, 0.35
    sign = 1 if call else -1
    forward = spot * math.exp((rate - dividend) * years)

    def weighted(z: float) -> float:
        end = forward * math.exp(sigma * math.sqrt(years) * z - sigma**2 * years / 2)
        return max(sign * (end - strike), 0.0) * float(stats.norm.pdf(z))

    kink = (math.log(strike / forward) + sigma**2 * years / 2) / (sigma * math.sqrt(years))
    expected, _ = integrate.quad(weighted, -12, 12, points=[kink], limit=200)
    found = one(contracts(spot, strike, years, rate, dividend, call=call), sigma)
    assert found == pytest.approx(expected * math.exp(-rate * years), abs=1e-8)


def test_the_sandbox_prices_alike() -> None:
    """The generator's own writing of the formula, on a grid, to rounding."""
    spot, strike, years = (
        a.ravel() for a in np.meshgrid([80.0, 100, 130], [90.0, 100], [0.02, 0.5, 2])
    )
    call = np.arange(len(spot)) % 2 == 0
    sigma = np.full(len(spot), 0.3)
    theirs = price(
        spot=spot, strike=strike, years=years, volatility=sigma, is_call=call, dividend_yield=0.01
    )
    ours = contracts(spot, strike, years, RATE, 0.01, call=call)
    np.testing.assert_allclose(value(ours, sigma), theirs.value, rtol=1e-12, atol=1e-12)
    for name in ("delta", "gamma", "theta", "vega"):
        np.testing.assert_allclose(
            getattr(greeks(ours, sigma), name), getattr(theirs, name), rtol=1e-9, atol=1e-14
        )


@pytest.mark.parametrize("case", AMERICAN_PEERS, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_american_options_agree_with_an_independent_engine(case: tuple[Any, ...]) -> None:
    """To 3 parts in 10,000 of the value, and greeks to what a quote could tell."""
    kind, spot, strike, days, rate, dividend, sigma, expected, *slopes = case
    option = contracts(spot, strike, days / 365, rate, dividend, call=kind == "call", american=True)
    assert one(option, sigma) == pytest.approx(expected, rel=3e-4)
    found = greeks(option, vol(option, sigma))
    assert found.delta[0] == pytest.approx(slopes[0], abs=3e-3)
    assert found.gamma[0] == pytest.approx(slopes[1], rel=0.05)
    assert found.theta[0] == pytest.approx(slopes[2], rel=0.03)
    assert found.vega[0] == pytest.approx(slopes[3], rel=0.03)


@pytest.mark.parametrize(
    ("spot", "sigma", "years", "published"),
    [(36, 0.2, 1, 4.478), (38, 0.4, 2, 7.670), (40, 0.2, 2, 2.885), (44, 0.4, 1, 3.948)],
)
def test_longstaff_and_schwartzs_american_puts(
    spot: float, sigma: float, years: float, published: float
) -> None:
    """Strike 40, 6 %: their table 1 (finite differences, 50 exercise dates a year)."""
    put = contracts(spot, 40, years, 0.06, call=False, american=True)
    assert one(put, sigma) == pytest.approx(published, abs=0.012)


# -- laws ------------------------------------------------------------------------------------

SPOTS = st.floats(5, 500)
MONEYNESS = st.floats(0.5, 2)
YEARS = st.floats(1 / 365, 3)
RATES = st.floats(-0.01, 0.12)
YIELDS = st.floats(0, 0.1)
VOLATILITIES = st.floats(0.05, 2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Contracts, float]:
    spot = draw(SPOTS)
    made = contracts(
        spot,
        spot * draw(MONEYNESS),
        draw(YEARS),
        draw(RATES),
        draw(YIELDS),
        call=draw(st.booleans()),
    )
    return made, draw(VOLATILITIES)


@given(cases())
def test_put_call_parity(case: tuple[Contracts, float]) -> None:
    """A call less a put is the discounted share less the discounted strike (European)."""
    some, sigma = case
    call, put = replace(some, is_call=np.array([True])), replace(some, is_call=np.array([False]))
    share = some.spot * np.exp(-some.dividend_yield * some.years)
    strike = some.strike * np.exp(-some.rate * some.years)
    difference = one(call, sigma) - one(put, sigma)
    assert difference == pytest.approx((share - strike)[0], abs=1e-10 * some.spot[0])


@given(cases(), st.booleans())
def test_a_value_lies_between_its_bounds(case: tuple[Contracts, float], american: bool) -> None:
    """No value offers an arbitrage, and an American option is worth its exercise or more."""
    some = replace(case[0], is_american=np.array([american]))
    floor, ceiling = floor_and_ceiling(some)
    found, slack = one(some, case[1]), 1e-4 * some.spot[0] if american else 1e-10 * some.spot[0]
    assert floor[0] - slack <= found <= ceiling[0] + slack
    if american:
        assert found >= intrinsic(some)[0]
        assert found >= one(case[0], case[1]) - 1e-12 * some.spot[0]


@given(cases(), st.floats(1.02, 1.5))
def test_more_volatility_is_worth_more(case: tuple[Contracts, float], more: float) -> None:
    """European values never fall with volatility."""
    some, sigma = case
    assert one(some, sigma * more) >= one(some, sigma) - 1e-11 * some.spot[0]


@given(cases(), st.floats(1.01, 1.5))
def test_a_higher_strike_is_worth_less_to_a_call_and_more_to_a_put(
    case: tuple[Contracts, float], more: float
) -> None:
    """And a higher share price the other way round."""
    some, sigma = case
    slack = 1e-11 * some.spot[0]
    dearer = one(replace(some, strike=some.strike * more), sigma) - one(some, sigma)
    higher = one(replace(some, spot=some.spot * more), sigma) - one(some, sigma)
    assert some.sign[0] * dearer <= slack
    assert some.sign[0] * higher >= -slack


@given(cases())
def test_the_implied_volatility_gives_the_volatility_back(case: tuple[Contracts, float]) -> None:
    """To 1e-8, where a change of 1e-8 changes the price by more than its own rounding."""
    some, sigma = case
    vega = greeks(some, vol(some, sigma)).vega[0] * 100
    worth = value(some, vol(some, sigma))
    assume(vega * 1e-8 > 1e-14 * max(worth[0], some.spot[0]))
    assert implied_volatility(some, worth)[0] == pytest.approx(sigma, abs=1e-8)


@given(cases())
def test_an_american_price_comes_back_from_its_implied_volatility(
    case: tuple[Contracts, float],
) -> None:
    """Where there is an answer, valuing at it gives the price: to a thousandth of a cent."""
    some = replace(case[0], is_american=np.array([True]))
    worth = value(some, vol(some, case[1]))
    found = implied_volatility(some, worth)
    assume(bool(np.isfinite(found[0])))
    assert value(some, found)[0] == pytest.approx(worth[0], abs=1e-5)


@given(cases())
def test_greeks_are_the_slopes_of_the_value(case: tuple[Contracts, float]) -> None:
    """Central differences of the European value agree with the formulas."""
    some, sigma = case
    assume(sigma * math.sqrt(some.years[0]) > 0.02)
    found, step, bump = greeks(some, vol(some, sigma)), some.spot[0] * 1e-4, 1e-5
    up, down = (one(replace(some, spot=some.spot + way * step), sigma) for way in (1, -1))
    assert found.delta[0] == pytest.approx((up - down) / (2 * step), abs=2e-4)
    slope = (one(some, sigma + bump) - one(some, sigma - bump)) / (2 * bump) / 100
    assert found.vega[0] == pytest.approx(slope, abs=1e-6 * some.spot[0])


# -- edges -----------------------------------------------------------------------------------


def test_at_expiry_the_value_is_intrinsic_and_nothing_is_implied() -> None:
    """On the last day there is no time left to be volatile in."""
    some = contracts([110, 90], 100, 0.0, 0.05, american=True)
    assert value(some, vol(some, 0.3)).tolist() == [10, 0]
    assert np.isnan(implied_volatility(some, np.array([10.5, 0.2]))).all()
    assert np.isnan(greeks(some, vol(some, 0.3)).delta).all()


@pytest.mark.parametrize("quote", [0.0, -1.0, 9.9, 10.0, 110.0, 150.0, float("nan"), float("inf")])
def test_a_price_that_no_volatility_explains_implies_none(quote: float) -> None:
    """At or below the floor of 10, at or above the share, or no number."""
    call = contracts(110, 100, 0.5, american=True)
    assert np.isnan(implied_volatility(call, np.array([quote]))[0])


def test_a_volatility_beyond_the_search_is_none() -> None:
    """500 % a year is the end: a price that asks for more implies nothing."""
    call = contracts(100, 100, 0.5)
    over = value(call, vol(call, MOST_VOLATILITY * 1.2))
    assert np.isnan(implied_volatility(call, over)[0])


def test_contracts_of_all_kinds_are_priced_together() -> None:
    """A mixed array gives what its elements give alone, in their order."""
    some = contracts(
        [100, 100, 40, 100], [100, 110, 40, 90], [0.5, 0.1, 1, 0.0], 0.05, [0.0, 0.02, 0, 0],
        call=[True, True, False, False], american=[False, True, True, True],
    )  # fmt: skip
    sigma = np.array([0.2, 0.3, 0.4, 0.5])
    together = value(some, sigma)
    for at in range(4):
        alone = value(some.at(np.arange(4) == at), sigma[[at]])
        assert together[at] == alone[0]
    assert len(value(some.at(np.zeros(4, bool)), sigma[:0])) == 0
