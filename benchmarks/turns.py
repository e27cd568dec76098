"""Measuring in turn: A B A B, so that a machine that slows down slows all sides alike."""

import gc
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def seconds(work: Callable[[], object]) -> float:
    """Time one call, after a collection of garbage so that none of others' falls into it."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turns(
    repetitions: int, sides: Mapping[str, Callable[[], T]], say: Callable[[str], None]
) -> dict[str, list[T]]:
    """Run every side once a turn; give what each gave, turn by turn."""
    taken: dict[str, list[T]] = {name: [] for name in sides}
    for turn in range(1, repetitions + 1):
        for name, side in sides.items():
            result = side()
            taken[name].append(result)
            shown = f": {result:.2f} s" if isinstance(result, float) else ""
            say(f"{name}, {turn} of {repetitions}{shown}")
    return taken
