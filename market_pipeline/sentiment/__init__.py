"""Sentiment of headlines, scored here and offline by a small encoder that ships with the package.

Knows no framework and no vendor. docs/sentiment.md says what was measured.
"""

from collections.abc import Sequence

from market_pipeline.domain.sentiment import Sentiment
from market_pipeline.sentiment.version import MODEL_VERSION

__all__ = ["MODEL_VERSION", "score_texts"]


def score_texts(texts: Sequence[str]) -> list[Sentiment]:
    """Score texts, one answer each in their order; the same text always has the same answer.

    Safe in threads. The first call of a process reads the weights, some tenths of a second.
    """
    if not texts:
        return []
    from market_pipeline.sentiment.model import shipped_model

    once = list(dict.fromkeys(texts))
    answers = dict(zip(once, shipped_model().sentiments(once), strict=True))
    return [answers[text] for text in texts]
