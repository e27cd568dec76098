"""From logits to scores and confidences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.sentiment import LABELS, NEGATIVE, NEUTRAL, POSITIVE, label_of
from market_pipeline.sentiment.calibration import Calibration

CALIBRATION = Calibration(1.7, (0.2, 0.0, -0.3))
SHARES = st.tuples(*[st.floats(0.001, 1)] * 3).map(lambda parts: np.array(parts) / sum(parts))
LOGITS = st.tuples(*[st.floats(-30, 30)] * 3)


@given(LOGITS)
def test_probabilities_are_shares(logits: tuple[float, float, float]) -> None:
    """None is below 0, and they sum to 1."""
    shares = CALIBRATION.probabilities(logits)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1)


@given(SHARES, SHARES)
def test_scores_have_the_order_of_the_leaning(one: np.ndarray, other: np.ndarray) -> None:
    """A text that leans further to positive never has the lower score."""
    if one[2] - one[0] <= other[2] - other[0]:
        assert CALIBRATION.score(one) <= CALIBRATION.score(other)


@pytest.mark.parametrize(
    ("difference", "label"),
    [(0.34, POSITIVE), (0.32, NEUTRAL), (-0.32, NEUTRAL), (-0.34, NEGATIVE)],
)
def test_the_leaning_decides_the_label(difference: float, label: str) -> None:
    """P(positive) - P(negative) is the score, and its label follows at the fixed 0.33."""
    shares = np.array([(1 - difference) / 2, 0.0, (1 + difference) / 2])
    assert CALIBRATION.score(shares) == pytest.approx(difference)
    assert label_of(CALIBRATION.score(shares)) == label


def test_a_warmer_model_is_less_sure() -> None:
    """Temperature pulls the probabilities together; the order of labels stays."""
    logits = (0.0, 1.0, 3.0)
    cold, warm = (Calibration(t, (0, 0, 0)) for t in (0.5, 2.0))
    sure, unsure = (one.confidence(one.probabilities(logits), POSITIVE) for one in (cold, warm))
    assert sure > unsure
    assert LABELS[int(warm.probabilities(logits).argmax())] == POSITIVE


def test_confidence_is_how_often_such_labels_were_right() -> None:
    """Between two points of the line it is in proportion, beyond the ends it stays."""
    calibration = Calibration(1, (0, 0, 0), sure=(0.4, 0.8), right=(0.5, 0.7))
    for probability, confidence in ((0.2, 0.5), (0.4, 0.5), (0.6, 0.6), (0.9, 0.7)):
        shares = np.array([0.0, 1 - probability, probability])
        assert calibration.confidence(shares, POSITIVE) == confidence
