"""Headlines made up for the teachers to label: in the words of none that anybody trained on.

A teacher knows the headlines it was trained on, and says of variations of them what it was told of
those; of these it says what it thinks. Shapes and words are in `headline_phrases.txt`.
"""

import random
from functools import cache
from pathlib import Path

SHAPES = Path(__file__).with_name("headline_phrases.txt")

_HEADLINES = "headline"
_DIGIT = "~"


def made_up_headlines(count: int, seed: int) -> list[str]:
    """Make `count` different headlines; every draw depends on the seed."""
    draw, shapes = random.Random(seed), _lists()[_HEADLINES]
    found: dict[str, None] = {}
    while len(found) < count:
        text = " ".join(_filled(draw.choice(shapes), draw).split())
        found.setdefault(text[:1].upper() + text[1:])
    return list(found)


@cache
def _lists() -> dict[str, list[str]]:
    """Read the file: lists of shapes by name."""
    lists: dict[str, list[str]] = {}
    held: list[str] = []
    for line in SHAPES.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            held = lists[line[1:-1]] = []
        elif line and not line.startswith("#"):
            held.append(line)
    return lists


def _filled(shape: str, draw: random.Random) -> str:
    """Draw what stands in braces, from within outwards, and the digits."""
    while (end := shape.find("}")) >= 0:
        start = shape.rfind("{", 0, end)
        held = shape[start + 1 : end]
        drawn = draw.choice(held.split("|"))
        drawn = draw.choice(_lists().get(drawn, [drawn]))
        shape = shape[:start] + drawn + shape[end + 1 :]
    return "".join(str(draw.randint(1, 9)) if c == _DIGIT else c for c in shape)
