"""Where a test's coordination lives, in a form another process can be given; and what those do."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Queue

from market_pipeline.coordination import LocalCoordination, RedisCoordination
from market_pipeline.coordination.rates import WALL_PACE, Pace
from market_pipeline.domain.errors import CircuitOpen, Unavailable
from market_pipeline.domain.ports import BreakerRule, Clock


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Backend:
    """One implementation and its place: a file, or a Redis URL with a prefix of its own."""

    kind: str
    place: str
    prefix: str = ""

    def open(
        self, clock: Clock = now, pace: Pace | None = None
    ) -> LocalCoordination | RedisCoordination:
        if self.kind == "local":
            return LocalCoordination(Path(self.place), clock, pace or WALL_PACE)
        return RedisCoordination(self.place, clock, self.prefix, pace)


def take_slots(
    backend: Backend,
    limit: int,
    per_s: float,
    for_s: float,
    start: Barrier,
    out: "Queue[list[float]]",
) -> None:
    """Take slots as fast as they come for `for_s` seconds; put the instants they came."""
    bucket = backend.open().rate_bucket("vendor", limit, per_s)
    start.wait()
    stop, taken = time.monotonic() + for_s, list[float]()
    while (left_s := stop - time.monotonic()) > 0:
        try:
            bucket.acquire(left_s)
        except TimeoutError:
            break
        taken.append(time.time())
    out.put(taken)


def count_under_lease(
    backend: Backend, counter: str, rounds: int, start: Barrier, out: "Queue[list[int]]"
) -> None:
    """Add 1 to a file's number `rounds` times, each time under the lock; put the tokens held."""
    coordination, file, tokens = backend.open(), Path(counter), list[int]()
    owner = f"process-{time.time_ns()}-{id(start)}"
    start.wait()
    while len(tokens) < rounds:
        lease = coordination.acquire_lease("counter", owner, ttl_s=20)
        if lease is None:
            time.sleep(0.001)
            continue
        number = int(file.read_text())
        time.sleep(0.002)  # a second holder would read the same number here
        file.write_text(str(number + 1))
        tokens.append(lease.token)
        coordination.release_lease(lease)
    out.put(tokens)


def fail_until_open(backend: Backend, failures: int, reset_s: float, out: "Queue[str]") -> None:
    """Make failing calls until the breaker refuses one; put how it refused."""
    breaker = backend.open().breaker("vendor", BreakerRule(minimum_calls=failures, reset_s=reset_s))
    for _ in range(failures + 1):
        try:
            with breaker.guard():
                raise Unavailable("vendor", "/", "down")
        except Unavailable:
            continue
        except CircuitOpen as error:
            out.put(error.kind)
            return
    out.put("never opened")


def take_quota(backend: Backend, per_day: int, wanted: int, out: "Queue[int]") -> None:
    """Try to take `wanted` of a day's quota; put how many were given."""
    quota = backend.open().quota("vendor", per_day)
    out.put(sum(quota.take() for _ in range(wanted)))
