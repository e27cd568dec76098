"""Sentiment: what a scorer says about a text, and the label that follows from its score.

How a score is found is not decided here.
"""

from dataclasses import dataclass

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
LABELS = (NEGATIVE, NEUTRAL, POSITIVE)

POSITIVE_FROM = 0.33
# Below it every second label is wrong: the reliability table in docs/sentiment.md.
LOW_CONFIDENCE = 0.6


@dataclass(frozen=True, slots=True)
class Sentiment:
    """A score in [-1, 1], the probability that its label is right, the label, and the model.

    Raises ValueError where the numbers leave their ranges or the label does not follow.
    """

    score: float
    confidence: float
    label: str
    model: str

    def __post_init__(self) -> None:
        if not (-1 <= self.score <= 1 and 0 <= self.confidence <= 1):
            raise ValueError(f"score {self.score} or confidence {self.confidence} out of range")
        if self.label != label_of(self.score):
            raise ValueError(f"a score of {self.score} is not {self.label}")


def label_of(score: float) -> str:
    """Name a score: positive from 0.33 up, negative from -0.33 down, neutral between."""
    if score >= POSITIVE_FROM:
        return POSITIVE
    return NEGATIVE if score <= -POSITIVE_FROM else NEUTRAL


def is_low(confidence: float) -> bool:
    """Say whether a label of this confidence should not be relied on by itself."""
    return confidence < LOW_CONFIDENCE
