"""What a portfolio earned on its money since its start, and how unsteadily.

Float64 statistics of exact amounts. Flows and returns come from `portfolio_days`; formulas and
their sources stand in docs/factors.md.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from math import sqrt

import numpy as np

from market_pipeline.domain.frames import SESSIONS_A_YEAR, Floats, windows_ending
from market_pipeline.domain.root_finding import roots_between

DAYS_A_YEAR = 365.0
SHORT_WINDOW, LONG_WINDOW = 21, 63

_LOWEST, _HIGHEST, _TOLERANCE = -0.9999, 1e4, 1e-12
_LEAST_SHARE = 2 / 3


def growth(returns: Floats, start: float = 1.0) -> Floats:
    """Chain daily returns into what one dollar has become; a missing return leaves it as it is."""
    return np.asarray(np.multiply.accumulate(np.append(start, 1.0 + np.nan_to_num(returns)))[1:])


def realised_volatility(returns: Floats, window: int) -> Floats:
    """Give the sample deviation of the last `window` returns, annualised; NaN under two thirds."""
    views = windows_ending(returns[np.newaxis], range(len(returns)), window)[0]
    known = (~np.isnan(views)).sum(axis=1)
    found = np.full(len(returns), np.nan)
    enough = known >= max(_LEAST_SHARE * window, 2)
    found[enough] = np.nanstd(views[enough], axis=1, ddof=1) * sqrt(SESSIONS_A_YEAR)
    return found


def money_weighted_returns(
    flows: Mapping[date, float], days: Sequence[date], values: Floats
) -> Floats:
    """Give what money has earned since the first flow, up to each of `days` worth `values`.

    The yearly rate r solves value = sum of flow x (1 + r)^(days since / 365), as XIRR does (flows
    put in are positive); given is (1 + r)^(years since the first) - 1, not annualised. NaN where no
    r from -99.99 % to 1,000,000 % does, and on the day of the first flow.
    """
    dates = np.array(sorted(flows), dtype="datetime64[D]")
    ends = np.array(days, dtype="datetime64[D]")
    if not len(dates) or not len(ends):
        return np.full(len(ends), np.nan)
    money = np.array([flows[day] for day in sorted(flows)], dtype=np.float64)
    years = (ends[:, np.newaxis] - dates).astype(np.int64) / DAYS_A_YEAR
    put_in = np.where(years >= 0, money, 0.0)
    years = np.maximum(years, 0.0)

    def surplus(rates: Floats) -> Floats:
        worth = put_in * (1.0 + rates[:, np.newaxis]) ** years
        # One after the other: flows that are still to come (zeros) then change no digit.
        return np.asarray(np.add.accumulate(worth, axis=1)[:, -1] - values)

    rates = roots_between(
        surplus, np.full(len(ends), _LOWEST), np.full(len(ends), _HIGHEST), _TOLERANCE
    )
    longest = years.max(axis=1)
    return np.where(longest > 0, (1.0 + rates) ** longest - 1.0, np.nan)
