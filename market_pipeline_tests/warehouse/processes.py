"""Other processes at the same database: started together, or killed in the middle."""

from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event

from market_pipeline_tests.new_processes import FROM_SERVER, new_process

PATIENCE_S = 60


def _after_all_are_here(
    work: Callable[[str, int], None], url: str, number: int, barrier: Barrier
) -> None:
    barrier.wait(PATIENCE_S)
    work(url, number)


def run_together(work: Callable[[str, int], None], url: str, processes: int = 2) -> None:
    """Run `work(url, number)` in several processes at the same moment; all must succeed."""
    barrier = FROM_SERVER.Barrier(processes)
    started = [
        new_process(_after_all_are_here, work, url, number, barrier) for number in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in started] == [0] * processes


def start(work: Callable[[str, Event], None], url: str) -> BaseProcess:
    """Start `work(url, ready)` and return its process once it has set `ready`."""
    ready = FROM_SERVER.Event()
    process = new_process(work, url, ready)
    process.start()
    assert ready.wait(PATIENCE_S), "the process did not get to work"
    return process
