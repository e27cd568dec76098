"""The whole graph as a committed file: what changes in it is seen in review.

`MARKET_PIPELINE_RENEW=1 python -m pytest market_pipeline_tests/test_graph_snapshot.py` writes
`graph.json` anew; read the difference before committing it.
"""

import difflib
import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from market_pipeline.checks.framework import SEVERITY
from market_pipeline.definitions import build_defs
from market_pipeline.io_managers import TABLE
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.settings import current_settings
from market_pipeline_tests.recorded_graph import SNAPSHOT

RENEW = "MARKET_PIPELINE_RENEW"

UNDATED = {"company_profiles", "option_contracts", "portfolio_onboarding"}
"""Assets whose rows stand under no date."""

FRESH_OTHERWISE = {
    "company_profiles": "symbols_are_described tells which nobody was asked about",
    "fundamentals": "a vendor tells the present only, and only when it is due",
    "option_contracts": "held_contracts_are_known",
    "option_quotes": "options_are_priced claims more: of each contract in each session",
    "option_values": "options_are_priced",
    "intraday_bars": "hours_are_complete claims more: to the hour",
    "finviz_headlines": "headlines_are_fresh claims more: to the minute",
    "wire_headlines": "headlines_are_fresh",
    "headlines": "headlines_are_fresh",
    "headline_impact": "stories_have_their_impact; a session that no news met has none",
    "portfolio_onboarding": "imported_files_have_a_snapshot",
}

EMPTY_IS_FINE = {
    "company_profiles": "a vendor that is down stops nothing; symbols_are_described tells",
    "fundamentals": "a vendor tells the present only, and only when it is due",
    "option_contracts": "without a key, or an option or a stock to watch, none is asked for",
    "option_quotes": "books without an option leave no quote to ask for",
    "option_values": "books without an option leave no quote to complete",
    "intraday_bars": "nobody may be chosen; hours_are_complete claims more of those that are",
    "headline_impact": "a session that no news met has none; stories_have_their_impact says more",
    "wire_headlines": "without a key for Tiingo or Finnhub there is no wire",
    "portfolio_onboarding": "a session after which no file was imported has none",
    "portfolio_snapshots": "every_portfolio_has_a_snapshot claims more, and allows for no book",
    "portfolio_risk": "every_snapshot_has_its_risk claims more, and allows for no book",
}
"""Assets without a claim that they have rows, and why."""

FILES = {"portfolio_report": "reports_are_whole"}
"""Assets of files, not of rows, and what is claimed of them."""


@pytest.fixture(scope="module")
def renew() -> bool:
    """Say whether the file is to be written: read before other fixtures clear the environment."""
    return os.environ.get(RENEW) == "1"


@pytest.fixture
def defs(renew: bool, state_dir: Path) -> dg.Definitions:
    """Give the definitions as they are by default: automation on, no vendor key."""
    assert state_dir
    return build_defs(current_settings().model_copy(update={"automation": "on"}))


def described(defs: dg.Definitions) -> dict[str, Any]:
    """Say all that makes up the graph, in words that JSON keeps."""
    graph = defs.resolve_asset_graph()
    repository = defs.get_repository_def()
    jobs = [repository.get_job(name) for name in repository.job_names if name[0] != "_"]
    return {
        "assets": {key.to_user_string(): _asset(graph, key) for key in graph.get_all_asset_keys()},
        "checks": {
            f"{key.asset_key.to_user_string()}.{key.name}": _check(graph, key)
            for key in graph.asset_check_keys
        },
        "jobs": {job.name: _job(job) for job in jobs},
        "schedules": {schedule.name: _schedule(schedule) for schedule in repository.schedule_defs},
        "sensors": {sensor.name: _sensor(sensor, graph) for sensor in repository.sensor_defs},
        "resources": sorted(repository.get_top_level_resources()),
    }


def _asset(graph: AssetGraph, key: dg.AssetKey) -> dict[str, Any]:
    node = graph.get(key)
    policy, condition = node.backfill_policy, node.automation_condition
    retries = node.assets_def.op.retry_policy if node.is_executable else None
    return {
        "automation": condition and (condition.get_label() or type(condition).__name__),
        "backfill": policy and f"{policy.policy_type.value}, {policy.max_partitions_per_run}",
        "code_version": node.code_version,
        "dependencies": {
            parent.to_user_string(): _mapping(node.partition_mappings.get(parent))
            for parent in node.parent_keys
        },
        "group": node.group_name,
        "io_manager": node.io_manager_key if node.is_executable else None,
        "is_executable": node.is_executable,
        "kinds": sorted(node.kinds),
        "owners": sorted(node.owners),
        "partitions": _partitions(node.partitions_def),
        "pools": sorted(node.pools or ()),
        "retries": retries
        and f"{retries.max_retries} after {retries.delay} s, "
        f"{retries.backoff and retries.backoff.value}, jitter {retries.jitter}",
        "table": node.metadata.get(TABLE),
        "tags": {k: v for k, v in node.tags.items() if not k.startswith("dagster/kind/")},
    }


def _partitions(partitions: dg.PartitionsDefinition[str] | None) -> str | None:
    if partitions is None:
        return None
    windows = getattr(partitions, "exclusions", None) or ()
    return f"{partitions} Windows left out: {len(windows)}."


def _mapping(mapping: dg.PartitionMapping | None) -> str:
    return "by default" if mapping is None else str(mapping)


def _check(graph: AssetGraph, key: dg.AssetCheckKey) -> dict[str, Any]:
    node = graph.get(key)
    return {
        "blocking": node.blocking,
        "claim": node.description,
        "severity": node.metadata.get(SEVERITY),
    }


def _job(job: dg.JobDefinition) -> dict[str, Any]:
    return {
        "assets": sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys),
        "checks": len(job.asset_layer.asset_graph.asset_check_keys),
        "executor": job.executor_def.name,
        "partitions": _partitions(job.partitions_def),
        "tags": dict(job.tags),
    }


def _schedule(schedule: dg.ScheduleDefinition) -> dict[str, Any]:
    return {
        "cron": schedule.cron_schedule,
        "job": schedule.job_name,
        "status": schedule.default_status.value,
        "timezone": schedule.execution_timezone,
    }


def _sensor(sensor: dg.SensorDefinition, graph: AssetGraph) -> dict[str, Any]:
    selection = sensor.asset_selection
    chosen = selection.resolve(graph) if selection is not None else ()
    return {
        "assets": sorted(key.to_user_string() for key in chosen),
        "every_s": sensor.minimum_interval_seconds,
        "jobs": sorted(target.job_name for target in sensor.targets),
        "status": sensor.default_status.value,
        "type": sensor.sensor_type.value,
    }


def test_the_graph_is_the_committed_one(defs: dg.Definitions, renew: bool) -> None:
    """Keys, dependencies, partitions, policies, checks, clocks and sensors are as reviewed."""
    found = json.dumps(described(defs), indent=2, sort_keys=True) + "\n"
    if renew:
        SNAPSHOT.write_text(found, encoding="utf-8")
    kept = SNAPSHOT.read_text(encoding="utf-8")
    changes = difflib.unified_diff(
        kept.splitlines(), found.splitlines(), "graph.json", "the graph now", lineterm="", n=4
    )
    assert kept == found, (
        "the graph is not the committed one; where that is meant, write it anew with "
        f"{RENEW}=1 and commit the difference:\n" + "\n".join(changes)
    )


def test_every_asset_presents_itself(defs: dg.Definitions) -> None:
    """In the UI each asset has an owner, a group, kinds, a docstring that tells its grain."""
    graph = defs.resolve_asset_graph()
    for key in graph.executable_asset_keys:
        node = graph.get(key)
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name not in (None, "default"), key
        assert node.code_version, key
        assert ("dagster/column_schema" in node.metadata) != (key.path[-1] in FILES), key
        for word in ("Grain:", "Source:", "Fresh:"):
            assert word in (node.description or ""), (key, word)


def test_every_asset_is_checked(defs: dg.Definitions) -> None:
    """Each executable asset claims rows and unique keys, and every check says what it claims."""
    graph = defs.resolve_asset_graph()
    for key in graph.executable_asset_keys:
        names = {check.name for check in graph.get_check_keys_for_assets({key})}
        name = key.path[-1]
        if name in FILES:
            assert FILES[name] in names
            continue
        assert f"{name}_keys_are_unique" in names, key
        assert f"{name}_values_are_of_their_kind" in names, key
        assert (f"{name}_row_count_is_usual" in names) != (name in UNDATED), key
        assert (f"{name}_is_not_empty" in names) != (name in EMPTY_IS_FINE), key
        assert (f"{name}_is_fresh" in names) != (name in FRESH_OTHERWISE), key
    for check in graph.asset_check_keys:
        assert graph.get(check).description, check


def test_collected_assets_are_kept_in_bounds(defs: dg.Definitions) -> None:
    """What speaks to a vendor has a pool of its own and retries with back-off and jitter."""
    graph = defs.resolve_asset_graph()
    collected = [key for key in graph.executable_asset_keys if "api" in graph.get(key).kinds]
    pools = [pool for key in collected for pool in graph.get(key).pools or ()]
    assert len(collected) == 8
    assert len(set(pools)) == len(pools) == len(collected)
    for key in collected:
        retries = graph.get(key).assets_def.op.retry_policy
        assert retries is not None, key
        assert (retries.backoff, retries.jitter) == (dg.Backoff.EXPONENTIAL, dg.Jitter.FULL), key


def test_the_definitions_load_and_validate(defs: dg.Definitions) -> None:
    """Every job, schedule, sensor and resource resolves."""
    dg.Definitions.validate_loadable(defs)


def test_no_two_runs_work_on_an_asset_at_once(defs: dg.Definitions, state_dir: Path) -> None:
    """Whoever starts them: each asset with rows stands in one pool that holds a single step."""
    assert state_dir
    graph = defs.resolve_asset_graph()
    pools = [graph.get(key).pools for key in graph.materializable_asset_keys]
    assert all(pools)
    named = [pool for each in pools for pool in each or ()]
    assert len(set(named)) == len(named) == len(graph.materializable_asset_keys)
    with dagster_instance() as instance:
        pools_config = instance.get_concurrency_config().pool_config
    assert pools_config.default_pool_limit == 1
