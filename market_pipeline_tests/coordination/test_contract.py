"""What every `Coordination` does, proven on the local file and on a real Redis."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import pytest

from market_pipeline.coordination import LocalCoordination, RedisCoordination
from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    CircuitOpen,
    NotEntitled,
    Throttled,
    Unavailable,
    UnknownSymbol,
)
from market_pipeline.domain.ports import Breaker, BreakerRule, Coordination, Lease
from market_pipeline_tests.coordination.backends import (
    Backend,
    count_under_lease,
    fail_until_open,
    now,
    take_quota,
    take_slots,
)
from market_pipeline_tests.fakes import FakeClock
from market_pipeline_tests.new_processes import FROM_SERVER, new_process

DOWN = Unavailable("vendor", "/", "down")
NOT_FAILURES = (
    NotEntitled("vendor", "/", "plan"),
    UnknownSymbol("vendor", "/", "XXXX"),
    BadPayload("vendor", "/", "html"),
    Blocked("vendor", "/", "captcha"),
    ValueError("a bug"),
    KeyboardInterrupt(),
)


def call(breaker: Breaker, error: BaseException | None = None) -> str:
    """Make one guarded call that ends in `error`; say how it ended."""
    try:
        with breaker.guard():
            if error is not None:
                raise error
    except CircuitOpen:
        return "refused"
    except BaseException as raised:
        return "raised" if raised is error else f"another error: {raised!r}"
    return "ok"


def lease_of(coordination: Coordination, name: str, owner: str, ttl_s: float = 20) -> Lease:
    lease = coordination.acquire_lease(name, owner, ttl_s)
    assert lease is not None
    return lease


def run_processes(count: int, target: Callable[..., None], *args: Any) -> list[Any]:
    """Run `target(*args, barrier, queue)` in processes of their own; return what they put."""
    start, out = FROM_SERVER.Barrier(count), FROM_SERVER.Queue()
    children = [new_process(target, *args, start, out) for _ in range(count)]
    for child in children:
        child.start()
    answers = [out.get(timeout=90) for _ in children]
    for child in children:
        child.join(timeout=30)
        assert child.exitcode == 0
    return answers


class CoordinationContract:
    """Subclasses give `backend`."""

    @pytest.fixture
    def coordination(self, backend: Backend) -> Iterator[LocalCoordination | RedisCoordination]:
        coordination = backend.open()
        yield coordination
        coordination.close()

    # rates

    def test_slots_up_to_the_limit_come_at_once_and_the_next_after_the_window(
        self, coordination: Coordination
    ) -> None:
        """Three of three slots cost no wait; the fourth comes when the first is per_s old."""
        bucket = coordination.rate_bucket("vendor", limit=3, per_s=0.5)
        started = time.monotonic()
        for _ in range(3):
            bucket.acquire(0)
        burst_s = time.monotonic() - started
        bucket.acquire(2)
        fourth_s = time.monotonic() - started
        assert burst_s < 0.4
        assert 0.49 <= fourth_s < 1.5

    def test_no_slot_in_time_is_a_timeout_error_at_once(self, coordination: Coordination) -> None:
        """A slot that cannot come in time is refused without waiting, and takes no later slot."""
        bucket = coordination.rate_bucket("vendor", limit=1, per_s=30)
        bucket.acquire(0)
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(TimeoutError, match="vendor"):
                bucket.acquire(5)
        assert time.monotonic() - started < 2

    def test_buckets_of_one_name_share_and_of_two_names_do_not(
        self, backend: Backend, coordination: Coordination
    ) -> None:
        """A rate belongs to its name, however odd, not to the object."""
        name = "yahoo:sandbox'; DROP TABLE leases; --"
        coordination.rate_bucket(name, limit=1, per_s=30).acquire(0)
        other = backend.open()
        with pytest.raises(TimeoutError):
            other.rate_bucket(name, limit=1, per_s=30).acquire(0)
        other.rate_bucket(f"{name}2", limit=1, per_s=30).acquire(0)
        other.close()

    def test_the_queue_is_first_come_first_served(
        self, coordination: Coordination, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each who asks is told the slot after the last one's, and a newcomer cannot overtake."""
        waits: list[float] = []
        monkeypatch.setattr(time, "sleep", waits.append)
        bucket = coordination.rate_bucket("vendor", limit=1, per_s=60)
        for _ in range(4):
            bucket.acquire(300)
        with pytest.raises(TimeoutError):
            bucket.acquire(200)
        assert waits == [pytest.approx(60 * place, abs=15) for place in (1, 2, 3)]

    def test_threads_share_one_bucket_object(self, coordination: Coordination) -> None:
        """Eight threads on one bucket of five slots: five come through, three time out."""
        bucket = coordination.rate_bucket("vendor", limit=5, per_s=30)

        def acquire(_: int) -> bool:
            try:
                bucket.acquire(1)
            except TimeoutError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(acquire, range(8))) == 5

    def test_four_processes_keep_one_rate_and_none_starves(self, backend: Backend) -> None:
        """In any window never more than limit + 1, few slots go unused, nobody is left out.

        Each process asks for one slot at a time, so the queue owes it one in every window after
        the first.
        """
        limit, per_s, for_s = 10, 0.5, 2.4
        taken = run_processes(4, take_slots, backend, limit, per_s, for_s)
        instants = sorted(instant for slots in taken for instant in slots)
        # 10 ms: between the slot and the look at the clock a busy machine may do something else.
        window_s = per_s - 0.01
        worst = max(sum(1 for i in instants if a <= i < a + window_s) for a in instants)
        assert worst <= limit + 1
        assert len(instants) >= 0.7 * limit * for_s / per_s
        assert min(len(slots) for slots in taken) >= 3

    def test_a_slot_without_contention_is_cheap(self, coordination: Coordination) -> None:
        """The median uncontended acquire stays far below a request's own time."""
        bucket = coordination.rate_bucket("vendor", limit=10_000, per_s=60)
        bucket.acquire(0)
        costs = []
        for _ in range(100):
            started = time.perf_counter()
            bucket.acquire(0)
            costs.append(time.perf_counter() - started)
        assert statistics.median(costs) < 0.005

    @pytest.mark.parametrize(("limit", "per_s"), [(0, 1.0), (1, 0.0), (-1, 1.0)])
    def test_a_rate_that_is_none_is_refused(
        self, coordination: Coordination, limit: int, per_s: float
    ) -> None:
        """A limit or window that is not positive is a ValueError when the bucket is made."""
        with pytest.raises(ValueError, match="rate vendor"):
            coordination.rate_bucket("vendor", limit, per_s)

    # breakers

    def test_the_breaker_opens_after_failures_in_a_row(self, coordination: Coordination) -> None:
        """The failing calls raise the vendor's error; the call after the last is not made."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=3, reset_s=30))
        throttled = Throttled("vendor", "/", "slow down", retry_after_s=1)
        assert [call(breaker, e) for e in (DOWN, throttled, DOWN)] == ["raised"] * 3
        assert call(breaker) == "refused"
        status = breaker.status()
        assert (status.name, status.state, status.failure_count) == ("vendor", "open", 3)
        assert status.opened_at is not None
        assert timedelta(0) <= now() - status.opened_at < timedelta(seconds=5)

    def test_the_refusal_names_the_vendor(self, coordination: Coordination) -> None:
        """`CircuitOpen` carries the breaker's name as the vendor."""
        breaker = coordination.breaker("polygon", BreakerRule(minimum_calls=1, reset_s=30))
        call(breaker, DOWN)
        with pytest.raises(CircuitOpen, match="30 s") as refused, breaker.guard():
            pytest.fail("the call was made")
        assert refused.value.vendor == "polygon"

    def test_it_opens_when_half_of_the_last_calls_failed(self, coordination: Coordination) -> None:
        """Of a window of six, two failures of six do not open it, nor of five; three of six do."""
        rule = BreakerRule(failure_rate=0.5, window_calls=6, minimum_calls=4, reset_s=30)
        breaker = coordination.breaker("vendor", rule)
        for error in (None, None, None, None, None, None, DOWN, None, DOWN):
            call(breaker, error)
        status = breaker.status()
        assert (status.state, status.failure_count, status.call_count) == ("closed", 2, 6)
        assert status.failure_rate == pytest.approx(1 / 3)
        call(breaker, DOWN)
        assert (breaker.status().state, breaker.status().failure_rate) == ("open", 0.5)

    def test_a_few_calls_prove_nothing(self, coordination: Coordination) -> None:
        """Below the minimum number of calls even nothing but failures leaves it closed."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=4))
        assert [call(breaker, DOWN) for _ in range(3)] == ["raised"] * 3
        assert breaker.status().state == "closed"
        assert [call(breaker, DOWN), call(breaker)] == ["raised", "refused"]

    def test_old_failures_leave_the_window(self, coordination: Coordination) -> None:
        """Failures that many good calls followed count no more."""
        rule = BreakerRule(window_calls=4, minimum_calls=4)
        breaker = coordination.breaker("vendor", rule)
        for error in (DOWN, None, None, None, None, DOWN):
            call(breaker, error)
        assert (breaker.status().state, breaker.status().failure_count) == ("closed", 1)

    def test_good_calls_of_a_healthy_vendor_write_nothing(self, coordination: Coordination) -> None:
        """The window is full of them: one more would change nothing, and costs no write."""
        breaker = coordination.breaker("vendor", BreakerRule(window_calls=8))
        for _ in range(30):
            assert call(breaker) == "ok"
        assert (breaker.status().call_count, breaker.status().failure_rate) == (8, 0.0)

    @pytest.mark.parametrize("error", NOT_FAILURES, ids=lambda e: type(e).__name__)
    def test_other_errors_do_not_trip(
        self, coordination: Coordination, error: BaseException
    ) -> None:
        """Ten errors that are not `Transient` pass through a breaker of one unchanged."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=1, reset_s=30))
        assert [call(breaker, error) for _ in range(10)] == ["raised"] * 10
        assert breaker.status().state == "closed"

    @pytest.mark.parametrize(
        ("between", "state"),
        [
            (BadPayload("vendor", "/", "html"), "open"),
            (UnknownSymbol("vendor", "/", "X"), "closed"),
        ],
        ids=["says nothing", "answers"],
    )
    def test_only_an_answer_counts_as_a_good_call(
        self, coordination: Coordination, between: Exception, state: str
    ) -> None:
        """HTML between two outages is no outcome; a clean 404 shows that the vendor is up."""
        rule = BreakerRule(failure_rate=0.75, minimum_calls=2, reset_s=30)
        breaker = coordination.breaker("vendor", rule)
        for error in (DOWN, between, DOWN):
            call(breaker, error)
        assert breaker.status().state == state

    def test_after_reset_one_success_closes(self, coordination: Coordination) -> None:
        """The trial call is made after reset_s, and its success clears the count."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=3, reset_s=0.3))
        for _ in range(3):
            call(breaker, DOWN)
        assert call(breaker) == "refused"
        time.sleep(0.32)
        assert [call(breaker), call(breaker, DOWN)] == ["ok", "raised"]
        assert breaker.status().state == "closed"
        assert breaker.status().failure_count == 1

    def test_a_failed_trial_opens_again(self, coordination: Coordination) -> None:
        """One failure in the trial is enough, and reset_s starts anew."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=3, reset_s=0.3))
        for _ in range(3):
            call(breaker, DOWN)
        time.sleep(0.32)
        assert [call(breaker, DOWN), call(breaker)] == ["raised", "refused"]
        time.sleep(0.32)
        assert call(breaker) == "ok"

    def test_a_trial_without_outcome_leaves_the_next_a_trial(
        self, coordination: Coordination
    ) -> None:
        """A trial that ended in a bug neither closes the circuit nor blocks the next trial."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=1, reset_s=0.3))
        call(breaker, DOWN)
        time.sleep(0.32)
        assert call(breaker, ValueError("a bug")) == "raised"
        assert breaker.status().state == "half_open"
        assert call(breaker, DOWN) == "raised"
        assert call(breaker) == "refused"

    def test_only_one_trial_runs_at_a_time(self, coordination: Coordination) -> None:
        """While a trial call is under way every other caller is refused."""
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=1, reset_s=0.5))
        call(breaker, DOWN)
        time.sleep(0.52)
        running, finish = threading.Event(), threading.Event()

        def trial() -> None:
            with breaker.guard():
                running.set()
                finish.wait(5)

        thread = threading.Thread(target=trial)
        thread.start()
        assert running.wait(5)
        during = call(coordination.breaker("vendor", BreakerRule(minimum_calls=1, reset_s=0.5)))
        finish.set()
        thread.join(5)
        assert [during, call(breaker)] == ["refused", "ok"]

    def test_calls_of_threads_run_side_by_side(self, coordination: Coordination) -> None:
        """The breaker does not hold a lock while a call runs."""
        breaker, both = coordination.breaker("vendor", BreakerRule()), threading.Barrier(2)

        def meet(_: int) -> None:
            with breaker.guard():
                both.wait(timeout=5)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(meet, range(2)))

    def test_a_breaker_opened_by_one_process_refuses_in_another(self, backend: Backend) -> None:
        """What another process saw fail is not asked here, and the trial here closes it there."""
        coordination = backend.open()
        breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=3, reset_s=0.3))
        assert call(breaker) == "ok"
        out: Any = FROM_SERVER.Queue()
        child = new_process(fail_until_open, backend, 3, 30.0, out)
        child.start()
        assert out.get(timeout=60) == "circuit_open"
        child.join(30)
        patient = coordination.breaker("vendor", BreakerRule(minimum_calls=3, reset_s=600))
        assert call(patient) == "refused"
        time.sleep(0.32)
        assert call(breaker) == "ok"
        assert call(patient) == "ok"
        coordination.close()

    def test_a_breaker_of_zero_failures_is_refused(self, coordination: Coordination) -> None:
        """A breaker that could never close is a ValueError when it is made."""
        with pytest.raises(ValueError, match="minimum_calls"):
            coordination.breaker("vendor", BreakerRule(minimum_calls=0, reset_s=1))

    # quotas

    def test_a_quota_is_counted_until_it_is_used_up(self, coordination: Coordination) -> None:
        """What was refused is not counted, and what is left is told with the next midnight."""
        quota = coordination.quota("vendor", 3)
        assert [quota.take() for _ in range(5)] == [True, True, True, False, False]
        status = quota.status()
        assert (status.name, status.limit, status.used, status.left) == ("vendor", 3, 3, 0)
        assert timedelta(0) < status.resets_at - now() <= timedelta(days=1)
        assert status.resets_at.time() == time_of_day(0, 0)
        assert coordination.quota("other", 3).status().left == 3

    def test_a_vendor_that_says_enough_ends_the_day(self, coordination: Coordination) -> None:
        """Its word counts more than our number: somebody else may use the key."""
        quota = coordination.quota("vendor", 500)
        assert quota.take()
        quota.exhaust()
        assert not quota.take()
        assert quota.status().used == 500

    def test_a_quota_day_ends_at_midnight_of_its_zone(self, backend: Backend) -> None:
        """New York's midnight is not UTC's; the next day is counted anew."""
        at = FakeClock(datetime(2026, 7, 2, 3, 59, tzinfo=UTC))
        coordination = backend.open(at)
        quota = coordination.quota("vendor", 1, "America/New_York")
        assert (quota.take(), quota.take()) == (True, False)
        assert quota.status().resets_at == datetime(2026, 7, 2, 4, tzinfo=UTC)
        at.now += timedelta(minutes=1)
        assert (quota.status().left, quota.take(), quota.take()) == (1, True, False)
        coordination.close()

    def test_processes_and_threads_share_one_quota(self, backend: Backend) -> None:
        """Four processes that all want forty get a hundred of a hundred, not one more."""
        out: Any = FROM_SERVER.Queue()
        children = [new_process(take_quota, backend, 100, 40, out) for _ in range(4)]
        for child in children:
            child.start()
        assert sum(out.get(timeout=60) for _ in children) == 100
        for child in children:
            child.join(30)
        coordination = backend.open()  # a restart
        assert coordination.quota("vendor", 100).status().left == 0
        coordination.close()

    def test_a_quota_of_nothing_is_refused(self, coordination: Coordination) -> None:
        """A vendor that may never be asked is left out, not given a quota of 0."""
        with pytest.raises(ValueError, match="quota vendor"):
            coordination.quota("vendor", 0)

    # leases

    def test_a_held_lease_is_not_given_to_another(self, coordination: Coordination) -> None:
        """While `a` holds the lock `b` gets None; another name is free."""
        lease_of(coordination, "job", "a")
        assert coordination.acquire_lease("job", "b", 20) is None
        lease_of(coordination, "other job", "b")

    def test_tokens_grow_over_release_expiry_and_retake(self, coordination: Coordination) -> None:
        """Whatever ends a lease, the next one's token is greater."""
        first = lease_of(coordination, "job", "a")
        coordination.release_lease(first)
        second = lease_of(coordination, "job", "b", ttl_s=0.1)
        time.sleep(0.15)
        third = lease_of(coordination, "job", "c")
        fourth = lease_of(coordination, "job", "c")
        assert first.token < second.token < third.token < fourth.token

    def test_an_expired_holder_can_neither_renew_nor_release(
        self, coordination: Coordination
    ) -> None:
        """A holder that slept over its time loses the lock and does not disturb the next."""
        late = lease_of(coordination, "job", "a", ttl_s=0.1)
        time.sleep(0.15)
        assert coordination.renew_lease(late, 20) is None
        held = lease_of(coordination, "job", "b")
        coordination.release_lease(late)
        assert coordination.renew_lease(late, 20) is None
        assert coordination.acquire_lease("job", "c", 20) is None
        assert coordination.renew_lease(held, 20) is not None

    def test_renewal_extends_and_keeps_the_token(self, coordination: Coordination) -> None:
        """A renewed lease outlives its first time to live."""
        lease = lease_of(coordination, "job", "a", ttl_s=0.3)
        renewed = coordination.renew_lease(lease, 20)
        time.sleep(0.35)
        assert renewed is not None
        assert renewed.token == lease.token
        assert renewed.expires_at > lease.expires_at
        assert coordination.acquire_lease("job", "b", 20) is None

    def test_a_released_lease_cannot_be_renewed(self, coordination: Coordination) -> None:
        """Release is final, for the holder too."""
        lease = lease_of(coordination, "job", "a")
        coordination.release_lease(lease)
        assert coordination.renew_lease(lease, 20) is None

    def test_an_owner_that_takes_again_loses_its_older_lease(
        self, coordination: Coordination
    ) -> None:
        """Of two leases of one owner only the newer can be renewed or released."""
        older, newer = lease_of(coordination, "job", "a"), lease_of(coordination, "job", "a")
        coordination.release_lease(older)
        assert coordination.renew_lease(older, 20) is None
        assert coordination.renew_lease(newer, 20) is not None

    def test_a_lease_from_a_place_that_forgot_is_taken_over_once(
        self, coordination: Coordination
    ) -> None:
        """A live lease of unknown token is adopted on renewal; not when someone took the lock."""
        seen = lease_of(coordination, "job", "a")
        coordination.release_lease(seen)
        foreign = replace(seen, owner="x", token=seen.token + 1000)
        assert coordination.renew_lease(foreign, 20) is not None
        assert coordination.acquire_lease("job", "b", 20) is None
        coordination.release_lease(foreign)
        taken = lease_of(coordination, "job", "b")
        assert taken.token > foreign.token
        assert coordination.renew_lease(foreign, 20) is None
        greater = replace(foreign, token=taken.token + 1000)
        assert coordination.renew_lease(greater, 20) is None, "a live holder keeps its lock"

    def test_processes_exclude_each_other_and_tokens_are_never_reused(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        """Three processes add under the lock and lose no addition; all tokens differ and grow."""
        counter = tmp_path / "counter"
        counter.write_text("0")
        tokens = run_processes(3, count_under_lease, backend, str(counter), 20)
        assert counter.read_text() == "60"
        assert len({token for held in tokens for token in held}) == 60
        assert all(held == sorted(held) for held in tokens)

    # values

    def test_a_value_is_kept_replaced_and_expires(
        self, backend: Backend, coordination: Coordination
    ) -> None:
        """Another opener sees the newest value until its time is over."""
        other = backend.open()
        assert other.get("key") is None
        coordination.put("key", "1")
        coordination.put("key", "züri €", ttl_s=0.2)
        assert other.get("key") == "züri €"
        time.sleep(0.25)
        assert other.get("key") is None
        other.close()

    def test_a_value_without_ttl_replaces_one_with(self, coordination: Coordination) -> None:
        """A put without a time to live also removes the older value's."""
        coordination.put("key", "short", ttl_s=0.1)
        coordination.put("key", "long")
        time.sleep(0.15)
        assert coordination.get("key") == "long"

    def test_deleted_values_are_gone_and_counted_once(
        self, backend: Backend, coordination: Coordination
    ) -> None:
        """Absent, expired and repeated keys are no error and do not count."""
        for key in ("a", "b", "c"):
            coordination.put(key, key)
        coordination.put("old", "x", ttl_s=0.05)
        time.sleep(0.1)
        other = backend.open()
        assert other.delete(["a", "b", "a", "old", "never"]) == 2
        assert [coordination.get(key) for key in ("a", "b", "c")] == [None, None, "c"]
        assert other.delete([]) == 0
        other.close()

    def test_a_number_counts_up_from_nothing_and_reads_as_text(
        self, coordination: Coordination
    ) -> None:
        """Steps of any size and sign; numbers beyond 53 bits stay exact; delete begins anew."""
        assert [coordination.increment("n"), coordination.increment("n", 41)] == [1, 42]
        assert coordination.get("n") == "42"
        assert coordination.increment("n", -43) == -1
        assert coordination.increment("big", 2**60 + 1) == 2**60 + 1
        assert coordination.increment("big") == 2**60 + 2
        coordination.put("n", "7")
        assert coordination.increment("n") == 8
        coordination.delete(["n"])
        assert coordination.increment("n") == 1

    def test_the_time_of_a_number_begins_with_its_first_step(
        self, coordination: Coordination
    ) -> None:
        """Later steps do not extend it, and a number that never expired is given no end."""
        coordination.increment("window", ttl_s=0.3)
        coordination.increment("for ever")
        coordination.increment("for ever", ttl_s=0.05)
        time.sleep(0.2)
        assert coordination.increment("window", ttl_s=30) == 2
        time.sleep(0.15)
        assert coordination.get("window") is None
        assert coordination.increment("window", ttl_s=30) == 1
        assert coordination.get("for ever") == "2"

    @pytest.mark.parametrize("value", ["text", "", "1.5", "1_000", " 1"])
    def test_what_is_no_whole_number_is_not_counted(
        self, coordination: Coordination, value: str
    ) -> None:
        """A ValueError, and the value stays."""
        coordination.put("key", value)
        with pytest.raises(ValueError, match="no whole number"):
            coordination.increment("key")
        assert coordination.get("key") == value

    def test_threads_lose_no_step(self, backend: Backend) -> None:
        """Eight connections of their own, 25 steps each: 200, and no sum is given twice."""

        def count(_: int) -> list[int]:
            own = backend.open()
            sums = [own.increment("n") for _ in range(25)]
            own.close()
            return sums

        with ThreadPoolExecutor(8) as pool:
            sums = [number for part in pool.map(count, range(8)) for number in part]
        assert sorted(sums) == list(range(1, 201))


class TestLocalCoordination(CoordinationContract):
    """The contract on an SQLite file."""

    @pytest.fixture
    def backend(self, local_backend: Backend) -> Backend:
        return local_backend

    def test_it_says_what_it_is(self, coordination: Coordination) -> None:
        """`kind` is local."""
        assert coordination.kind == "local"

    def test_expired_values_are_purged_and_counted(self, coordination: Coordination) -> None:
        """Only what expired goes; a second purge finds nothing."""
        coordination.put("stays", "x")
        coordination.put("waits", "x", ttl_s=30)
        for key in ("a", "b"):
            coordination.increment(key, ttl_s=0.05)
        time.sleep(0.1)
        assert [coordination.purge_expired(), coordination.purge_expired()] == [2, 0]
        assert [coordination.get("stays"), coordination.get("waits")] == ["x", "x"]


class TestRedisCoordination(CoordinationContract):
    """The contract on a real Redis."""

    @pytest.fixture
    def backend(self, redis_backend: Backend) -> Backend:
        return redis_backend

    def test_it_says_what_it_is(self, coordination: Coordination) -> None:
        """`kind` is redis."""
        assert coordination.kind == "redis"

    def test_purging_is_left_to_redis(self, coordination: Coordination) -> None:
        """Nothing to do and nothing done, expired or not."""
        coordination.put("key", "x", ttl_s=0.05)
        time.sleep(0.1)
        coordination.put("stays", "x")
        assert coordination.purge_expired() == 0
        assert coordination.get("stays") == "x"
