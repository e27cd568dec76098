"""What a person asks of alerts and the outbox: to see them, to deliver now."""

import pandas as pd

from market_pipeline.domain.errors import InputError
from market_pipeline.domain.notices import RelayResult
from market_pipeline.domain.ports import Clock
from market_pipeline.notifications import Notifications
from market_pipeline.operations.opening import open_to_look
from market_pipeline.settings import Settings


def alerts(settings: Settings, *, is_all: bool, limit: int) -> pd.DataFrame:
    """Give the open alerts, or with `is_all` the latest `limit` of any, newest first."""
    notices = open_to_look(settings).notices
    return notices.alert_history(limit) if is_all else notices.open_alerts()


def outbox(settings: Settings, *, only_pending: bool, limit: int) -> pd.DataFrame:
    """Give the latest `limit` messages, newest first, one row for each channel tried."""
    return open_to_look(settings).notices.outbox(only_pending=only_pending, limit=limit)


def deliver(settings: Settings, clock: Clock) -> RelayResult:
    """Deliver what is due; raise InputError where no channel is configured."""
    notifications = Notifications(settings, clock)
    if not notifications.channels:
        raise InputError(
            "no channel is configured: set MARKET_PIPELINE_WEBHOOK_URLS or "
            "MARKET_PIPELINE_APPRISE_URLS (docs/runbook.md says how)"
        )
    return notifications.relay(open_to_look(settings).notices)
