"""The Black-Scholes-Merton formula and its greeks, over arrays that broadcast.

Belongs here: the formula alone. Does not: which contracts exist, quotes, rounding.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.sandbox.market import Floats

Booleans = npt.NDArray[np.bool_]

RATE = 0.04
_DAYS_PER_YEAR = 365.0
_LEAST_TIME = 1e-9
_POINT = 100.0

_erf = np.frompyfunc(math.erf, 1, 1)


@dataclass(frozen=True, slots=True)
class Priced:
    """Value in USD a share; theta a calendar day, vega a volatility point."""

    value: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def price(
    *,
    spot: Floats,
    strike: Floats,
    years: Floats,
    volatility: Floats,
    is_call: Booleans,
    dividend_yield: float,
) -> Priced:
    """Price European options (Black and Scholes 1973, Merton 1973) at the rate `RATE`.

    `volatility` and `dividend_yield` are fractions a year. At expiry the value is intrinsic.
    """
    years = np.maximum(years, _LEAST_TIME)
    root = volatility * np.sqrt(years)
    carry = RATE - dividend_yield
    d1 = (np.log(spot / strike) + carry * years) / root + root / 2
    d2 = d1 - root
    sign = np.where(is_call, 1.0, -1.0)
    spot_pv, strike_pv = spot * np.exp(-dividend_yield * years), strike * np.exp(-RATE * years)
    n1, n2 = _normal_cdf(sign * d1), _normal_cdf(sign * d2)
    density = np.exp(-(d1**2) / 2) / math.sqrt(2 * math.pi)
    vega = spot_pv * density * np.sqrt(years)
    decay = -vega * volatility / (2 * years)
    theta = decay + sign * (dividend_yield * spot_pv * n1 - RATE * strike_pv * n2)
    return Priced(
        value=np.maximum(sign * (spot_pv * n1 - strike_pv * n2), 0.0),
        delta=sign * np.exp(-dividend_yield * years) * n1,
        gamma=density * np.exp(-dividend_yield * years) / (spot * root),
        theta=theta / _DAYS_PER_YEAR,
        vega=vega / _POINT,
    )


def _normal_cdf(x: Floats) -> Floats:
    cdf: Floats = (1 + np.asarray(_erf(x / math.sqrt(2)), dtype=np.float64)) / 2
    return cdf
