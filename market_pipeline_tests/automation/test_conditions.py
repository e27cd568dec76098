"""Derived assets follow their inputs, once, and never past a failed blocking check."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from market_pipeline_tests.assets.conftest import graph  # noqa: F401  # a fixture
from market_pipeline_tests.assets.graph import Graph

CACHE = dg.AssetKey("market_data_cache")
FRIDAY = date(2026, 11, 20)
EVENING = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def asked_for(graph: Graph, cursor: object = None) -> tuple[dict[str, set[str]], object]:  # noqa: F811  # the fixture's value
    """Evaluate all conditions; give the partitions asked for by asset, and the cursor."""
    result = dg.evaluate_automation_conditions(
        defs=graph.definitions(),
        instance=graph.instance,
        cursor=cursor,  # type: ignore[arg-type]  # opaque between calls
        evaluation_time=EVENING,
    )
    asked: dict[str, set[str]] = {}
    for key in graph.definitions().resolve_asset_graph().materializable_asset_keys:
        keys = {p for p in result.get_requested_partitions(key) if p is not None}
        if keys:
            asked[key.to_user_string()] = keys
    return asked, result.cursor


def test_a_complete_run_leaves_nothing_to_ask_for(graph: Graph) -> None:  # noqa: F811  # fixture
    """No asset is asked for again after a run that made everything."""
    assert graph.run(FRIDAY - timedelta(days=11), FRIDAY).success
    _, cursor = asked_for(graph)
    asked, _ = asked_for(graph, cursor)
    assert asked == {}


def test_late_prices_are_followed_by_everything_below(graph: Graph) -> None:  # noqa: F811  # fixture
    """An input made later than its run's derived assets asks for all of them, by its partition."""
    assert graph.run(FRIDAY - timedelta(days=11), FRIDAY).success
    _, cursor = asked_for(graph)
    assert graph.run(FRIDAY, only=["equity_bars"]).success
    asked, _ = asked_for(graph, cursor)
    below = {
        "option_values", "market_data_cache", "factor_exposures", "symbol_daily_metrics",
        "portfolio_snapshots", "portfolio_risk", "headline_impact", "portfolio_report",
    }  # fmt: skip
    assert asked == {key: {FRIDAY.isoformat()} for key in below}


@pytest.mark.parametrize("passed", [False, True])
def test_a_failed_blocking_check_asks_for_nothing_below(
    graph: Graph,  # noqa: F811  # fixture
    passed: bool,
) -> None:
    """What must stop a run also stops the conditions: the asset below waits for the check."""
    assert graph.run(FRIDAY - timedelta(days=11), FRIDAY).success
    _, cursor = asked_for(graph)
    assert graph.run(FRIDAY, only=["market_data_cache"]).success
    if not passed:
        judge(graph, newest(graph), passed=False)
    asked, _ = asked_for(graph, cursor)
    assert ("factor_exposures" in asked) is passed


def test_checks_of_a_run_that_was_overtaken_hold_nothing_up(graph: Graph) -> None:  # noqa: F811  # fixture
    """Dagster ranks checks by when their run was asked for, and rows by when they were made.

    Where the run asked for first waits and is made last, the last checks are not of the last rows.
    """
    assert graph.run(FRIDAY - timedelta(days=11), FRIDAY).success
    _, cursor = asked_for(graph)
    overtaking = newest(graph)
    assert graph.run(FRIDAY, only=["market_data_cache"]).success
    judge(graph, overtaking, passed=True)
    asked, _ = asked_for(graph, cursor)
    assert "factor_exposures" in asked


def newest(graph: Graph) -> AssetCheckEvaluationTargetMaterializationData:  # noqa: F811  # as above
    """Name the prices that were made last."""
    (made,) = graph.instance.fetch_materializations(CACHE, limit=1).records
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp
    )


def judge(
    graph: Graph,  # noqa: F811  # as above
    made: AssetCheckEvaluationTargetMaterializationData,
    *,
    passed: bool,
) -> None:
    """Record a verdict of the check on coverage, on some of the prices."""
    graph.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=CACHE, check_name="prices_cover_the_universe", passed=passed, blocking=True,
            target_materialization_data=made,
        )
    )  # fmt: skip
