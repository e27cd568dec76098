"""An alert: what it says, how rules speak of it, and the messages that announce it.

Rules (`alert_rules`) give verdicts on what is true now; that an alert opens once and closes once
is the store's part (`warehouse.notices`).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from market_pipeline.domain.notices import ALERT_CLOSED, ALERT_OPENED, Message, iso, message

RUNBOOK = "docs/runbook.md"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """What every alert of one kind says: how grave, what users notice, where to look."""

    severity: str
    meaning: str
    command: str
    section: str
    """Anchor of the section in docs/runbook.md."""

    def alert(self, key: str, title: str, happened: str, since: datetime, subject: str) -> "Alert":
        """Build the alert `key` about `subject` (a source, an asset, a partition)."""
        return Alert(
            key, self.severity, title, happened, since, subject, self.meaning, self.command,
            f"{RUNBOOK}#{self.section}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alert:
    """Something wrong, as a person needs it told; at most one of a key is open at a time."""

    key: str
    severity: str
    title: str
    happened: str
    since: datetime
    subject: str
    meaning: str
    command: str
    runbook: str


@dataclass(frozen=True, slots=True)
class Raise:
    """The rule holds that this is wrong now, whether or not it has been told already."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Clear:
    """The rule holds that `key` is right again, whether or not it was ever wrong."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClosedAlert:
    """An alert that is over, as it was stored."""

    key: str
    severity: str
    title: str
    opened_at: datetime
    closed_at: datetime
    occurrences: int


# -- an alert as a message -----------------------------------------------------------------


def opened_message(alert: Alert, opened_at: datetime, data_kind: str | None) -> Message:
    """Announce an alert; the id follows from its key and beginning, so told twice it is one."""
    return message(
        _id_of(alert.key, "opened", opened_at), ALERT_OPENED, opened_at, data_kind,
        alert_key=alert.key, severity=alert.severity, title=alert.title, happened=alert.happened,
        since=iso(alert.since), subject=alert.subject, meaning=alert.meaning,
        command=alert.command, runbook=alert.runbook,
    )  # fmt: skip


def closed_message(closed: ClosedAlert, reason: str, data_kind: str | None) -> Message:
    """Announce that an alert is over; `alert_key` and `since` name the one that was opened."""
    return message(
        _id_of(closed.key, "closed", closed.opened_at), ALERT_CLOSED, closed.closed_at, data_kind,
        alert_key=closed.key, severity=closed.severity, title=closed.title, happened=reason,
        since=iso(closed.opened_at), until=iso(closed.closed_at), occurrences=closed.occurrences,
    )  # fmt: skip


def _id_of(key: str, change: str, at: datetime) -> str:
    return str(uuid5(NAMESPACE_URL, f"market_pipeline:{key}:{change}:{iso(at)}"))
