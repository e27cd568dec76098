"""Newswire for training: made-up company reports whose labels follow from how they are made.

A figure that rises is good or bad by what it is a figure of; the sentences of `phrases.py` have
the label of their list. Every draw depends on the seed alone.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.sentiment import phrases
from market_pipeline.domain.sentiment import NEGATIVE, NEUTRAL, POSITIVE

_SENTENCES = {
    POSITIVE: phrases.POSITIVE,
    NEGATIVE: phrases.NEGATIVE,
    NEUTRAL: phrases.NEUTRAL,
}


@dataclass(frozen=True)
class Labelled:
    """One text and what it means."""

    text: str
    label: str


def made_up_newswire(count: int, seed: int) -> list[Labelled]:
    """Make `count` different sentences, about a third of each label."""
    draw = random.Random(seed)
    found: dict[str, Labelled] = {}
    for made in _sentences(draw):
        found.setdefault(made.text, made)
        if len(found) == count:
            break
    return list(found.values())


def _sentences(draw: random.Random) -> Iterator[Labelled]:
    while True:
        kind = draw.random()
        if kind < 0.45:
            made = _figure(draw)
        else:
            label = draw.choice((POSITIVE, NEGATIVE, NEUTRAL, NEUTRAL))
            made = Labelled(draw.choice(_SENTENCES[label]), label)
        opening = draw.choice(phrases.OPENINGS)
        text = _filled(opening + made.text, draw)
        yield Labelled(_ended(text, draw), made.label)


def _figure(draw: random.Random) -> Labelled:
    """Say how one figure changed; the label is whether that is good."""
    is_good = draw.random() < 0.7
    rises = draw.random() < 0.5
    name = draw.choice(phrases.GOOD if is_good else phrases.BAD)
    high, low, unit = _amounts(draw)
    new, old = (high, low) if rises else (low, high)
    shape = draw.random()
    if shape < 0.08:
        return _same(draw, name, unit.format(high))
    new, old = unit.format(new), unit.format(old)
    before, during = draw.choice(phrases.YEAR_BEFORE), draw.choice(phrases.PERIODS)
    verb = _verb(draw, name, is_good, rises)
    label = POSITIVE if rises == is_good else NEGATIVE
    comparing = draw.choice(("compared to", "compared with", "against", "vs", "versus"))
    was = draw.choice(phrases.WAS[:-1])
    texts = (
        f"{name} {verb} to {new} from {old} {before}",
        f"{name} {verb} to {new} {during} from {old} {before}",
        f"{name} {verb} from {old} to {new} {during}",
        f"{name} {verb} to {new} {during}",
        f"{name} {verb} by {{percent}} {during}",
        f"{name} {verb} {{percent}} to {new} {during}",
        f"{name} {was} {new}, {comparing} {old} {before}",
        f"{name} {during} {was} {new} {comparing} {old}",
        f"{name} {was} {new} ({old})",
        f"{name} of {new}, {'up' if rises else 'down'} from {old} {before}",
        f"{{company}}'s {name} {verb} {during}",
    )
    return Labelled(draw.choice(texts), label)


def _same(draw: random.Random, name: str, amount: str) -> Labelled:
    texts = (
        f"{name} {draw.choice(phrases.WAS[:-1])} {amount}",
        f"{name} was {amount}, unchanged from {draw.choice(phrases.YEAR_BEFORE[:-1])}",
        f"{name} remained at {amount}",
    )
    return Labelled(draw.choice(texts), NEUTRAL)


def _verb(draw: random.Random, name: str, is_good: bool, rises: bool) -> str:
    verbs: tuple[str, ...] = phrases.UP if rises else phrases.DOWN
    if is_good:
        verbs += phrases.GOOD_ONLY_UP if rises else phrases.GOOD_ONLY_DOWN
    if "loss" in name and draw.random() < 0.6:
        verbs = phrases.LOSS_UP if rises else phrases.LOSS_DOWN
    return draw.choice(verbs)


def _amounts(draw: random.Random) -> tuple[str, str, str]:
    """Give a higher and a lower number as text, and the unit around them."""
    low = draw.choice((draw.uniform(0.1, 10), draw.uniform(10, 100), draw.uniform(100, 900)))
    high = low * draw.uniform(1.03, 2.2)
    digits = draw.choice((1, 1, 2)) if low < 100 else draw.choice((0, 1))
    unit = draw.choice(
        ("EUR {} mn", "EUR {} million", "EUR{}m", "USD {} mn", "${} million", "{} million euros",
         "SEK {} million", "GBP {}m", "{} %", "{} percent", "EUR {}", "{}", "{} mln euro")
    )  # fmt: skip
    step = 10.0**-digits
    return f"{max(high, low + step):.{digits}f}", f"{low:.{digits}f}", unit


def _filled(text: str, draw: random.Random) -> str:
    high, _, unit = _amounts(draw)
    return text.format(
        company=draw.choice(phrases.COMPANIES),
        place=draw.choice(phrases.PLACES),
        product=draw.choice(phrases.PRODUCTS),
        period=draw.choice(phrases.PERIODS),
        amount=(unit if "%" not in unit and "percent" not in unit else "EUR {} mn").format(high),
        percent=_percent(draw),
        count=draw.randint(8, 4200),
        cents=f"${draw.uniform(0.01, 0.6):.2f}",
    )


def _percent(draw: random.Random) -> str:
    number = f"{draw.uniform(0.3, 40):.{draw.choice((0, 1))}f}"
    return number + draw.choice((" %", "%", " percent", " pct"))


def _ended(text: str, draw: random.Random) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + draw.choice((".", " .", ""))
