"""What a failed run was asked for is made after all, of whatever date, and nothing besides."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from market_pipeline.automation.failures import LOOK_BACK
from market_pipeline.automation.jobs import range_tags
from market_pipeline_tests.assets.conftest import graph  # noqa: F401  # a fixture
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.automation.simulation import Simulation, Started

BEGUN = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
LOOK = datetime(2026, 11, 21, 9, tzinfo=UTC)
SENSOR = "missed_sessions"
THERE = "every session from 2026-11-20 to 2026-11-20 is there"


@pytest.fixture
def simulated(graph: Graph) -> Simulation:  # noqa: F811  # the fixture's value
    """Give automation that has begun with the session of Friday, 20 November."""
    simulation = Simulation(graph)
    assert simulation.schedule("daily_graph", BEGUN) is None
    simulation.started.clear()
    return simulation


def fail(
    simulated: Simulation, job: str, first: str, last: str, assets: Sequence[str] = ()
) -> None:
    """Let a run over a range of sessions be recorded, and fail before it has made anything."""
    instance = simulated.graph.instance
    with simulated.at(LOOK - timedelta(hours=1)):
        run = instance.create_run_for_job(
            simulated.definitions.resolve_job_def(job), tags=range_tags(first, last),
            status=dg.DagsterRunStatus.STARTED,
            asset_selection=frozenset(map(dg.AssetKey, assets)) or None,
        )  # fmt: skip
        instance.report_run_failed(run)


def test_old_sessions_of_a_failed_run_are_made(simulated: Simulation) -> None:
    """They lie before all that is watched; the sessions between are nobody's."""
    assert simulated.sensor(SENSOR, LOOK) == THERE
    fail(simulated, "session_job", "2026-10-05", "2026-10-07")
    assert simulated.sensor(SENSOR, LOOK + timedelta(minutes=1)) is None
    assert simulated.started == [
        Started(SENSOR, "2026-10-05", "2026-10-07", frozenset(), is_success=True)
    ]
    assert simulated.sensor(SENSOR, LOOK + timedelta(minutes=9)) is not None
    assert len(simulated.started) == 1


def test_of_a_failed_run_only_what_it_was_to_make_is_made(simulated: Simulation) -> None:
    """A person picked the universe, and gets the universe; the prices of a job are its own."""
    fail(simulated, "session_job", "2026-10-05", "2026-10-05", ["symbol_universe"])
    assert simulated.sensor(SENSOR, LOOK) is None
    (run,) = simulated.started
    assert (run.first, run.last, run.assets) == (
        "2026-10-05", "2026-10-05", frozenset({"symbol_universe"})
    )  # fmt: skip
    fail(simulated, "price_job", "2026-10-06", "2026-10-06")
    assert simulated.sensor(SENSOR, LOOK + timedelta(minutes=9)) is None
    assert "market_data_cache" in simulated.started[-1].assets
    assert "factor_exposures" not in simulated.started[-1].assets


def test_a_backfill_that_was_given_up_before_it_had_a_run_is_made(simulated: Simulation) -> None:
    """As Dagster does while the code server is away; what was canceled is nobody's."""
    instance = simulated.graph.instance
    known = simulated.definitions.resolve_asset_graph()
    days = {"2026-10-05": BulkActionStatus.FAILED, "2026-10-06": BulkActionStatus.CANCELED}
    for day, status in days.items():
        asked = PartitionBackfill.from_asset_partitions(
            day, known, [day], [dg.AssetKey("symbol_universe")],
            (LOOK - timedelta(hours=1)).timestamp(), {}, instance, all_partitions=False,
            title=None, description=None, run_config=None,
        )  # fmt: skip
        instance.add_backfill(asked._replace(status=status))
    assert simulated.sensor(SENSOR, LOOK) is None
    assert simulated.started == [
        Started(SENSOR, "2026-10-05", "2026-10-05", frozenset({"symbol_universe"}), is_success=True)
    ]
    assert simulated.sensor(SENSOR, LOOK + timedelta(minutes=9)) is not None


def test_what_failed_long_ago_was_given_up(simulated: Simulation) -> None:
    """A week later nobody begins it anew."""
    fail(simulated, "session_job", "2026-10-05", "2026-10-07")
    later = LOOK + LOOK_BACK + timedelta(hours=1)
    simulated.sensor(SENSOR, later)
    assert "2026-10-05" not in {run.first for run in simulated.started}
