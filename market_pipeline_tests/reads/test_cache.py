"""Kept answers by themselves: spoilt values, lost generations, Redis going and coming back."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from market_pipeline.coordination import (
    FailoverCoordination,
    LocalCoordination,
    RedisCoordination,
)
from market_pipeline.domain.ports import Coordination
from market_pipeline.reads.cache import TTL_S, AnswerCache, Kind
from market_pipeline_tests.coordination.backends import now
from market_pipeline_tests.coordination.conftest import PrivateRedis
from market_pipeline_tests.reads.told import Clock


@dataclass(frozen=True)
class Number:
    """An answer."""

    value: int


NUMBERS: Kind[Number] = Kind("numbers", "numbers:{}", Number)
RETRY_AFTER_S = 0.3


@dataclass
class Source:
    """Rows that change, and how often they were read."""

    value: int = 1
    reads: int = 0

    def __call__(self) -> Number:
        self.reads += 1
        return Number(self.value)


@pytest.fixture
def cache(coordination: Coordination, clock: Clock) -> AnswerCache:
    return AnswerCache(coordination, clock, [NUMBERS])


@pytest.mark.parametrize(
    "kept",
    ["", "0", "0\n", "0\nnonsense", '0\n{"value":"1"}', '0\n{"value":1', "0\n[]", "\x00\n\x00",
     '1\n{"value":7}', '0 \n{"value":7}', '{"value":7}'],
)  # fmt: skip
def test_what_cannot_be_read_is_a_miss(
    cache: AnswerCache, coordination: Coordination, kept: str
) -> None:
    """Cut short, of another shape, of another generation: computed anew, and kept."""
    coordination.put("numbers:a", kept)
    source = Source()
    assert cache.answer(NUMBERS, "a", source) == Number(1)
    assert cache.answer(NUMBERS, "a", source) == Number(1)
    assert source.reads == 1
    assert [(s.hits, s.misses) for s in cache.stats()] == [(1, 1)]


def test_spoilt_counters_begin_anew(cache: AnswerCache, coordination: Coordination) -> None:
    """No statistic, and no generation, that is no number makes a read or a commit fail."""
    for key in ("hits:numbers", "misses:numbers", "reads:numbers:a", "generation:a"):
        coordination.put(f"cache:{key}", "spoilt")
    assert [(s.hits, s.misses) for s in cache.stats()] == [(0, 0)]
    assert cache.reads_of(NUMBERS, "a") == 0
    source = Source()
    cache.answer(NUMBERS, "a", source)
    source.value = 2
    cache.take_back(["a"])
    assert cache.answer(NUMBERS, "a", source) == Number(2)
    assert cache.reads_of(NUMBERS, "a") == 2


def test_a_generation_that_was_lost_never_comes_again(
    cache: AnswerCache, coordination: Coordination, clock: Clock
) -> None:
    """An answer of a generation that expired stays a miss when counting begins anew."""
    cache.take_back(["a"])
    first = coordination.get("cache:generation:a")
    coordination.delete(["cache:generation:a"])
    clock.now = datetime(2026, 11, 20, 18, 0, 1, tzinfo=UTC)
    cache.take_back(["a"])
    second = coordination.get("cache:generation:a")
    assert first is not None
    assert second is not None
    assert int(second) > int(first) > 1_000_000_000_000


def test_answers_have_an_end(cache: AnswerCache, coordination: Coordination) -> None:
    """Nothing is kept for ever but the counters."""
    seen: dict[str, float | None] = {}
    put = coordination.put

    def noted(key: str, value: str, ttl_s: float | None = None) -> None:
        seen[key] = ttl_s
        put(key, value, ttl_s)

    coordination.put = noted  # type: ignore[method-assign]  # looked at, and done
    cache.answer(NUMBERS, "a", Source())
    cache.warm(NUMBERS, "b", Source())
    assert seen == {"numbers:a": TTL_S, "numbers:b": TTL_S}


# -- Redis in the middle -------------------------------------------------------------------


@pytest.fixture
def following(private_redis: PrivateRedis, tmp_path: Path) -> Iterator[FailoverCoordination]:
    coordination = FailoverCoordination(
        RedisCoordination(private_redis.url, now),
        LocalCoordination(tmp_path / "local.sqlite3", now),
        now,
        RETRY_AFTER_S,
    )
    yield coordination
    coordination.close()


def test_reads_go_on_while_redis_is_down_with_one_warning(
    following: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """Misses, then hits of the local file; taken back there, too; and Redis again afterwards."""
    cache, source = AnswerCache(following, now, [NUMBERS]), Source()
    with structlog.testing.capture_logs() as events:
        assert [cache.answer(NUMBERS, "a", source) for _ in range(2)] == [Number(1)] * 2
        private_redis.stop()
        assert [cache.answer(NUMBERS, "a", source) for _ in range(2)] == [Number(1)] * 2
        assert source.reads == 2
        source.value = 2
        cache.take_back(["a"])
        assert cache.answer(NUMBERS, "a", source) == Number(2)
        assert following.kind == "local"
        private_redis.start()
        time.sleep(RETRY_AFTER_S)
        assert cache.answer(NUMBERS, "a", source) == Number(2)
    assert following.kind == "redis"
    seen: list[Any] = [event["event"] for event in events]
    assert seen == ["coordination_degraded", "coordination_restored"]


def test_an_answer_computed_across_the_outage_is_not_taken_for_a_current_one(
    following: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """Begun with Redis, put locally after a commit there: the generations differ."""
    cache, source = AnswerCache(following, now, [NUMBERS]), Source()

    def while_redis_stops() -> Number:
        answer = source()
        private_redis.stop()
        source.value = 2
        cache.take_back(["a"])
        return answer

    assert cache.answer(NUMBERS, "a", while_redis_stops) == Number(1)
    assert cache.answer(NUMBERS, "a", source) == Number(2)


def test_an_answer_of_one_outage_is_not_met_in_the_next(
    following: FailoverCoordination, private_redis: PrivateRedis
) -> None:
    """What was taken back while Redis served is gone from the local file as well."""
    cache, source = AnswerCache(following, now, [NUMBERS]), Source()
    private_redis.stop()
    cache.answer(NUMBERS, "a", source)
    private_redis.start()
    time.sleep(RETRY_AFTER_S)
    source.value = 2
    cache.take_back(["a"])
    assert following.kind == "redis"
    private_redis.stop()
    assert cache.answer(NUMBERS, "a", source) == Number(2)
