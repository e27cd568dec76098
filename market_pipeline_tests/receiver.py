"""A real HTTP receiver on loopback for notices: keeps what was posted, answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Posted:
    """One request as it came; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


Answering = Callable[[int], int]
"""Gives the status of the n-th request, counted from 1."""


class Receiver:
    """The running server: its address, what was posted, and how it answers."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.status: Answering = lambda _: 200
        self.headers: dict[str, str] = {}
        self.hang_s, self.drip_s = 0.0, 0.0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with outer._lock:
                    outer.posted.append(Posted(self.path, headers, body))
                    number = len(outer.posted)
                outer.stopping.wait(outer.hang_s)
                status = outer.status(number)
                text = b"not to be repeated: <receiver's words>"
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                for byte in text:
                    if outer.drip_s and outer.stopping.wait(outer.drip_s):
                        return
                    self.wfile.write(bytes([byte]))

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing: clients that hang up are part of these tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def ids(self) -> list[str]:
        """Give the ids in the order they came."""
        return [posted.headers["idempotency-key"] for posted in self.posted]

    def stop(self) -> None:
        """Wake every hanging answer and close."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver for the length of a test."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
