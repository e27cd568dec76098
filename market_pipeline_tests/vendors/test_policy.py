"""The call policy: what is tried again, what is not, and what everything waits for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from market_pipeline.domain.errors import (
    CircuitOpen,
    NotEntitled,
    QuotaEnded,
    Throttled,
    Transient,
    Unavailable,
    VendorError,
)
from market_pipeline.domain.ports import BreakerStatus, QuotaStatus
from market_pipeline.vendors.policy import CallGuard, CallPolicy, EveryBucket


class CountingBucket:
    """A rate bucket with a number of tokens and no refill."""

    def __init__(self, tokens: int) -> None:
        self.tokens, self.taken = tokens, 0

    def acquire(self, timeout_s: float) -> None:
        if self.taken == self.tokens:
            raise TimeoutError
        self.taken += 1


class RecordingBreaker:
    """A breaker that counts the calls that failed, and may be open."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.is_open, self.failures, self.calls = is_open, 0, 0

    @contextmanager
    def guard(self) -> Iterator[None]:
        if self.is_open:
            raise CircuitOpen("v", "e", "open")
        self.calls += 1
        try:
            yield
        except Transient:
            self.failures += 1
            raise

    def status(self) -> BreakerStatus:
        opened: datetime | None = None
        return BreakerStatus("v", "open" if self.is_open else "closed", self.failures, opened)


def failing(*errors: VendorError) -> tuple[Callable[[float], str], list[float]]:
    """An attempt that raises each error in turn and then answers; and the budgets it was given."""
    left, budgets = list(errors), list[float]()

    def attempt(timeout_s: float) -> str:
        budgets.append(timeout_s)
        if left:
            raise left.pop(0)
        return "answer"

    return attempt, budgets


FAST = CallPolicy(first_wait_s=0.001, longest_wait_s=0.002, attempts=3)


def test_a_transient_error_is_tried_again() -> None:
    """Two outages and an answer make an answer in three attempts."""
    attempt, budgets = failing(Unavailable("v", "e", "1"), Throttled("v", "e", "2"))
    assert CallGuard("v", FAST).run("e", attempt) == "answer"
    assert len(budgets) == 3


def test_the_last_error_comes_out_when_attempts_run_out() -> None:
    """No more attempts than the policy says, and the error of the last one."""
    attempt, budgets = failing(*(Unavailable("v", "e", str(number)) for number in range(9)))
    with pytest.raises(Unavailable, match="2"):
        CallGuard("v", FAST).run("e", attempt)
    assert len(budgets) == 3


def test_a_refusal_is_not_tried_again() -> None:
    """401 and 403 do not pass by waiting."""
    attempt, budgets = failing(NotEntitled("v", "e", "no plan"))
    with pytest.raises(NotEntitled):
        CallGuard("v", FAST).run("e", attempt)
    assert len(budgets) == 1


def test_retry_after_is_waited_for() -> None:
    """The vendor's own word on when to come back is kept."""
    attempt, _ = failing(Throttled("v", "e", "busy", retry_after_s=0.2))
    started = time.monotonic()
    CallGuard("v", FAST).run("e", attempt)
    assert 0.2 <= time.monotonic() - started < 2


def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    """An hour's wait is somebody else's decision: the error says how long."""
    attempt, budgets = failing(Throttled("v", "e", "busy", retry_after_s=3600.0))
    started = time.monotonic()
    with pytest.raises(Throttled) as caught:
        CallGuard("v", FAST).run("e", attempt)
    assert (caught.value.retry_after_s, len(budgets)) == (3600.0, 1)
    assert time.monotonic() - started < 1


def test_the_usual_waits_are_up_to_two_four_and_eight_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three retries; the jitter is over the whole of each step."""
    steps: list[float] = []

    def no_wait(longest_s: float) -> float:
        steps.append(longest_s)
        return 0.0

    monkeypatch.setattr("market_pipeline.vendors.policy._jitter", no_wait)
    attempt, budgets = failing(*(Unavailable("v", "e", str(number)) for number in range(9)))
    with pytest.raises(Unavailable):
        CallGuard("v", CallPolicy()).run("e", attempt)
    assert (steps, len(budgets)) == ([2.0, 4.0, 8.0], 4)


def test_an_attempt_never_gets_more_than_is_left_of_the_deadline() -> None:
    """The time-out of one attempt shrinks with the total."""
    attempt, budgets = failing()
    CallGuard("v", CallPolicy(timeout_s=20, deadline_s=3)).run("e", attempt)
    assert budgets[0] <= 3


def test_every_attempt_pays_a_token() -> None:
    """Retries are requests, and the vendor counts them too."""
    bucket = CountingBucket(10)
    policy = CallPolicy(first_wait_s=0.001, attempts=3, bucket=bucket)
    attempt, _ = failing(Unavailable("v", "e", "1"))
    CallGuard("v", policy).run("e", attempt)
    assert bucket.taken == 2


def test_no_token_before_the_first_attempt_is_our_own_throttling() -> None:
    """Nothing is asked, and the message says whose limit it was."""
    attempt, budgets = failing()
    with pytest.raises(Throttled, match="our own request rate"):
        CallGuard("v", CallPolicy(bucket=CountingBucket(0))).run("e", attempt)
    assert budgets == []


def test_no_token_for_a_retry_gives_the_vendors_error() -> None:
    """The reason for the failure is the outage, not our bookkeeping."""
    attempt, _ = failing(*(Unavailable("v", "e", "outage") for _ in range(3)))
    policy = CallPolicy(first_wait_s=0.001, attempts=3, bucket=CountingBucket(1))
    with pytest.raises(Unavailable, match="outage"):
        CallGuard("v", policy).run("e", attempt)


def test_an_open_breaker_asks_nothing() -> None:
    """The vendor is left alone."""
    attempt, budgets = failing()
    with pytest.raises(CircuitOpen):
        CallGuard("v", CallPolicy(breaker=RecordingBreaker(is_open=True))).run("e", attempt)
    assert budgets == []


def test_the_breaker_sees_one_call_however_often_it_was_tried() -> None:
    """Three attempts of one call are one failure; a refusal is none."""
    breaker = RecordingBreaker()
    policy = CallPolicy(first_wait_s=0.001, attempts=3, breaker=breaker)
    attempt, _ = failing(*(Unavailable("v", "e", "outage") for _ in range(3)))
    with pytest.raises(Unavailable):
        CallGuard("v", policy).run("e", attempt)
    refused, _ = failing(NotEntitled("v", "e", "no plan"))
    with pytest.raises(NotEntitled):
        CallGuard("v", policy).run("e", refused)
    assert (breaker.calls, breaker.failures) == (2, 1)


def test_the_bulkhead_bounds_what_is_in_flight() -> None:
    """Eight threads, two slots: never three at once."""
    guard = CallGuard("v", CallPolicy(concurrency=2))
    inside, most, lock = 0, 0, threading.Lock()

    def attempt(_timeout_s: float) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1

    threads = [threading.Thread(target=guard.run, args=("e", attempt)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_full_bulkhead_fails_in_time() -> None:
    """Waiting for a slot ends too, as an error that says nothing was asked."""
    guard = CallGuard("v", CallPolicy(concurrency=1, queue_s=0.05))
    entered, release = threading.Event(), threading.Event()

    def hold(_timeout_s: float) -> None:
        entered.set()
        release.wait(5)

    thread = threading.Thread(target=guard.run, args=("e", hold))
    thread.start()
    entered.wait(5)
    try:
        with pytest.raises(Unavailable, match="nothing was asked"):
            guard.run("e", lambda _timeout_s: None)
    finally:
        release.set()
        thread.join()


# -- the quota of a day --------------------------------------------------------------------


class CountingQuota:
    """A quota of `limit` requests, and what was asked of it."""

    resets_at = datetime(2026, 11, 28, tzinfo=UTC)

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0

    def take(self) -> bool:
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def exhaust(self) -> None:
        self.used = self.limit

    def status(self) -> QuotaStatus:
        return QuotaStatus("v", self.limit, self.used, self.resets_at)


def test_a_used_up_day_refuses_before_it_queues() -> None:
    """The error says when the next one begins; no slot of the rate is spent on it."""
    bucket = CountingBucket(10)
    guard = CallGuard("v", CallPolicy(bucket=bucket, quota=CountingQuota(2)))
    attempt, budgets = failing()
    for _ in range(2):
        guard.run("e", attempt)
    with pytest.raises(QuotaEnded, match="2026-11-28 00:00 UTC") as caught:
        guard.run("e", attempt)
    assert caught.value.resets_at == CountingQuota.resets_at
    assert (bucket.taken, len(budgets)) == (2, 2)


def test_every_retry_pays_the_quota_too() -> None:
    """A retry is a request like any other; where it cannot be paid, the day has ended."""
    quota = CountingQuota(2)
    guard = CallGuard("v", replace(FAST, quota=quota, attempts=5))
    attempt, budgets = failing(*[Unavailable("v", "e", "down")] * 9)
    with pytest.raises(QuotaEnded):
        guard.run("e", attempt)
    assert (quota.used, len(budgets)) == (2, 2)


def test_the_vendors_word_ends_the_day_for_everybody() -> None:
    """Refused by the vendor: no retry, no failure of the breaker, and nobody asks again."""
    quota, breaker = CountingQuota(500), RecordingBreaker()
    guard = CallGuard("v", replace(FAST, quota=quota, breaker=breaker))
    attempt, budgets = failing(QuotaEnded("v", "e", "25 requests per day"))
    with pytest.raises(QuotaEnded, match="25 requests") as caught:
        guard.run("e", attempt)
    assert caught.value.resets_at == CountingQuota.resets_at
    assert (len(budgets), breaker.failures, quota.used) == (1, 0, 500)
    with pytest.raises(QuotaEnded):
        guard.run("e", attempt)
    assert len(budgets) == 1


def test_several_rates_are_all_kept() -> None:
    """A slot of each is taken, in the order given; one without a slot refuses."""
    minute, second = CountingBucket(3), CountingBucket(2)
    bucket = EveryBucket(minute, second)
    bucket.acquire(1)
    bucket.acquire(1)
    with pytest.raises(TimeoutError):
        bucket.acquire(1)
    assert (minute.taken, second.taken) == (3, 2)
