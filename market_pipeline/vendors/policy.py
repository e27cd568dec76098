"""How a vendor is called, whatever the HTTP library: one policy, one guard that keeps it.

The order is bulkhead, rate bucket, breaker, retry with full jitter, time-out. Buckets and
breakers are injected, for their state must hold across processes.
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

from market_pipeline.domain.errors import Throttled, Transient, Unavailable
from market_pipeline.domain.ports import Breaker, RateBucket

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Limits of the calls to one vendor; all times in seconds.

    `timeout_s` bounds one attempt whole (connection, headers and body), `deadline_s` all attempts
    with the waits between them, `queue_s` the wait for a free slot and a token before the first.
    """

    timeout_s: float = 20.0
    deadline_s: float = 120.0
    queue_s: float = 600.0
    attempts: int = 4
    concurrency: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    bucket: RateBucket | None = None
    breaker: Breaker | None = None


class CallGuard:
    """Runs calls to one vendor under its policy. Thread-safe; share one per vendor client."""

    def __init__(self, vendor: str, policy: CallPolicy) -> None:
        self.vendor, self.policy = vendor, policy
        self._slots = threading.BoundedSemaphore(policy.concurrency)

    def run(self, endpoint: str, attempt: Callable[[float], T]) -> T:
        """Run `attempt` until it answers, fails for good, or the deadline comes.

        `attempt` gets the seconds it may take and raises a `VendorError`; only `Transient` ones
        are tried again, after `Retry-After` where the vendor named one.
        Raises the last error, or `CircuitOpen` without an attempt.
        """
        queued_until = monotonic() + self.policy.queue_s
        breaker = self.policy.breaker
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
                return attempt(min(self.policy.timeout_s, left_s))
        raise AssertionError("stamina yields at least one attempt")

    def _wait_s(self, error: Transient, number: int) -> float:
        # Full jitter: anywhere between nothing and the exponential step, so that many clients
        # stopped by one outage do not come back in step.
        policy = self.policy
        if isinstance(error, Throttled) and error.retry_after_s is not None:
            return error.retry_after_s + _jitter(policy.first_wait_s)
        return _jitter(min(policy.longest_wait_s, policy.first_wait_s * 2**number))

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
