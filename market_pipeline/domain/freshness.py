"""How old news may be before it is stale, which depends on whether the exchange is open."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar

FRESH_FOR = timedelta(minutes=15)
"""Age beyond which news is stale in market hours, unless settings differ."""

HOURLY = timedelta(minutes=75)
"""Outside market hours news is collected hourly; a collection takes some minutes."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How news stands: when it was last delivered, how old that is, and how old it may be."""

    delivered_at: datetime | None
    age: timedelta | None
    limit: timedelta

    @property
    def is_stale(self) -> bool:
        """Whether it is older than it may be, or was never delivered."""
        return self.age is None or self.age > self.limit

    def __str__(self) -> str:
        if self.delivered_at is None or self.age is None:
            return "never delivered"
        minutes = int(self.age.total_seconds() // 60)
        said = f"last delivered {self.delivered_at:%Y-%m-%d %H:%M} UTC, {minutes} minutes ago"
        limit = int(self.limit.total_seconds() // 60)
        return f"{said} (stale beyond {limit})" if self.is_stale else said


def freshness(
    delivered_at: datetime | None,
    now: datetime,
    calendar: TradingCalendar,
    market_hours: timedelta = FRESH_FOR,
) -> Freshness:
    """Say how fresh news delivered at `delivered_at` is at `now`.

    `market_hours` is the age allowed while the exchange is open, counted from its opening: what
    was collected overnight is not stale at the first bell.
    """
    age = None if delivered_at is None else max(now - delivered_at, timedelta(0))
    if not calendar.is_open(now):
        return Freshness(delivered_at, age, HOURLY)
    since_open = now - calendar.open_at(now.astimezone(NEW_YORK).date())
    return Freshness(delivered_at, age, market_hours if since_open > market_hours else HOURLY)
