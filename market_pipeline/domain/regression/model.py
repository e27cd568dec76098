"""What is fitted, and what a fit gives. Arrays only: no symbols, no dates, no factor's name.

Formulas and their sources: docs/factors.md.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats

# A proxy whose variance the others explain but for this share has no slope of its own.
LEAST_TOLERANCE = 1e-5


class Quality(IntEnum):
    """What a beta is worth; the first three have no number."""

    TOO_FEW = 0
    STILL = 1
    COLLINEAR = 2
    FULL = 3
    LIMITED = 4
    CAPPED = 5


@dataclass(frozen=True, slots=True)
class Model:
    """Least squares with intercept over the last `window` rows, of which enough must be there.

    `penalty` is ridge's alpha on standardised returns; `half_life` in rows weighs older ones less;
    betas beyond `cap` are cut. Raises ValueError for what cannot be computed.
    """

    window: int
    min_observations: int
    penalty: float = 0.0
    half_life: float | None = None
    cap: float = np.inf

    def __post_init__(self) -> None:
        if not 3 <= self.min_observations <= self.window:
            raise ValueError("needs 3 <= min_observations <= window")
        if not 0 <= self.penalty < np.inf:
            raise ValueError("penalty must be zero or positive")
        if self.half_life is not None and not 0 < self.half_life < np.inf:
            raise ValueError("half_life must be positive")
        if not self.cap > 0:
            raise ValueError("cap must be positive")

    def fewest(self, factors: int) -> int:
        """Give the observations that a fit on so many factors needs: one is left for the error."""
        return max(self.min_observations, factors + 2)

    def weights(self, ages: npt.NDArray[np.int64]) -> Floats:
        """Weigh rows by how many rows ago they were: 1 now, a half after every half-life."""
        if self.half_life is None:
            return np.ones(ages.shape)
        weights: Floats = np.exp2(-ages / self.half_life)
        return weights


@dataclass(frozen=True, slots=True)
class Fit:
    """Regressions of rows x symbols: per factor `beta`, `std_error`, `t_stat` and `quality`.

    Those four have the shape (factors, rows, symbols), the others (rows, symbols). NaN where there
    is no number: everything where `quality` says so, `t_stat` without residual, `r_squared` where
    y did not move. `residual_deviation` is a row's, not annualised.
    """

    rows: range
    symbols: range
    beta: Floats
    std_error: Floats
    t_stat: Floats
    quality: npt.NDArray[np.uint8]
    r_squared: Floats
    residual_deviation: Floats
    observations: npt.NDArray[np.int64]


FACTOR_FIELDS = ("beta", "std_error", "t_stat", "quality")
SYMBOL_FIELDS = ("r_squared", "residual_deviation", "observations")
