"""`dagster dev` shows the graph, runs a backfill asked for over GraphQL, and goes quietly."""

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from market_pipeline.operations.backfill import run_backfill
from market_pipeline.sandbox import SandboxServer
from market_pipeline.settings import settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.end_to_end.dagster_dev import DagsterDev, started, wait_until
from market_pipeline_tests.end_to_end.sandboxed import (
    ROOT,
    environment,
    settings_for,
    with_books,
)
from market_pipeline_tests.recorded_graph import DAY_ASSETS, SESSION_ASSETS

SESSIONS = ["2026-06-12", "2026-06-15", "2026-06-16", "2026-06-17", "2026-06-18"]
BACKFILL_S = 180
PICTURE = ROOT / "docs" / "images" / "asset-graph.png"

pytestmark = pytest.mark.timeout(600)

NODES = """
{ assetNodes {
    assetKey { path } groupName kinds description isExecutable
    owners { ... on TeamAssetOwner { team } }
    partitionDefinition { type description }
    dependencyKeys { path }
    assetChecksOrError { ... on AssetChecks { checks { name blocking description } } }
    metadataEntries { label __typename }
} }
"""
LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on InvalidSubsetError { message }
  }
}
"""
BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status numPartitions error { message } }
  }
}
"""
RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
STATUSES = """
query Statuses($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    partitionStats { numMaterialized numFailed }
    assetChecksOrError {
      ... on AssetChecks { checks { name executionForLatestMaterialization { status } } }
    }
  }
}
"""


@pytest.fixture(scope="module")
def warehouse(
    sandbox_server: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """Give a warehouse with the example books, in the state folder `dev` works in."""
    opened = with_books(settings_for(tmp_path_factory.mktemp("dev"), sandbox_server.url))
    yield opened
    opened.dispose()


def state_of(warehouse: Warehouse) -> Path:
    return Path(warehouse.display_url.removeprefix("sqlite:///")).parent


@pytest.fixture(scope="module")
def dev(
    warehouse: Warehouse, sandbox_server: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DagsterDev]:
    """Give `dagster dev` at the root, schedules and sensors off; what it leaves behind is told."""
    around = environment(
        state_of(warehouse), DAGSTER_HOME=str(ROOT), DAGSTER_DISABLE_TELEMETRY="1",
        MARKET_PIPELINE_AUTOMATION="off", MARKET_PIPELINE_SANDBOX_URL=sandbox_server.url,
    )  # fmt: skip
    with started(around, tmp_path_factory.mktemp("log") / "dagster-dev.txt") as running:
        yield running


@pytest.fixture(scope="module")
def nodes(dev: DagsterDev) -> dict[str, Any]:
    """Give what the UI knows of each asset."""
    return {node["assetKey"]["path"][-1]: node for node in dev.ask(NODES)["assetNodes"]}


@pytest.fixture(scope="module")
def backfill(dev: DagsterDev) -> dict[str, Any]:
    """Launch the session assets over five sessions as the UI does, and wait for the end."""
    launched = dev.ask(
        LAUNCH,
        params={
            "partitionNames": SESSIONS,
            "assetSelection": [{"path": [name]} for name in sorted(SESSION_ASSETS)],
        },
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    seen: dict[str, Any] = {}

    def is_over() -> bool:
        seen.update(dev.ask(BACKFILL, id=launched["backfillId"])["partitionBackfillOrError"])
        return seen["status"] not in ("REQUESTED", "CANCELING", "FAILING")

    assert wait_until(is_over, BACKFILL_S), (seen, dev.log.read_text()[-3000:])
    return seen


def test_the_graph_is_shown_with_all_that_describes_it(nodes: dict[str, Any]) -> None:
    """Groups, kinds, descriptions, owners, partitions, columns: on every asset that is made."""
    made = {name: node for name, node in nodes.items() if node["isExecutable"]}
    assert set(made) == SESSION_ASSETS | DAY_ASSETS
    for name, node in made.items():
        assert node["owners"] == [{"team": "market-pipeline"}], name
        assert len(node["kinds"]) >= 2, name
        assert "Grain:" in node["description"], name
        assert node["partitionDefinition"]["type"] == "TIME_WINDOW", name
        told = {entry["__typename"] for entry in node["metadataEntries"]}
        # Reports are files, and have no columns.
        assert ("TableSchemaMetadataEntry" in told) != (name == "portfolio_report"), name
    assert {node["groupName"] for node in made.values()} == {
        "universe", "prices", "intraday", "factors", "portfolios", "news", "news_impact",
    }  # fmt: skip


def test_dependencies_are_those_of_the_design(nodes: dict[str, Any]) -> None:
    """Books feed the universe, prices and quotes the market data, all of it the snapshots."""

    def above(name: str) -> set[str]:
        return {key["path"][-1] for key in nodes[name]["dependencyKeys"]}

    assert above("symbol_universe") == {"portfolio_books", "company_profiles"}
    assert {"equity_bars", "option_quotes", "option_values"} <= above("market_data_cache")
    assert "equity_bars" in above("option_quotes")
    assert "market_data_cache" in above("portfolio_snapshots")
    assert above("headlines") == {"finviz_headlines", "wire_headlines"}
    assert {"headlines", "market_data_cache"} <= above("headline_impact")


def test_checks_are_shown_with_their_claims(nodes: dict[str, Any]) -> None:
    """Each asset lists its checks, each with a claim, and some of them block."""
    for name in SESSION_ASSETS:
        checks = nodes[name]["assetChecksOrError"]["checks"]
        assert checks, name
        assert all(check["description"] for check in checks), name
        # Files are read by people: nothing is built on them that a check could stop.
        assert any(check["blocking"] for check in checks) != (name == "portfolio_report"), name


def test_a_backfill_launched_over_graphql_succeeds(
    backfill: dict[str, Any], dev: DagsterDev, warehouse: Warehouse
) -> None:
    """Five sessions of eight assets in one run, and the rows are in the warehouse."""
    assert backfill["status"] == "COMPLETED_SUCCESS", (backfill, dev.log.read_text()[-3000:])
    (run,) = dev.ask(RUNS)["runsOrError"]["results"]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert run["status"] == "SUCCESS"
    assert tags["dagster/asset_partition_range_start"] == SESSIONS[0]
    assert tags["dagster/asset_partition_range_end"] == SESSIONS[-1]
    snapshots = warehouse.read("portfolio_snapshots")
    assert [day.date().isoformat() for day in snapshots["session_date"]] == sorted(SESSIONS * 3)
    assert set(warehouse.read("equity_bars")["source"]) == {"yahoo:sandbox"}


def test_partitions_and_checks_have_their_status_afterwards(
    backfill: dict[str, Any], dev: DagsterDev
) -> None:
    """Each asset shows five partitions made and none failed; each blocking check ran and holds."""
    assert backfill
    keys = [{"path": [name]} for name in sorted(SESSION_ASSETS)]
    found = dev.ask(STATUSES, keys=keys)["assetNodes"]
    assert len(found) == len(SESSION_ASSETS)
    for node in found:
        assert node["partitionStats"] == {"numMaterialized": 5, "numFailed": 0}, node
        for check in node["assetChecksOrError"]["checks"]:
            ran = check["executionForLatestMaterialization"]
            assert ran is not None, check["name"]
            assert ran["status"] in ("SUCCEEDED", "FAILED"), check


@pytest.mark.browser
@pytest.mark.skipif(
    os.environ.get("MARKET_PIPELINE_SCREENSHOTS") != "1",
    reason="takes the picture of the README anew; set MARKET_PIPELINE_SCREENSHOTS=1",
)
def test_the_picture_of_the_graph_is_taken(
    backfill: dict[str, Any],
    dev: DagsterDev,
    nodes: dict[str, Any],
    warehouse: Warehouse,
    sandbox_server: SandboxServer,
) -> None:
    """The lineage page, groups open and zoomed to fit, goes to docs/images/asset-graph.png."""
    assert backfill
    settings = settings_for(state_of(warehouse), sandbox_server.url)
    with settings_in_force(settings):
        first, last = date.fromisoformat(SESSIONS[0]), date.fromisoformat(SESSIONS[-1])
        assert run_backfill(first, last, select=sorted(DAY_ASSETS), settings=settings).succeeded
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    from market_pipeline_tests.end_to_end.picture import take

    take(f"{dev.url}/asset-groups", chromium, sorted(nodes), PICTURE)
    assert PICTURE.stat().st_size > 20_000


def test_ctrl_c_ends_every_process(dev: DagsterDev, backfill: dict[str, Any]) -> None:
    """One SIGINT ends webserver, daemon and code servers; none is left, and the root is clean."""
    assert backfill
    assert len(dev.members()) >= 4
    assert dev.stop(), "processes were left behind"
    assert dev.members() == []
    for stray in ("logs", ".logs_queue", ".telemetry", ".nux", "history", "storage", "schedules"):
        assert not (ROOT / stray).exists(), stray
