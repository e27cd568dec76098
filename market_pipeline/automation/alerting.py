"""The sensor that looks after alerts and delivers what waits in the outbox.

The run that commits a message relays it itself; what comes by here was left by a run that died or
a channel that failed. Does not belong here: the rules (`domain`), the silence of this very daemon
(`market-pipeline watchdog`, which runs outside of it).
"""

from datetime import timedelta

import dagster as dg

from market_pipeline.assets.collection_alerts import judge_collections, judge_waiting
from market_pipeline.domain.notices import Notifier
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

NOTICES_EVERY_S = 10
"""Seconds between evaluations, to which the daemon adds some: a notice is due within 30 s."""


def notices(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Judge the alert rules and deliver what is due, every ten seconds."""

    @dg.sensor(
        name="notices",
        minimum_interval_seconds=NOTICES_EVERY_S,
        default_status=status,
        description=(
            "Opens and closes alerts on collections that fail and on items that wait to be made "
            "stories, and delivers what waits in the outbox to every configured channel."
        ),
    )
    def sensor(
        warehouse: dg.ResourceParam[Warehouse],
        notifier: dg.ResourceParam[Notifier],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.SkipReason:
        fresh_for = timedelta(minutes=settings.headline_freshness_minutes)
        said = judge_collections(warehouse.notices, clock())
        said += judge_waiting(warehouse, calendar, fresh_for, clock())
        result = notifier.relay(warehouse.notices)
        is_quiet = not (result.delivered or result.failures)
        told = "outbox: nothing due" if is_quiet else f"outbox: {result}"
        return dg.SkipReason("; ".join([*(said or ["no alert opened or closed"]), told]))

    return sensor
