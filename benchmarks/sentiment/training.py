"""Fine-tunes a published encoder on headlines, made-up newswire and what teachers say of these,
of variations of them and of made-up headlines, and calibrates it.

Everything random follows from the seeds; what is fitted besides weights is fitted on the
validation part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from torch import Tensor
from torch.nn import functional

from benchmarks.sentiment.data import Part
from benchmarks.sentiment.descent import Say, class_weights, descend
from benchmarks.sentiment.made_up_headlines import made_up_headlines
from benchmarks.sentiment.made_up_newswire import made_up_newswire
from benchmarks.sentiment.published import published
from benchmarks.sentiment.teacher import Teacher, TeacherRecipe, teach
from benchmarks.sentiment.torch_encoder import MAX_PIECES, TorchEncoder, padded, predicted
from benchmarks.sentiment.variations import variations
from market_pipeline.domain.sentiment import LABELS, NEUTRAL, label_of
from market_pipeline.sentiment.calibration import Calibration
from market_pipeline.sentiment.text import readable
from market_pipeline.sentiment.wordpiece import WordPiece

SEED = 1
UNLABELLED = -1

Labels = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
Point = npt.NDArray[np.float64]
Numbers = Callable[[str], list[int]]

_AT_ONCE = 50


@dataclass(frozen=True)
class Recipe:
    """Choices of the training; those that were compared were compared on the validation part."""

    epochs: int = 4
    batch: int = 32
    rate: float = 1.5e-4
    head_rate: float = 7.5e-4
    # Rounds of teaching: the student of one is the small teacher of the next, and where it begins.
    rounds: int = 3
    # Of the first small teacher, which has labels alone to learn from.
    small_epochs: int = 3
    large_teachers: int = 2
    decay_by_layer: float = 0.9
    dropout: float = 0.1
    smoothing: float = 0.05
    made_up: int = 2000
    # In each round, and from two seeds each.
    variations: int = 9000
    made_up_headlines: int = 20000
    # How much of the loss of a labelled text is distance from what the teacher says of it.
    taught: float = 0.6
    temperature: float = 2.0
    # Weights of classes are their inverse frequency to this power.
    balance: float = 0.5
    # The student's share of the weights that ship; the rest is the small teacher's.
    student: float = 0.7


@dataclass(frozen=True)
class Lessons:
    """Texts to learn from, their labels (`UNLABELLED` where they have none), and what the
    teachers say of them: three logits a row.
    """

    texts: tuple[str, ...]
    labels: Labels
    logits: Logits


@dataclass(frozen=True)
class Teachers:
    """One of the student's own kind, and larger ones that learned from labels alone.

    They go wrong in different places; together they are surer of what is right than any of them.
    """

    small: TorchEncoder
    large: Sequence[Teacher]

    def answers(self, texts: Sequence[str]) -> Logits:
        """Give the mean of what all say of texts, three logits a row."""
        numbers, states = piece_numbers(), self.large[0].states(texts)
        said = [predicted(self.small, [numbers(text) for text in texts])]
        # The lower layers of all large ones are as published, so what they make of a text is too.
        said += [teacher.logits(states) for teacher in self.large]
        return np.average(said, axis=0).astype(np.float32)


def taught_in_rounds(recipe: Recipe, train: Part, say: Say) -> TorchEncoder:
    """Train teachers on a part, and a student with what they say, time and again."""
    large = [trained_teacher(train, SEED + number, say) for number in range(recipe.large_teachers)]
    model = taught_by_labels(recipe, train, say)
    for number in range(recipe.rounds):
        say(f"round {number + 1} of {recipe.rounds}")
        taught = lessons(recipe, Teachers(model, large), train, number)
        student = fine_tuned(recipe, taught, say, begin=model if number else None)
        model = blended(recipe, student, model)
    return model


def taught_by_labels(recipe: Recipe, train: Part, say: Say) -> TorchEncoder:
    """Train an encoder on labels alone."""
    labelled = with_made_up(train, recipe.made_up, SEED)
    alone = replace(recipe, epochs=recipe.small_epochs, taught=0.0)
    silent = np.zeros((len(labelled), len(LABELS)), dtype=np.float32)
    return fine_tuned(alone, Lessons(labelled.texts, labelled.labels, silent), say)


def trained_teacher(train: Part, seed: int, say: Say) -> Teacher:
    """Train a large teacher on a part and on made-up newswire."""
    torch.manual_seed(seed)
    teacher = Teacher(TeacherRecipe())
    labelled = with_made_up(train, teacher.recipe.made_up, seed)
    teach(teacher, teacher.states(labelled.texts), labelled.labels, seed, say)
    return teacher


def lessons(recipe: Recipe, teachers: Teachers, train: Part, number: int) -> Lessons:
    """Make the lessons of a round, counted from 0, of a part: its headlines, made-up newswire,
    and without labels variations of the headlines and made-up ones; with what the teachers say.
    """
    labelled = with_made_up(train, recipe.made_up, SEED + number)
    seeds = (SEED + 2 * number, SEED + 2 * number + 1)
    varied = [text for seed in seeds for text in unlabelled_texts(recipe, train, seed)]
    made_up = made_up_headlines(recipe.made_up_headlines, SEED + number)
    texts = (*labelled.texts, *varied, *made_up)
    labels = np.full(len(texts), UNLABELLED)
    labels[: len(labelled)] = labelled.labels
    return Lessons(texts, labels, teachers.answers(texts))


def with_made_up(train: Part, count: int, seed: int) -> Part:
    """Give the texts of a part with made-up newswire behind them."""
    made_up = made_up_newswire(count, seed)
    texts = (*train.texts, *(made.text for made in made_up))
    return Part(texts, np.array([*train.labels, *(LABELS.index(made.label) for made in made_up)]))


def unlabelled_texts(recipe: Recipe, train: Part, seed: int) -> list[str]:
    """Give variations of a part's headlines, more of those that have a tendency."""
    leaning = [
        text
        for text, label in zip(train.texts, train.labels, strict=True)
        if label != LABELS.index(NEUTRAL)
    ]
    return variations([*train.texts, *leaning], recipe.variations, seed)


def piece_numbers() -> Numbers:
    """Give what turns a text into numbers, as the shipped model does."""
    pieces = WordPiece(published().vocabulary, MAX_PIECES)
    return lambda text: pieces.numbers(readable(text))


def fine_tuned(
    recipe: Recipe, lessons: Lessons, say: Say, begin: TorchEncoder | None = None
) -> TorchEncoder:
    """Train an encoder on lessons, from the published weights or those of another."""
    numbers = piece_numbers()
    rows = [numbers(text) for text in lessons.texts]
    torch.manual_seed(0)
    model = TorchEncoder(published(), recipe.dropout)
    if begin is not None:
        model.load_state_dict(begin.state_dict())

    def logits_of(some: list[int]) -> Tensor:
        logits: Tensor = model(padded([rows[i] for i in some]))
        return logits

    def tell(epoch: int, loss: float) -> None:
        say(f"epoch {epoch} of {recipe.epochs}: loss {loss:.3f}")

    lengths = [len(row) for row in rows]
    descend(model, recipe, lengths, SEED, logits_of, _loss(recipe, lessons), tell)
    return model


def _loss(recipe: Recipe, lessons: Lessons) -> Callable[[Tensor, list[int]], Tensor]:
    """Give what is to be made small: cross-entropy of labels, and distance from the teacher."""
    labels = torch.from_numpy(lessons.labels)
    told = functional.log_softmax(torch.from_numpy(lessons.logits) / recipe.temperature, dim=1)
    labelled = lessons.labels[lessons.labels >= 0]
    weight = class_weights(labelled, len(LABELS), recipe.balance)
    taught = torch.where(labels == UNLABELLED, 1.0, recipe.taught)

    def loss(logits: Tensor, some: list[int]) -> Tensor:
        surprise = functional.cross_entropy(
            logits, labels[some], weight=weight, label_smoothing=recipe.smoothing,
            ignore_index=UNLABELLED, reduction="none",
        )  # fmt: skip
        found = functional.log_softmax(logits / recipe.temperature, dim=1)
        distance = functional.kl_div(found, told[some], reduction="none", log_target=True).sum(1)
        share = taught[some]
        mixed = (1 - share) * surprise + share * recipe.temperature**2 * distance
        return mixed.mean()

    return loss


def blended(recipe: Recipe, student: TorchEncoder, teacher: TorchEncoder) -> TorchEncoder:
    """Give the mean weights of a student and of the teacher of its kind."""
    learned, taught = student.state_dict(), teacher.state_dict()
    mean = {k: recipe.student * learned[k] + (1 - recipe.student) * taught[k] for k in learned}
    student.load_state_dict(mean)
    return student


def calibrated(logits: npt.NDArray[np.float32], labels: Labels) -> Calibration:
    """Fit temperature and offsets by likelihood, then how often labels are right."""

    def scaling(point: Point) -> Calibration:
        return Calibration(float(np.exp(point[0])), (float(point[1]), 0.0, float(point[2])))

    def surprise(point: Point) -> float:
        shares = scaling(point).probabilities(logits)
        return float(-np.log(shares[np.arange(len(labels)), labels] + 1e-12).mean())

    best = scaling(minimize(surprise, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-4}).x)
    shares = best.probabilities(logits)
    found = np.array([LABELS.index(label_of(best.score(row))) for row in shares])
    sure, right = _line(shares[np.arange(len(found)), found], found == labels)
    return replace(best, sure=sure, right=right)


def _line(sure: Point, hits: npt.NDArray[np.bool_]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fit a rising line of how often labels are right, through means of `_AT_ONCE` texts."""
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, max(2, len(order) // _AT_ONCE))
    means = np.array([sure[part].mean() for part in parts])
    shares = np.array([hits[part].mean() for part in parts])
    rising = IsotonicRegression(y_min=0, y_max=1).fit_transform(means, shares)
    return tuple(np.round(means, 4).tolist()), tuple(np.round(rising, 4).tolist())
