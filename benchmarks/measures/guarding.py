"""What a guarded call costs over the bare one: bulkhead, rate, quota and breaker, without Redis."""

from collections.abc import Iterable

from benchmarks.lab import Lab
from benchmarks.registry import benchmark
from benchmarks.rows import Row, duration
from benchmarks.turns import in_turns, seconds
from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.ports import BreakerRule
from market_pipeline.resources import utc_now
from market_pipeline.vendors.policy import CallGuard, CallPolicy

_PLENTY = 10_000_000


@benchmark("guard", "seconds that bulkhead, rate, quota and breaker add to 1,000 calls, no Redis")
def guard(lab: Lab) -> Iterable[Row]:
    """Call nothing a thousand times: bare, under a breaker alone, and under everything."""
    coordination = LocalCoordination(lab.new_folder() / "coordination.sqlite3", utc_now)
    breaker = coordination.breaker("vendor", BreakerRule())
    policies = {
        "bare": CallPolicy(),
        "breaker": CallPolicy(breaker=breaker),
        "everything": CallPolicy(
            breaker=breaker,
            bucket=coordination.rate_bucket("vendor", _PLENTY, 60),
            quota=coordination.quota("vendor", _PLENTY),
        ),
    }
    calls = lab.size(full=1000, quick=100)
    guards = {name: CallGuard("vendor", policy) for name, policy in policies.items()}
    sides = {
        name: (lambda one=one: seconds(lambda: _call(one, calls)) / calls * 1000)
        for name, one in guards.items()
    }
    taken = in_turns(lab.size(full=5, quick=1), sides, lab.say)
    coordination.close()
    for name, times in taken.items():
        lab.say(f"{name}: {min(times):.3f} ms a call")
    return [
        duration(
            f"guard.{name}_1000_calls", taken[name],
            peer="no policy", peer_seconds=taken["bare"],
        )
        for name in ("breaker", "everything")
    ]  # fmt: skip


def _call(one: CallGuard, calls: int) -> None:
    for _ in range(calls):
        one.run("endpoint", lambda _timeout_s: None)
