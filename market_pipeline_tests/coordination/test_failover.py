"""Work goes on while Redis is down, says so once, and returns; no password is ever shown."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
import structlog

from market_pipeline.coordination import (
    FailoverCoordination,
    LocalCoordination,
    RedisCoordination,
    open_coordination,
)
from market_pipeline.domain.errors import CircuitOpen, ConfigurationError, Unavailable
from market_pipeline.domain.ports import BreakerRule
from market_pipeline_tests.coordination.backends import now
from market_pipeline_tests.coordination.conftest import PrivateRedis

T = TypeVar("T")
RETRY_AFTER_S = 0.5


@pytest.fixture
def coordination(private_redis: PrivateRedis, tmp_path: Path) -> Iterator[FailoverCoordination]:
    coordination = FailoverCoordination(
        RedisCoordination(private_redis.url, now),
        LocalCoordination(tmp_path / "local.sqlite3", now),
        now,
        RETRY_AFTER_S,
    )
    yield coordination
    coordination.close()


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as events:
        yield events


def names(events: list[Any]) -> list[str]:
    return [event["event"] for event in events if event["event"].startswith("coordination_")]


def within_a_second(call: Callable[[], T]) -> T:
    started = time.monotonic()
    answer = call()
    assert time.monotonic() - started < 1
    return answer


def test_every_call_goes_on_while_redis_is_down_and_returns_with_it(
    coordination: FailoverCoordination, private_redis: PrivateRedis, events: list[Any]
) -> None:
    """Objects handed out before follow both ways; one warning down, one line up."""
    bucket = coordination.rate_bucket("vendor", limit=100, per_s=60)
    breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=3, reset_s=30))

    def use_everything() -> None:
        within_a_second(lambda: bucket.acquire(0.5))
        within_a_second(lambda: coordination.put("key", "value"))
        assert within_a_second(lambda: coordination.get("key")) == "value"
        assert within_a_second(lambda: coordination.increment("number", ttl_s=30)) >= 1
        assert within_a_second(lambda: coordination.delete(["key", "number"])) == 2
        assert within_a_second(coordination.purge_expired) == 0
        lease = within_a_second(lambda: coordination.acquire_lease("job", "a", 5))
        assert lease is not None
        renewed = within_a_second(lambda: coordination.renew_lease(lease, 5))
        assert renewed is not None
        within_a_second(lambda: coordination.release_lease(renewed))
        with breaker.guard():
            pass
        assert within_a_second(breaker.status).state == "closed"

    use_everything()
    assert (coordination.kind, names(events)) == ("redis", [])

    private_redis.stop()
    use_everything()
    use_everything()
    assert (coordination.kind, names(events)) == ("local", ["coordination_degraded"])
    time.sleep(RETRY_AFTER_S)
    use_everything()  # tries Redis again in vain: no second warning
    assert (coordination.kind, names(events)) == ("local", ["coordination_degraded"])

    private_redis.start()
    time.sleep(RETRY_AFTER_S)
    use_everything()
    assert (coordination.kind, names(events)) == (
        "redis",
        ["coordination_degraded", "coordination_restored"],
    )
    assert [event["log_level"] for event in events] == ["warning", "info"]


def test_a_redis_that_does_not_answer_costs_less_than_a_second(tmp_path: Path) -> None:
    """A server that accepts and stays silent is given up by many threads at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        coordination = open_coordination(
            f"redis://127.0.0.1:{silent.getsockname()[1]}/0", tmp_path, now
        )
        bucket = coordination.rate_bucket("vendor", 100, 60)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: within_a_second(lambda: bucket.acquire(1)), range(6)))
        assert coordination.kind == "local"
        started = time.monotonic()
        for _ in range(10):
            coordination.get("key")
        assert time.monotonic() - started < 0.4, "while degraded nobody waits for Redis"


def test_while_one_caller_tries_redis_again_the_others_do_not_wait(tmp_path: Path) -> None:
    """Of six threads that ask when the retry is due, one waits for the silent server."""
    together = threading.Barrier(6)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        following = FailoverCoordination(
            RedisCoordination(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", now),
            LocalCoordination(tmp_path / "local.sqlite3", now),
            now,
            retry_after_s=1,
        )
        following.get("key")
        time.sleep(1)

        def get(_: int) -> float:
            together.wait(5)
            started = time.monotonic()
            following.get("key")
            return time.monotonic() - started

        with ThreadPoolExecutor(6) as pool:
            waits = list(pool.map(get, range(6)))
    following.close()
    assert sum(wait > 0.3 for wait in waits) == 1


def test_a_call_to_a_vendor_survives_redis_going_down_under_it(
    coordination: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """The body runs once, its result stands, and its failure is counted locally."""
    breaker = coordination.breaker("vendor", BreakerRule(minimum_calls=1, reset_s=30))
    runs = []
    with breaker.guard():
        runs.append(1)
        private_redis.stop()
    assert runs == [1]
    with pytest.raises(Unavailable), breaker.guard():
        raise Unavailable("vendor", "/", "down")
    with pytest.raises(CircuitOpen), breaker.guard():
        runs.append(2)
    assert runs == [1]


def test_a_lease_held_in_redis_is_renewed_locally_with_its_token(
    coordination: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """A holder does not lose its lock to an outage, there and back through an empty Redis."""
    lease = coordination.acquire_lease("job", "a", 30)
    assert lease is not None
    private_redis.stop()
    renewed = coordination.renew_lease(lease, 30)
    assert renewed is not None
    assert renewed.token == lease.token
    assert coordination.acquire_lease("job", "b", 30) is None

    private_redis.start()
    time.sleep(RETRY_AFTER_S)
    back = coordination.renew_lease(renewed, 30)
    assert coordination.kind == "redis"
    assert back is not None
    assert back.token == lease.token
    assert coordination.acquire_lease("job", "b", 30) is None


def test_tokens_grow_across_the_outage(
    coordination: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """Redis, then the file, then a Redis that forgot everything: each token is greater."""

    def token() -> int:
        time.sleep(RETRY_AFTER_S)
        lease = coordination.acquire_lease("job", "a", 30)
        assert lease is not None
        return lease.token

    tokens = [token()]
    private_redis.stop()
    tokens.append(token())
    private_redis.start()
    tokens.append(token())
    assert coordination.kind == "redis"
    assert tokens == sorted(set(tokens))


def test_a_restarted_redis_is_no_outage_for_pooled_connections(
    private_redis: PrivateRedis,
) -> None:
    """A connection the old server closed is replaced in the same call; scripts are sent again."""
    coordination = RedisCoordination(private_redis.url, now)
    bucket = coordination.rate_bucket("vendor", 5, 30)
    bucket.acquire(0)
    private_redis.stop()
    private_redis.start()
    bucket.acquire(0)
    assert coordination.acquire_lease("job", "a", 5) is not None
    coordination.close()


def test_what_was_deleted_is_not_met_again_in_the_next_outage(
    coordination: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """A value kept locally in one outage, deleted in Redis after it, is gone in the second."""
    private_redis.stop()
    coordination.put("key", "of the first outage")
    private_redis.start()
    time.sleep(RETRY_AFTER_S)
    assert coordination.delete(["key"]) == 0, "Redis never had it"
    assert coordination.kind == "redis"
    private_redis.stop()
    assert coordination.get("key") is None


def test_many_threads_meeting_the_outage_warn_once(
    coordination: FailoverCoordination, private_redis: PrivateRedis, events: list[Any]
) -> None:
    """Eight threads find Redis down at the same moment: one warning."""
    private_redis.stop()
    together = threading.Barrier(8)

    def get(_: int) -> None:
        together.wait(5)
        coordination.get("key")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(get, range(8)))
    assert names(events) == ["coordination_degraded"]


def test_an_error_of_ours_is_not_taken_for_an_outage(
    coordination: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """A key of the wrong type is a bug to be seen, not a reason to degrade."""
    with redis.Redis.from_url(private_redis.url) as client:
        client.rpush("market_pipeline:entry:key", "not a string")
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        coordination.get("key")
    assert coordination.kind == "redis"


def test_without_a_url_the_local_file_serves_alone(tmp_path: Path) -> None:
    """No URL, or an empty one: local, in a folder made at the first use."""
    for url in (None, ""):
        coordination = open_coordination(url, tmp_path / "state", now)
        assert isinstance(coordination, LocalCoordination)
    coordination.put("key", "value")
    assert (tmp_path / "state" / "coordination.sqlite3").exists()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:canary-1/canary-2@127.0.0.1:6379/0",
        "redis://:canary-1#canary-2@127.0.0.1:6379/0",
        "redis://user:canary-1@127.0.0.1:canary-2/0",
        "http://user:canary-1@127.0.0.1/",
    ],
)
def test_an_unreadable_url_is_refused_without_quoting_it(url: str, tmp_path: Path) -> None:
    """The message tells the form a URL must have and no piece of the one given."""
    with pytest.raises(ConfigurationError, match="percent-encoded") as refused:
        open_coordination(url, tmp_path, now)
    assert "canary" not in "".join(traceback.format_exception(refused.value)).replace(url, "")
    assert refused.value.__cause__ is None


def test_the_password_is_never_shown(
    private_redis: PrivateRedis,
    tmp_path: Path,
    events: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither repr, log, exception nor file holds the password: right, wrong, or server down."""
    caplog.set_level(logging.DEBUG)
    wrong = private_redis.url.replace("canary-", "canary-wrong-")
    shown = []
    for url in (private_redis.url, wrong):
        plain = RedisCoordination(url, now)
        failing = open_coordination(url, tmp_path, now)
        failing.put("key", "value")
        shown += [repr(plain), repr(failing), repr(vars(plain)), repr(vars(failing))]
        private_redis.stop()
        with pytest.raises(redis.exceptions.RedisError) as raised:
            plain.get("key")
        shown += traceback.format_exception(raised.value)
        failing.get("key")
        private_redis.start()
    with pytest.raises(redis.exceptions.AuthenticationError) as raised:
        plain.get("key")
    shown += traceback.format_exception(raised.value)
    shown += [repr(events), caplog.text]
    assert names(events) == ["coordination_degraded"] * 2
    assert all("canary" not in text for text in shown)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert all(b"canary" not in file.read_bytes() for file in files)


def test_a_quota_goes_on_through_an_outage_of_redis(
    coordination: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """Down and back with an empty memory: never more than the day's requests are given."""
    quota = coordination.quota("vendor", 10)
    assert all(quota.take() for _ in range(4))
    private_redis.stop()
    assert all(quota.take() for _ in range(3))
    assert quota.status().used == 7
    private_redis.start()
    time.sleep(RETRY_AFTER_S)
    assert quota.status().used == 7
    assert [quota.take() for _ in range(5)] == [True, True, True, False, False]
    assert coordination.kind == "redis"
