"""The scorers that are compared, each as texts to scores and confidences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.sentiment.data import Part
from benchmarks.sentiment.lexicon import LEXICON
from market_pipeline.domain.sentiment import LABELS, POSITIVE_FROM, label_of
from market_pipeline.sentiment import MODEL_VERSION, score_texts
from market_pipeline.sentiment.text import readable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Labels found, as indices into `LABELS`, and how sure the scorer is of each, if it says."""

    labels: npt.NDArray[np.int64]
    confidence: Floats | None


Scorer = Callable[[Sequence[str]], Answers]


def scorers(train: Part) -> dict[str, Scorer]:
    """Give every scorer by name; what needs training is trained on `train`."""
    return {
        "VADER as it is": _vader({}),
        "VADER, our lexicon": _vader(LEXICON),
        "TF-IDF, logistic regression": _regression(train),
        MODEL_VERSION: _shipped,
    }


def _labels(scores: Sequence[float]) -> npt.NDArray[np.int64]:
    return np.array([LABELS.index(label_of(score)) for score in scores])


def _vader(lexicon: dict[str, float]) -> Scorer:
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(lexicon)

    def score(texts: Sequence[str]) -> Answers:
        scores = [float(analyzer.polarity_scores(text)["compound"]) for text in texts]
        return Answers(_labels(scores), None)

    return score


def _regression(train: Part) -> Scorer:
    pipeline: Pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
        ),
        LogisticRegression(C=10, max_iter=300, class_weight="balanced"),
    )
    pipeline.fit([readable(text) for text in train.texts], train.labels)

    def score(texts: Sequence[str]) -> Answers:
        shares = pipeline.predict_proba([readable(text) for text in texts])
        plain = shares[:, 2] - shares[:, 0]
        labels = np.where(plain >= POSITIVE_FROM, 2, np.where(plain <= -POSITIVE_FROM, 0, 1))
        return Answers(labels, shares[np.arange(len(labels)), labels])

    return score


def _shipped(texts: Sequence[str]) -> Answers:
    found = score_texts(texts)
    labels = np.array([LABELS.index(one.label) for one in found])
    return Answers(labels, np.array([one.confidence for one in found]))
