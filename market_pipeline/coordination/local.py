"""Coordination for the processes of one machine, in one SQLite file.

Used when no Redis is configured, and while Redis is down. Breakers run on real time, for pybreaker
reads the wall clock; rates by the pace, which waits; leases, values and quotas by the given clock.
"""

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from pyrate_limiter import Rate, SQLiteBucket, SQLiteQueries

from market_pipeline.coordination.breakers import BreakerRecord, SharedBreaker
from market_pipeline.coordination.quotas import SharedQuota
from market_pipeline.coordination.rates import (
    WALL_PACE,
    Pace,
    SharedRateBucket,
    rate_of,
    reserve,
)
from market_pipeline.coordination.state_file import StateFile
from market_pipeline.domain.ports import Breaker, BreakerRule, Clock, Lease, Quota, RateBucket

_SCHEMA = """
CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, owner TEXT, token INTEGER NOT NULL, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL);
CREATE TABLE IF NOT EXISTS circuits (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, recent TEXT NOT NULL, opened_at REAL)
"""
_TRIM_EVERY = 100
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")


class LocalCoordination:
    """The `Coordination` port on one machine: shared by all its processes, safe across kills."""

    kind = "local"

    def __init__(self, path: Path, clock: Clock, pace: Pace = WALL_PACE) -> None:
        self._file, self._clock, self._pace = StateFile(path, _SCHEMA), clock, pace

    def __repr__(self) -> str:
        return f"LocalCoordination({str(self._file.path)!r})"

    def rate_bucket(self, name: str, limit: int, per_s: float) -> RateBucket:
        """Give the bucket `name`: at most `limit` slots in any `per_s` seconds; one rate a name."""
        bucket = _FileRate(self._file, name, rate_of(name, limit, per_s), self._pace)
        return SharedRateBucket(bucket.reserve_within, self._pace)

    def quota(self, name: str, per_day: int, time_zone: str = "UTC") -> Quota:
        """Give the quota `name`: `per_day` requests a calendar day of `time_zone`."""
        return SharedQuota(name, per_day, time_zone, self._clock, self)

    def breaker(self, name: str, rule: BreakerRule) -> Breaker:
        """Give the breaker `name`, opening and closing by `rule`."""
        return SharedBreaker(name, rule, self.breaker_fields(name), self)

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

    def raise_to(self, key: str, least: int, ttl_s: float | None = None) -> int:
        """Make the whole number under `key` at least `least`, atomically, and give it."""
        now_s = self._clock().timestamp()
        with self._file.writing() as connection:
            connection.execute(
                "DELETE FROM entries WHERE name = ? AND expires_at <= ?", (key, now_s)
            )
            (value,) = connection.execute(
                "INSERT INTO entries (name, value, expires_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value ="
                " CAST(max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER)) AS TEXT)"
                " RETURNING value",
                (key, str(least), None if ttl_s is None else now_s + ttl_s),
            ).fetchone()
        return int(value)

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


class _PacedBucket(SQLiteBucket):
    """pyrate-limiter's SQLite bucket on a connection that already holds the write lock.

    The file's own lock replaces the library's lock file: it does not poll, and the instant is
    read while the lock is held, so no other process can slip a later entry in before ours.
    """

    def __init__(self, rate: Rate, connection: sqlite3.Connection, table: str, pace: Pace) -> None:
        super().__init__([rate], connection, table)
        self._pace = pace

    def now(self) -> int:
        return self._pace.now_ms()


class _FileRate:
    """One rate's log: a table of its own, as the library wants it."""

    def __init__(self, file: StateFile, name: str, rate: Rate, pace: Pace) -> None:
        self._file, self._name, self._rate, self._pace = file, name, rate, pace
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
            bucket = _PacedBucket(self._rate, connection, self._table, self._pace)
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
                "SELECT state, recent, opened_at FROM circuits WHERE name = ?", (self._name,)
            ).fetchone()
        if row is None:
            return BreakerRecord()
        state, recent, opened_s = row
        opened_at = None if opened_s is None else datetime.fromtimestamp(opened_s, UTC)
        return BreakerRecord(state, recent, opened_at)

    def set_state(self, state: str) -> None:
        self._change("state = ?", state)

    def set_opened_at(self, opened_at: datetime) -> None:
        self._change("opened_at = ?", opened_at.timestamp())

    def clear_outcomes(self) -> None:
        self._change("recent = ?", "")

    def add_outcome(self, outcome: str, window: int) -> str:
        return self._change("recent = substr(recent || ?, ?)", outcome, -window)

    def _change(self, assignment: str, *values: str | float) -> str:
        with self._file.writing() as connection:
            new = BreakerRecord()
            connection.execute(
                "INSERT INTO circuits (name, state, recent) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (self._name, new.state, new.recent),
            )
            (recent,) = connection.execute(
                f"UPDATE circuits SET {assignment} WHERE name = ? RETURNING recent",  # noqa: S608 - the assignments stand above
                (*values, self._name),
            ).fetchone()
        return str(recent)
