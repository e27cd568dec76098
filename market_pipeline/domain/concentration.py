"""How much of a portfolio hangs on few names: weights of symbols in the gross value, cash apart.

Float64. All lots of one symbol count together, net; long and short weigh alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from market_pipeline.domain.frames import Floats


@dataclass(frozen=True, slots=True)
class Concentration:
    """By session; NaN where nothing has a value. Weights are fractions.

    `herfindahl` is the sum of squared weights, `effective` its inverse: as many equal positions
    would be as concentrated.
    """

    herfindahl: Floats
    effective: Floats
    top_3: Floats
    top_10: Floats


def concentration(values: Mapping[str, Floats], count: int) -> Concentration:
    """Weigh symbols by the absolute of their net value in each of `count` sessions."""
    sizes = np.abs(np.array(list(values.values())).reshape(len(values), count))
    whole = sizes.sum(axis=0)
    weights = np.divide(sizes, whole, out=np.full(sizes.shape, np.nan), where=whole > 0)
    largest = -np.sort(-weights, axis=0)
    nothing = np.full(count, np.nan)
    has_value = whole > 0
    herfindahl = np.where(has_value, (weights**2).sum(axis=0), nothing)
    return Concentration(
        herfindahl,
        1.0 / herfindahl,
        np.where(has_value, largest[:3].sum(axis=0), nothing),
        np.where(has_value, largest[:10].sum(axis=0), nothing),
    )
