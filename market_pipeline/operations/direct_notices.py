"""Telling the channels without an outbox: what is left when the warehouse cannot be reached.

What was told, directly or by the outbox, is remembered in the coordination, so that one trouble
has one id on either way, each channel is told once an hour, and the end is told once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from market_pipeline.domain.alerts import Alert, ClosedAlert, closed_message, opened_message
from market_pipeline.domain.errors import ConfigurationError, DeliveryFailed
from market_pipeline.domain.notices import Message, iso
from market_pipeline.domain.ports import Coordination
from market_pipeline.notifications import Notifications

REMIND_AFTER = timedelta(hours=1)
_TOLD = "watchdog:told:"


@dataclass(frozen=True, slots=True)
class Told:
    """What is remembered of a trouble: when it began, and who took its two messages, and when."""

    began_at: datetime
    title: str
    severity: str
    opened: Mapping[str, datetime] = field(default_factory=dict)
    closed: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether its end was told; what comes after it is another trouble."""
        return bool(self.closed)


_FORM = TypeAdapter(Told)


class DirectNotices:
    """Announces alerts straight to the channels, as of `now`. Gives lines that say what it did."""

    def __init__(
        self, notifications: Notifications, coordination: Coordination, kind: str, now: datetime
    ) -> None:
        self._notifications, self._coordination = notifications, coordination
        self._kind, self._now = kind, now

    def tell(self, alert: Alert) -> list[str]:
        """Announce an alert to each channel that was not told within the hour."""
        kept = self.known(alert.key)
        if kept is None or kept.is_over:
            kept = Told(alert.since, alert.title, alert.severity)
        recent = {c: at for c, at in kept.opened.items() if self._now - at < REMIND_AFTER}
        said, taken = self._send(opened_message(alert, kept.began_at, self._kind), recent)
        self._keep(alert.key, replace(kept, opened={**kept.opened, **taken}))
        if not said:
            return [f"{alert.key} was told at {iso(max(recent.values()))}"]
        return [f"{alert.key} told directly: {said}"]

    def take_back(self, key: str, reason: str) -> list[str]:
        """Announce once that a trouble that was told is over; nothing where none was told."""
        kept = self.known(key)
        if kept is None or kept.is_over:
            return []
        if not kept.opened:
            self.forget(key)
            return []
        closed = ClosedAlert(key, kept.severity, kept.title, kept.began_at, self._now, 1)
        said, taken = self._send(closed_message(closed, reason, self._kind), ())
        self._keep(key, replace(kept, closed=taken))
        return [f"{key} is over, told directly: {said}"]

    def end(self, key: str, reason: str) -> list[str]:
        """Take a trouble back, and forget it once that was told."""
        said = self.take_back(key, reason)
        kept = self.known(key)
        if kept is not None and kept.is_over:
            self.forget(key)
        return said

    def note(self, alert: Alert, began_at: datetime, takers: Mapping[str, datetime]) -> None:
        """Remember an alert that the outbox tells, and which channels have taken it by now."""
        kept = self.known(alert.key)
        is_same = kept is not None and kept.began_at == began_at
        before = kept.opened if kept is not None and is_same else {}
        told = Told(began_at, alert.title, alert.severity, {**before, **takers})
        if told != kept:
            self._keep(alert.key, told)

    def known(self, key: str) -> Told | None:
        """Give what is remembered of a trouble; None where nothing is that can be read."""
        kept = self._coordination.get(_TOLD + key)
        try:
            return _FORM.validate_json(kept) if kept else None
        except ValidationError:
            return None

    def forget(self, key: str) -> None:
        """Remember nothing of a trouble any more."""
        if self._coordination.get(_TOLD + key):
            self._coordination.put(_TOLD + key, "")

    def _send(self, message: Message, but: Iterable[str]) -> tuple[str, dict[str, datetime]]:
        """Send to every channel not named in `but`; say how it went, and who took it."""
        try:
            channels = self._notifications.channels
        except ConfigurationError as error:
            return str(error), {}
        if not channels:
            return "no channel is configured", {}
        outcomes, taken = [], dict[str, datetime]()
        for channel in channels:
            if channel.name in but:
                continue
            try:
                channel.send(message)
            except DeliveryFailed as error:
                outcomes.append(str(error))
            else:
                taken[channel.name] = self._now
                outcomes.append(f"{channel.name} has it")
        return "; ".join(outcomes), taken

    def _keep(self, key: str, told: Told) -> None:
        self._coordination.put(_TOLD + key, _FORM.dump_json(told).decode())
