"""The shipped model: its weights file, read once a process when the first text is scored."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from market_pipeline.domain.sentiment import Sentiment, label_of
from market_pipeline.sentiment.calibration import Calibration
from market_pipeline.sentiment.encoder import Array, Encoder, read_encoder
from market_pipeline.sentiment.text import readable
from market_pipeline.sentiment.version import MODEL_VERSION
from market_pipeline.sentiment.wordpiece import WordPiece

WEIGHTS = "weights.npz"
_reading, _scoring = threading.Lock(), threading.Lock()


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that turns a text into a sentiment."""

    pieces: WordPiece
    encoder: Encoder
    calibration: Calibration
    threads: ThreadpoolController

    def sentiments(self, texts: Sequence[str]) -> list[Sentiment]:
        """Score texts on one core, one answer each in their order; no answer depends on another's.

        Products this small lose by being split among cores, the more so where these are busy. The
        limit is the whole process's and is put back; hence one call at a time. A text without
        words gets the score of an empty one.
        """
        with _scoring, self.threads.limit(limits=1, user_api="blas"):
            logits = self.encoder.logits([self.pieces.numbers(readable(text)) for text in texts])
        return [self._sentiment(row) for row in logits]

    def _sentiment(self, logits: Array) -> Sentiment:
        """Say what the logits of one text mean."""
        shares = self.calibration.probabilities(logits)
        score = self.calibration.score(shares)
        label = label_of(score)
        return Sentiment(score, self.calibration.confidence(shares, label), label, MODEL_VERSION)


def shipped_model() -> Model:
    """Give the model of the package; threads that come first wait for one to read it."""
    with _reading:
        return _shipped_model()


@cache
def _shipped_model() -> Model:
    with files("market_pipeline.sentiment").joinpath(WEIGHTS).open("rb") as file:
        return read_model(file)


def read_model(file: Any) -> Model:
    """Build a model from an open weights file, as `python -m benchmarks.sentiment train` writes."""
    with np.load(file, allow_pickle=False) as opened:
        stored = {name: opened[name] for name in opened.files}
    vocabulary = stored.pop("vocabulary").tobytes().decode("utf-8").split("\n")
    known: dict[str, Any] = json.loads(stored.pop("calibration").tobytes())
    lists = {name: tuple(known[name]) for name in ("offsets", "sure", "right")}
    calibration = Calibration(temperature=known["temperature"], **lists)
    encoder = read_encoder(stored)
    return Model(
        WordPiece(vocabulary, len(encoder.positions)), encoder, calibration, ThreadpoolController()
    )
