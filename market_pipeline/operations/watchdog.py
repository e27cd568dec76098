"""The watchdog: is the scheduler alive? Run by cron or a systemd timer, outside the daemon.

It needs no Dagster. Where the warehouse cannot be reached it tells the channels directly.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from market_pipeline.coordination import open_coordination
from market_pipeline.domain.alert_rules import (
    HEARTBEAT_KEY,
    SILENT_CLOSED,
    SILENT_OPEN,
    WAREHOUSE,
    WAREHOUSE_ALERT,
    scheduler_alert,
)
from market_pipeline.domain.alerts import Alert, Clear, Raise, opened_message
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.logs import Redaction
from market_pipeline.notifications import Notifications
from market_pipeline.operations.direct_notices import DirectNotices
from market_pipeline.operations.findings import database_reason
from market_pipeline.operations.opening import open_if_there, place_of
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

log = structlog.get_logger()

HEALTHY, SILENT, CANNOT_TELL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Watch:
    """What the watchdog saw and did; `exit_code` is HEALTHY, SILENT or CANNOT_TELL.

    `trouble` says in one line where the warehouse is and why it could not be used; empty where it
    could.
    """

    state: str
    exit_code: int
    last_heartbeat_at: datetime | None
    age_s: float | None
    detail: str
    told: str = ""
    trouble: str = ""


def watch(
    settings: Settings,
    clock: Clock,
    *,
    max_silence: timedelta | None = None,
    is_expected: bool = False,
) -> Watch:
    """Judge the scheduler's heartbeat, open or close its alert, and deliver what is due.

    `max_silence` replaces both limits of the rule. With `is_expected` no heartbeat at all is
    silence; without, nothing can be said of a scheduler that was never started.
    """
    now = clock()
    try:
        coordination = open_coordination(settings.redis_address, settings.state_dir, clock)
        beat = read_heartbeat(coordination)
    except Exception as error:  # whatever keeps the heartbeat from us: it cannot be told
        log.warning("heartbeat_unreadable", error=type(error).__name__)
        return Watch("unknown", CANNOT_TELL, None, None, f"heartbeat unreadable: {_brief(error)}")
    open_since = _market_open_since(TradingCalendar.xnys(settings.extra_closures), now)
    verdict = scheduler_alert(
        beat, now, open_since, is_expected=is_expected,
        silent_open=max_silence or SILENT_OPEN, silent_closed=max_silence or SILENT_CLOSED,
    )  # fmt: skip
    if settings.redis_url and coordination.kind != "redis" and isinstance(verdict, Raise):
        # The heartbeat may well stand in the Redis that does not answer.
        return Watch("unknown", CANNOT_TELL, beat, None, "Redis, which has the heartbeat, is away")
    seen = _seen(beat, now, verdict)
    notifications = Notifications(settings, clock)
    direct = DirectNotices(notifications, coordination, settings.data_kind, now)
    try:
        with _warehouse_of(settings) as warehouse:
            said = _through_the_outbox(warehouse, verdict, now, direct)
            said.append(f"outbox: {notifications.relay(warehouse.notices)}")
            if isinstance(verdict, Raise):
                _note_told(warehouse, verdict.alert, direct)
    except (sa.exc.SQLAlchemyError, ConfigurationError, OSError) as error:
        trouble = _trouble(settings, error)
        said = [f"no outbox: {trouble}"]
        if verdict is not None:  # else nothing was ever started here, and nothing is missed
            said += _past_the_outbox(verdict, now, direct)
            seen = replace(seen, exit_code=seen.exit_code or CANNOT_TELL, trouble=trouble)
    return replace(seen, told="; ".join(said))


def read_heartbeat(coordination: Coordination) -> datetime | None:
    """Give the scheduler's last heartbeat, None where none was kept; ValueError for no instant."""
    text = coordination.get(HEARTBEAT_KEY)
    if text is None:
        return None
    try:
        beat = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{HEARTBEAT_KEY} holds no ISO-8601 instant") from None
    return beat.astimezone(UTC) if beat.tzinfo else beat.replace(tzinfo=UTC)


def _market_open_since(calendar: TradingCalendar, now: datetime) -> datetime | None:
    return calendar.open_at(now.astimezone(NEW_YORK).date()) if calendar.is_open(now) else None


def _seen(beat: datetime | None, now: datetime, verdict: Raise | Clear | None) -> Watch:
    age_s = (now - beat).total_seconds() if beat else None
    if isinstance(verdict, Raise):
        return Watch("silent", SILENT, beat, age_s, verdict.alert.happened)
    if isinstance(verdict, Clear):
        return Watch("healthy", HEALTHY, beat, age_s, verdict.reason)
    detail = "no heartbeat was ever kept; where the scheduler should run, say --expected"
    return Watch("unknown", CANNOT_TELL, None, None, detail)


@contextmanager
def _warehouse_of(settings: Settings) -> Iterator[Warehouse]:
    warehouse = open_if_there(settings)
    if warehouse is None:
        raise ConfigurationError("the warehouse holds no tables yet")
    try:
        yield warehouse
    finally:
        warehouse.dispose()


def _through_the_outbox(
    warehouse: Warehouse, verdict: Raise | Clear | None, now: datetime, direct: DirectNotices
) -> list[str]:
    store, said = warehouse.notices, list[str]()
    if isinstance(verdict, Raise):
        said += _opened(warehouse, verdict.alert, now, direct)
    elif isinstance(verdict, Clear):
        known = direct.known(verdict.key)
        if store.clear_alert(verdict.key, now, verdict.reason, told=known.closed if known else {}):
            said.append(f"alert {verdict.key} closed")
            direct.forget(verdict.key)
        said += direct.end(verdict.key, verdict.reason)
    return said + direct.end(WAREHOUSE_ALERT, "the warehouse answers again")


def _opened(warehouse: Warehouse, alert: Alert, now: datetime, direct: DirectNotices) -> list[str]:
    """Open an alert in the warehouse; one that was told directly goes on there under its id."""
    store, said, known = warehouse.notices, list[str](), direct.known(alert.key)
    if known is not None:
        was_opened_at = store.opened_at(alert.key)
        if known.is_over or was_opened_at not in (None, known.began_at):
            ended = "it was over while the warehouse was away"
            store.clear_alert(alert.key, now, ended, told=known.closed or known.opened)
        if known.is_over:
            direct.forget(alert.key)
            known = None
    began_at, told = (known.began_at, known.opened) if known is not None else (now, {})
    if store.raise_alert(alert, now, opened_at=began_at, told=told):
        said.append(f"alert {alert.key} opened")
    _note_told(warehouse, alert, direct)
    return said


def _note_told(warehouse: Warehouse, alert: Alert, direct: DirectNotices) -> None:
    """Remember outside the warehouse what its outbox has told: it may be away the next time."""
    opened_at = warehouse.notices.opened_at(alert.key)
    if opened_at is not None:
        told = opened_message(alert, opened_at, None)
        direct.note(alert, opened_at, warehouse.notices.takers(told.message_id))


def _past_the_outbox(verdict: Raise | Clear, now: datetime, direct: DirectNotices) -> list[str]:
    unreachable = WAREHOUSE.alert(
        WAREHOUSE_ALERT,
        title="The warehouse cannot be reached",
        happened="the watchdog could not read or write it",
        since=now,
        subject="the warehouse that MARKET_PIPELINE_DATABASE_URL names",
    )
    if isinstance(verdict, Raise):
        return direct.tell(verdict.alert) + direct.tell(unreachable)
    return direct.take_back(verdict.key, verdict.reason) + direct.tell(unreachable)


def _trouble(settings: Settings, error: Exception) -> str:
    if isinstance(error, ConfigurationError):
        return str(error)
    place = place_of(settings.warehouse_url)
    reason = database_reason(error)
    return Redaction(settings.secrets()).text(f"the warehouse at {place} does not answer: {reason}")


def _brief(error: Exception) -> str:
    if isinstance(error, ConfigurationError | ValueError):
        return str(error)
    # A driver's text may hold hosts and users, and runs over lines.
    return type(error).__name__
