"""Two runs that want one pool: the second waits asleep, and goes on when the first is done."""

import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import psutil
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.settings import forget_settings
from market_pipeline_tests.new_processes import new_process

POOL = "vendor"
HELD_S = 3.0
PATIENCE_S = 60.0
MOST_CPU = 0.2


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def storage(
    request: pytest.FixtureRequest, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep Dagster's state in SQLite files, then in PostgreSQL."""
    assert state_dir
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        url = sa.make_url(create()).set(drivername="postgresql+psycopg2")
        shown = url.render_as_string(hide_password=False)
        monkeypatch.setenv("MARKET_PIPELINE_DAGSTER_DATABASE_URL", shown)
        forget_settings()


def collect(begun: Path, released: Path) -> None:
    """Run one asset of the pool in this process; it tells of its begin and waits for a file."""

    @dg.asset(pool=POOL)
    def bars() -> None:
        begun.touch()
        while not released.exists():
            time.sleep(0.05)

    job = dg.Definitions([bars]).resolve_implicit_global_asset_job_def()
    with dagster_instance() as instance:
        assert job.execute_in_process(instance=instance).success


def collector(begun: Path, released: Path) -> BaseProcess:
    """Run `collect` in a process of its own."""
    process = new_process(collect, begun, released)
    process.start()
    return process


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cpu_seconds(process: BaseProcess) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def is_queued(instance: dg.DagsterInstance) -> bool:
    """Say whether a step stands in the pool's queue besides the one that has the place."""
    return len(instance.event_log_storage.get_concurrency_info(POOL).pending_steps) == 2


def test_a_run_that_waits_for_a_pool_sleeps_and_goes_on_at_its_release(tmp_path: Path) -> None:
    """Less than a fifth of a core while it waits, and it begins within seconds of the end."""
    first, second = tmp_path / "first", tmp_path / "second"
    release_first, release_second = tmp_path / "release-first", tmp_path / "release-second"
    release_second.touch()
    holder = collector(first, release_first)
    waiter = None
    try:
        wait_for(first.exists)
        waiter = collector(second, release_second)
        with dagster_instance() as instance:
            wait_for(lambda: is_queued(instance))
        before = cpu_seconds(waiter)
        time.sleep(HELD_S)
        spent = cpu_seconds(waiter) - before
        assert not second.exists()
        assert spent < MOST_CPU * HELD_S
        release_first.touch()
        released_at = time.monotonic()
        wait_for(second.exists)
        assert time.monotonic() - released_at < 5
        for process in (holder, waiter):
            process.join(PATIENCE_S)
        assert (holder.exitcode, waiter.exitcode) == (0, 0)
    finally:
        for process in filter(None, (holder, waiter)):
            process.kill()
            process.join()


def test_a_place_given_back_while_its_next_holder_joins_the_queue_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The holder leaves after the next one looked and before it is in the queue."""
    with dagster_instance() as instance:
        log = instance.event_log_storage
        assert isinstance(log, SqlEventLogStorage)
        log.initialize_concurrency_limit_to_default(POOL)
        assert log.claim_concurrency_slot(POOL, "first", "bars").is_claimed
        looked = log.add_pending_step

        def leave_first(*args: object, **kwargs: object) -> None:
            log.free_concurrency_slots_for_run("first")
            looked(*args, **kwargs)  # type: ignore[arg-type]  # passed on as given

        monkeypatch.setattr(log, "add_pending_step", leave_first)
        assert log.claim_concurrency_slot(POOL, "second", "bars").is_claimed
