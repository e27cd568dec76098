"""The sensor that judges runs, checks and quotas, and opens and closes their alerts.

Belongs here: what the rules are asked about. Does not: the rules (`domain.operation_rules`), or how
an alert is delivered (`notices`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from market_pipeline.assets.collection_alerts import apply
from market_pipeline.automation.jobs import JOBS_OF_DAYS
from market_pipeline.domain.alerts import Clear, Raise
from market_pipeline.domain.flags import VENDORS
from market_pipeline.domain.operation_rules import (
    breaker_alert,
    check_alerts,
    late_alert,
    quality_alert,
    quota_alert,
    run_alerts,
)
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.domain.run_history import RunOutcome
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import date_key, key_date, latest_session
from market_pipeline.resources.clients import breaker_rule, named
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

EVERY_S = 30
LOOK_BACK = timedelta(days=10)
GRACE = timedelta(hours=6)
"""After its key appears, a session may take so long to reach the snapshots."""

QUOTA_VENDORS = ("yahoo", "polygon", "alpha_vantage")
_KEPT_S = 24 * 3600.0
_OF_JOBS_AND_CHECKS = ("run-failed:", "run-slow:", "symbols-failed:", "check-failed:")


def operation_alerts(
    checks: Sequence[dg.AssetCheckKey], status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """Open and close alerts on runs, `checks` and quotas, every half minute."""
    known = {(key.asset_key.to_user_string(), key.name) for key in checks}

    @dg.sensor(
        name="operation_alerts",
        minimum_interval_seconds=EVERY_S,
        default_status=status,
        description=(
            "Opens and closes alerts on runs that failed after their retries or take long, symbols "
            "and checks that failed, quotas nearly used up, vendors not asked for long, late "
            "sessions, and low quality."
        ),
    )
    def sensor(
        warehouse: dg.ResourceParam[Warehouse],
        coordination: dg.ResourceParam[Coordination],
        settings: dg.ResourceParam[Settings],
        calendar: dg.ResourceParam[TradingCalendar],
        clock: dg.ResourceParam[Clock],
    ) -> dg.SkipReason:
        now = clock()
        runs = warehouse.runs.since(now - LOOK_BACK)
        verdicts = run_alerts(runs, now, lambda run: needed_of(run, calendar))
        verdicts += check_alerts(known, warehouse.verdicts.failed(), now)
        for vendor in QUOTA_VENDORS:
            per_day = settings.requests_per_day(vendor)
            if per_day is not None:
                name = named(settings, vendor)
                quota = coordination.quota(name, per_day, settings.quota_time_zone)
                verdicts.append(quota_alert(name, quota.status(), now))
        verdicts += breaker_alerts(settings, coordination, now)
        verdicts += stored_alerts(warehouse, calendar, now)
        verdicts += unheard_of(warehouse, verdicts)
        said = [s for v in verdicts if (s := apply(warehouse.notices, v, now)) is not None]
        return dg.SkipReason("; ".join(said) or "no alert opened or closed")

    return sensor


def needed_of(run: RunOutcome, calendar: TradingCalendar) -> list[str]:
    """Give the keys that a run was needed for: its sessions, or the last one of its days.

    What came late for the day before is in the next run's range as well, or looked for as missed.
    """
    if run.last_partition is None:
        return []
    first = run.first_partition or run.last_partition
    if run.job in JOBS_OF_DAYS or first == run.last_partition:
        return [run.last_partition]
    return [
        date_key(day) for day in calendar.sessions(key_date(first), key_date(run.last_partition))
    ]


def unheard_of(warehouse: Warehouse, judged: Sequence[Raise | Clear]) -> list[Clear]:
    """Close alerts on jobs that have not run for long, and on checks that are there no more."""
    keys = {v.alert.key if isinstance(v, Raise) else v.key for v in judged}
    return [
        Clear(key, f"nothing was heard of it for {LOOK_BACK.days} days")
        for key in warehouse.notices.open_alerts()["alert_key"]
        if key not in keys and key.startswith(_OF_JOBS_AND_CHECKS)
    ]


def breaker_alerts(
    settings: Settings, coordination: Coordination, now: datetime
) -> list[Raise | Clear]:
    """Judge every vendor's breaker by how long it has not been closed.

    Each trial call that fails dates the breaker anew, so the first date seen is kept beside it.
    """
    verdicts: list[Raise | Clear] = []
    for vendor in VENDORS:
        name = named(settings, vendor)
        status = coordination.breaker(name, breaker_rule(settings)).status()
        key, since = f"breaker-not-closed-since:{name}", None
        known = coordination.get(key)
        if status.state != "closed":
            since = datetime.fromisoformat(known) if known else status.opened_at or now
            coordination.put(key, since.isoformat(), _KEPT_S)
        elif known is not None:
            coordination.delete([key])
        verdicts.append(breaker_alert(status, since, now))
    return verdicts


def stored_alerts(
    warehouse: Warehouse, calendar: TradingCalendar, now: datetime
) -> list[Raise | Clear]:
    """Judge the snapshots by the sessions they should have, and the newest session's quality."""
    verdicts: list[Raise | Clear | None] = []
    snapshots = warehouse.bounds("portfolio_snapshots")
    stored = snapshots[1] if snapshots else None
    due = latest_session(calendar, now - GRACE)
    missing = calendar.sessions(stored + timedelta(days=1), due) if stored and stored < due else []
    verdicts.append(late_alert("portfolio_snapshots", stored, missing, now))
    metrics = warehouse.bounds("symbol_daily_metrics")
    if metrics is not None:
        newest = metrics[1]
        rows = warehouse.read(
            "symbol_daily_metrics", first=newest, last=newest, columns=["quality_score"]
        )
        verdicts.append(quality_alert(newest, [float(v) for v in rows["quality_score"]], now))
    return [verdict for verdict in verdicts if verdict is not None]
