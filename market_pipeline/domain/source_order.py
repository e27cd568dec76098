"""Which sources a run of collections asks last: those that have just cost it time.

Belongs here: what a run remembers of its own askings. Does not: what every process shares and
keeps longer (`coordination`'s breakers), or how a source is asked.
"""

import threading
from collections import Counter
from collections.abc import Sequence

from market_pipeline.domain.news import Attempt

_COSTLY = frozenset({"unavailable", "throttled"})
"""Failures that may have been waited for: a source away or slow, or our own rate used up."""

_FAILURES_IN_A_ROW = 2


class SlowSources:
    """What one run has learnt of its sources. Thread-safe.

    One failure that took half of `patience_s` (seconds a source may take) or longer is enough, so
    are two shorter ones in a row; any answer of the source makes that good again.
    """

    def __init__(self, patience_s: float) -> None:
        self._costly_ms = 1000 * patience_s / 2
        self._failures: Counter[str] = Counter()
        self._turn = threading.Lock()

    @property
    def names(self) -> frozenset[str]:
        """Names of the sources that are to be asked last now."""
        with self._turn:
            return frozenset(
                name for name, count in self._failures.items() if count >= _FAILURES_IN_A_ROW
            )

    def note(self, attempts: Sequence[Attempt]) -> None:
        """Learn from the attempts of one collection, in their order."""
        with self._turn:
            for attempt in attempts:
                if attempt.error_kind not in _COSTLY:
                    self._failures.pop(attempt.source, None)
                elif attempt.duration_ms >= self._costly_ms:
                    self._failures[attempt.source] = _FAILURES_IN_A_ROW
                else:
                    self._failures[attempt.source] += 1
