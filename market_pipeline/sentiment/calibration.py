"""From logits to a score and a confidence: temperature, class offsets, a bend of the score that
puts the best boundaries at the fixed thresholds of the labels, and how often labels are right.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.sentiment import LABELS, NEGATIVE, POSITIVE, POSITIVE_FROM

Logits = npt.NDArray[np.float64]
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on the validation part, and on nothing else.

    `boundaries` are the differences P(positive) - P(negative) from which a text is negative and
    positive; they are bent to -0.33 and 0.33. `sure` and `right` are points of a rising line: what
    share of labels is right where the label's probability is such.
    """

    temperature: float
    offsets: tuple[float, float, float]
    boundaries: tuple[float, float]
    sure: tuple[float, ...] = (0.0, 1.0)
    right: tuple[float, ...] = (0.0, 1.0)

    def probabilities(self, logits: npt.ArrayLike) -> Logits:
        """Give the probability of every label, in the order of `LABELS`, a row of logits each."""
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature + np.array(self.offsets)
        grown = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        shares: Logits = grown / grown.sum(axis=-1, keepdims=True)
        return shares

    def score(self, probabilities: Logits) -> float:
        """Bend P(positive) - P(negative): -1, 0 and 1 stay, each boundary meets its threshold."""
        plain = float(probabilities[LABELS.index(POSITIVE)] - probabilities[LABELS.index(NEGATIVE)])
        boundary = self.boundaries[1] if plain >= 0 else -self.boundaries[0]
        power = np.log(POSITIVE_FROM) / np.log(boundary)
        bent = float(np.sign(plain) * abs(plain) ** power)
        return round(max(-1.0, min(1.0, bent)), _DECIMALS) + 0.0

    def confidence(self, probabilities: Logits, label: str) -> float:
        """Give the probability that a label is right."""
        plain = float(probabilities[LABELS.index(label)])
        return round(float(np.interp(plain, self.sure, self.right)), _DECIMALS)
