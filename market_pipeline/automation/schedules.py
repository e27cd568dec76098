"""The clock: the daily graph in UTC, the headlines in New York time."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from market_pipeline.automation.jobs import range_tags
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.partitions import date_key, latest_session, next_key_at

DAILY_CRON_UTC = "10 0 * * *"
"""Ten past midnight UTC: the session's key appears at 00:00 UTC, hours after the close."""

HEADLINES_CRON_NEW_YORK = "*/5 9-15 * * 1-5"
"""Every five minutes from nine; ticks outside the session are skipped with their reason."""


def daily_graph(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """Start the session graph once the session's partition exists."""

    @dg.schedule(
        name="daily_graph",
        job=job,
        cron_schedule=DAILY_CRON_UTC,
        execution_timezone="UTC",
        default_status=status,
        description="Takes the session that ended from universe to snapshots. 00:10 UTC.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time.astimezone(UTC)
        ended = now.date() - timedelta(days=1)
        if latest_session(calendar, now) != ended:
            return dg.SkipReason(
                f"{ended:%A %Y-%m-%d} was no session ({calendar.why_closed(ended)}); the next "
                f"session's partition appears at {next_key_at(calendar, now):%Y-%m-%d %H:%M} UTC"
            )
        key = date_key(ended)
        return dg.RunRequest(run_key=f"daily_graph:{key}", partition_key=key)

    return schedule


def headline_collection(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """Collect headlines every five minutes while the market is open."""

    @dg.schedule(
        name="headline_collection",
        job=job,
        cron_schedule=HEADLINES_CRON_NEW_YORK,
        execution_timezone=str(NEW_YORK),
        default_status=status,
        description="Headlines every 5 minutes in New York market hours, half days included.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        today = now.astimezone(NEW_YORK).date()
        reason = _why_closed(calendar, now)
        if reason is not None:
            return dg.SkipReason(reason)
        # Yesterday too: items of the evening before are first seen now, and belong there.
        tags = range_tags(date_key(today - timedelta(days=1)), date_key(today))
        return dg.RunRequest(run_key=f"headline_collection:{now.isoformat()}", tags=tags)

    return schedule


def _why_closed(calendar: TradingCalendar, now: datetime) -> str | None:
    today = now.astimezone(NEW_YORK).date()
    if not calendar.is_session(today):
        return f"{today.isoformat()} is no session: {calendar.why_closed(today)}"
    if calendar.is_open(now):
        return None
    hours = (
        f"{calendar.open_at(today).astimezone(NEW_YORK):%H:%M} to "
        f"{calendar.close_at(today).astimezone(NEW_YORK):%H:%M}"
    )
    half = ", a half day" if calendar.is_half_day(today) else ""
    return f"outside market hours in New York ({hours}{half})"
