"""What an option on a stock is worth, its greeks, and the volatility its price implies.

Arrays in, arrays out, one element a contract. European exercise by the formula of Black, Scholes
and Merton; American by a binomial tree (`american_options`) where early exercise can pay.
Does not: decide which quotes are good, or where rates and yields come from. docs/options.md.
"""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from market_pipeline.domain import american_options
from market_pipeline.domain.frames import Floats
from market_pipeline.domain.root_finding import roots_between

Booleans = npt.NDArray[np.bool_]

LEAST_VOLATILITY, MOST_VOLATILITY = 1e-4, 5.0
"""Where an implied volatility is looked for, as fractions a year."""

DAYS_A_YEAR = 365.0
_POINT = 100.0
# Bumps of the differences that greeks of American options are taken from.
_DELTA_BUMP, _GAMMA_BUMP, _VOLATILITY_BUMP, _DAYS_BUMP = 0.01, 0.04, 0.001, 0.5
_TOLERANCE = 1e-11
_TREE_TOLERANCE = 1e-7
# A price this close above the floor (relative to spot) tells nothing of the volatility.
_LEAST_TIME_VALUE = 1e-13

_erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True, slots=True)
class Contracts:
    """What is priced, one element a contract, all arrays of one length.

    `spot` and `strike` in USD, `years` to the end of trading, `rate` and `dividend_yield`
    continuously compounded fractions a year. `is_american`: may be exercised early.
    """

    spot: Floats
    strike: Floats
    years: Floats
    rate: Floats
    dividend_yield: Floats
    is_call: Booleans
    is_american: Booleans

    def __len__(self) -> int:
        return len(self.spot)

    @property
    def sign(self) -> Floats:
        """1 for a call, -1 for a put."""
        return np.where(self.is_call, 1.0, -1.0)

    @property
    def can_pay_early(self) -> Booleans:
        """Whether exercising early can be worth more than waiting.

        A call is exercised for dividends, a put for interest on the strike (Merton 1973).
        """
        reason = np.where(
            self.is_call,
            (self.dividend_yield > 0) | (self.rate < 0),
            (self.rate > 0) | (self.dividend_yield < 0),
        )
        return self.is_american & reason & (self.years > 0)

    def at(self, rows: Booleans) -> "Contracts":
        """Give the contracts where `rows` is true."""
        return Contracts(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities of the value of one share's worth of option, in USD.

    `delta` a dollar of the underlying, `gamma` the change of delta a dollar, `theta` a calendar
    day, `vega` a volatility point (0.01). The units are those Polygon sends.
    """

    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def value(contracts: Contracts, volatility: Floats) -> Floats:
    """Value contracts in USD a share at `volatility` (fractions a year).

    NaN in gives NaN out. At expiry the value is intrinsic. European: Black and Scholes (1973),
    Merton (1973), as in Hull, *Options, Futures, and Other Derivatives*, eq. 17.4 and 17.5.
    """
    worth = _european(contracts, volatility)
    early = contracts.can_pay_early
    if early.any():
        some = contracts.at(early)
        held = worth[early] + _early_premium(some, volatility[early])
        worth[early] = held
    return np.where(contracts.is_american, np.maximum(worth, intrinsic(contracts)), worth)


def floor_and_ceiling(contracts: Contracts) -> tuple[Floats, Floats]:
    """Give the prices no option can be below or above without arbitrage, USD a share.

    European: from max(0, discounted intrinsic) to the discounted share (call) or strike (put);
    American: at least intrinsic, at most the share or the strike itself.
    """
    share, strike = _present(contracts)
    floor = np.maximum(contracts.sign * (share - strike), 0.0)
    ceiling = np.where(contracts.is_call, share, strike)
    floor = np.where(contracts.is_american, np.maximum(floor, intrinsic(contracts)), floor)
    own = np.where(contracts.is_call, contracts.spot, contracts.strike)
    return floor, np.where(contracts.is_american, np.maximum(ceiling, own), ceiling)


def intrinsic(contracts: Contracts) -> Floats:
    """Give what exercising now would bring, USD a share."""
    return np.maximum(contracts.sign * (contracts.spot - contracts.strike), 0.0)


def greeks(contracts: Contracts, volatility: Floats) -> Greeks:
    """Give the greeks: the formula's own, or central differences where early exercise can pay.

    Bumps: 1 % of spot (4 % for gamma, which takes a difference twice), 0.001 of volatility, half a
    day (less where expiry is nearer). NaN at expiry: no greek is defined at the strike then.
    """
    found = _european_greeks(contracts, volatility)
    early = contracts.can_pay_early
    if early.any():
        differences = _difference_greeks(contracts.at(early), volatility[early])
        for field in fields(Greeks):
            getattr(found, field.name)[early] = getattr(differences, field.name)
    return found


def implied_volatility(contracts: Contracts, price: Floats) -> Floats:
    """Find the volatility at which `value` gives `price` (USD a share).

    NaN where there is none from `LEAST_VOLATILITY` to `MOST_VOLATILITY`: a price at or below the
    floor or above the ceiling, at expiry, or anything not finite. Exact to 1e-8 where the price
    moves with volatility at all (1e-7 with a tree); the solver is Chandrupatla's (1997), which
    needs no derivative.
    """
    implied = np.full(len(contracts), np.nan)
    floor, ceiling = floor_and_ceiling(contracts)
    time_value = price - floor
    usable = np.isfinite(price + floor + ceiling) & (contracts.years > 0)
    usable &= (time_value > _LEAST_TIME_VALUE * contracts.spot) & (price < ceiling)
    early = contracts.can_pay_early
    for rows, tolerance in ((usable & ~early, _TOLERANCE), (usable & early, _TREE_TOLERANCE)):
        if rows.any():
            implied[rows] = _solved(contracts.at(rows), price[rows], tolerance)
    return implied


# -- European ------------------------------------------------------------------------------


def _present(contracts: Contracts) -> tuple[Floats, Floats]:
    """Discount the share (by its dividends) and the strike (by interest)."""
    share = contracts.spot * np.exp(-contracts.dividend_yield * contracts.years)
    return share, contracts.strike * np.exp(-contracts.rate * contracts.years)


def _d1_d2(contracts: Contracts, volatility: Floats) -> tuple[Floats, Floats]:
    share, strike = _present(contracts)
    root = volatility * np.sqrt(contracts.years)
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(share / strike) / root + root / 2
    return d1, d1 - root


def _european(contracts: Contracts, volatility: Floats) -> Floats:
    share, strike = _present(contracts)
    d1, d2 = _d1_d2(contracts, volatility)
    sign = contracts.sign
    worth = sign * (share * normal_cdf(sign * d1) - strike * normal_cdf(sign * d2))
    worth = np.where(contracts.years > 0, np.maximum(worth, 0.0), intrinsic(contracts))
    return np.where(np.isnan(volatility), np.nan, worth)


def _european_greeks(contracts: Contracts, volatility: Floats) -> Greeks:
    """Hull, the chapter on greek letters, with a dividend yield."""
    share, strike = _present(contracts)
    d1, d2 = _d1_d2(contracts, volatility)
    sign, years = contracts.sign, contracts.years
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.exp(-(d1**2) / 2) / math.sqrt(2 * math.pi)
        vega = share * density * np.sqrt(years)
        gamma = share * density / (contracts.spot**2 * volatility * np.sqrt(years))
        decay = -share * density * volatility / (2 * np.sqrt(years))
    income = contracts.dividend_yield * share * normal_cdf(sign * d1)
    interest = contracts.rate * strike * normal_cdf(sign * d2)
    delta = sign * share / contracts.spot * normal_cdf(sign * d1)
    theta = decay + sign * (income - interest)
    alive = years > 0
    return Greeks(
        delta=np.where(alive, delta, np.nan),
        gamma=np.where(alive, gamma, np.nan),
        theta=np.where(alive, theta / DAYS_A_YEAR, np.nan),
        vega=np.where(alive, vega / _POINT, np.nan),
    )


def normal_cdf(x: Floats) -> Floats:
    """Give the standard normal distribution function, exact in both tails."""
    return np.asarray(_erfc(-x / math.sqrt(2)), dtype=np.float64) / 2


# -- American ------------------------------------------------------------------------------


def _early_premium(contracts: Contracts, volatility: Floats) -> Floats:
    return american_options.early_exercise_premium(
        contracts.spot, contracts.strike, contracts.years, contracts.rate,
        contracts.dividend_yield, volatility, contracts.sign,
    )  # fmt: skip


def _difference_greeks(contracts: Contracts, volatility: Floats) -> Greeks:
    spot, years = contracts.spot, contracts.years
    spot, years = contracts.spot, contracts.years

    def at_spot(bump: float) -> Floats:
        return value(replace(contracts, spot=spot * (1 + bump)), volatility)

    days = np.minimum(_DAYS_BUMP, years * DAYS_A_YEAR / 2)
    later, sooner = (
        value(replace(contracts, years=years + way * days / DAYS_A_YEAR), volatility)
        for way in (-1, 1)
    )
    bump = np.minimum(_VOLATILITY_BUMP, volatility / 2)
    high, low = value(contracts, volatility + bump), value(contracts, volatility - bump)
    return Greeks(
        delta=(at_spot(_DELTA_BUMP) - at_spot(-_DELTA_BUMP)) / (2 * _DELTA_BUMP * spot),
        gamma=(at_spot(_GAMMA_BUMP) - 2 * at_spot(0.0) + at_spot(-_GAMMA_BUMP))
        / (_GAMMA_BUMP * spot) ** 2,
        theta=(later - sooner) / (2 * days),
        vega=(high - low) / (2 * bump) / _POINT,
    )


# -- implied volatility --------------------------------------------------------------------


def _solved(contracts: Contracts, price: Floats, tolerance: float) -> Floats:
    """Solve where the price lies between the values at both ends; NaN elsewhere."""

    def excess(volatility: Floats) -> Floats:
        return value(contracts, volatility) - price

    low = np.full(len(contracts), LEAST_VOLATILITY)
    high = np.full(len(contracts), MOST_VOLATILITY)
    return roots_between(excess, low, high, tolerance)
