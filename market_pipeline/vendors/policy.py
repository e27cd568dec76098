"""How a vendor is called, whatever the HTTP library: one policy, one guard that keeps it.

The order is switch, bulkhead, rate bucket, daily quota, breaker, retry with full jitter, time-out.
Buckets, quotas and breakers are injected, for their state must hold across processes.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

import stamina
from structlog.contextvars import bound_contextvars

from market_pipeline.domain.errors import (
    QuotaEnded,
    SwitchedOff,
    Throttled,
    Transient,
    Unavailable,
)
from market_pipeline.domain.ports import Breaker, Quota, QuotaStatus, RateBucket

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Limits of the calls to one vendor; all times in seconds.

    `timeout_s` bounds one attempt whole (connection, headers and body), `deadline_s` all attempts
    with the waits between them, `queue_s` the wait for a free slot and a token before the first.
    Before the first retry up to `first_wait_s` is waited, then up to twice that, and so on, up to
    `longest_wait_s`.
    `switch` says why the vendor is switched off, None where it is on; it is asked at each call.
    """

    timeout_s: float = 20.0
    deadline_s: float = 120.0
    queue_s: float = 600.0
    attempts: int = 4
    concurrency: int = 5
    first_wait_s: float = 2.0
    longest_wait_s: float = 8.0
    bucket: RateBucket | None = None
    breaker: Breaker | None = None
    quota: Quota | None = None
    switch: Callable[[], str | None] | None = None


class EveryBucket:
    """A `RateBucket` over several: a slot in each, the longest interval first.

    In that order a burst allowed by the long interval is spread out by the short one.
    """

    def __init__(self, *buckets: RateBucket) -> None:
        self._buckets = buckets

    def acquire(self, timeout_s: float) -> None:
        """Wait for a slot in every bucket; raise TimeoutError if they do not come in time."""
        until = monotonic() + timeout_s
        for bucket in self._buckets:
            bucket.acquire(max(until - monotonic(), 0.0))


class CallGuard:
    """Runs calls to one vendor under its policy. Thread-safe; share one per vendor client."""

    def __init__(self, vendor: str, policy: CallPolicy) -> None:
        self.vendor, self.policy = vendor, policy
        self._slots = threading.BoundedSemaphore(policy.concurrency)

    def run(self, endpoint: str, attempt: Callable[[float], T]) -> T:
        """Run `attempt` until it answers, fails for good, or the deadline comes.

        `attempt` gets the seconds it may take and raises a `VendorError`; only `Transient` ones
        are tried again, after `Retry-After` where the vendor named one.
        Raises the last error, or without an attempt `SwitchedOff`, `CircuitOpen` or `QuotaEnded`.
        """
        self._refuse_switched_off(endpoint)
        queued_until = monotonic() + self.policy.queue_s
        breaker = self.policy.breaker
        # Before any wait: what a used-up day leaves over must not stand in the queue.
        self._refuse_without_quota(endpoint)
        with self._slot(endpoint, queued_until):
            self._take_token(endpoint, queued_until)
            with (
                bound_contextvars(vendor=self.vendor, endpoint=endpoint),
                breaker.guard() if breaker is not None else nullcontext(),
            ):
                return self._retried(endpoint, attempt)

    def _retried(self, endpoint: str, attempt: Callable[[float], T]) -> T:
        deadline = monotonic() + self.policy.deadline_s
        last_error: Transient | None = None
        number = 1

        def wait_before_next(error: Exception) -> bool | float:
            nonlocal last_error
            if not isinstance(error, Transient) or number >= self.policy.attempts:
                return False
            last_error = error
            wait_s = self._wait_s(error, number)
            return wait_s if wait_s < deadline - monotonic() else False

        for context in stamina.retry_context(
            on=wait_before_next, attempts=self.policy.attempts, timeout=None
        ):
            with context:
                number = context.num
                if last_error is not None:
                    # A retry is a request like any other: it pays its own token.
                    self._take_token(endpoint, deadline, otherwise=last_error)
                left_s = max(deadline - monotonic(), 0.001)
                return self._attempted(attempt, min(self.policy.timeout_s, left_s))
        raise AssertionError("stamina yields at least one attempt")

    def _attempted(self, attempt: Callable[[float], T], timeout_s: float) -> T:
        try:
            return attempt(timeout_s)
        except QuotaEnded as error:
            if self.policy.quota is None:
                raise
            self.policy.quota.exhaust()
            resets_at = self.policy.quota.status().resets_at
            raise QuotaEnded(error.vendor, error.endpoint, error.detail, resets_at) from None

    def _refuse_switched_off(self, endpoint: str) -> None:
        why = self.policy.switch() if self.policy.switch is not None else None
        if why is not None:
            raise SwitchedOff(self.vendor, endpoint, f"switched off: {why}")

    def _refuse_without_quota(self, endpoint: str) -> None:
        status = self.policy.quota.status() if self.policy.quota is not None else None
        if status is not None and status.left <= 0:
            raise self._quota_ended(endpoint, status)

    def _quota_ended(self, endpoint: str, status: QuotaStatus) -> QuotaEnded:
        told = f"all {status.limit} requests of the day are used, the next are there from "
        told += f"{status.resets_at:%Y-%m-%d %H:%M %Z} on"
        return QuotaEnded(self.vendor, endpoint, told, status.resets_at)

    def _wait_s(self, error: Transient, number: int) -> float:
        # Full jitter: anywhere between nothing and the exponential step, so that many clients
        # stopped by one outage do not come back in step.
        policy = self.policy
        if isinstance(error, Throttled) and error.retry_after_s is not None:
            return error.retry_after_s + _jitter(policy.first_wait_s)
        return _jitter(min(policy.longest_wait_s, policy.first_wait_s * 2 ** (number - 1)))

    @contextmanager
    def _slot(self, endpoint: str, until: float) -> Iterator[None]:
        if not self._slots.acquire(timeout=max(until - monotonic(), 0.0)):
            raise Unavailable(
                self.vendor,
                endpoint,
                f"all {self.policy.concurrency} connections stayed busy; nothing was asked",
            )
        try:
            yield
        finally:
            self._slots.release()

    def _take_token(self, endpoint: str, until: float, otherwise: Transient | None = None) -> None:
        """Wait for a slot of the rate, then count one request of the day in which it begins."""
        self._await_slot(endpoint, until, otherwise)
        if self.policy.quota is not None and not self.policy.quota.take():
            raise self._quota_ended(endpoint, self.policy.quota.status())

    def _await_slot(self, endpoint: str, until: float, otherwise: Transient | None) -> None:
        if self.policy.bucket is None:
            return
        is_late = False
        try:
            self.policy.bucket.acquire(max(until - monotonic(), 0.0))
        except TimeoutError:
            is_late = True
        if is_late:
            raise otherwise or Throttled(
                self.vendor, endpoint, "our own request rate left no slot in time"
            )


def _jitter(longest_s: float) -> float:
    return random.uniform(0.0, longest_s)  # noqa: S311 - spreads load, guards nothing
