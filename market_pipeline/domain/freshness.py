"""How old news may be: before it is stale, which depends on the exchange, and before it goes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar

FRESH_FOR = timedelta(minutes=15)
"""Age beyond which news is stale in market hours, unless settings differ."""

HOURLY = timedelta(minutes=75)
"""Outside market hours news is collected hourly; a collection takes some minutes."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How news stands: of which instant it is, how old that is, and how old it may be.

    `is_waiting`: what was delivered since `as_of` waits to be made part of stories.
    """

    as_of: datetime | None
    age: timedelta | None
    limit: timedelta
    is_waiting: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether it is older than it may be, or was never delivered."""
        return self.age is None or self.age > self.limit

    def __str__(self) -> str:
        if self.as_of is None or self.age is None:
            return "never delivered"
        minutes = int(self.age.total_seconds() // 60)
        done = "delivered and made stories" if self.is_waiting else "delivered"
        said = f"last {done} {self.as_of:%Y-%m-%d %H:%M} UTC, {minutes} minutes ago"
        limit = int(self.limit.total_seconds() // 60)
        return f"{said} (stale beyond {limit})" if self.is_stale else said


def freshness(
    delivered_at: datetime | None,
    now: datetime,
    calendar: TradingCalendar,
    market_hours: timedelta = FRESH_FOR,
    waiting_since: datetime | None = None,
) -> Freshness:
    """Say how fresh news delivered at `delivered_at` is at `now`.

    Where items wait to be made stories since `waiting_since`, news is of that instant: what came
    later is in no story. `market_hours` is the age allowed while the exchange is open, counted
    from its opening: what was collected overnight is not stale at the first bell.
    """
    as_of = reaches_to(delivered_at, waiting_since)
    age = None if as_of is None else max(now - as_of, timedelta(0))
    limit = HOURLY
    if calendar.is_open(now):
        since_open = now - calendar.open_at(now.astimezone(NEW_YORK).date())
        limit = market_hours if since_open > market_hours else HOURLY
    return Freshness(as_of, age, limit, as_of != delivered_at)


def reaches_to(delivered_at: datetime | None, waiting_since: datetime | None) -> datetime | None:
    """Give the instant of which stories are, None before the first delivery."""
    if delivered_at is None or waiting_since is None:
        return delivered_at
    return min(delivered_at, waiting_since)


def oldest_kept(now: datetime, retention: timedelta) -> date:
    """Give the first New York day whose news is kept: what is older is not taken, or forgotten."""
    return now.astimezone(NEW_YORK).date() - retention
