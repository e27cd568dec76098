"""The processes of a storm: a code server, a daemon and a database, kept running as by systemd.

Belongs here: starting, finding, killing and starting again. Does not: what is killed when.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

RESTART_AFTER_S = 1.0
_POLL_S = 0.2


@dataclass
class Service:
    """A process that is started again whenever it ends, a moment later.

    `answers` is asked for the present process; `died` counts the ends that were no kill of ours.
    """

    name: str
    command: list[str]
    answers: Callable[[float], bool]
    user: str | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    pids: list[int] = field(default_factory=list)
    is_killed: bool = False
    died: int = 0
    rest_s: float = RESTART_AFTER_S

    def runs(self) -> bool:
        """Say whether its process lives."""
        return self.process is not None and self.process.poll() is None


class Site:
    """Services in a folder of their own, supervised by a thread until it is closed."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self._environment = folder, dict(environment)
        self.services: dict[str, Service] = {}
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def add(self, service: Service) -> None:
        """Start a service and keep it running."""
        with self._lock:
            self.services[service.name] = service
            self._start(service)
        if not self._supervisor.is_alive():
            self._supervisor.start()

    def close(self) -> None:
        """End every process of the site."""
        self._closed.set()
        self._supervisor.join()
        for name in ("daemon", "code server"):
            if name in self.services:
                self.kill(name)
        for process in self.spawned():
            kill(process)
        for name in self.services:
            self.kill(name)

    def kill(self, name: str, signal_number: int | None = None, rest_s: float = 1.0) -> None:
        """SIGKILL a service with all that belongs to its server, or send it another signal.

        It is started again after `rest_s`. Runs that a code server has begun are not its own.
        """
        with self._lock:
            service = self.services[name]
            process, service.is_killed, service.rest_s = service.process, True, rest_s
            if process is None or process.poll() is not None:
                return
            if signal_number is not None:
                process.send_signal(signal_number)
                process.wait(30)
                return
            own = psutil.Process(process.pid).children(recursive=True) if name == "database" else []
            process.kill()
            for child in own:
                kill(child)
            process.wait(30)

    def answers(self) -> bool:
        """Say whether every service runs and answers."""
        with self._lock:
            services = list(self.services.values())
        return all(each.runs() and each.answers(each.started_at) for each in services)

    def spawned(self) -> list[psutil.Process]:
        """List living workers and their steps: what any code server of this site has started."""
        servers = (
            set(self.services["code server"].pids) if "code server" in self.services else set()
        )
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid in servers or os.getsid(process.pid) not in servers:
                    continue
                command = " ".join(process.cmdline())
                if process.status() != psutil.STATUS_ZOMBIE and "spawn_main" in command:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def _start(self, service: Service) -> None:
        log = self.folder / f"{service.name.replace(' ', '_')}.log"
        with log.open("ab") as output:
            service.process = subprocess.Popen(
                service.command, cwd=self.folder, env=self._environment, start_new_session=True,
                stdout=output, stderr=subprocess.STDOUT, user=service.user,
            )  # fmt: skip
        service.started_at, service.is_killed = time.time(), False
        service.pids.append(service.process.pid)

    def _supervise(self) -> None:
        ended_at: dict[str, float] = {}
        while not self._closed.wait(_POLL_S):
            with self._lock:
                for name, service in self.services.items():
                    if service.runs():
                        continue
                    since = ended_at.setdefault(name, time.monotonic())
                    if time.monotonic() - since < service.rest_s:
                        continue
                    service.died += not service.is_killed
                    service.rest_s = RESTART_AFTER_S
                    self._start(service)
                    del ended_at[name]


def kill(process: psutil.Process) -> bool:
    """SIGKILL a process; say whether it was still there."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def python(*module: str) -> list[str]:
    """Give the command that runs a module with this interpreter."""
    return [sys.executable, "-m", *module]


def listens(port: int) -> bool:
    """Say whether somebody takes connections on a port of loopback."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
