"""Dagster's view of dates: trading sessions and calendar days as partitions.

Belongs here: partition definitions and questions about keys. Does not: the rules of the exchange
(`domain/sessions.py`) or the clock's schedules (`automation`).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import dagster as dg

from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar

KEY_FORMAT = "%Y-%m-%d"
_EVERY_MIDNIGHT = "0 0 * * *"
_WEEKENDS = "0 0 * * 6,0"


@lru_cache(maxsize=8)
def trading_sessions(
    first_session: date, extra_closures: tuple[date, ...] = ()
) -> dg.TimeWindowPartitionsDefinition:
    """Define one partition a trading session.

    A session's key appears at 00:00 UTC, 19:00 or 20:00 in New York: hours after the close all
    year. Weekends and holidays are excluded windows rather than a weekday cron, which would hide
    Friday until Monday; `end_offset` stays 0, for with 1 the exclusions invent future keys.
    """
    calendar = TradingCalendar.xnys(extra_closures)
    holidays = [
        datetime(day.year, day.month, day.day, tzinfo=UTC)
        for day in sorted(calendar.closures)
        if day >= first_session and day.weekday() < 5
    ]
    return dg.TimeWindowPartitionsDefinition(
        start=first_session.strftime(KEY_FORMAT),
        fmt=KEY_FORMAT,
        cron_schedule=_EVERY_MIDNIGHT,
        timezone="UTC",
        end_offset=0,
        exclusions=[_WEEKENDS, *holidays],
    )


@lru_cache(maxsize=8)
def calendar_days(first_day: date) -> dg.TimeWindowPartitionsDefinition:
    """Define one partition a New York calendar day, today included: news keeps no market hours."""
    return dg.TimeWindowPartitionsDefinition(
        start=first_day.strftime(KEY_FORMAT),
        fmt=KEY_FORMAT,
        cron_schedule=_EVERY_MIDNIGHT,
        timezone=str(NEW_YORK),
        end_offset=1,
    )


PARTITION = "dagster/partition"
RANGE_START, RANGE_END = (
    "dagster/asset_partition_range_start", "dagster/asset_partition_range_end",
)  # fmt: skip
"""Run tags: of one partition, or of a range in one run."""


def key_date(key: str) -> date:
    """Read a partition key as the date it stands for."""
    return datetime.strptime(key, KEY_FORMAT).date()  # noqa: DTZ007  # a date, not an instant


def date_key(day: date) -> str:
    """Write a date as its partition key."""
    return day.strftime(KEY_FORMAT)


def keys_asked(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Read the first and last partition key from a run's tags; None where it has no partition."""
    one = tags.get(PARTITION)
    first, last = tags.get(RANGE_START, one), tags.get(RANGE_END, one)
    return (first, last) if first and last else None


def latest_session(calendar: TradingCalendar, now: datetime) -> date:
    """Give the latest session whose partition exists at `now`."""
    utc_day = now.astimezone(UTC).date()
    return calendar.session_on_or_before(utc_day - timedelta(days=1))


def next_key_at(calendar: TradingCalendar, now: datetime) -> datetime:
    """Give the instant at which the next session's partition appears."""
    session = calendar.session_on_or_after(now.astimezone(UTC).date())
    return datetime(session.year, session.month, session.day, tzinfo=UTC) + timedelta(days=1)


def covers(keys: Iterable[str]) -> tuple[date, date]:
    """Give the first and last date of some partition keys."""
    dates = sorted(key_date(key) for key in keys)
    return dates[0], dates[-1]
