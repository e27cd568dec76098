"""Counting a vendor's requests of a day, for every thread, process, machine and restart.

A quota day is a calendar day of the time zone given: vendors do not say when theirs begins. Where
a vendor's begins at another hour, its own refusal ends the day early (`exhaust`), and what was not
asked waits for the next. Belongs here: the counting. Where the number is kept belongs to `local`,
`redis` and `failover`.
"""

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from market_pipeline.domain.ports import Clock, QuotaStatus

_KEPT_FOR_S = 3 * 86_400.0
"""How long a day's count is kept: beyond its end in every time zone."""


class Counters(Protocol):
    """The part of a coordination that keeps whole numbers."""

    def get(self, key: str) -> str | None: ...

    def increment(self, key: str, by: int = 1, ttl_s: float | None = None) -> int: ...


class SharedQuota:
    """The `Quota` port over shared counters. A request counts when it is about to be made.

    A process that dies between counting and asking has used one up; the vendor is never asked more
    than `per_day` times a day.
    """

    def __init__(
        self, name: str, per_day: int, time_zone: str, clock: Clock, counters: Counters
    ) -> None:
        if per_day < 1:
            raise ValueError(f"quota {name}: per_day must be >= 1")
        self._name, self._per_day, self._zone = name, per_day, ZoneInfo(time_zone)
        self._clock, self._counters = clock, counters

    def take(self) -> bool:
        """Count one request; False, and it must not be made, where the day's are used up."""
        key = self._key(self._clock())
        return self._counters.increment(key, ttl_s=_KEPT_FOR_S) <= self._per_day

    def exhaust(self) -> None:
        """Note that the vendor itself says the day's requests are used up."""
        key = self._key(self._clock())
        self._counters.increment(key, self._per_day, ttl_s=_KEPT_FOR_S)

    def status(self) -> QuotaStatus:
        """Read how the day stands; nothing is counted."""
        now = self._clock()
        used = int(self._counters.get(self._key(now)) or 0)
        return QuotaStatus(
            self._name, self._per_day, min(used, self._per_day), self._resets_at(now)
        )

    def _key(self, now: datetime) -> str:
        return f"quota:{self._name}:{now.astimezone(self._zone).date().isoformat()}"

    def _resets_at(self, now: datetime) -> datetime:
        tomorrow = now.astimezone(self._zone).date() + timedelta(days=1)
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone)
        return midnight.astimezone(now.tzinfo)
