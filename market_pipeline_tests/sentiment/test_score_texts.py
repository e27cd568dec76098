"""The shipped model: what it says of clear headlines, the same each time, loaded only on use."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.sentiment import NEGATIVE, NEUTRAL, POSITIVE, label_of
from market_pipeline.sentiment import MODEL_VERSION, score_texts
from market_pipeline.sentiment.model import WEIGHTS, shipped_model

CLEAR = {
    POSITIVE: (
        "Chipmaker beats quarterly profit estimates and raises its outlook",
        "Bank upgrades the retailer to buy",
        "Software firm's shares jump 9% after record sales",
        "Operating profit rose to EUR 7.7 mn from EUR 5.2 mn",
        "Net loss narrowed to EUR 0.4 mn from EUR 2.9 mn",
    ),
    NEGATIVE: (
        "Chipmaker misses quarterly profit estimates and cuts its outlook",
        "Bank downgrades the retailer to sell",
        "Software firm's shares plunge 9% after weak sales",
        "Operating profit fell to EUR 5.2 mn from EUR 7.7 mn",
        "Net loss widened to EUR 2.9 mn from EUR 0.4 mn",
        "The factory will lay off 80 workers",
    ),
    NEUTRAL: (
        "The company will publish its interim report on 4 May",
        "The annual meeting will be held in Chicago on Thursday",
        "The head office is located in Oslo",
        "Edited transcript of the earnings conference call",
    ),
}
PAIRS = (
    ("Earnings beat estimates", "Earnings miss estimates"),
    ("Revenue went up from EUR 5 mn to EUR 7 mn", "Revenue went down from EUR 7 mn to EUR 5 mn"),
    ("Profit was EUR 7.7 mn, compared with EUR 5.2 mn",
     "Profit was EUR 5.2 mn, compared with EUR 7.7 mn"),
    ("The company raised its dividend", "The company cut its dividend"),
    ("Sales did not fall", "Sales did not grow"),
    ("Loan losses decreased", "Loan losses increased"),
    ("The order was won", "The order was lost"),
)  # fmt: skip
HOSTILE = (
    "",
    " ",
    "😀",
    "a" * 5000,
    "profit rises " * 400,
    "\x00\x1b[31m\u202eabc",
    "株価が上昇",
    "\ud800",
    "$ABC",
)


@pytest.mark.parametrize(
    ("text", "label"), [(text, label) for label, texts in CLEAR.items() for text in texts]
)
def test_clear_headlines_have_the_label_anybody_would_give(text: str, label: str) -> None:
    """Company news without two sides to it."""
    assert score_texts([text])[0].label == label


@pytest.mark.parametrize(("better", "worse"), PAIRS)
def test_the_better_of_two_news_has_the_higher_score(better: str, worse: str) -> None:
    """Beats and misses, both directions of a figure, negations."""
    up, down = score_texts([better, worse])
    assert up.score > down.score + 0.2


def test_company_does_not_matter() -> None:
    """A cashtag, a ticker in brackets or a link changes nothing at all."""
    plain, posted = score_texts(
        [
            "Maker beats estimates",
            "$ABC $XYZ - Maker (NYSE:ABC) beats estimates https://example.com/1",
        ]
    )
    assert plain == posted


def test_a_batch_does_not_matter() -> None:
    """A text has the same answer alone, in any batch, in any order, and in any thread."""
    texts = [*(texts[0] for texts in CLEAR.values()), *HOSTILE]
    alone = [score_texts([text])[0] for text in texts]
    assert score_texts(texts) == alone
    assert score_texts(texts[::-1]) == alone[::-1]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda text: score_texts([text])[0], texts)) == alone


def test_not_one_bit_depends_on_the_batch() -> None:
    """Logits of texts of every length are the same bits alone and in packs of any make-up."""
    encoder = shipped_model().encoder
    draw = np.random.default_rng(7)
    texts = [
        draw.integers(1, len(encoder.pieces), draw.integers(2, 65)).tolist() for _ in range(48)
    ]
    alone = np.concatenate([encoder.logits([text]) for text in texts])
    for size in (2, 7, 31, 48):
        order = draw.permutation(len(texts))[:size]
        together = encoder.logits([texts[i] for i in order])
        np.testing.assert_array_equal(together, alone[order])


def test_sums_of_products_are_exact() -> None:
    """No block can sum up to more than 32 bits hold without rounding, in whatever order."""
    encoder = shipped_model().encoder
    linears = [encoder.head] + [
        linear
        for layer in encoder.layers
        for linear in (layer.query_key_value, layer.output, layer.widen, layer.narrow)
    ]
    for block in (block for linear in linears for block in linear.blocks):
        assert (block.weight == np.rint(block.weight)).all()
        assert np.abs(block.weight).sum(axis=0).max() * block.steps <= 2**24
        assert block.steps >= 300


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_has_an_answer_that_holds_together(texts: list[str]) -> None:
    """Ranges, label and model version, whatever the text."""
    found = score_texts(texts)
    assert len(found) == len(texts)
    for one in found:
        assert -1 <= one.score <= 1
        assert 0 <= one.confidence <= 1
        assert one.label == label_of(one.score)
        assert one.model == MODEL_VERSION


@pytest.mark.parametrize("text", HOSTILE[:3] + HOSTILE[6:])
def test_what_says_nothing_is_neutral(text: str) -> None:
    """No words, no news."""
    assert score_texts([text])[0].label == NEUTRAL


def test_the_version_names_the_weights() -> None:
    """Other weights have another version: it holds the hash of the file that is shipped."""
    weights = files("market_pipeline.sentiment").joinpath(WEIGHTS).read_bytes()
    assert MODEL_VERSION.rpartition("-")[2] == hashlib.sha256(weights).hexdigest()[:8]
    assert len(MODEL_VERSION) <= 40
    assert len(weights) < 30e6


def test_importing_reads_no_weights() -> None:
    """Neither the package nor the definitions read the model before a text is scored."""
    code = (
        "import sys, market_pipeline.sentiment as s, market_pipeline.definitions;"
        "assert 'market_pipeline.sentiment.model' not in sys.modules;"
        "s.score_texts([]); assert 'market_pipeline.sentiment.model' not in sys.modules;"
        "s.score_texts(['x']); from market_pipeline.sentiment.model import shipped_model as m;"
        "assert m() is m()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
