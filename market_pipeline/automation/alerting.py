"""The sensor that looks after alerts and delivers what waits in the outbox.

Belongs here: when rules over recorded events are judged. Does not: the rules (`domain`), the
silence of this very daemon (`market-pipeline watchdog`, which runs outside of it).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import dagster as dg
import structlog

from market_pipeline.domain.alert_rules import CollectionOutcome, collection_alert
from market_pipeline.domain.alerts import Clear, Raise
from market_pipeline.domain.notices import Notifier
from market_pipeline.domain.ports import Clock
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.notices import Notices

log = structlog.get_logger()

NOTICES_EVERY_S = 15
LOOK_BACK = timedelta(hours=1)

EventRule = Callable[[Sequence[CollectionOutcome], datetime], Raise | Clear | None]
EVENT_RULES: tuple[EventRule, ...] = (collection_alert,)
"""Rules over the recorded collections of one asset."""


def notices(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Judge the alert rules and deliver what is due, every quarter of a minute."""

    @dg.sensor(
        name="notices",
        minimum_interval_seconds=NOTICES_EVERY_S,
        default_status=status,
        description=(
            "Opens and closes alerts on collections that fail, and delivers what waits in the "
            "outbox to every configured channel."
        ),
    )
    def sensor(
        warehouse: dg.ResourceParam[Warehouse],
        notifier: dg.ResourceParam[Notifier],
        clock: dg.ResourceParam[Clock],
    ) -> dg.SkipReason:
        said = judge_collections(warehouse.notices, clock())
        result = notifier.relay(warehouse.notices)
        is_quiet = not (result.delivered or result.failures)
        told = "outbox: nothing due" if is_quiet else f"outbox: {result}"
        return dg.SkipReason("; ".join([*(said or ["no alert opened or closed"]), told]))

    return sensor


def judge_collections(notices: Notices, now: datetime) -> list[str]:
    """Open and close the alerts that recorded collections call for; say what changed."""
    outcomes = notices.collection_outcomes(now - LOOK_BACK)
    by_asset = groupby(sorted(outcomes, key=lambda o: o.asset), key=lambda o: o.asset)
    said = []
    for _, events in by_asset:
        found = list(events)
        for rule in EVENT_RULES:
            changed = apply(notices, rule(found, now), now)
            said += [changed] if changed else []
    return said


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
