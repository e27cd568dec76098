"""Opening and closing alerts on what collecting has left on record.

Belongs here: when rules over recorded events are judged, by the run that has just collected and by
the sensor that comes by. Does not: the rules (`domain`), the silence of the daemon (the watchdog).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from market_pipeline.domain.alert_rules import (
    CollectionOutcome,
    collection_alert,
    waiting_alert,
)
from market_pipeline.domain.alerts import Clear, Raise
from market_pipeline.domain.freshness import freshness
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.notices import Notices

log = structlog.get_logger()

LOOK_BACK = timedelta(hours=1)

EventRule = Callable[[Sequence[CollectionOutcome], datetime, Collection[str]], Raise | Clear | None]
EVENT_RULES: tuple[EventRule, ...] = (collection_alert,)
"""Rules over the recorded collections of one asset, given the runs that are known to be over."""


def judge_collections(
    notices: Notices, now: datetime, ended_runs: Collection[str] = ()
) -> list[str]:
    """Open and close the alerts that recorded collections call for; say what changed.

    `ended_runs` collect nothing more: their failures count at once.
    """
    outcomes = notices.collection_outcomes(now - LOOK_BACK)
    by_asset = groupby(sorted(outcomes, key=lambda o: o.asset), key=lambda o: o.asset)
    said = []
    for _, events in by_asset:
        found = list(events)
        for rule in EVENT_RULES:
            changed = apply(notices, rule(found, now, ended_runs), now)
            said += [changed] if changed else []
    return said


def judge_waiting(
    warehouse: Warehouse, calendar: TradingCalendar, fresh_for: timedelta, now: datetime
) -> list[str]:
    """Open or close the alert on items that wait to be made stories; say what changed."""
    since = warehouse.news.waiting_since(now.astimezone(NEW_YORK).date())
    events = [] if since is None else warehouse.notices.collection_outcomes(since)
    limit = freshness(since, now, calendar, fresh_for).limit
    changed = apply(warehouse.notices, waiting_alert(since, now, limit, events), now)
    return [changed] if changed else []


def apply(notices: Notices, verdict: Raise | Clear | None, now: datetime) -> str | None:
    """Let a verdict open or close its alert; say which, or None where nothing changed."""
    if isinstance(verdict, Raise) and notices.raise_alert(verdict.alert, now):
        alert = verdict.alert
        log.error("alert_opened", alert=alert.key, severity=alert.severity, happened=alert.happened)
        return f"alert {alert.key} opened"
    if isinstance(verdict, Clear) and notices.clear_alert(verdict.key, now, verdict.reason):
        log.info("alert_closed", alert=verdict.key, reason=verdict.reason)
        return f"alert {verdict.key} closed"
    return None
