"""Redis dies in the middle of a collection: it goes on here, says so once, and returns to Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import structlog
from pydantic import SecretStr

from market_pipeline.assets.news_collecting import lock_name
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline_tests.coordination.conftest import PrivateRedis, private_redis
from market_pipeline_tests.end_to_end.newsroom import (
    Newsroom,
    failed_steps,
    news_settings,
    spoil,
)
from market_pipeline_tests.fakes import FakeClock

__all__ = ["private_redis"]  # a fixture, found here by name

OPEN = datetime(2026, 6, 17, 15, 0, tzinfo=UTC)
HELD = {"growth": ("AAPL",), "income": ("KO",), "tech": ("NVDA",), "value": ("XOM",)}
SLOW = {"kind": "slow_body", "vendor": "tiingo", "params": {"seconds": 1.0}}
PATIENCE_S = 60


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """Give a sandbox that takes a second for each answer of the wire."""
    clock = FakeClock(OPEN)
    with SandboxServer(create_app(generated(7, clock=clock), clock)) as running:
        spoil(running, SLOW)
        yield running


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def asked(server: SandboxServer) -> int:
    """Count the requests Tiingo got."""
    counts = httpx.get(f"{server.url}/_sandbox/requests", trust_env=False).json()
    return int(counts["vendors"]["tiingo"].get("news", 0))


def locks(address: str) -> set[str]:
    """Name the locks of collections that are held in Redis."""
    with closing(redis.Redis.from_url(address, decode_responses=True)) as client:
        return {key for key in client.scan_iter(match="*ingestion:portfolio:*") if key}


def coordinated(events: list[Any]) -> list[str]:
    """Give what was said of Redis going and coming, in order."""
    return [e["event"] for e in events if e["event"].startswith("coordination_")]


def test_a_collection_outlives_redis_and_the_next_returns_to_it(
    state_dir: Path, server: SandboxServer, private_redis: PrivateRedis
) -> None:
    """Stopped while locks are held and bodies arrive: one warning, all rows; then Redis again."""
    settings = news_settings(
        state_dir, server.url, finviz_sources=(), redis_url=SecretStr(private_redis.url)
    )
    newsroom = Newsroom(settings, FakeClock(OPEN), HELD)
    held_before: set[str] = set()

    def stop_in_the_middle() -> None:
        wait_for(lambda: asked(server) >= 1)
        held_before.update(locks(private_redis.url))
        private_redis.stop()

    stopping = threading.Thread(target=stop_in_the_middle)
    with structlog.testing.capture_logs() as events:
        stopping.start()
        result = newsroom.run()
        stopping.join()
    assert result.success, failed_steps(result)
    assert any(lock_name("wire_headlines", "growth") in key for key in held_before), held_before
    assert coordinated(events) == ["coordination_degraded"]
    (warning,) = [e for e in events if e["event"] == "coordination_degraded"]
    assert warning["log_level"] == "warning"
    collected = newsroom.events()
    assert sorted(collected["portfolio_id"]) == sorted(HELD)
    assert collected["is_success"].all()
    symbols = set(newsroom.warehouse.read("headline_symbols")["symbol"])
    assert {"AAPL", "KO", "NVDA", "XOM"} <= symbols

    private_redis.start()
    assert locks(private_redis.url) == set()
    seen: set[str] = set()
    before, over = asked(server), threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.update(locks(private_redis.url))
            over.wait(0.05)

    looking = threading.Thread(target=look)
    with structlog.testing.capture_logs() as events:
        # While degraded it asks for Redis every few seconds.
        wait_for(lambda: newsroom.coordination.get("anything") is None and is_back(newsroom))
        looking.start()
        again = newsroom.run()
        over.set()
        looking.join()
    assert coordinated(events) == ["coordination_restored"]
    assert again.success, failed_steps(again)
    assert asked(server) == before + len(HELD)
    for portfolio in HELD:
        assert any(lock_name("wire_headlines", portfolio) in key for key in seen), seen
    newsroom.warehouse.dispose()


def is_back(newsroom: Newsroom) -> bool:
    """Say whether Redis is the one that answers."""
    return newsroom.coordination.kind == "redis"
