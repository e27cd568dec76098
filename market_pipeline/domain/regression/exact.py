"""Least squares of one window after another by orthogonal factorisation: slow, and exact.

For the windows whose sums of products lost digits: near-collinear or hardly moving proxies, a y
that they explain wholly or that drifts far from zero.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.regression.model import LEAST_TOLERANCE, Model, Quality

# Residuals below this share of y are the rounding of the inputs.
_ROUNDING = 64 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Exact:
    """One window's fit as `Fit` has it, before any cap; `failure` says why there is none."""

    beta: Floats
    std_error: Floats
    r_squared: float
    residual_deviation: float
    failure: Quality | None = None


def fit_window(x: Floats, y: Floats, model: Model) -> Exact:
    """Fit y (rows) on x (rows x factors), the last row being the newest; NaN is missing."""
    factors = x.shape[1]
    use = np.isfinite(y) & np.isfinite(x).all(axis=1)
    weights = model.weights(np.arange(len(y))[::-1])[use]
    x, y = x[use], y[use]
    if (x.min(axis=0) == x.max(axis=0)).any():
        return _nothing(factors, Quality.STILL)
    weights = weights / weights.mean()
    root = np.sqrt(weights)[:, None]
    z = root * _deviations(x, weights)
    # One proxy is left as it is: on itself its beta is exactly 1.
    scale = np.sqrt((z * z).sum(axis=0)) if factors > 1 else np.ones(1)
    z /= scale
    squares = (z * z).sum(axis=0)
    # A constant y deviates by nothing, whatever its mean rounds to.
    dy = root[:, 0] * (_deviations(y[:, None], weights)[:, 0] if y.min() < y.max() else 0 * y)
    alpha = model.penalty / len(y)
    stacked = np.vstack([z, np.diag(np.sqrt(alpha * squares))])
    upper = np.asarray(np.linalg.qr(stacked, mode="r"), dtype=np.float64)
    inverse = _inverse(upper)
    if inverse is None or ((inverse**2).sum(axis=1) * squares * LEAST_TOLERANCE > 1).any():
        return _nothing(factors, Quality.COLLINEAR)
    return _solve(z, dy, scale, inverse, alpha * squares)


def _solve(z: Floats, dy: Floats, scale: Floats, inverse: Floats, penalty: Floats) -> Exact:
    count, factors = z.shape
    if factors == 1:
        # As a quotient: a proxy on itself is 1, and nothing is left.
        beta = (z[:, 0] * dy).sum(keepdims=True) / ((z * z).sum(axis=0) + penalty)
    else:
        beta = inverse @ (inverse.T @ (z.T @ dy))
        # What the residuals still show of the proxies is added: the digits the product lost.
        beta += inverse @ (inverse.T @ (z.T @ (dy - z @ beta) - penalty * beta))
    residuals = dy - z @ beta
    squares, residual = float(dy @ dy), float(residuals @ residuals)
    if residual <= _ROUNDING**2 * squares:
        residual = 0.0
    whole = inverse @ inverse.T
    variance = np.diag(whole) - whole**2 @ penalty
    freedom = factors - np.diag(whole) @ penalty
    deviation = np.sqrt(residual / (count - 1 - freedom))
    return Exact(
        beta / scale,
        deviation * np.sqrt(variance) / scale,
        1 - residual / squares if squares > 0 else np.nan,
        deviation,
    )


def _deviations(values: Floats, weights: Floats) -> Floats:
    deviations: Floats = values - np.average(values, axis=0, weights=weights)
    # Once more: the mean of large numbers is rounded.
    again: Floats = deviations - np.average(deviations, axis=0, weights=weights)
    return again


def _inverse(upper: Floats) -> Floats | None:
    try:
        inverse = np.asarray(np.linalg.inv(upper), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return inverse if np.isfinite(inverse).all() else None


def _nothing(factors: int, why: Quality) -> Exact:
    missing: npt.NDArray[np.float64] = np.full(factors, np.nan)
    return Exact(missing, missing, np.nan, np.nan, why)
