"""Queueing for a slot in a request rate that every thread and process shares.

pyrate-limiter's buckets keep the log and decide. The waiting is ours: its `Limiter` lets whoever
polls first have the slot (one process of four got none in two seconds), stamps retries with
planned instead of real time, and trims in a thread that dies with the first lost connection.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from pyrate_limiter import AbstractBucket, Rate, RateItem


@dataclass(frozen=True, slots=True)
class Pace:
    """What time it is for rates (milliseconds since 1970), and how to wait some seconds of it."""

    now_ms: Callable[[], int]
    sleep: Callable[[float], None]


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # looked up anew each time, so that a test may stand in for it


WALL_PACE = Pace(_wall_ms, _sleep)

_LATE_MS = 20
"""Added to each window: a waiter on a busy machine wakes late, the one after it may not."""


def rate_of(name: str, limit: int, per_s: float) -> Rate:
    """Build the rate `limit` requests a rolling `per_s` seconds; ValueError when not positive."""
    interval_ms = round(per_s * 1000)
    if limit < 1 or interval_ms < 1:
        raise ValueError(f"rate {name}: limit must be >= 1 and per_s >= 0.001")
    return Rate(limit, interval_ms + _LATE_MS)


def reserve(bucket: AbstractBucket, name: str, timeout_s: float) -> float:
    """Enter the first free slot in the bucket's log; return the seconds until it begins.

    The slot may lie in the future: that is what makes the queue fair, for whoever asks later
    finds it taken. Raises TimeoutError, without a slot, when the first one begins later than
    `timeout_s` from now.
    """
    now_ms: int = bucket.now()  # type: ignore[no-untyped-call]  # the library left it untyped
    item = RateItem(name, now_ms)
    while not bucket.put(item):
        wait_ms = bucket.waiting(item)
        assert isinstance(wait_ms, int)  # noqa: S101 - narrows for mypy: async buckets differ
        item.timestamp += max(wait_ms, 1)
        wait_s = (item.timestamp - now_ms) / 1000
        if wait_s > timeout_s:
            raise TimeoutError(
                f"rate {name}: no slot within {timeout_s:.3g} s, the next is in {wait_s:.3g} s"
            )
    return (item.timestamp - now_ms) / 1000


class SharedRateBucket:
    """The `RateBucket` port over a function that reserves a slot and says when it begins."""

    def __init__(self, reserve_within: Callable[[float], float], pace: Pace = WALL_PACE) -> None:
        self._reserve_within, self._pace = reserve_within, pace

    def acquire(self, timeout_s: float) -> None:
        """Wait for a slot, first come first served across processes.

        Raises TimeoutError, at once, when none begins within `timeout_s`: slots never come free
        early. A process that dies while it waits wastes its slot.
        """
        wait_s = self._reserve_within(timeout_s)
        if wait_s > 0:
            self._pace.sleep(wait_s)
