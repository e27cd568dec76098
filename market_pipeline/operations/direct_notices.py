"""Telling the channels without an outbox: what is left when the warehouse cannot be reached.

What was told is remembered in the coordination, so that one trouble is told once an hour, under
one id, and its end once.
"""

import json
from datetime import datetime, timedelta

from market_pipeline.domain.alerts import Alert, ClosedAlert, closed_message, opened_message
from market_pipeline.domain.errors import ConfigurationError, DeliveryFailed
from market_pipeline.domain.notices import Message, iso
from market_pipeline.domain.ports import Coordination
from market_pipeline.notifications import Notifications

REMIND_AFTER = timedelta(hours=1)
_TOLD = "watchdog:told:"


class DirectNotices:
    """Announces alerts straight to the channels, as of `now`. Gives lines that say what it did."""

    def __init__(
        self, notifications: Notifications, coordination: Coordination, kind: str, now: datetime
    ) -> None:
        self._notifications, self._coordination = notifications, coordination
        self._kind, self._now = kind, now

    def tell(self, alert: Alert) -> list[str]:
        """Announce an alert unless that was done within the hour."""
        kept = self._remembered(alert.key)
        began_at = datetime.fromisoformat(kept["began_at"]) if kept else alert.since
        if kept:
            told_at = datetime.fromisoformat(kept["told_at"])
            if self._now - told_at < REMIND_AFTER:
                return [f"{alert.key} was told directly at {iso(told_at)}"]
        said, is_taken = self._send(opened_message(alert, began_at, self._kind))
        if is_taken:
            memory = {
                "began_at": began_at.isoformat(), "told_at": self._now.isoformat(),
                "title": alert.title, "severity": alert.severity,
            }  # fmt: skip
            self._remember(alert.key, json.dumps(memory))
        return [f"{alert.key} told directly: {said}"]

    def take_back(self, key: str, reason: str) -> list[str]:
        """Announce once that a trouble told directly is over; nothing where none was told."""
        kept = self._remembered(key)
        if not kept:
            return []
        began_at = datetime.fromisoformat(kept["began_at"])
        closed = ClosedAlert(key, kept["severity"], kept["title"], began_at, self._now, 1)
        said, is_taken = self._send(closed_message(closed, reason, self._kind))
        if is_taken:
            self._remember(key, "")
        return [f"{key} is over, told directly: {said}"]

    def hand_over(self, key: str) -> None:
        """Leave a trouble to the outbox, which tells of it from here on, its end included."""
        if self._remembered(key):
            self._remember(key, "")

    def _send(self, message: Message) -> tuple[str, bool]:
        try:
            channels = self._notifications.channels
        except ConfigurationError as error:
            return str(error), False
        outcomes, is_taken = [], not channels
        for channel in channels:
            try:
                channel.send(message)
            except DeliveryFailed as error:
                outcomes.append(str(error))
            else:
                is_taken = True
                outcomes.append(f"{channel.name} has it")
        return "; ".join(outcomes) or "no channel is configured", is_taken

    def _remembered(self, key: str) -> dict[str, str]:
        kept = self._coordination.get(_TOLD + key)
        return json.loads(kept) if kept else {}

    def _remember(self, key: str, text: str) -> None:
        self._coordination.put(_TOLD + key, text)
