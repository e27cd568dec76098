"""The outbox and the alerts: told in the transaction that did it, delivered until it is taken.

A message is claimed by a lease on its delivery row, so that two processes do not send it at once
and a process that dies leaves it to the next. Delivery is at least once; nothing is given up.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from market_pipeline.domain.alert_rules import CollectionOutcome
from market_pipeline.domain.alerts import Alert, ClosedAlert, closed_message, opened_message
from market_pipeline.domain.notice_texts import alert_lines, neutral
from market_pipeline.domain.notices import Delivery, Message
from market_pipeline.warehouse.engine import Database, lock
from market_pipeline.warehouse.news_tables import (
    alerts,
    collection_events,
    outbox,
    outbox_deliveries,
)
from market_pipeline.warehouse.retention import gone
from market_pipeline.warehouse.tables import warehouse_meta
from market_pipeline.warehouse.values import clean_text

WAITS_FOR_A_CHANNEL = timedelta(hours=1)
"""Where no channel is configured a message waits this long for one, then is told to nobody."""

_LONGEST_ERROR = 500
_NOBODY: Mapping[str, datetime] = MappingProxyType({})
_o, _d, _a = outbox.c, outbox_deliveries.c, alerts.c


def append(connection: sa.Connection, message: Message) -> bool:
    """Put a message into the outbox inside the caller's transaction; False where it is there."""
    text = json.dumps(dict(message.payload), allow_nan=False, sort_keys=True)  # ASCII: storable
    return _insert_new(
        connection, outbox, message_id=message.message_id, topic=message.topic, payload=text,
        created_at=message.created_at,
    )  # fmt: skip


class Notices:
    """The outbox and the alerts of a warehouse. Every method is one transaction; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- delivering ------------------------------------------------------------------------

    def add(self, message: Message) -> bool:
        """Put a message into the outbox by itself; False where it is there already."""
        with self._database.writing() as connection:
            return append(connection, message)

    def pending(
        self, channels: Sequence[str], now: datetime, limit: int = 100
    ) -> list[tuple[Message, str]]:
        """Give what is due for each of `channels`, oldest first, `limit` a channel."""
        with self._database.reading() as connection:
            return [
                (_message(row), channel)
                for channel in channels
                for row in connection.execute(_due(channel, now, limit)).mappings()
            ]

    def claim(self, channel: str, now: datetime, *, limit: int, lease: timedelta) -> list[Delivery]:
        """Take up to `limit` due messages for `channel`, oldest first.

        Until `lease` is over no other process gets them: the attempt is counted and the next one
        dated before anything is sent, so a message whose sender dies is due again by itself.
        """
        with self._database.reading() as connection:  # most passes find nothing: take no lock
            if connection.execute(_due(channel, now, 1)).first() is None:
                return []
        with self._database.writing() as connection:
            lock(connection, outbox_deliveries.name)
            rows = connection.execute(_due(channel, now, limit)).mappings().all()
            claimed = [Delivery(_message(row), channel, (row["attempts"] or 0) + 1) for row in rows]
            if claimed:
                connection.execute(
                    _upsert_delivery(connection),
                    [
                        {
                            "message_id": delivery.message.message_id,
                            "channel": channel,
                            "attempts": delivery.attempts,
                            "last_attempt_at": now,
                            "next_attempt_at": now + lease,
                        }
                        for delivery in claimed
                    ],
                )
            return claimed

    def delivered(self, delivery: Delivery, at: datetime) -> None:
        """Note that the channel has taken the message."""
        self._note(delivery, delivered_at=at, next_attempt_at=None, last_error=None)

    def failed(self, delivery: Delivery, error: str, next_attempt_at: datetime) -> None:
        """Note why the channel has not (no secret, no address), and when it is tried again.

        Changes nothing where another process has delivered or claimed the message meanwhile.
        """
        self._note(
            delivery, _d.attempts == delivery.attempts, next_attempt_at=next_attempt_at,
            last_error=clean_text(error, _LONGEST_ERROR),
        )  # fmt: skip

    def release(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Give claimed messages back untried: due at once, the attempt not counted."""
        for delivery in deliveries:
            self._note(
                delivery, _d.attempts == delivery.attempts, attempts=delivery.attempts - 1,
                next_attempt_at=now,
            )  # fmt: skip

    def finish(self, channels: Sequence[str], now: datetime) -> int:
        """Finish what every one of `channels` has taken; give how many messages those are.

        Deliveries to a channel that is no longer configured do not count. Without any channel
        there is nothing to deliver to: a message waits an hour for one (a process that lacks the
        setting must not lose what another would send), then is finished with no delivery.
        """
        if channels:
            taken = (
                sa.select(sa.func.count())
                .where(_d.message_id == _o.message_id, _d.channel.in_(list(channels)))
                .where(_d.delivered_at.is_not(None))
                .scalar_subquery()
            )
            is_over = taken == len(set(channels))
        else:
            is_over = _o.created_at <= now - WAITS_FOR_A_CHANNEL
        these = sa.and_(_o.finished_at.is_(None), is_over)
        with self._database.reading() as connection:
            if not connection.scalar(sa.select(sa.exists().where(these))):
                return 0
        return self._write(sa.update(outbox).where(these).values(finished_at=now))

    def forget_finished(self, before: datetime, *, is_dry_run: bool = False) -> int:
        """Delete messages finished before an instant, and their deliveries; give how many.

        With `is_dry_run` they are counted and stay.
        """
        if is_dry_run:
            with self._database.reading() as connection:
                return gone(connection, outbox, _o.finished_at < before, is_dry_run=True)
        old = sa.select(_o.message_id).where(_o.finished_at < before)
        with self._database.writing() as connection:
            connection.execute(sa.delete(outbox_deliveries).where(_d.message_id.in_(old)))
            return _count(connection, sa.delete(outbox).where(_o.finished_at < before))

    def _note(self, delivery: Delivery, *only_if: sa.ColumnElement[bool], **values: object) -> None:
        this = (_d.message_id == delivery.message.message_id, _d.channel == delivery.channel)
        undelivered = _d.delivered_at.is_(None)
        self._write(
            sa.update(outbox_deliveries).where(*this, undelivered, *only_if).values(**values)
        )

    def _write(self, statement: Any) -> int:
        with self._database.writing() as connection:
            return _count(connection, statement)

    # -- alerts ----------------------------------------------------------------------------

    def raise_alert(
        self,
        alert: Alert,
        at: datetime,
        *,
        opened_at: datetime | None = None,
        told: Mapping[str, datetime] = _NOBODY,
    ) -> bool:
        """Open an alert, or count that it is still so; True where it was opened now.

        The row and the message that announces it are one transaction, and of several processes
        that raise the same alert one opens it. One that was told past the outbox keeps its
        beginning, `opened_at`, and with it its id; channels in `told` took it then.
        """
        opened_at = opened_at or at
        values = {
            "alert_key": alert.key, "opened_at": opened_at, "severity": alert.severity,
            "title": neutral(alert.title, 200), "last_seen_at": at, "occurrences": 1,
        }  # fmt: skip
        with self._database.writing() as connection:
            opened = opened_message(alert, opened_at, _data_kind(connection))
            body = clean_text("\n".join(alert_lines(opened.payload)), None)
            if _insert_new(connection, alerts, **values, body=body):
                _append_told(connection, opened, told)
                return True
            connection.execute(
                sa.update(alerts)
                .where(_a.alert_key == alert.key, _a.closed_at.is_(None), _a.last_seen_at < at)
                .values(last_seen_at=at, occurrences=_a.occurrences + 1)
            )
            return False

    def clear_alert(
        self, key: str, at: datetime, reason: str, *, told: Mapping[str, datetime] = _NOBODY
    ) -> bool:
        """Close the open alert `key` and announce it, in one transaction; False where none is.

        Channels in `told` took the announcement past the outbox.
        """
        this = sa.and_(_a.alert_key == key, _a.closed_at.is_(None))
        with self._database.reading() as connection:  # most of the time there is none
            if connection.execute(sa.select(_a.alert_key).where(this)).first() is None:
                return False
        with self._database.writing() as connection:
            closing = sa.update(alerts).where(this).values(closed_at=at).returning(*alerts.columns)
            row = connection.execute(closing).mappings().one_or_none()
            if row is None:
                return False
            closed = ClosedAlert(
                key, row["severity"], row["title"], row["opened_at"], at, row["occurrences"]
            )
            _append_told(connection, closed_message(closed, reason, _data_kind(connection)), told)
            return True

    def opened_at(self, key: str) -> datetime | None:
        """Give when the open alert `key` was opened, None where none is."""
        this = (_a.alert_key == key, _a.closed_at.is_(None))
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(sa.select(_a.opened_at).where(*this))
        return found

    def takers(self, message_id: str) -> dict[str, datetime]:
        """Give the channels that have taken a message, and when."""
        taken = (_d.message_id == message_id, _d.delivered_at.is_not(None))
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(_d.channel, _d.delivered_at).where(*taken))
            return dict(rows.tuples().all())

    def open_alerts(self) -> pd.DataFrame:
        """Give the open alerts, newest first: the columns of the table."""
        return self._frame(sa.select(alerts).where(_a.closed_at.is_(None)).order_by(*_NEWEST_ALERT))

    def alert_history(self, limit: int = 100) -> pd.DataFrame:
        """Give alerts, open and closed, newest first."""
        return self._frame(sa.select(alerts).order_by(*_NEWEST_ALERT).limit(limit))

    # -- looking ---------------------------------------------------------------------------

    def outbox(self, *, only_pending: bool = False, limit: int = 100) -> pd.DataFrame:
        """Give messages, newest first, one row for each channel tried (one where none was).

        Columns: message_id, topic, created_at, finished_at, channel, attempts, last_attempt_at,
        next_attempt_at, delivered_at, last_error.
        """
        newest = sa.select(_o.message_id, _o.topic, _o.created_at, _o.finished_at)
        if only_pending:
            newest = newest.where(_o.finished_at.is_(None))
        page = newest.order_by(_o.created_at.desc(), _o.message_id).limit(limit).subquery()
        told = [c for c in outbox_deliveries.columns if c.name != "message_id"]
        return self._frame(
            sa.select(*page.c, *told)
            .join_from(page, outbox_deliveries, _d.message_id == page.c.message_id, isouter=True)
            .order_by(page.c.created_at.desc(), page.c.message_id, _d.channel)
        )

    def collection_outcomes(self, since: datetime) -> list[CollectionOutcome]:
        """Give every attempt at a source begun since an instant, oldest first."""
        kept = [collection_events.c[name] for name in CollectionOutcome.__slots__]
        began = collection_events.c.started_at
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(*kept).where(began >= since).order_by(began))
            return [CollectionOutcome(*row) for row in rows]

    def _frame(self, query: Any) -> pd.DataFrame:
        with self._database.reading() as connection:
            found = connection.execute(query)
            names = list(found.keys())
            return pd.DataFrame([tuple(row) for row in found], columns=names, dtype=object)


def _append_told(connection: sa.Connection, message: Message, told: Mapping[str, datetime]) -> None:
    """Put a message into the outbox that some channels have taken already."""
    if append(connection, message):
        for channel, at in told.items():
            _insert_new(
                connection, outbox_deliveries, message_id=message.message_id, channel=channel,
                attempts=1, last_attempt_at=at, delivered_at=at,
            )  # fmt: skip


_NEWEST_ALERT = (_a.opened_at.desc(), _a.alert_key)


def _due(channel: str, now: datetime, limit: int) -> sa.Select[Any]:
    tried = sa.and_(_d.message_id == _o.message_id, _d.channel == channel)
    never_or_due = sa.or_(_d.message_id.is_(None), _d.next_attempt_at <= now)
    return (
        sa.select(*outbox.columns, _d.attempts)
        .join_from(outbox, outbox_deliveries, tried, isouter=True)
        .where(_o.finished_at.is_(None), _d.delivered_at.is_(None), never_or_due)
        .order_by(_o.created_at, _o.message_id)
        .limit(limit)
    )


def _message(row: Any) -> Message:
    return Message(row["message_id"], row["topic"], json.loads(row["payload"]), row["created_at"])


def _upsert_delivery(connection: sa.Connection) -> Any:
    statement = _insert(connection)(outbox_deliveries)
    names = ("attempts", "last_attempt_at", "next_attempt_at")
    return statement.on_conflict_do_update(
        index_elements=["message_id", "channel"],
        set_={name: statement.excluded[name] for name in names},
    )


def _insert(connection: sa.Connection) -> Callable[[sa.Table], Any]:
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


def _insert_new(connection: sa.Connection, table: sa.Table, **values: object) -> bool:
    """Insert a row unless a unique index, partial ones included, has one in its place."""
    statement = _insert(connection)(table).values(values).on_conflict_do_nothing()
    return _count(connection, statement) == 1


def _count(connection: sa.Connection, statement: Any) -> int:
    return int(
        connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
    )


def _data_kind(connection: sa.Connection) -> str | None:
    kept = sa.select(warehouse_meta.c.value).where(warehouse_meta.c.key == "data_kind")
    return connection.scalar(kept)
