"""Variations of headlines for the teacher to label: they need make no sense, only look like news.

A student learns from what a teacher says of texts that neither was trained on; there are few
headlines of a free licence, so these are made of those at hand. Every draw depends on the seed.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from market_pipeline.sentiment.text import without_posting

_DROPPED = 0.15
_FEWEST = 4


def variations(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Make `count` different texts, none of them one of `texts`, out of their words."""
    draw = random.Random(seed)
    split = [without_posting(text).split() for text in texts]
    split = [words for words in split if len(words) >= _FEWEST]
    names = [run for words in split for run in _names(words)]
    known = {" ".join(words) for words in split}
    found: dict[str, None] = {}
    for made in _made(split, names, draw):
        text = " ".join(made)
        if len(made) >= _FEWEST and text not in known:
            found.setdefault(text)
        if len(found) == count:
            break
    return list(found)


def _made(
    split: Sequence[Sequence[str]], names: Sequence[Sequence[str]], draw: random.Random
) -> Iterator[list[str]]:
    ways: tuple[Callable[[Sequence[str]], list[str]], ...] = (
        lambda words: [word for word in words if draw.random() >= _DROPPED],
        lambda words: _renamed(words, names, draw),
        lambda words: _spliced(words, draw.choice(split), draw),
    )
    while True:
        yield draw.choice(ways)(draw.choice(split))


def _names(words: Sequence[str]) -> list[list[str]]:
    """Find runs of capitalised words behind the first; none where most words are capitalised."""
    capital = [word[:1].isupper() and not word.isupper() for word in words]
    if sum(capital) > 0.6 * len(words):
        return []
    runs: list[list[str]] = []
    for place in range(1, len(words)):
        if capital[place]:
            if not capital[place - 1] or place == 1:
                runs.append([])
            runs[-1].append(words[place])
    return [run for run in runs if len(run) <= 3]


def _renamed(
    words: Sequence[str], names: Sequence[Sequence[str]], draw: random.Random
) -> list[str]:
    """Put another name in the place of each name, and another figure in that of each figure."""
    text = f" {' '.join(words)} "
    for run in _names(words):
        text = text.replace(f" {' '.join(run)} ", f" {' '.join(draw.choice(names))} ", 1)
    return [_other_figure(word, draw) for word in text.split()]


def _other_figure(word: str, draw: random.Random) -> str:
    """Draw other digits for a figure that is not a year; its length and its marks stay."""
    if not any(c.isdigit() for c in word) or (word.isdigit() and word[:2] in {"19", "20"}):
        return word
    return "".join(str(draw.randint(1, 9)) if c.isdigit() else c for c in word)


def _spliced(words: Sequence[str], others: Sequence[str], draw: random.Random) -> list[str]:
    """Put the head of one text before the tail of another."""
    head = draw.randint(2, max(2, len(words) - 1))
    tail = draw.randint(1, max(1, len(others) - 2))
    return [*words[:head], *others[tail:]]
