"""How risk comes from factors: their covariance, and what exposures fitted apart make together.

Arrays of one session. Each exposure was measured alone against its factor, so that several tell of
the same movement; the covariance takes them apart again. Formulas: docs/factors.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market_pipeline.domain.factor_definitions import (
    MACRO,
    MARKET_KIND,
    SPREAD,
    FactorDefinition,
)
from market_pipeline.domain.frames import Floats

WINDOW, LEAST_RETURNS = 252, 60

_RISK_KINDS = (MARKET_KIND, MACRO, SPREAD)
_LEAST_EIGENVALUE = 1e-6
"""Of a correlation matrix, against its largest: below it two factors are one."""


def risk_factors(definitions: Sequence[FactorDefinition]) -> tuple[str, ...]:
    """Name the factors that risk is divided among: those of the market, macro and spreads.

    Style and sector funds tell of the same movement once more, and are left out.
    """
    chosen = (each for each in definitions if each.kind in _RISK_KINDS and len(each.factors) == 1)
    return tuple(each.name for each in chosen)


def factor_returns(returns: pd.DataFrame, definitions: Sequence[FactorDefinition]) -> pd.DataFrame:
    """Give each factor's returns (sessions x factors) from those of its proxies.

    A spread's is the first proxy's less the second's; NaN where a proxy has none.
    """
    found: dict[str, Floats] = {}
    for each in definitions:
        x = returns.reindex(columns=list(each.proxies)).to_numpy(dtype=np.float64)
        columns = [x[:, 0] - x[:, 1]] if each.kind == SPREAD else list(x.T)
        found.update(zip(each.factors, columns, strict=True))
    return pd.DataFrame(found, index=returns.index)


def deviations(returns: Floats) -> Floats:
    """Give each column's sample deviation; NaN under `LEAST_RETURNS` and without any movement."""
    known = np.isfinite(returns)
    found = np.full(returns.shape[1], np.nan)
    for column in np.flatnonzero(known.sum(axis=0) >= LEAST_RETURNS):
        moved = returns[known[:, column], column]
        if moved.min() < moved.max():
            found[column] = moved.std(ddof=1)
    return found


@dataclass(frozen=True, slots=True)
class FactorModel:
    """What factors do together: `names`, their daily covariance, and `joint`.

    `joint` (factors x factors) turns exposures that were each measured alone, e, into those that
    hold together, x = S+ D e, S being the covariance, D its diagonal and + the pseudo-inverse: D e
    is what covaries with each factor. With all fits over the window of S, x is what one least
    squares fit on all factors gives.
    """

    names: tuple[str, ...]
    covariance: Floats
    joint: Floats

    def together(self, alone: Floats) -> Floats:
        """Give exposures that hold together from such measured alone (rows x factors)."""
        return np.asarray(alone @ self.joint.T)

    def marginal(self, together: Floats) -> Floats:
        """Give what covaries with each factor: S x. With x it makes the variance x' S x."""
        return np.asarray(together @ self.covariance)


def factor_model(returns: Floats, names: Sequence[str]) -> FactorModel:
    """Make the model of one window of factor returns (sessions x names).

    Factors of fewer than `LEAST_RETURNS` returns or without movement are left out, and so are
    sessions in which one of the others has none; no factors at all where too few sessions are left.
    """
    kept = [int(at) for at in np.flatnonzero(np.isfinite(deviations(returns)))]
    x = returns[:, kept]
    x = x[np.isfinite(x).all(axis=1)]
    if not kept or len(x) < LEAST_RETURNS:
        return FactorModel((), np.zeros((0, 0)), np.zeros((0, 0)))
    covariance = np.cov(x, rowvar=False, ddof=1).reshape(len(kept), len(kept))
    sigma = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sigma, sigma)
    inverse = np.linalg.pinv(correlation, rcond=_LEAST_EIGENVALUE, hermitian=True)
    joint = inverse * sigma[np.newaxis, :] / sigma[:, np.newaxis]
    return FactorModel(tuple(names[at] for at in kept), covariance, joint)


def specific_variances(model: FactorModel, together: Floats, sigmas: Floats) -> Floats:
    """Give the daily variance of each symbol that its factors leave: total less x' S x, or 0.

    NaN where either is not known.
    """
    explained = (together * model.marginal(together)).sum(axis=1)
    return np.asarray(np.maximum(sigmas**2 - explained, 0.0))
