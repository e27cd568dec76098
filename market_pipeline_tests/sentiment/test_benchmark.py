"""The comparison of scorers: measures by hand, parts that share nothing, no worse than reported."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sentiment import measures
from benchmarks.sentiment.made_up_headlines import SHAPES, made_up_headlines
from benchmarks.sentiment.made_up_newswire import made_up_newswire
from benchmarks.sentiment.variations import variations
from market_pipeline.domain.sentiment import LABELS, NEGATIVE, NEUTRAL, POSITIVE
from market_pipeline.sentiment import score_texts

data = pytest.importorskip("benchmarks.sentiment.data", reason="needs scikit-learn")

# What docs/sentiment.md reports is 0.852, 0.851 and 0.972; worse weights must not slip in.
LEAST_HEADLINES, LEAST_NEWSWIRE = 0.85, 0.95


def found(texts: tuple[str, ...]) -> np.ndarray:
    return np.array([LABELS.index(one.label) for one in score_texts(texts)])


def test_measures_agree_with_a_count_by_hand() -> None:
    """Six answers: F1 of 2/3, 1/2 and 2/3 by class; sure answers that are wrong cost most."""
    labels, answers = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 2])
    assert measures.accuracy(labels, answers) == pytest.approx(4 / 6)
    assert measures.f1_by_class(labels, answers) == pytest.approx((2 / 3, 1 / 2, 4 / 5))
    assert measures.macro_f1(labels, answers) == pytest.approx((2 / 3 + 1 / 2 + 4 / 5) / 3)
    right = np.array([True, True, False, False])
    assert measures.calibration_error(right, np.array([0.75, 0.75, 0.25, 0.25])) == 0.25
    assert measures.calibration_error(right, np.array([0.95, 1.0, 1.0, 0.95])) == pytest.approx(
        0.475
    )
    assert [one.count for one in measures.reliability(right, np.array([1.0, 0.91, 0.3, 0.31]))] == [
        2,
        2,
    ]


def test_made_up_newswire_follows_from_its_seed_and_its_figures() -> None:
    """The same seed gives the same sentences; none that is judged on is among them."""
    made = made_up_newswire(3000, 1)
    assert made == made_up_newswire(3000, 1)
    assert made != made_up_newswire(3000, 2)
    judged = {text for part in data.read_newswire() for text in part.texts}
    assert not judged & {one.text for one in made}
    by_text = {one.text.lower(): one.label for one in made}
    for text, label in by_text.items():
        if "loss" not in text and text.startswith("net sales rose"):
            assert label == POSITIVE, text
        if text.startswith(("net debt rose", "costs rose", "net sales fell")):
            assert label == NEGATIVE, text
    assert NEUTRAL in by_text.values()


def test_made_up_headlines_follow_from_their_seed_and_are_whole() -> None:
    """As many as asked, each once; every shape names lists that there are, and every list is used.

    None of the judged newswire is among them.
    """
    made = made_up_headlines(5000, 1)
    assert made == made_up_headlines(5000, 1)
    assert made != made_up_headlines(5000, 2)
    assert len(made) == len(set(made)) == 5000
    assert not [text for text in made if set(text) & set("{}|~[]") or "  " in text or not text]
    shapes = SHAPES.read_text()
    lists = set(re.findall(r"^\[(\w+)\]$", shapes, re.MULTILINE)) - {"headline"}
    named = {name for held in re.findall(r"\{([^{}]*)\}", shapes) for name in held.split("|")}
    assert lists <= named
    assert not set(re.findall(r"\{(\w*_\w*)\}", shapes)) - lists
    judged = {text for part in data.read_newswire() for text in part.texts}
    assert not judged & set(made)


def test_variations_follow_from_their_seed_and_are_new() -> None:
    """As many as asked, each once, none of them a text it was made of, no cashtag among them."""
    texts = [
        "$ABC - shares of Maker rise 5% after upbeat forecast",
        "Regulator fines Another Bank over late reports in 2019",
        "Oil slips as exporters hold talks on output https://example.com/1",
    ]
    made = variations(texts, 200, 1)
    assert made == variations(texts, 200, 1)
    assert made != variations(texts, 200, 2)
    assert len(made) == len(set(made)) == 200
    assert not {text for text in texts if text in made}
    assert not [text for text in made if "$ABC" in text or "https" in text]


def test_newswire_halves_share_nothing() -> None:
    """Each half has every label, and no sentence is in both."""
    choosing, aside = data.read_newswire()
    assert not set(choosing.texts) & set(aside.texts)
    assert len(choosing) + len(aside) == 230
    for half in (choosing, aside):
        assert (np.bincount(half.labels, minlength=3) >= 25).all()


def test_sentences_of_another_house_are_read_as_they_are_published(tmp_path: Path) -> None:
    """A label behind the last @ (others are of the text), Latin-1; another line is refused."""
    path = tmp_path / "sentences.txt"
    path.write_bytes(
        "Häme Oy 's sales fell .@negative\r\nWrite to a@b , it said .@neutral\n".encode("latin-1")
    )
    read = data.read_sentences(path)
    assert read.texts == ("Häme Oy 's sales fell .", "Write to a@b , it said .")
    assert [LABELS[label] for label in read.labels] == [NEGATIVE, NEUTRAL]
    path.write_text("Sales rose .@positive\nSales rose .@bullish\n")
    with pytest.raises(ValueError, match=r"sentences\.txt, line 2: .*negative, neutral, positive"):
        data.read_sentences(path)


def test_newswire_kept_aside_is_read_well() -> None:
    """Reports of companies, without cashtags: macro F1 through the fixed thresholds."""
    _, aside = data.read_newswire()
    assert measures.macro_f1(aside.labels, found(aside.texts)) >= LEAST_NEWSWIRE


@pytest.mark.parametrize("split", [data.GROUPED, pytest.param(data.PLAIN, marks=pytest.mark.soak)])
def test_headlines_kept_aside_are_read_well(split: str, labelled_headlines: Path) -> None:
    """Parts share no text, 15 % is kept aside, and macro F1 there is no worse than reported."""
    parts = data.read_parts(labelled_headlines, split)
    whole = len(parts.train) + len(parts.validation) + len(parts.aside)
    assert whole == 9543
    assert len(parts.aside) >= 0.15 * whole
    assert not set(parts.aside.texts) & {*parts.train.texts, *parts.validation.texts}
    assert measures.macro_f1(parts.aside.labels, found(parts.aside.texts)) >= LEAST_HEADLINES


def test_what_ships_has_seen_neither_part_kept_aside(labelled_headlines: Path) -> None:
    """The plain split deals single headlines as the grouped one does; training leaves out both."""
    grouped, plain, shipped = (
        data.read_parts(labelled_headlines, split)
        for split in (data.GROUPED, data.PLAIN, data.SHIPPED)
    )
    aside = {*grouped.aside.texts, *plain.aside.texts}
    assert not aside & {*shipped.train.texts, *shipped.validation.texts}
    assert set(shipped.aside.texts) == set(grouped.aside.texts) & set(plain.aside.texts)
    assert len(shipped.train) > 7000
    for parts in (grouped, plain):
        shares = np.bincount(parts.aside.labels) / np.bincount(parts.train.labels)
        assert shares.max() - shares.min() < 0.02
    assert {*plain.train.texts} != {*grouped.train.texts}
