"""What other systems and people are told: messages, their payloads, when they are tried again.

A message is a row of the outbox, written in the transaction it tells of, and delivered at least
once: who receives it twice knows by its id. Words for people stand in `notice_texts`, where a
message goes in `notifications`, what deserves an alert in `alerts`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

HEADLINES_STORED = "headlines.stored"
ALERT_OPENED = "alert.opened"
ALERT_CLOSED = "alert.closed"

SCHEMA_VERSION = 1
AT_LEAST_ONCE = "at-least-once"
MOST_SYMBOLS = 500

FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 900.0
SHORTEST_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be told: `payload` is what goes out as JSON, id and topic included."""

    message_id: str
    topic: str
    payload: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message claimed for one channel; `attempts` counts this one."""

    message: Message
    channel: str
    attempts: int


@dataclass(frozen=True, slots=True)
class RelayResult:
    """What one pass over the outbox came to; `failures` maps channels to their last error."""

    delivered: int = 0
    failed: int = 0
    released: int = 0
    finished: int = 0
    failures: Mapping[str, str] | None = None

    def __str__(self) -> str:
        parts = [f"{self.delivered} delivered", f"{self.failed} failed"]
        if self.released:
            parts.append(f"{self.released} left for the next pass")
        told = [f"{channel}: {error}" for channel, error in sorted((self.failures or {}).items())]
        return "; ".join([", ".join(parts), *told])


class Outbox(Protocol):
    """Where messages wait. Every method is one transaction of its own."""

    def claim(
        self, channel: str, now: datetime, *, limit: int, lease: timedelta
    ) -> Sequence[Delivery]:
        """Take what is due for `channel`, oldest first; no other process gets it for `lease`."""
        ...

    def delivered(self, delivery: Delivery, at: datetime) -> None:
        """Note that the channel has taken the message."""
        ...

    def failed(self, delivery: Delivery, error: str, next_attempt_at: datetime) -> None:
        """Note why the channel has not, and when it is tried again."""
        ...

    def release(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Give claimed messages back untried: they are due, and no attempt is counted."""
        ...

    def finish(self, channels: Sequence[str], now: datetime) -> int:
        """Finish what every one of `channels` has taken; give how many messages those are."""
        ...


class Notifier(Protocol):
    """Delivers what waits in an outbox to every configured channel."""

    def relay(self, outbox: Outbox) -> RelayResult:
        """Make one bounded pass; a channel that fails is in the result, never raised."""
        ...


# -- what was stored -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """What one commit of headlines changed: new stories, items joined to stories, quarantined."""

    stories: int
    joined_sources: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the stored headlines reach: the latest of each instant, None where there is none."""

    published_at: datetime | None
    ingested_at: datetime | None


def new_headlines_message(
    message_id: str,
    created_at: datetime,
    counts: StoredCounts,
    symbols: Sequence[str],
    watermark: Watermark,
    data_kind: str,
) -> Message:
    """Tell that headlines were stored: counts, symbols, watermark.

    `message_id` is a UUID; `symbols` may repeat and are sent sorted, `MOST_SYMBOLS` at most;
    `data_kind` is sandbox or live. The payload's schema stands in docs/runbook.md.
    """
    unique = sorted(set(symbols))
    return message(
        message_id,
        HEADLINES_STORED,
        created_at,
        data_kind,
        counts={
            "stories": counts.stories,
            "joined_sources": counts.joined_sources,
            "quarantined": counts.quarantined,
        },
        symbols=unique[:MOST_SYMBOLS],
        symbols_truncated=len(unique) > MOST_SYMBOLS,
        watermark={
            "published_at": iso(watermark.published_at),
            "ingested_at": iso(watermark.ingested_at),
        },
    )


def message(
    message_id: str, topic: str, created_at: datetime, data_kind: str | None, **content: object
) -> Message:
    """Build a message of any topic: `content` between what every payload carries."""
    payload = {
        "id": message_id,
        "topic": topic,
        "schema_version": SCHEMA_VERSION,
        "delivery": AT_LEAST_ONCE,
        "created_at": iso(created_at),
        "data_kind": data_kind,
        **content,
    }
    return Message(message_id, topic, payload, created_at)


def iso(at: datetime | None) -> str | None:
    """Write an instant as ISO-8601 in UTC, ending in Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# -- when a failed delivery is tried again -------------------------------------------------


def next_attempt(
    attempts: int, at: datetime, random: Callable[[], float], at_least_s: float | None = None
) -> datetime:
    """Say when to try again after `attempts` failures, the last of them at `at`.

    Full jitter: uniform below a ceiling of 5 s that doubles with each failure up to 15 minutes,
    so that many senders do not return together. `random` gives numbers in [0, 1). A receiver's
    own wish (`at_least_s`, its Retry-After) is honoured up to the same 15 minutes.
    """
    ceiling = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(max(attempts, 1) - 1, 16))
    delay = max(SHORTEST_RETRY_S, ceiling * random(), at_least_s or 0.0)
    return at + timedelta(seconds=min(delay, LONGEST_RETRY_S))
