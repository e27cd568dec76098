"""The labelled headlines, in three parts that share no text, and our own newswire in two halves.

The file of headlines stays where it is; near-identical ones are found first and stay together.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

from market_pipeline.domain.sentiment import LABELS
from market_pipeline.sentiment.text import readable

FILE = "twitter_financial_news_train.csv.gz"
NEWSWIRE = Path(__file__).with_name("newswire.tsv")
ASIDE, VALIDATION = 0.15, 0.10
GROUPED, PLAIN, SHIPPED = "grouped", "plain", "shipped"

_SALT = "sentiment-split-1"
_NEAR = 0.8
_WORDS = r"[a-z]+|\d[\d.,]*"


@dataclass(frozen=True)
class Part:
    """Texts and their labels, as indices into `LABELS`."""

    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Parts:
    """Where a model is fitted, where it is chosen and calibrated, and where it is judged.

    `repeats` is how many headlines are a near-identical copy of an earlier one.
    """

    train: Part
    validation: Part
    aside: Part
    repeats: int


def read_parts(folder: Path, split: str = GROUPED) -> Parts:
    """Read the file of labelled headlines (or the one in a folder) and split it, always alike.

    The two splits deal a headline that has no near-identical copy alike, so that one model can
    be judged by both. `GROUPED` keeps copies together. `PLAIN` deals every headline by itself, so
    that one kept aside may have its copy where a model is fitted. `SHIPPED` is the grouped one
    without what the plain one keeps aside: neither part kept aside is fitted or chosen on. Its
    own part kept aside is what is kept aside by both.
    """
    frame = pd.read_csv(folder / FILE if folder.is_dir() else folder)
    texts = np.array([str(text) for text in frame["text"]], dtype=object)
    labels = np.array([LABELS.index(str(label)) for label in frame["label"]])
    groups = _near_identical([readable(text) for text in texts])
    if split == PLAIN:
        where = _assigned(texts, labels, np.arange(len(texts)), groups)
    else:
        where = _assigned(texts, labels, groups, groups)
    if split == SHIPPED:
        plainly = _assigned(texts, labels, np.arange(len(texts)), groups)
        where[(where == "aside") != (plainly == "aside")] = "neither"
    train, validation, aside = (
        Part(tuple(texts[where == name]), labels[where == name])
        for name in ("train", "validation", "aside")
    )
    return Parts(train, validation, aside, len(texts) - len(set(groups.tolist())))


def read_newswire() -> tuple[Part, Part]:
    """Read our own newswire sentences: the half to choose on, and the half kept aside."""
    frame = pd.read_csv(NEWSWIRE, sep="\t")
    is_aside = np.array([int(_digest(text), 16) % 2 == 1 for text in frame["text"]])
    labels = np.array([LABELS.index(label) for label in frame["label"]])
    texts = np.array(frame["text"], dtype=object)
    choosing, aside = (Part(tuple(texts[m]), labels[m]) for m in (~is_aside, is_aside))
    return choosing, aside


def read_sentences(path: Path) -> Part:
    """Read sentences of another house: a line each, its label behind the last `@`.

    That is how Financial PhraseBank is published (in Latin-1). A line that ends otherwise is
    refused by its number.
    """
    texts, labels = [], []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        text, _, label = line.rpartition("@")
        if label.strip() not in LABELS or not text.strip():
            known = ", ".join(LABELS)
            raise ValueError(f"{path}, line {number}: no text with @ and one of {known} behind it")
        texts.append(text.strip())
        labels.append(LABELS.index(label.strip()))
    return Part(tuple(texts), np.array(labels, dtype=np.int64))


def _near_identical(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number the texts by group: a cosine of words and pairs of words of 0.8 joins two."""
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORDS
    ).fit_transform(texts)
    alike = (vectors @ vectors.T).tocoo()
    near = alike.data >= _NEAR
    edges = (np.ones(int(near.sum())), (alike.row[near], alike.col[near]))
    _, groups = connected_components(csr_matrix(edges, shape=alike.shape), directed=False)
    return np.asarray(groups, dtype=np.int64)


def _assigned(
    texts: npt.NDArray[np.object_],
    labels: npt.NDArray[np.int64],
    dealt: npt.NDArray[np.int64],
    alike: npt.NDArray[np.int64],
) -> npt.NDArray[np.str_]:
    """Deal the numbered groups `dealt` out, label by label, in the order of their hash.

    The hash is of what is read of a text, or of the text as it was posted where others of its
    group of `alike` ones are dealt by themselves: they would be read the same.
    """
    members: dict[int, list[int]] = {}
    for row, group in enumerate(dealt.tolist()):
        members.setdefault(group, []).append(row)
    sizes, dealt_sizes = np.bincount(alike), np.bincount(dealt)
    by_label: dict[int, list[tuple[str, list[int]]]] = {}
    for group, rows in members.items():
        label = Counter(labels[rows].tolist()).most_common(1)[0][0]
        is_whole = dealt_sizes[group] == sizes[alike[rows[0]]]
        read = readable if is_whole else str
        name = _digest(min(read(texts[row]) for row in rows))
        by_label.setdefault(label, []).append((name, rows))
    where = np.full(len(texts), "train", dtype="<U10")
    for named in by_label.values():
        for place, (_, rows) in enumerate(sorted(named)):
            share = place / len(named)
            if share < ASIDE:
                where[rows] = "aside"
            elif share < ASIDE + VALIDATION:
                where[rows] = "validation"
    return where


def _digest(text: str) -> str:
    return hashlib.sha256(f"{_SALT}|{text}".encode()).hexdigest()
