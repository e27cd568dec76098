"""Laws of stories, over titles made of names, everyday words, claims and numbers."""

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from market_pipeline.domain.stories import (
    StoryItem,
    match_keys,
    may_join,
    read_title,
    same_story,
)
from market_pipeline.domain.story_titles import EXACT_UP_TO, extra_words

NAMES = [
    "Zyntra", "Quolva", "Brimtek", "Ostrava", "Feldmar", "Havex", "Corvane", "Lumido", "Parsec",
    "Wendell", "Apple", "Tesla",
]  # fmt: skip
COMMON = [
    "deal", "court", "market", "network", "office", "water", "system", "store", "oil", "power",
    "team", "media",
]  # fmt: skip
CLAIMS = [
    ("beats", "misses"), ("rises", "falls"), ("raises", "cuts"), ("buys", "sells"),
    ("upgrades", "downgrades"), ("wins", "loses"), ("approves", "rejects"), ("opens", "closes"),
    ("hires", "layoffs"), ("long", "short"), ("bullish", "bearish"), ("strong", "weak"),
    ("above", "below"), ("expands", "shrinks"), ("accepts", "rejects"), ("profit", "loss"),
    ("outperform", "underperform"), ("higher", "lower"), ("up", "down"), ("starts", "halts"),
]  # fmt: skip
SYNONYMS = [
    ("beats", "tops"), ("rises", "soars"), ("falls", "tumbles"), ("raises", "hikes"),
    ("cuts", "slashes"), ("buys", "acquires"), ("shares", "stock"), ("halts", "suspends"),
]  # fmt: skip
SYMBOLS = st.sampled_from(["ZYN", "QLV", "BRIM"])
NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)
NUMBERS = ["5", "7%", "$1.5", "12 billion", "Q2", "2025", "three", "40 bps"]

PLAIN_WORDS = st.one_of(st.sampled_from(NAMES), st.sampled_from(COMMON))
WORDS = st.one_of(
    PLAIN_WORDS,
    st.sampled_from([word for pair in CLAIMS for word in pair]),
    st.sampled_from(NUMBERS),
)
TITLES = st.lists(WORDS, min_size=1, max_size=14)


def verdict(one: list[str], other: list[str]) -> float | None:
    return same_story(read_title(" ".join(one)), read_title(" ".join(other)))


@st.composite
def perturbed(draw: st.DrawFn) -> tuple[str, str]:
    """Give a title and what another publisher, or chance, could make of it."""
    words = draw(TITLES)
    changed = list(words)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(changed)))
        kind = draw(st.sampled_from(["insert", "insert", "drop", "swap", "filler", "synonym"]))
        if kind == "insert":
            changed.insert(at, draw(WORDS))
        elif kind == "drop" and len(changed) > 1:
            changed.pop(at % len(changed))
        elif kind == "swap" and len(changed) > 1:
            at %= len(changed) - 1
            changed[at], changed[at + 1] = changed[at + 1], changed[at]
        elif kind == "filler":
            changed.insert(at, draw(st.sampled_from(["the", "says", "for", "of", "Inc."])))
        else:
            table = dict(SYNONYMS)
            changed = [table.get(word, word) for word in changed]
    text = " ".join(changed)
    cut = draw(st.sampled_from(["", "...", "silent"]))
    if cut:
        text = text[: draw(st.integers(1, len(text)))] + cut.replace("silent", "")
    return " ".join(words), text


@given(perturbed(), st.sets(SYMBOLS), st.sets(SYMBOLS))
def test_one_story_shares_a_key_and_has_no_sides(
    pair: tuple[str, str], symbols: set[str], others: set[str]
) -> None:
    """Whatever two items of one story are, a lookup by keys finds them; order is nothing."""
    one, other = (
        StoryItem(read_title(text), publisher, NOON, frozenset(about))
        for text, publisher, about in zip(pair, ("a", "b"), (symbols, others), strict=True)
    )
    similarity = may_join(one, other, timedelta(days=3))
    assert may_join(other, one, timedelta(days=3)) == similarity
    if similarity is not None:
        assert one.keys & other.keys
    elif symbols & others:
        assert same_story(one.title, other.title) is None


def test_the_law_of_keys_meets_many_stories() -> None:
    """Additions up to the bound at any place are stories, each found by a key; one more is not."""
    chance, met = random.Random(7), 0
    for _ in range(3000):
        size = chance.randint(EXACT_UP_TO + 1, 12)
        words = chance.sample(NAMES, size // 2) + chance.sample(COMMON, size - size // 2)
        chance.shuffle(words)
        spare = [word for word in COMMON if word not in words]
        extra = chance.sample(spare, min(len(spare), chance.randint(1, 4)))
        longer = list(words)
        for word in extra:
            longer.insert(chance.randint(0, len(longer)), word)
        # Parted, for a word right after a name would make it another name.
        one, other = read_title(" in ".join(words)), read_title(" in ".join(longer))
        joins = len(extra) <= extra_words(len(longer))
        assert (same_story(one, other) is not None) is joins
        if joins:
            met += 1
            assert match_keys(one, ["X"]) & match_keys(other, ["X"])
    assert met > 1000


@given(TITLES)
def test_a_title_is_its_own_story(words: list[str]) -> None:
    """Reflexive, at full similarity, with a key to find it by."""
    assert verdict(words, words) == 100
    assert match_keys(read_title(" ".join(words)), [])


@given(st.lists(WORDS, min_size=2, max_size=12))
def test_wrapping_changes_nothing(words: list[str]) -> None:
    """Case, quotes, commas, wire prefixes, tags and publishers are no news."""
    text = " ".join(words)
    plain = read_title(text)
    for wrapped in (
        text.upper(), text.lower(), f"UPDATE 3-{text}", f"Exclusive: {text}", f"{text} - Reuters",
        f"{text} | Barron's", f"{text}!", f"\u201c{text}\u201d", f"BRIEF-{text} (NYSE: ZYN)",
    ):  # fmt: skip
        assert read_title(wrapped) == plain


@given(TITLES, st.integers(0, 20))
def test_a_negation_is_another_story(words: list[str], at: int) -> None:
    """Inserting "not" anywhere before the end never leaves one story."""
    assume(len(words) > 1)
    denied = list(words)
    denied.insert(at % len(words), "not")
    assert verdict(words, denied) is None


@given(TITLES, st.integers(0, 20), st.sampled_from(CLAIMS), st.booleans())
def test_the_other_direction_is_another_story(
    words: list[str], at: int, pair: tuple[str, str], is_turned: bool
) -> None:
    """One way and its opposite in the same place never make one story."""
    way, opposite = pair[::-1] if is_turned else pair
    at %= len(words) + 1
    assert verdict([*words[:at], way, *words[at:]], [*words[:at], opposite, *words[at:]]) is None


@given(
    TITLES,
    st.integers(0, 20),
    st.integers(2, 9999),
    st.integers(2, 9999),
    st.sampled_from(["", "%", " million"]),
)
def test_another_number_is_another_story(
    words: list[str], at: int, number: int, another: int, unit: str
) -> None:
    """A number changed, whatever its unit, never leaves one story."""
    assume(number != another)
    at %= len(words) + 1
    one = [*words[:at], f"{number}{unit}", "agents", *words[at:]]
    other = [*words[:at], f"{another}{unit}", "agents", *words[at:]]
    assert verdict(one, other) is None


@given(
    TITLES,
    st.integers(0, 20),
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
)
def test_another_name_is_another_story(words: list[str], at: int, names: list[str]) -> None:
    """A name in another's place never leaves one story."""
    at %= len(words) + 1
    one, other = ([*words[:at], name, *words[at:]] for name in names)
    assume(set(one) != set(other))
    assert verdict(one, other) is None


def test_keys_are_the_same_in_every_process() -> None:
    """Keys are stored: neither the hash seed of a process nor its age may change them."""
    title = "Zyntra beats Q3 estimates on strong Quolva factory network"
    code = (
        "from market_pipeline.domain.stories import match_keys, read_title;"
        f"print(sorted(match_keys(read_title({title!r}), ['ZYN', 'QLV'])))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True,
            text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    keys = sorted(match_keys(read_title(title), ["QLV", "ZYN"]))
    assert printed == {str(keys)}
    assert len(keys) == 2 + 2 * (1 + extra_words(len(read_title(title).distinct)))
    assert all(-(2**63) <= key < 2**63 for key in keys)
