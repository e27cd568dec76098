"""State that must hold across processes: rates, breakers, locks, small cached values.

Belongs here: where that state lives and what happens when it cannot be reached. Policy (which
rate, which vendor, how long) belongs to the callers, who see `domain.ports.Coordination`.
"""

from pathlib import Path

from market_pipeline.coordination.failover import FailoverCoordination
from market_pipeline.coordination.local import LocalCoordination
from market_pipeline.coordination.redis import RedisCoordination
from market_pipeline.domain.ports import Clock, Coordination

__all__ = ["FailoverCoordination", "LocalCoordination", "RedisCoordination", "open_coordination"]


def open_coordination(redis_url: str | None, state_dir: Path, clock: Clock) -> Coordination:
    """Open Redis with the local file behind it, or the local file alone without a URL.

    Nothing is connected or created until the first use; an unreadable URL raises
    `ConfigurationError`. `state_dir` must be on a local disk.
    """
    local = LocalCoordination(state_dir / "coordination.sqlite3", clock)
    if not redis_url:
        return local
    return FailoverCoordination(RedisCoordination(redis_url, clock), local, clock)
