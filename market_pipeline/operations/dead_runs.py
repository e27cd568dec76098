"""Runs whose process died with them: told apart from living ones, and put to rest.

Belongs here: runs that a command of ours executes in its own process. Runs that the daemon
launched are watched by Dagster's run monitoring (see dagster.yaml).
"""

import socket
from collections.abc import Callable

import dagster as dg
import psutil

PROCESS_TAG = "market_pipeline/process"
"""Run tag: the process that executes the run, as `process_mark` names it."""

_BEGUN = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)

_SAME_START_S = 2.0
"""How far two readings of one process's start may lie apart when the clock is set."""


def bury_dead_runs(
    instance: dg.DagsterInstance, progress: Callable[[str], None] = lambda line: None
) -> int:
    """Mark runs that this command started, and that died with their process, as failed.

    Only runs of this machine whose process is gone are touched. Gives how many. Places in pools
    that runs still hold after their end are freed as well: without a daemon nobody else does it,
    and the next run would wait for them without end.
    """
    begun = dg.RunsFilter(statuses=list(_BEGUN))
    dead = [
        run
        for run in instance.get_runs(begun)
        if PROCESS_TAG in run.tags and not _is_running(run.tags[PROCESS_TAG])
    ]
    for run in dead:
        instance.report_run_failed(run, "the process that ran it is gone")
        progress(f"run {run.run_id[:8]} had died with its process: marked as failed")
    _free_pools(instance)
    return len(dead)


def _free_pools(instance: dg.DagsterInstance) -> None:
    """Free what ended runs hold of the pools, and their places in the queues for them."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    pools = [storage.get_concurrency_info(key) for key in storage.get_concurrency_keys()]
    holders = {slot.run_id for pool in pools for slot in pool.claimed_slots}
    holders |= {step.run_id for pool in pools for step in pool.pending_steps}
    for run_id in sorted(holders):
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def process_mark() -> str:
    """Name this process so that another one can tell whether it still runs."""
    own = psutil.Process()
    return f"{socket.gethostname()}|{own.pid}|{own.create_time():.2f}"


def _is_running(mark: str) -> bool:
    host, pid, created = mark.rsplit("|", 2)
    if host != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(pid))
        is_same = abs(process.create_time() - float(created)) < _SAME_START_S
        return is_same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
