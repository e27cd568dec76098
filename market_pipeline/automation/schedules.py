"""The clock: the daily graph in UTC, the headlines in New York time.

Every tick first asks the flags (`resources.flags`): what is off or paused is skipped, saying why.
"""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from market_pipeline.automation.daily import still_to_make
from market_pipeline.automation.job_assets import assets_of
from market_pipeline.automation.jobs import range_tags
from market_pipeline.domain.alert_rules import HEARTBEAT_KEY
from market_pipeline.domain.flags import (
    BATCH,
    HOUR_MINUTES,
    INGESTION,
    MINUTES_CLEANUP,
    MINUTES_CLOSED,
    MINUTES_OPEN,
)
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.partitions import date_key, next_key_at
from market_pipeline.resources.flags import minutes_of, why_resting
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

HEADLINES_CRON_NEW_YORK = "*/5 * * * *"
"""Every five minutes; which of these ticks run is up to the two intervals of the flags."""

CLEANUP_CRON_UTC = "17 * * * *"
"""Hourly, away from the full hour when everything else starts; flags let some of these rest."""

_HEARTBEAT_TTL_S = 7 * 24 * 3600.0


def daily_graph(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultScheduleStatus,
    at_utc: str,
) -> dg.ScheduleDefinition:
    """Make what the session that ended still lacks, at `at_utc` (HH:MM)."""

    @dg.schedule(
        name="daily_graph",
        job=job,
        cron_schedule=_daily(at_utc),
        execution_timezone="UTC",
        default_status=status,
        description=(
            "Takes the session that ended from universe to snapshots; what is there already is not "
            f"made again. {at_utc} UTC."
        ),
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.RunRequest | dg.SkipReason:
        ended = _ended(context, calendar, settings)
        if isinstance(ended, dg.SkipReason):
            return ended
        assets = assets_of(context, job.name)
        lacking = still_to_make(context.instance, warehouse, assets, ended, clock())
        if not lacking:
            return dg.SkipReason(f"all of the session of {ended} is made, and no price is missing")
        key = date_key(ended)
        return dg.RunRequest(
            run_key=f"daily_graph:{key}", partition_key=key,
            asset_selection=assets.selection(lacking),
        )  # fmt: skip

    return schedule


def price_refresh(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultScheduleStatus,
    at_utc: str,
) -> dg.ScheduleDefinition:
    """Ask for a session's prices at `at_utc` (HH:MM); the daily graph makes the rest."""

    @dg.schedule(
        name="price_refresh",
        job=job,
        cron_schedule=_daily(at_utc),
        execution_timezone="UTC",
        default_status=status,
        description=f"Universe and prices of the session that ended. {at_utc} UTC.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
    ) -> dg.RunRequest | dg.SkipReason:
        ended = _ended(context, calendar, settings)
        if isinstance(ended, dg.SkipReason):
            return ended
        key = date_key(ended)
        return dg.RunRequest(run_key=f"price_refresh:{key}", partition_key=key)

    return schedule


def _daily(at_utc: str) -> str:
    hour, minute = at_utc.split(":")
    return f"{int(minute)} {int(hour)} * * *"


def _ended(
    context: dg.ScheduleEvaluationContext, calendar: TradingCalendar, settings: Settings
) -> date | dg.SkipReason:
    """Give the session of the day before, whose key appears at 00:00 UTC, or why there is none."""
    rests = why_resting(settings, BATCH)
    if rests is not None:
        return dg.SkipReason(rests)
    now = context.scheduled_execution_time.astimezone(UTC)
    ended = now.date() - timedelta(days=1)
    # Late in the day the latest session may be today's already, and is not meant.
    if calendar.is_session(ended):
        return ended
    return dg.SkipReason(
        f"{ended:%A %Y-%m-%d} was no session ({calendar.why_closed(ended)}); the next "
        f"session's partition appears at {next_key_at(calendar, now):%Y-%m-%d %H:%M} UTC"
    )


def headline_collection(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """Collect headlines every five minutes while the market is open, hourly otherwise."""

    @dg.schedule(
        name="headline_collection",
        job=job,
        cron_schedule=HEADLINES_CRON_NEW_YORK,
        execution_timezone=str(NEW_YORK),
        default_status=status,
        description=(
            "Headlines every 5 minutes in New York market hours, half days included, and hourly "
            "outside them, unless `market-pipeline flags` says otherwise."
        ),
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
        coordination: dg.ResourceParam[Coordination],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.RunRequest | dg.SkipReason:
        # Skipped or not: a watchdog that lives elsewhere sees that somebody is at the clock.
        coordination.put(HEARTBEAT_KEY, clock().isoformat(), _HEARTBEAT_TTL_S)
        now = context.scheduled_execution_time
        reason = why_resting(settings, INGESTION) or _why_not_yet(settings, calendar, now)
        if reason is not None:
            return dg.SkipReason(reason)
        # Yesterday too: items of the evening before are first seen now, and belong there.
        today = now.astimezone(NEW_YORK).date()
        tags = range_tags(date_key(today - timedelta(days=1)), date_key(today))
        return dg.RunRequest(run_key=f"headline_collection:{now.isoformat()}", tags=tags)

    return schedule


def news_cleanup(job: dg.JobDefinition, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Forget old headlines and old records every hour, or as seldom as the flags say."""

    @dg.schedule(
        name="news_cleanup",
        job=job,
        cron_schedule=CLEANUP_CRON_UTC,
        execution_timezone="UTC",
        default_status=status,
        description="Forgets headlines, collection events and cached answers past their time.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
    ) -> dg.RunRequest | dg.SkipReason:
        rests = why_resting(settings, INGESTION)
        if rests is not None:
            return dg.SkipReason(f"{rests}; nothing new comes, and nothing makes room either")
        now = context.scheduled_execution_time.astimezone(UTC)
        hours = minutes_of(settings, MINUTES_CLEANUP) // HOUR_MINUTES
        if now.hour % hours:
            left = hours - now.hour % hours
            return dg.SkipReason(f"there is a cleanup every {hours} hours; the next is in {left}")
        return dg.RunRequest(run_key=f"news_cleanup:{context.scheduled_execution_time.isoformat()}")

    return schedule


def _why_not_yet(settings: Settings, calendar: TradingCalendar, now: datetime) -> str | None:
    """Say why this tick is none of the interval that holds now; None where it is one."""
    closed = _why_closed(calendar, now)
    minutes = minutes_of(settings, MINUTES_OPEN if closed is None else MINUTES_CLOSED)
    local = now.astimezone(NEW_YORK)
    left = -(local.hour * 60 + local.minute) % minutes
    if not left:
        return None
    told = closed or f"in market hours headlines are collected every {minutes} minutes"
    upcoming = "at the full hour" if minutes == 60 else f"in {left} minutes"
    return f"{told}; the next collection is {upcoming}"


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
