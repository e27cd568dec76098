"""A vendor that throttles is never asked more than it allows: a week, four processes, restarts."""

import random
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from pydantic import SecretStr

from market_pipeline.domain.errors import QuotaEnded
from market_pipeline.sandbox import SandboxServer, Throttle, create_app, generated
from market_pipeline.vendors.alpha_vantage import AlphaVantageClient
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline_tests.coordination.backends import Backend
from market_pipeline_tests.new_processes import new_process
from market_pipeline_tests.quotas.simulated import SimulatedTime, Watch
from market_pipeline_tests.servers import redis_url

__all__ = ["redis_url"]  # a fixture, found here by name

PRESENT = datetime(2026, 11, 21, tzinfo=UTC)
"""The market's, where time stands still."""
START = datetime(2040, 1, 2, tzinfo=UTC)
"""Where simulated time begins: in the future, for Redis forgets what has expired by its clock."""
FIRST, LAST = date(2026, 11, 16), date(2026, 11, 20)
PER_MINUTE, PER_DAY = 5, 500
SYMBOLS = ("AAPL", "KO", "SPY", "TLT")


def ask_on(backend: Backend, address: tuple[str, int], url: str, until: datetime) -> None:
    """Ask for one symbol after the other until simulated `until`, waiting out used-up days."""
    watch = Watch(address)
    coordination = backend.open(watch, watch.pace)
    policy = CallPolicy(
        attempts=1,
        bucket=coordination.rate_bucket("alpha_vantage", PER_MINUTE, 60),
        quota=coordination.quota("alpha_vantage", PER_DAY),
    )
    client = AlphaVantageClient(url, SecretStr("any"), clock=lambda: PRESENT, policy=policy)
    for symbol in cycle(SYMBOLS):
        if watch() >= until:
            return
        try:
            client.daily_bars(symbol, FIRST, LAST)
        except QuotaEnded as error:
            resets_at = error.resets_at or until
            watch.sleep((resets_at - watch()).total_seconds())


@pytest.fixture(params=["local", "redis"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Give a coordination of the test's own: a file, or a prefix of the shared Redis."""
    if request.param == "local":
        yield Backend("local", str(tmp_path / "coordination.sqlite3"))
        return
    url = request.getfixturevalue("redis_url")
    backend = Backend("redis", url, f"market_pipeline_tests:{uuid4().hex}:")
    yield backend
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"{backend.prefix}*"):
            client.delete(key)


class Crew:
    """Four processes that ask, each replaced by a new one when it was killed."""

    def __init__(self, backend: Backend, clock: SimulatedTime, url: str, until: datetime) -> None:
        self._arguments, self._clock = (backend, clock.address, url, until), clock
        self.workers: list[BaseProcess] = [self._new() for _ in range(4)]
        for worker in self.workers:
            worker.start()

    def _new(self) -> BaseProcess:
        self._clock.expect()
        return new_process(ask_on, *self._arguments)

    def kill_one(self, number: int) -> None:
        """Kill a worker wherever it is, and start another in its place."""
        fresh = self._new()
        self.workers[number].kill()
        self.workers[number].join(30)
        self.workers[number] = fresh
        fresh.start()

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join(30)


def most_in_a_minute(instants: list[datetime]) -> int:
    """Give the most requests that came in any 60 seconds."""
    ends = [bisect_right(instants, at + timedelta(seconds=59.999)) for at in instants]
    return max(end - start for start, end in enumerate(ends))


def run(backend: Backend, days: int, kills: int, deadline_s: float) -> Throttle:
    """Let four processes ask for `days` of simulated time; give the vendor's own count."""
    clock = SimulatedTime(START)
    throttle = Throttle(clock, PER_MINUTE, PER_DAY)
    market = generated(7, clock=lambda: PRESENT)
    dice = random.Random(7)
    until = START + timedelta(days=days)
    with SandboxServer(create_app(market, lambda: PRESENT, throttle)) as server:
        crew = Crew(backend, clock, f"{server.url}/alpha_vantage", until)
        killed, deadline = 0, time.monotonic() + deadline_s
        try:
            while any(worker.is_alive() for worker in crew.workers):
                assert time.monotonic() < deadline, f"only at {clock()}"
                time.sleep(0.25)
                due = START + (until - START) * (killed + 1) / (kills + 1)
                if killed < kills and clock() >= due and clock.is_complete():
                    crew.kill_one(dice.randrange(4))
                    killed += 1
        finally:
            crew.stop()
            clock.close()
    assert killed == kills
    return throttle


def test_a_throttling_vendor_is_never_asked_too_much(backend: Backend) -> None:
    """By its own count, over a day, with processes killed anywhere."""
    asked_no_more_than_allowed(backend, days=1, kills=3, deadline_s=240)


@pytest.mark.soak
@pytest.mark.timeout(1000)
def test_a_throttling_vendor_is_never_asked_too_much_in_a_week(backend: Backend) -> None:
    """The same over seven days, with twelve kills."""
    asked_no_more_than_allowed(backend, days=7, kills=12, deadline_s=900)


def asked_no_more_than_allowed(backend: Backend, days: int, kills: int, deadline_s: float) -> None:
    """Run the crew; the vendor counts no more than it allows, and hardly less."""
    throttle = run(backend, days, kills, deadline_s)
    assert throttle.refused == 0
    assert most_in_a_minute(throttle.answered) == PER_MINUTE
    per_day = Counter(at.date() for at in throttle.answered)
    assert len(per_day) == days
    # A process killed between counting a request and making it has used it up, at most one each.
    assert sum(per_day.values()) >= days * PER_DAY - kills
    assert max(per_day.values()) <= PER_DAY
    first_day = [at for at in throttle.answered if at.date() == START.date()]
    by_quota_s = 60 * PER_DAY / PER_MINUTE
    assert (first_day[-1] - START).total_seconds() <= 1.05 * by_quota_s
