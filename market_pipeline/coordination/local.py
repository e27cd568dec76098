"""Coordination for the processes of one machine, in one SQLite file.

Used when no Redis is configured, and while Redis is down. Rates and breakers run on real time,
for they wait and pybreaker reads the wall clock; leases and values expire by the given clock.
"""

import hashlib
import re
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from pyrate_limiter import Rate, SQLiteBucket, SQLiteQueries

from market_pipeline.coordination.breakers import BreakerRecord, SharedBreaker
from market_pipeline.coordination.rates import SharedRateBucket, rate_of, reserve
from market_pipeline.coordination.state_file import StateFile
from market_pipeline.domain.ports import Breaker, Clock, Lease, RateBucket

_SCHEMA = """
CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, owner TEXT, token INTEGER NOT NULL, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL);
CREATE TABLE IF NOT EXISTS breakers (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, failure_count INTEGER NOT NULL, opened_at REAL)
"""
_TRIM_EVERY = 100
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")


class LocalCoordination:
    """The `Coordination` port on one machine: shared by all its processes, safe across kills."""

    kind = "local"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file, self._clock = StateFile(path, _SCHEMA), clock

    def __repr__(self) -> str:
        return f"LocalCoordination({str(self._file.path)!r})"

    def rate_bucket(self, name: str, limit: int, per_s: float) -> RateBucket:
        """Give the bucket `name`: at most `limit` slots in any `per_s` seconds; one rate a name."""
        bucket = _FileRate(self._file, name, rate_of(name, limit, per_s))
        return SharedRateBucket(bucket.reserve_within)

    def breaker(self, name: str, failures: int, reset_s: float) -> Breaker:
        """Give the breaker `name`, opening after `failures` in a row, trying after `reset_s`."""
        return SharedBreaker(name, failures, reset_s, self.breaker_fields(name), self)

    def breaker_fields(self, name: str) -> "_FileBreakerFields":
        """Give what the breaker `name` remembers."""
        return _FileBreakerFields(self._file, name)

    def acquire_lease(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Take the lock `name`, or None while another owner holds it.

        An owner that takes its own lock again gets a new token, and the older lease is lost.
        Tokens are instants in milliseconds, or one more than the last: they go on growing when
        this file or a Redis lost its memory, and from one to the other.
        """
        now = self._clock()
        with self._file.writing() as connection:
            row = connection.execute(
                "SELECT owner, token, expires_at FROM leases WHERE name = ?", (name,)
            ).fetchone()
            holder, last_token, held_until = row or (None, 0, 0.0)
            if holder not in {None, owner} and held_until > now.timestamp():
                return None
            lease = Lease(
                name=name,
                owner=owner,
                token=max(last_token + 1, int(now.timestamp() * 1000)),
                expires_at=now + timedelta(seconds=ttl_s),
            )
            _store_lease(connection, lease)
        return lease

    def renew_lease(self, lease: Lease, ttl_s: float) -> Lease | None:
        """Extend a held lock to `ttl_s` from now; None when it expired or another took it.

        A lease this file never saw and nobody took meanwhile (it came from a Redis that went
        down) is taken over with its token.
        """
        now = self._clock()
        if lease.expires_at <= now:
            return None
        with self._file.writing() as connection:
            row = connection.execute(
                "SELECT owner, token, expires_at FROM leases WHERE name = ?", (lease.name,)
            ).fetchone()
            holder, last_token, held_until = row or (None, 0, 0.0)
            is_ours = holder == lease.owner and last_token == lease.token
            is_free = holder is None or held_until <= now.timestamp()
            if not is_ours and not (is_free and last_token < lease.token):
                return None
            renewed = Lease(lease.name, lease.owner, lease.token, now + timedelta(seconds=ttl_s))
            _store_lease(connection, renewed)
        return renewed

    def release_lease(self, lease: Lease) -> None:
        """Give the lock up; the token stays, so that the next holder's is greater."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE leases SET owner = NULL, expires_at = 0"
                " WHERE name = ? AND owner = ? AND token = ?",
                (lease.name, lease.owner, lease.token),
            )

    def put(self, key: str, value: str, ttl_s: float | None = None) -> None:
        """Keep `value` under `key` for `ttl_s` seconds, or until it is replaced."""
        now_s = self._clock().timestamp()
        with self._file.writing() as connection:
            connection.execute("DELETE FROM entries WHERE expires_at <= ?", (now_s,))
            connection.execute(
                "INSERT INTO entries (name, value, expires_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE"
                " SET value = excluded.value, expires_at = excluded.expires_at",
                (key, value, None if ttl_s is None else now_s + ttl_s),
            )

    def get(self, key: str) -> str | None:
        """Return the value under `key`, None when there is none or it expired."""
        with self._file.reading() as connection:
            row = connection.execute(
                "SELECT value FROM entries"
                " WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)",
                (key, self._clock().timestamp()),
            ).fetchone()
        return None if row is None else str(row[0])

    def delete(self, keys: Sequence[str]) -> int:
        """Forget the values under `keys`; give how many there were."""
        now_s = self._clock().timestamp()
        found = 0
        with self._file.writing() as connection:
            connection.execute("DELETE FROM entries WHERE expires_at <= ?", (now_s,))
            for key in dict.fromkeys(keys):
                found += connection.execute("DELETE FROM entries WHERE name = ?", (key,)).rowcount
        return found

    def increment(self, key: str, by: int = 1, ttl_s: float | None = None) -> int:
        """Add `by` to the whole number under `key`, atomically; `ttl_s` begins with the first.

        Raises ValueError where the value is no whole number.
        """
        now_s = self._clock().timestamp()
        with self._file.writing() as connection:
            connection.execute(
                "DELETE FROM entries WHERE name = ? AND expires_at <= ?", (key, now_s)
            )
            row = connection.execute("SELECT value FROM entries WHERE name = ?", (key,)).fetchone()
            # Not int() alone, which also reads "1_000" and " 1 ": Redis does not.
            if row is not None and not _WHOLE_NUMBER.fullmatch(row[0]):
                raise ValueError(f"the value under {key} is no whole number")
            total = by + (0 if row is None else int(row[0]))
            connection.execute(
                "INSERT INTO entries (name, value, expires_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (key, str(total), None if ttl_s is None else now_s + ttl_s),
            )
        return total

    def purge_expired(self) -> int:
        """Take expired values out of the file; give how many."""
        with self._file.writing() as connection:
            return connection.execute(
                "DELETE FROM entries WHERE expires_at <= ?", (self._clock().timestamp(),)
            ).rowcount

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def _store_lease(connection: sqlite3.Connection, lease: Lease) -> None:
    connection.execute(
        "INSERT INTO leases (name, owner, token, expires_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = excluded.token,"
        " expires_at = excluded.expires_at",
        (lease.name, lease.owner, lease.token, lease.expires_at.timestamp()),
    )


class _WallTimeBucket(SQLiteBucket):
    """pyrate-limiter's SQLite bucket on a connection that already holds the write lock.

    The file's own lock replaces the library's lock file: it does not poll, and the instant is
    read while the lock is held, so no other process can slip a later entry in before ours.
    """

    def now(self) -> int:
        return time.time_ns() // 1_000_000


class _FileRate:
    """One rate's log: a table of its own, as the library wants it."""

    def __init__(self, file: StateFile, name: str, rate: Rate) -> None:
        self._file, self._name, self._rate = file, name, rate
        # The library writes the table's name into its SQL: letters and digits only.
        readable = re.sub(r"[^a-z0-9]+", "_", name.lower())[:40]
        self._table = f"rate_{readable}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        self._calls = count()
        self._is_made = False

    def reserve_within(self, timeout_s: float) -> float:
        """Reserve the first free slot; return the seconds until it begins."""
        with self._file.writing() as connection:
            # Not by the number of the call: threads get here in another order than they came,
            # and a call that finds no slot takes its new table back.
            if not self._is_made:
                self._create(connection)
            number = next(self._calls)
            bucket = _WallTimeBucket([self._rate], connection, self._table)
            wait_s = reserve(bucket, self._name, timeout_s)
            if number % _TRIM_EVERY == 0:
                bucket.leak(bucket.now())
        self._is_made = True
        return wait_s

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute(SQLiteQueries.CREATE_BUCKET_TABLE.format(table=self._table))
        connection.execute(
            SQLiteQueries.CREATE_INDEX_ON_TIMESTAMP.format(
                index_name=f"ix_{self._table}", table_name=self._table
            )
        )


class _FileBreakerFields:
    """One breaker's row; a missing row is a closed breaker that never failed."""

    def __init__(self, file: StateFile, name: str) -> None:
        self._file, self._name = file, name

    def read(self) -> BreakerRecord:
        with self._file.reading() as connection:
            row = connection.execute(
                "SELECT state, failure_count, opened_at FROM breakers WHERE name = ?", (self._name,)
            ).fetchone()
        if row is None:
            return BreakerRecord()
        state, failure_count, opened_s = row
        opened_at = None if opened_s is None else datetime.fromtimestamp(opened_s, UTC)
        return BreakerRecord(state, failure_count, opened_at)

    def set_state(self, state: str) -> None:
        self._change("state = ?", state)

    def set_opened_at(self, opened_at: datetime) -> None:
        self._change("opened_at = ?", opened_at.timestamp())

    def clear_failures(self) -> None:
        self._change("failure_count = ?", 0)

    def count_failure(self) -> int:
        return self._change("failure_count = failure_count + ?", 1)

    def _change(self, assignment: str, value: str | float) -> int:
        with self._file.writing() as connection:
            new = BreakerRecord()
            connection.execute(
                "INSERT INTO breakers (name, state, failure_count) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (self._name, new.state, new.failure_count),
            )
            (failure_count,) = connection.execute(
                f"UPDATE breakers SET {assignment} WHERE name = ? RETURNING failure_count",  # noqa: S608 - the assignments stand above
                (value, self._name),
            ).fetchone()
        return int(failure_count)
