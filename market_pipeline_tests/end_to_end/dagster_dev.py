"""`dagster dev` as a process: started at the root, asked over GraphQL, stopped without orphans."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from market_pipeline_tests.end_to_end.sandboxed import BIN, ROOT

START_S, STOP_S, KILL_S = 120, 30, 10
POLL_S = 0.5

# A shell that starts this in the background leaves SIGINT ignored, and Python keeps it so.
_WITH_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


_LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"


@dataclass(frozen=True)
class DagsterDev:
    """A running `dagster dev`."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def ask(self, query: str, **variables: object) -> Any:
        """Ask GraphQL; give the data, or fail with what it said."""
        reply = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60,
            trust_env=False,
        )  # fmt: skip
        body = reply.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    def members(self) -> list[psutil.Process]:
        """List the living processes of its session, zombies left out."""
        return [process for process in psutil.process_iter() if self._is_member(process)]

    def _is_member(self, process: psutil.Process) -> bool:
        try:
            return (
                os.getsid(process.pid) == self.process.pid
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    def is_up(self) -> bool:
        """Say whether GraphQL answers with the code location loaded."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            data = self.ask(_LOADED)
        except httpx.TransportError:
            return False
        return bool(data["repositoriesOrError"].get("nodes"))

    def stop(self) -> bool:
        """Interrupt it as Ctrl-C does, then end what is left; say whether nothing was left."""
        if self.process.poll() is not None and not self.members():
            return True
        self.process.send_signal(signal.SIGINT)
        wait_until(lambda: not self.members(), STOP_S)
        left = self.members()
        for process in left:
            process.kill()
        wait_until(lambda: not self.members(), KILL_S)
        self.process.wait(KILL_S)
        return not left


def wait_until(condition: Callable[[], bool], seconds: float, poll_s: float = POLL_S) -> bool:
    """Wait until a condition holds, at most `seconds`; say whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def started(around: Mapping[str, str], log: Path) -> Iterator[DagsterDev]:
    """Run `dagster dev` at the root on a free port, in a session of its own."""
    port = free_port()
    dagster = (str(BIN / "dagster"), "dev", "-h", "127.0.0.1", "-p", str(port))
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _WITH_SIGINT, *dagster], cwd=ROOT, env=around,
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    running = DagsterDev(f"http://127.0.0.1:{port}", process, log)
    try:
        assert wait_until(running.is_up, START_S), log.read_text()[-3000:]
        yield running
    finally:
        running.stop()
