"""Redis while it answers, the local file while it does not.

Buckets and breakers handed out earlier follow. While Redis is down a rate holds for each machine
instead of all, a lock taken in Redis may be taken again locally (the greater token fences the
older holder off), and values put on one side are not seen on the other.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from market_pipeline.coordination.breakers import BreakerFields, BreakerRecord, SharedBreaker
from market_pipeline.coordination.quotas import SharedQuota
from market_pipeline.coordination.redis import REFUSED, UNREACHABLE, of_settings
from market_pipeline.domain.ports import (
    Breaker,
    BreakerRule,
    Clock,
    Coordination,
    Lease,
    Quota,
    RateBucket,
)

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Side(Coordination, Protocol):
    """One of the two implementations: the port, and what a breaker remembers there."""

    def breaker_fields(self, name: str) -> BreakerFields: ...

    def raise_to(self, key: str, least: int, ttl_s: float | None = None) -> int: ...

    def close(self) -> None: ...


class FailoverCoordination:
    """The `Coordination` port over two: asks `primary`, and `local` while primary is unreachable.

    The change is logged once each way (`coordination_degraded`, `coordination_restored`). While
    degraded, one call each `retry_after_s` seconds tries primary again; the others do not wait.
    """

    def __init__(
        self, primary: Side, local: Side, clock: Clock, retry_after_s: float = 5.0
    ) -> None:
        self._primary, self._local, self._retry_after_s = primary, local, retry_after_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: float | None = None  # None: primary answered when last asked

    def __repr__(self) -> str:
        return f"FailoverCoordination({self._primary!r}, {self._local!r}, now {self.kind})"

    @property
    def kind(self) -> str:
        """Which side answered last: `redis` or `local`."""
        return self._primary.kind if self._next_try is None else self._local.kind

    def rate_bucket(self, name: str, limit: int, per_s: float) -> RateBucket:
        """Give the bucket `name`: at most `limit` slots in any `per_s` seconds."""
        return _FollowingBucket(
            self.run,
            self._local,
            self._primary.rate_bucket(name, limit, per_s),
            self._local.rate_bucket(name, limit, per_s),
        )

    def quota(self, name: str, per_day: int, time_zone: str = "UTC") -> Quota:
        """Give the quota `name`: `per_day` requests a calendar day of `time_zone`.

        What Redis counts is noted in the local file too, so that an outage goes on from there, and
        a Redis that comes back without its memory learns what was asked meanwhile. While Redis is
        down each machine counts for itself.
        """
        counters = _MirroredCounters(self.run, self._local)
        return SharedQuota(name, per_day, time_zone, self._clock, counters)

    def breaker(self, name: str, rule: BreakerRule) -> Breaker:
        """Give the breaker `name`, opening and closing by `rule`."""
        return SharedBreaker(name, rule, self.breaker_fields(name), self)

    def breaker_fields(self, name: str) -> BreakerFields:
        """Give what the breaker `name` remembers on the side that answers."""
        return _FollowingFields(self.run, name)

    def acquire_lease(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Take the lock `name`, or None while another owner holds it."""
        return self.run(lambda side: side.acquire_lease(name, owner, ttl_s))

    def renew_lease(self, lease: Lease, ttl_s: float) -> Lease | None:
        """Extend a held lock, whichever side gave it; None when it was lost."""
        return self.run(lambda side: side.renew_lease(lease, ttl_s))

    def release_lease(self, lease: Lease) -> None:
        """Give the lock up; a side that is down holds it until it expires there."""
        self.run(lambda side: side.release_lease(lease))

    def put(self, key: str, value: str, ttl_s: float | None = None) -> None:
        """Keep `value` under `key` for `ttl_s` seconds, or until it is replaced."""
        self.run(lambda side: side.put(key, value, ttl_s))

    def get(self, key: str) -> str | None:
        """Return the value under `key`, None when there is none or it expired."""
        return self.run(lambda side: side.get(key))

    def delete(self, keys: Sequence[str]) -> int:
        """Forget the values under `keys`; give how many the side that answers had.

        Forgotten on the local side in any case: what an earlier outage left there must not be
        met again in the next. What Redis keeps through an outage lives until it expires.
        """
        count, side = self.run(lambda side: (side.delete(keys), side))
        if side is not self._local:
            self._local.delete(keys)
        return count

    def increment(self, key: str, by: int = 1, ttl_s: float | None = None) -> int:
        """Add `by` to the whole number under `key` on the side that answers; the sums differ."""
        return self.run(lambda side: side.increment(key, by, ttl_s))

    def purge_expired(self) -> int:
        """Take expired values off both sides; give how many."""
        return self.run(lambda side: side.purge_expired()) + self._local.purge_expired()

    def close(self) -> None:
        """Close both sides."""
        self._primary.close()
        self._local.close()

    def run(self, call: Callable[[Side], T]) -> T:
        """Make `call` on primary, or on local when primary is unreachable or was just now."""
        if self._may_try_primary():
            try:
                answer = call(self._primary)
            except UNREACHABLE as error:
                self._note_down(error)
            except REFUSED as error:
                raise of_settings(error) from None
            else:
                self._note_up()
                return answer
        return call(self._local)

    def _may_try_primary(self) -> bool:
        with self._lock:
            if self._next_try is None:
                return True
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + self._retry_after_s  # this caller tries, the others go on
            return True

    def _note_down(self, error: Exception) -> None:
        with self._lock:
            was_up = self._next_try is None
            self._next_try = time.monotonic() + self._retry_after_s
        if was_up:
            # The kind of error only: its text is the library's and could change to say more.
            _log.warning(
                "coordination_degraded",
                primary=self._primary.kind,
                fallback=self._local.kind,
                error=type(error).__name__,
                retry_after_s=self._retry_after_s,
            )

    def _note_up(self) -> None:
        with self._lock:
            was_down, self._next_try = self._next_try is not None, None
        if was_down:
            _log.info("coordination_restored", primary=self._primary.kind)


class Run(Protocol):
    """`FailoverCoordination.run`, as its buckets and breakers see it."""

    def __call__(self, call: Callable[[Side], T]) -> T: ...


class _FollowingBucket:
    """Takes a slot on the side that answers at the moment it asks."""

    def __init__(
        self, run: Run, local: Side, primary_bucket: RateBucket, local_bucket: RateBucket
    ) -> None:
        self._run, self._local = run, local
        self._primary_bucket, self._local_bucket = primary_bucket, local_bucket

    def acquire(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s

        def take(side: Side) -> None:
            bucket = self._local_bucket if side is self._local else self._primary_bucket
            bucket.acquire(deadline - time.monotonic())

        self._run(take)


class _FollowingFields:
    """Reads and writes a breaker's record on the side that answers at the moment it asks.

    Following field by field means that a call to a vendor never fails, nor is made twice,
    because Redis went down while it ran.
    """

    def __init__(self, run: Run, name: str) -> None:
        self._run, self._name = run, name

    def read(self) -> BreakerRecord:
        return self._run(lambda side: side.breaker_fields(self._name).read())

    def set_state(self, state: str) -> None:
        self._run(lambda side: side.breaker_fields(self._name).set_state(state))

    def set_opened_at(self, opened_at: datetime) -> None:
        self._run(lambda side: side.breaker_fields(self._name).set_opened_at(opened_at))

    def add_outcome(self, outcome: str, window: int) -> str:
        return self._run(lambda side: side.breaker_fields(self._name).add_outcome(outcome, window))

    def clear_outcomes(self) -> None:
        self._run(lambda side: side.breaker_fields(self._name).clear_outcomes())


class _MirroredCounters:
    """Whole numbers on the side that answers, with the local side never behind."""

    def __init__(self, run: Run, local: Side) -> None:
        self._run, self._local = run, local

    def get(self, key: str) -> str | None:
        return str(max(self._known(key), int(self._run(lambda side: side.get(key)) or 0)))

    def increment(self, key: str, by: int = 1, ttl_s: float | None = None) -> int:
        # Read first: whatever primary counted for this machine is in there before we count.
        known = self._known(key)
        total, side = self._run(lambda side: (side.increment(key, by, ttl_s), side))
        if side is self._local:
            return total
        if total < known + by:  # it lost its memory, or was down while we counted
            total = self._run(lambda side: side.raise_to(key, known + by, ttl_s))
        return max(total, self._local.raise_to(key, total, ttl_s))

    def _known(self, key: str) -> int:
        return int(self._local.get(key) or 0)
