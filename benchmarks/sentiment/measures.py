"""Accuracy, F1 by class, and how far confidences are from how often they are right."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.sentiment import LABELS

Labels = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Answers of like confidence: how many, how sure they were, how many were right."""

    start: float
    count: int
    confidence: float
    right: float


def accuracy(labels: Labels, found: Labels) -> float:
    """Give the share of right labels."""
    return float((labels == found).mean())


def f1_by_class(labels: Labels, found: Labels) -> tuple[float, ...]:
    """Give F1 of each of `LABELS`; a class that is never there and never found has 0."""
    scores = []
    for label in range(len(LABELS)):
        hits = int(((labels == label) & (found == label)).sum())
        named = int((labels == label).sum() + (found == label).sum())
        scores.append(2 * hits / named if named else 0.0)
    return tuple(scores)


def macro_f1(labels: Labels, found: Labels) -> float:
    """Give the plain mean of F1 over the three classes."""
    return float(np.mean(f1_by_class(labels, found)))


def reliability(right: npt.NDArray[np.bool_], confidence: Shares, bins: int = 10) -> list[Bin]:
    """Sort answers into bins of equal width by confidence; empty bins are left out."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            b / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for b in range(bins)
        if (inside := place == b).any()
    ]


def calibration_error(right: npt.NDArray[np.bool_], confidence: Shares) -> float:
    """Give the expected calibration error over ten bins (Naeini et al. 2015)."""
    bins = reliability(right, confidence)
    return sum(b.count * abs(b.confidence - b.right) for b in bins) / len(right)
