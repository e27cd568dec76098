"""Other processes at the same database: started together, or killed in the middle."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event

PATIENCE_S = 60

# Imported once in the fork server, so that a process starts quickly. Not our own package: where
# it is not installed the server does not find it.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pandas", "sqlalchemy", "alembic.command", "psycopg", "pytest"])


def _after_all_are_here(
    work: Callable[[str, int], None], url: str, number: int, barrier: Barrier
) -> None:
    barrier.wait(PATIENCE_S)
    work(url, number)


def run_together(work: Callable[[str, int], None], url: str, processes: int = 2) -> None:
    """Run `work(url, number)` in several processes at the same moment; all must succeed."""
    barrier = _CONTEXT.Barrier(processes)
    started = [
        _CONTEXT.Process(target=_after_all_are_here, args=(work, url, number, barrier))
        for number in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in started] == [0] * processes


def start(work: Callable[[str, Event], None], url: str) -> BaseProcess:
    """Start `work(url, ready)` and return its process once it has set `ready`."""
    ready = _CONTEXT.Event()
    process = _CONTEXT.Process(target=work, args=(url, ready))
    process.start()
    assert ready.wait(PATIENCE_S), "the process did not get to work"
    return process
