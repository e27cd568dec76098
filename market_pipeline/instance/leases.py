"""A lease on each run: its worker renews it every second, and the launcher judges by that.

The lease is a count in Dagster's own key-value table. Whoever judges compares what it read itself,
by its own clock: no two clocks must agree, and a time in which nothing could be read counts for
nothing. Does not belong here: what follows from a verdict, which is Dagster's run monitoring.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from dagster import DagsterEvent, DagsterEventType
from dagster._core.storage.runs.schema import KeyValueStoreTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

log = structlog.get_logger()

RENEW_S = 1.0
_OVER = frozenset(
    {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}
)
_kvs = KeyValueStoreTable.c


def lease_key(run_id: str) -> str:
    """Name the row that holds a run's lease."""
    return f"market_pipeline:lease:{run_id}"


class LeasedRunStorage(SqlRunStorage):
    """Mixed in before a SQL run storage: the process in which a run starts renews its lease.

    The lease is there before the run counts as started, and goes with the run's end, whoever
    reports it.
    """

    _renewals: "dict[str, _Renewal] | None" = None

    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None
    ) -> None:
        """Keep the run's status, and begin or end its lease with it."""
        if event.event_type == DagsterEventType.RUN_START:
            self._begin(run_id)
        super().handle_run_event(run_id, event, update_timestamp)
        if event.event_type in _OVER:
            self._end(run_id)

    def lease_beat(self, run_id: str) -> str | None:
        """Give the count of a run's lease, None where it has none."""
        return self.get_cursor_values({lease_key(run_id)}).get(lease_key(run_id))

    def renew_lease(self, run_id: str, beat: int) -> bool:
        """Count a lease on; False where it is gone, for the run was declared to be over."""
        this = _kvs.key == lease_key(run_id)
        with self.connect() as connection:
            renewed = sa.update(KeyValueStoreTable).where(this).values(value=str(beat))
            return bool(connection.execute(renewed).rowcount)

    def dispose(self) -> None:
        """Stop renewing, then close every connection."""
        for renewal in list((self._renewals or {}).values()):
            renewal.stop()
        super().dispose()

    def _begin(self, run_id: str) -> None:
        self.set_cursor_values({lease_key(run_id): "0"})
        renewal = _Renewal(self, run_id)
        self._renewals = {**(self._renewals or {}), run_id: renewal}
        renewal.start()

    def _end(self, run_id: str) -> None:
        renewal = (self._renewals or {}).pop(run_id, None)
        if renewal is not None:
            renewal.stop()
        with self.connect() as connection:
            _delete(connection, run_id)


def _delete(connection: "Connection", run_id: str) -> None:
    connection.execute(sa.delete(KeyValueStoreTable).where(_kvs.key == lease_key(run_id)))


class _Renewal(threading.Thread):
    """Renews one lease each second until it is stopped or the lease is gone."""

    def __init__(self, storage: LeasedRunStorage, run_id: str) -> None:
        super().__init__(name=f"lease-{run_id[:8]}", daemon=True)
        self._storage, self._run_id, self._stopped = storage, run_id, threading.Event()

    def stop(self) -> None:
        self._stopped.set()
        if self.is_alive() and self is not threading.current_thread():
            self.join(timeout=2 * RENEW_S)

    def run(self) -> None:
        beat, is_failing = 0, False
        while not self._stopped.wait(RENEW_S):
            beat += 1
            try:
                is_held = self._storage.renew_lease(self._run_id, beat)
            except Exception as error:  # a database that is away comes back: never stop for it
                if not is_failing:
                    log.warning("lease_not_renewed", run=self._run_id, error=type(error).__name__)
                is_failing = True
                continue
            is_failing = False
            if not is_held:
                # What this process still writes is refused by the fences of the warehouse.
                log.error("lease_gone", run=self._run_id)
                return


@dataclass(frozen=True, slots=True)
class _Seen:
    beat: str | None
    since: float
    looked_at: float


class LeaseJudge:
    """Tells how long leases have stood still while this process was looking.

    A gap between two looks of more than `patience_s` starts the count anew: the judge, or the
    database, was away, and so may the worker have been.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._patience_s, self._clock = patience_s, clock
        self._seen: dict[str, _Seen] = {}

    def still_for(self, run_id: str, beat: str | None) -> float:
        """Note a run's count as read now; give the seconds for which it has not moved."""
        now, before = self._clock(), self._seen.get(run_id)
        is_new = before is None or before.beat != beat
        if before is None or is_new or now - before.looked_at > self._patience_s:
            self._seen[run_id] = _Seen(beat, now, now)
            return 0.0
        self._seen[run_id] = _Seen(beat, before.since, now)
        return now - before.since

    def forget(self, run_id: str) -> None:
        """Drop what is known of a run that is over."""
        self._seen.pop(run_id, None)
