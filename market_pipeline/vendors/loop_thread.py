"""One private event loop on a daemon thread, on which every transport of the process does its I/O.

An async client is what lets a total deadline cut slow headers and slow bodies; callers stay
synchronous. After a fork the child starts its own.
"""

import os
import threading
from concurrent.futures import Future

import anyio
from anyio.from_thread import BlockingPortal

_lock = threading.Lock()
_running: dict[int, BlockingPortal] = {}


def io_portal() -> BlockingPortal:
    """Give this process's portal to the I/O loop, started on first use."""
    with _lock:
        portal = _running.get(os.getpid())
        if portal is None:
            portal = _running[os.getpid()] = _start()
        return portal


def _start() -> BlockingPortal:
    ready: Future[BlockingPortal] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    # A daemon, unlike anyio's own portal thread: a client left open must not hold up the exit.
    threading.Thread(target=anyio.run, args=(serve,), name="vendor-io", daemon=True).start()
    return ready.result()


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held the lock at the moment of the fork.
    global _lock  # noqa: PLW0603 - the one place where the module's state starts over
    _lock = threading.Lock()
    _running.clear()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
