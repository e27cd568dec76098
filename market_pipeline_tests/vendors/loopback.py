"""A tiny HTTP server on loopback that answers as a script says, faults of the wire included."""

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire; header names in lower case."""

    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(frozen=True)
class Answer:
    """What goes back: `drip_s` between single bytes, `hang_s` before anything, a reset mid-body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    drip_s: float = 0.0
    is_reset: bool = False
    promised: int | None = None


Script = Callable[[Asked], Answer]


class Loopback:
    """The running server: its address, what it was asked, and the script, which may be replaced."""

    def __init__(self, script: Script) -> None:
        self.script, self.asked = script, list[Asked]()
        self.stopping = threading.Event()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                asked = _read(self.rfile)
                if asked is not None:
                    outer.asked.append(asked)
                    outer.send(self.connection, outer.script(asked))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing: clients that hang up are the point of these tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def send(self, connection: socket.socket, answer: Answer) -> None:
        """Write one answer, the way it says."""
        self.stopping.wait(answer.hang_s)
        promised = len(answer.body) if answer.promised is None else answer.promised
        headers = {"Content-Length": str(promised), "Connection": "close", **answer.headers}
        head = f"HTTP/1.1 {answer.status} X\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in headers.items()
        )
        connection.sendall(head.encode() + b"\r\n")
        if answer.is_reset:
            connection.sendall(answer.body[: len(answer.body) // 2])
            time.sleep(0.05)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        if not answer.drip_s:
            connection.sendall(answer.body)
            return
        for byte in answer.body:
            if self.stopping.wait(answer.drip_s):
                return
            connection.sendall(bytes([byte]))

    def stop(self) -> None:
        """Wake every hanging answer and close."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


def _read(stream: Any) -> Asked | None:
    first = stream.readline().decode("latin-1").split()
    if len(first) < 2:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(first[1], headers)


@contextmanager
def serving(script: Script | Answer) -> Iterator[Loopback]:
    """Run a server for the length of a test."""
    fixed = script if isinstance(script, Answer) else None
    server = Loopback(lambda asked: fixed) if fixed is not None else Loopback(script)  # type: ignore[arg-type]  # narrowed by the condition, which mypy does not carry into the lambda
    try:
        yield server
    finally:
        server.stop()
