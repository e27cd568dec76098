"""The arithmetic of many small regressions at once.

Knows arrays only: no symbols, no dates, no factors. Formulas and their sources: docs/factors.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import SESSIONS_A_YEAR, Floats


@dataclass(frozen=True, slots=True)
class Fit:
    """Least squares of many windows at once; every array has one entry a window.

    NaN where there is none: everything for an x without variance or under three observations;
    `t_stat` without residual, `r_squared` where y is constant.
    """

    beta: Floats
    std_error: Floats
    t_stat: Floats
    r_squared: Floats
    residual_volatility: Floats
    observations: npt.NDArray[np.int64]


def least_squares(x: Floats, y: Floats) -> Fit:
    """Fit y = a + b x over the last axis, on the entries where both are finite.

    `x` broadcasts against `y`. Sums are of deviations from each window's own mean, and residuals
    are summed themselves: nothing is the difference of two large numbers.
    """
    use = np.isfinite(x) & np.isfinite(y)
    n = use.sum(axis=-1)
    dx, dy = _deviations(x, use, n), _deviations(y, use, n)
    sxx, syy = (dx * dx).sum(axis=-1), (dy * dy).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(n >= 3, (dx * dy).sum(axis=-1) / sxx, np.nan)
        residuals = dy - beta[..., None] * dx
        ssr = (residuals * residuals).sum(axis=-1)
        variance = ssr / (n - 2)
        std_error = np.sqrt(variance / sxx)
        t_stat = np.where(std_error > 0, beta / std_error, np.nan)
        r_squared = np.where(syy > 0, 1 - ssr / syy, np.nan)
        volatility = np.sqrt(variance * SESSIONS_A_YEAR)
    return Fit(beta, std_error, t_stat, r_squared, volatility, n)


def _deviations(values: Floats, use: npt.NDArray[np.bool_], n: npt.NDArray[np.int64]) -> Floats:
    """Subtract each window's mean; unused entries are 0, and so is all of a constant window."""
    kept = np.where(use, values, 0.0)
    mean = kept.sum(axis=-1) / np.maximum(n, 1)
    # The mean of equal numbers may be off by a rounding: zero by comparison, not by luck.
    low = np.where(use, values, np.inf).min(axis=-1)
    high = np.where(use, values, -np.inf).max(axis=-1)
    varies = use & (high > low)[..., None]
    return np.where(varies, kept - mean[..., None], 0.0)
