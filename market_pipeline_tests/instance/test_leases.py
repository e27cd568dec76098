"""Leases: renewed while a worker lives, gone with its run, and judged without trusting a clock."""

import threading
import time
from collections.abc import Callable, Iterator

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.launcher.base import WorkerStatus
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.instance import LeasedRunLauncher
from market_pipeline.instance.leases import LeasedRunStorage, LeaseJudge
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.settings import forget_settings

PATIENCE_S = 10.0


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, state_dir: object) -> Iterator[dg.DagsterInstance]:
    """Give the instance of dagster.yaml, on either storage."""
    assert state_dir
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        url = sa.make_url(create()).set(drivername="postgresql+psycopg2")
        text = url.render_as_string(hide_password=False)
        patch.setenv("MARKET_PIPELINE_DAGSTER_DATABASE_URL", text)
        forget_settings()
    with dagster_instance() as opened:
        yield opened


def leased(instance: dg.DagsterInstance) -> LeasedRunStorage:
    storage = instance.run_storage
    assert isinstance(storage, LeasedRunStorage)
    return storage


def test_a_lease_is_renewed_while_its_run_lives_and_goes_with_it(
    instance: dg.DagsterInstance,
) -> None:
    """The count moves on while a step works; at the run's end no row is left."""
    seen: list[str | None] = []

    @dg.op
    def look(context: dg.OpExecutionContext) -> None:
        until = time.monotonic() + 5.0
        while time.monotonic() < until and len(set(seen)) < 3:
            seen.append(leased(instance).lease_beat(context.run_id))
            time.sleep(0.2)

    @dg.job(executor_def=dg.in_process_executor)
    def looking() -> None:
        look()

    result = looking.execute_in_process(instance=instance)
    counts = [int(beat) for beat in seen if beat is not None]
    assert len(set(counts)) == 3
    assert counts == sorted(counts)
    assert None not in seen
    assert leased(instance).lease_beat(result.run_id) is None
    assert not [t for t in threading.enumerate() if t.name == f"lease-{result.run_id[:8]}"]


def test_a_lease_that_is_gone_is_not_taken_again(instance: dg.DagsterInstance) -> None:
    """A worker that was declared dead renews nothing: its lease stays gone."""
    storage = leased(instance)
    assert not storage.renew_lease("no-such-run", 5)
    assert storage.lease_beat("no-such-run") is None


# -- the verdict ---------------------------------------------------------------------------


class Looking:
    """A judge that looks at a lease at instants of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.judge = LeaseJudge(PATIENCE_S, lambda: self.now)

    def look(self, at: float, beat: str | None) -> float:
        self.now = at
        return self.judge.still_for("run", beat)


def test_a_lease_that_stands_still_is_told_by_the_seconds_it_was_looked_at() -> None:
    """From the first look at this count on."""
    looking = Looking()
    assert [looking.look(t, "7") for t in (0.0, 5.0, 10.0, 15.0)] == [0.0, 5.0, 10.0, 15.0]
    assert looking.look(20.0, "8") == 0.0


def test_a_time_in_which_nobody_could_look_counts_for_nothing() -> None:
    """A database or a daemon that was away for 30 s says nothing about the worker."""
    looking = Looking()
    looking.look(0.0, "7")
    looking.look(5.0, "7")
    assert looking.look(35.0, "7") == 0.0
    assert looking.look(40.0, "7") == 5.0


@given(st.lists(st.tuples(st.floats(0.1, 60.0), st.booleans()), max_size=60))
def test_a_worker_that_renews_between_looks_is_never_suspect(
    steps: list[tuple[float, bool]],
) -> None:
    """Whatever the gaps: the silence told is never longer than the time since the last move."""
    looking, at, beat, moved_at = Looking(), 0.0, 0, 0.0
    for gap, moves in steps:
        at += gap
        if moves:
            beat, moved_at = beat + 1, at
        still = looking.look(at, str(beat))
        assert 0.0 <= still <= at - moved_at + 1e-9
        if moves:
            assert still == 0.0


def test_the_launcher_fails_what_stands_still_and_leaves_the_rest(
    instance: dg.DagsterInstance,
) -> None:
    """Dead only after a whole lease of looking; a count that moves once begins anew."""
    launcher = LeasedRunLauncher(lease_s=PATIENCE_S)
    launcher.register_instance(instance)
    clock = Looking()
    launcher._judge = clock.judge
    run = instance.create_run_for_job(_noop, run_id="00000000-0000-4000-8000-00000000000a")
    storage = leased(instance)
    storage.set_cursor_values({f"market_pipeline:lease:{run.run_id}": "0"})

    def status(at: float) -> WorkerStatus:
        clock.now = at
        return launcher.check_run_worker_health(run).status

    assert [status(t) for t in (0.0, 4.0, 8.0)] == [WorkerStatus.RUNNING] * 3
    assert storage.renew_lease(run.run_id, 1)
    assert [status(t) for t in (9.0, 14.0, 18.0)] == [WorkerStatus.RUNNING] * 3
    assert status(19.5) is WorkerStatus.FAILED


@dg.job
def _noop() -> None: ...
