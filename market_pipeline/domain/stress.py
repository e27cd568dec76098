"""What a portfolio gains or loses when one factor moves and the others stay.

Belongs here: which moves, and how large. First order only: no gamma, no convexity. The choices and
their sources stand in docs/factors.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, sqrt

from market_pipeline.domain.factor_definitions import INTEREST_RATE, MARKET

MARKET_DOWN, RATES_UP, TWO_SIGMA = "market_down_10_pct", "rates_up_100_bp", "down_2_sigma:"
MARKET_MOVE = -0.10
RATE_MOVE = 0.01
SIGMAS, SIGMA_SESSIONS = 2.0, 21
"""Two deviations of a month of sessions: a day's sigma scaled by the root of 21."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A return (`shock`, a fraction) of one factor's proxy."""

    name: str
    factor: str
    shock: float


def scenarios(daily_sigmas: Mapping[str, float], duration: float) -> Iterator[Scenario]:
    """Give the scenarios of the factors whose daily deviation is known.

    Rates move the proxy of `interest_rate`, a bond fund of `duration` years, by -duration x 1 %.
    """
    if MARKET.name in daily_sigmas:
        yield Scenario(MARKET_DOWN, MARKET.name, MARKET_MOVE)
    if INTEREST_RATE.name in daily_sigmas:
        yield Scenario(RATES_UP, INTEREST_RATE.name, -duration * RATE_MOVE)
    for factor, sigma in daily_sigmas.items():
        if isfinite(sigma):
            yield Scenario(TWO_SIGMA + factor, factor, -SIGMAS * sigma * sqrt(SIGMA_SESSIONS))


def modified_duration(coupon: float, yearly_yield: float, years: float) -> float:
    """Give a bond's modified duration in years: coupon and yield a year, paid twice a year.

    F. Macaulay's duration over 1 + y/2 (F. Fabozzi, *Bond Markets, Analysis and Strategies*). The
    default of `rate_proxy_duration` follows from it.
    """
    half = yearly_yield / 2.0
    periods = round(2.0 * years)
    paid = [(n, coupon / 2.0 + (n == periods)) for n in range(1, periods + 1)]
    worth = [(n, amount / (1.0 + half) ** n) for n, amount in paid]
    price = sum(amount for _, amount in worth)
    return sum(n / 2.0 * amount for n, amount in worth) / price / (1.0 + half)
