"""One pass over the outbox: everything due goes to every channel, within a bounded time.

Channels are served side by side, so that one that hangs keeps none waiting; within a channel the
oldest goes first. What fails is dated for its next attempt, what is not reached is given back.
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from market_pipeline.domain.errors import ConfigurationError, DeliveryFailed
from market_pipeline.domain.notices import Delivery, Outbox, RelayResult, next_attempt
from market_pipeline.notifications.channels import Channel, channels_of
from market_pipeline.settings import Settings

log = structlog.get_logger()

BUDGET_S = 15.0
LEASE = timedelta(seconds=30)
"""Longer than a pass with a channel's deadline after it: who holds a claim is done before."""

_CLAIMED_AT_ONCE = 25
_FAILURES_IN_A_ROW = 3

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of a pass: its time, the claim's lease, and the dice of the retry schedule."""

    budget_s: float = BUDGET_S
    lease: timedelta = LEASE
    random: Callable[[], float] = random.random


def relay(
    outbox: Outbox, channels: Sequence[Channel], clock: Clock, pace: Pace | None = None
) -> RelayResult:
    """Send what is due to each of `channels`, then finish what all of them have.

    Never raises for a channel: its last error is in the result. A channel's turn ends with the
    third failure in a row, or with the pass's time; what it held is due again at once.
    """
    pace = pace or Pace()
    total = RelayResult(failures={})
    if channels:
        ends_at = time.monotonic() + pace.budget_s
        with ThreadPoolExecutor(len(channels), thread_name_prefix="relay") as pool:
            turns = [
                pool.submit(_Turn(outbox, channel, clock, pace, ends_at).run)
                for channel in channels
            ]
            for turn in turns:
                total = _added(total, turn.result())
    finished = outbox.finish([channel.name for channel in channels], clock())
    total = replace(total, finished=finished)
    if total.delivered or total.failed:
        log.info("notices_relayed", delivered=total.delivered, failed=total.failed,
                 finished=finished)  # fmt: skip
    return total


class Notifications:
    """The `Notifier` of the settings: relays to every configured channel."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._channels: list[Channel] | None = None

    @property
    def channels(self) -> list[Channel]:
        """The configured channels; raises ConfigurationError where an address cannot be one."""
        if self._channels is None:
            self._channels = channels_of(self._settings)
        return self._channels

    def relay(self, outbox: Outbox) -> RelayResult:
        """Make one bounded pass over the outbox.

        Where an address cannot be one nothing is sent or finished, and the result says so: the
        work that has something to tell does not fail for it, and no channel is passed over.
        """
        try:
            channels = self.channels
        except ConfigurationError as error:
            log.warning("notices_not_relayed", error=str(error))
            return RelayResult(failures={"settings": str(error)})
        return relay(outbox, channels, self._clock)


class _Turn:
    """What one channel gets of a pass."""

    def __init__(
        self, outbox: Outbox, channel: Channel, clock: Clock, pace: Pace, ends_at: float
    ) -> None:
        self._outbox, self._channel, self._clock = outbox, channel, clock
        self._pace, self._ends_at = pace, ends_at
        self._delivered, self._failed, self._in_a_row = 0, 0, 0
        self._last_error = ""

    def run(self) -> RelayResult:
        """Send until nothing is due, the time is over, or the channel fails again and again."""
        released = 0
        while self._may_go_on() and not released:
            now = self._clock()
            claimed = self._outbox.claim(
                self._channel.name, now, limit=_CLAIMED_AT_ONCE, lease=self._pace.lease
            )
            if not claimed:
                break
            unsent = self._send(claimed)
            if unsent:
                self._outbox.release(unsent, self._clock())
                released = len(unsent)
        failures = {self._channel.name: self._last_error} if self._last_error else {}
        return RelayResult(self._delivered, self._failed, released, failures=failures)

    def _may_go_on(self) -> bool:
        return self._in_a_row < _FAILURES_IN_A_ROW and time.monotonic() < self._ends_at

    def _send(self, claimed: Sequence[Delivery]) -> Sequence[Delivery]:
        for at, delivery in enumerate(claimed):
            if not self._may_go_on():
                return claimed[at:]
            self._send_one(delivery)
        return ()

    def _send_one(self, delivery: Delivery) -> None:
        try:
            self._channel.send(delivery.message)
        except DeliveryFailed as error:
            self._note_failure(delivery, error.detail, error.retry_after_s)
        except Exception as error:  # a channel's slip must not stop the others; nor be quoted
            self._note_failure(delivery, f"unexpected {type(error).__name__}", None)
        else:
            # Not before: a process that dies in between sends again, under the same id.
            self._outbox.delivered(delivery, self._clock())
            self._delivered, self._in_a_row = self._delivered + 1, 0

    def _note_failure(self, delivery: Delivery, told: str, retry_after_s: float | None) -> None:
        now = self._clock()
        again = next_attempt(delivery.attempts, now, self._pace.random, retry_after_s)
        self._outbox.failed(delivery, told, again)
        self._failed, self._in_a_row, self._last_error = self._failed + 1, self._in_a_row + 1, told
        log.warning("notice_not_delivered", channel=self._channel.name, error=told,
                    message_id=delivery.message.message_id, attempts=delivery.attempts)  # fmt: skip


def _added(one: RelayResult, other: RelayResult) -> RelayResult:
    return RelayResult(
        one.delivered + other.delivered,
        one.failed + other.failed,
        one.released + other.released,
        failures={**(one.failures or {}), **(other.failures or {})},
    )
