"""What of one list another does not hold, for the preview of an import."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


def unmatched(
    these: Iterable[T], those: Iterable[T], anonymous: Callable[[T], Hashable]
) -> list[T]:
    """Give those of `these` that `those` do not state, as often as they do not.

    Two state the same where `anonymous` makes them equal: it takes away what merely numbers them.
    """
    spare = Counter(anonymous(other) for other in those)
    left = []
    for one in these:
        if spare[anonymous(one)]:
            spare[anonymous(one)] -= 1
        else:
            left.append(one)
    return left
