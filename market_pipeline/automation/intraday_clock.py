"""The clock of hourly bars: minutes after each hour of a session, and silent at any other time.

Belongs here: which ticks run, and why the others do not. Does not: which hours are missing
(`domain.intraday`).
"""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from market_pipeline.automation.jobs import range_tags
from market_pipeline.domain.collection import LATE_SESSIONS
from market_pipeline.domain.flags import BATCH, HOUR_MINUTES, MINUTES_INTRADAY
from market_pipeline.domain.intraday import hours_of
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.partitions import date_key
from market_pipeline.resources.flags import minutes_of, why_resting
from market_pipeline.settings import Settings

NOBODY_CHOSEN = (
    "no symbol has hourly bars: MARKET_PIPELINE_INTRADAY_SYMBOLS names some, "
    "MARKET_PIPELINE_INTRADAY_REASONS all that are in the universe for a reason"
)


def crons(delay_minutes: int) -> list[str]:
    """Give the ticks in New York time: after 10:30 to 15:30, and after both closes."""
    return [f"{30 + delay_minutes} 10-15 * * *", f"{delay_minutes} 13,16 * * *"]


def hourly_bars(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultScheduleStatus,
    delay_minutes: int,
) -> dg.ScheduleDefinition:
    """Collect hourly bars `delay_minutes` after the end of each."""

    @dg.schedule(
        name="intraday_bars",
        job=job,
        cron_schedule=crons(delay_minutes),
        execution_timezone=str(NEW_YORK),
        default_status=status,
        description=(
            f"Hourly bars of chosen symbols {delay_minutes} minutes after each hour of a session "
            "ends; after 13:00 New York for the last time on a half day. "
            "`market-pipeline flags` makes it seldomer."
        ),
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        rests = why_resting(settings, BATCH)
        if rests is not None:
            return dg.SkipReason(rests)
        if not settings.has_intraday:
            return dg.SkipReason(NOBODY_CHOSEN)
        hours = minutes_of(settings, MINUTES_INTRADAY) // HOUR_MINUTES
        reason = _why_not(calendar, now, timedelta(minutes=delay_minutes), hours)
        if reason is not None:
            return dg.SkipReason(reason)
        today = now.astimezone(NEW_YORK).date()
        # Days before too: what a late vendor or a stopped clock owes costs nothing where it is
        # there, and a symbol that is chosen today has a week at once.
        first = calendar.shift(today, -LATE_SESSIONS)
        tags = range_tags(date_key(first), date_key(today))
        return dg.RunRequest(run_key=f"intraday_bars:{now.isoformat()}", tags=tags)

    return schedule


def _why_not(calendar: TradingCalendar, now: datetime, delay: timedelta, every: int) -> str | None:
    """Say why no hour of a session that is to be collected ended `delay` ago; None where one did.

    Hours are counted back from the close by `every`, so that the last is always among them.
    """
    today = now.astimezone(NEW_YORK).date()
    if not calendar.is_session(today):
        return f"{today.isoformat()} is no session: {calendar.why_closed(today)}"
    ends = [hour.ends_at for hour in hours_of(calendar, today)]
    if now - delay in ends:
        if (len(ends) - 1 - ends.index(now - delay)) % every == 0:
            return None
        return f"in a session hourly bars are collected every {every} hours, and after its close"
    closed = f"{ends[-1].astimezone(NEW_YORK):%H:%M}"
    half = ", a half day" if calendar.is_half_day(today) else ""
    return f"no hour has just ended: the session of {today} ends at {closed}{half}"
