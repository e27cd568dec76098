"""From logits to a score and a confidence: temperature, class offsets, and how often labels are
right.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.sentiment import LABELS, NEGATIVE, POSITIVE

Logits = npt.NDArray[np.float64]
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on the validation part, and on nothing else.

    `sure` and `right` are points of a rising line: what share of labels is right where the label's
    probability is such.
    """

    temperature: float
    offsets: tuple[float, float, float]
    sure: tuple[float, ...] = (0.0, 1.0)
    right: tuple[float, ...] = (0.0, 1.0)

    def probabilities(self, logits: npt.ArrayLike) -> Logits:
        """Give the probability of every label, in the order of `LABELS`, a row of logits each."""
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature + np.array(self.offsets)
        grown = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        shares: Logits = grown / grown.sum(axis=-1, keepdims=True)
        return shares

    def score(self, probabilities: Logits) -> float:
        """Give P(positive) - P(negative)."""
        leaning = probabilities[LABELS.index(POSITIVE)] - probabilities[LABELS.index(NEGATIVE)]
        return round(max(-1.0, min(1.0, float(leaning))), _DECIMALS) + 0.0

    def confidence(self, probabilities: Logits, label: str) -> float:
        """Give the probability that a label is right."""
        plain = float(probabilities[LABELS.index(label)])
        return round(float(np.interp(plain, self.sure, self.right)), _DECIMALS)
