"""What a portfolio may lose in a day: value at risk and expected shortfall, in dollars.

Losses are positive. Belongs here: from profits and losses, or their deviation, to the two numbers.
Does not: whose profits and losses they are (`portfolio_risk`). Sources: docs/factors.md.
"""

from dataclasses import dataclass
from math import nan
from statistics import NormalDist

import numpy as np

from market_pipeline.domain.frames import Floats

LEVELS = (0.95, 0.99)
LEAST_DAYS = 60
"""Days of profits and losses under which there is no quantile to speak of."""


@dataclass(frozen=True, slots=True)
class TailLoss:
    """The loss that is exceeded with probability 1 - level, and the mean of those not below it."""

    value_at_risk: float
    expected_shortfall: float


UNKNOWN = TailLoss(nan, nan)


def historical_loss(pnl: Floats, level: float) -> TailLoss:
    """Read both off past profits and losses; NaN under `LEAST_DAYS`.

    The quantile lies linearly between the two nearest (R. J. Hyndman and Y. Fan, "Sample Quantiles
    in Statistical Packages", 1996, definition 7); the shortfall is the mean of what is not above.
    """
    if len(pnl) < LEAST_DAYS:
        return UNKNOWN
    quantile = float(np.quantile(pnl, 1.0 - level))
    # The least always counts: rounding may put the quantile of equal numbers below them.
    tail = pnl[pnl <= max(quantile, float(pnl.min()))]
    return TailLoss(-quantile, -float(tail.mean()))


def normal_loss(deviation: float, level: float) -> TailLoss:
    """Give both for a normal profit of mean zero: z s, and s phi(z) / (1 - level)."""
    normal = NormalDist()
    z = normal.inv_cdf(level)
    return TailLoss(z * deviation, deviation * normal.pdf(z) / (1.0 - level))
