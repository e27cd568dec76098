"""Runs the sandbox over HTTP: in a thread for tests and the demo, or until interrupted.

Belongs here: sockets and their life. Does not: what is served.
"""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

import uvicorn
from starlette.applications import Starlette

_START_TIMEOUT_S, _STOP_TIMEOUT_S = 10.0, 5.0
_POLL_S = 0.01
_GRACE_S = 1
_BACKLOG = 256


class SandboxServer:
    """Serves an application from a thread while its `with` block runs; `port` 0 picks a free one.

    Raises RuntimeError where the server does not come up, OSError where the port is taken.
    """

    def __init__(self, app: Starlette, port: int = 0, host: str = "127.0.0.1") -> None:
        self._app, self._host, self._port = app, host, port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The server's base address, without a slash at its end."""
        return f"http://{self._host}:{self._port}"

    def __enter__(self) -> "SandboxServer":
        bound = _bind(self._host, self._port)
        self._port = bound.getsockname()[1]
        server = uvicorn.Server(_config(self._app))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [bound]}, name="sandbox-server", daemon=True
        )
        self._server, self._thread = server, thread
        thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                self._stop()
                raise RuntimeError(f"the sandbox did not start on {self.url}")
            time.sleep(_POLL_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_TIMEOUT_S)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(_STOP_TIMEOUT_S)


def serve_forever(
    app: Starlette,
    port: int,
    host: str = "127.0.0.1",
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the address once the port is bound.

    `port` 0 picks a free one. Raises OSError where the port is taken.
    """
    bound = _bind(host, port)
    if on_ready is not None:
        on_ready(f"http://{host}:{bound.getsockname()[1]}")
    uvicorn.Server(_config(app)).run(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _config(app: Starlette) -> uvicorn.Config:
    # Broken answers are the sandbox's business, so the server's own log stays silent; its
    # access log would show keys that vendors take in the query.
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
