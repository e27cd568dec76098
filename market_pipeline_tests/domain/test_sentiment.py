"""Sentiment: labels follow from scores, numbers stay in their ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.sentiment import (
    LOW_CONFIDENCE,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    Sentiment,
    is_low,
    label_of,
)


@pytest.mark.parametrize(
    ("score", "label"),
    [
        (1.0, POSITIVE), (0.33, POSITIVE), (0.3299, NEUTRAL), (0.0, NEUTRAL), (-0.3299, NEUTRAL),
        (-0.33, NEGATIVE), (-1.0, NEGATIVE),
    ],
)  # fmt: skip
def test_the_thresholds_belong_to_the_outer_labels(score: float, label: str) -> None:
    """0.33 is positive already, -0.33 negative already."""
    assert label_of(score) == label


@given(st.floats(-1, 1))
def test_turning_a_score_around_turns_its_label_around(score: float) -> None:
    """Neither side is favoured."""
    opposite = {POSITIVE: NEGATIVE, NEGATIVE: POSITIVE, NEUTRAL: NEUTRAL}
    assert label_of(-score) == opposite[label_of(score)]


@pytest.mark.parametrize(
    ("score", "confidence", "label"),
    [
        (1.01, 0.5, POSITIVE), (-1.01, 0.5, NEGATIVE), (0.5, 1.01, POSITIVE),
        (0.5, -0.01, POSITIVE), (float("nan"), 0.5, NEUTRAL), (0.0, float("nan"), NEUTRAL),
        (0.5, 0.9, NEUTRAL), (-0.5, 0.9, POSITIVE),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(score: float, confidence: float, label: str) -> None:
    """Numbers out of range, or a label that does not follow from the score."""
    with pytest.raises(ValueError, match=r"out of range|is not"):
        Sentiment(score, confidence, label, "a model")


def test_low_ends_where_the_docs_say() -> None:
    """The bound itself is not low."""
    assert is_low(LOW_CONFIDENCE - 0.0001)
    assert not is_low(LOW_CONFIDENCE)
