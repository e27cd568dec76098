"""The dagster command as a Dagster user types it at the root, with two variables exported."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from market_pipeline.partitions import date_key
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.end_to_end.sandboxed import BIN, ROOT, environment
from market_pipeline_tests.recorded_graph import DAY_ASSETS, SESSION_ASSETS

CACHES = {".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache", "__pycache__"}
"""What other tools write meanwhile."""


@dataclass(frozen=True)
class Typed:
    """What commands at the root share: a state folder, and what the root held before."""

    state: Path
    before: frozenset[str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dagster` to its end; it must succeed."""
        around = environment(
            self.state, DAGSTER_HOME=str(ROOT), DAGSTER_MODULE_NAME="market_pipeline.definitions"
        )
        ended = subprocess.run(
            [BIN / "dagster", *arguments], cwd=ROOT, env=around, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended

    def sessions(self) -> list[str]:
        """List the sessions whose universe is in the warehouse."""
        warehouse = Warehouse.open(f"sqlite:///{self.state / 'warehouse.db'}")
        try:
            days = warehouse.read("symbol_universe", columns=["session_date"])["session_date"]
        finally:
            warehouse.dispose()
        return sorted({date_key(day) for day in days})


def root_entries() -> frozenset[str]:
    return frozenset(path.name for path in ROOT.iterdir()) - CACHES


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """Give a shell at the root with the two variables and a state folder of its own."""
    return Typed(tmp_path_factory.mktemp("cli") / "state", root_entries())


def test_asset_list_names_every_asset_that_is_made(dagster: Typed) -> None:
    """`dagster asset list` loads the module that the variable names."""
    listed = dagster.run("asset", "list").stdout.split()
    assert sorted(listed) == sorted(SESSION_ASSETS | DAY_ASSETS)


def test_definitions_validate(dagster: Typed) -> None:
    """`dagster definitions validate` finds nothing wrong."""
    said = dagster.run("definitions", "validate")
    assert "All code locations passed validation" in said.stdout + said.stderr


def test_a_partition_and_a_range_are_materialized(dagster: Typed) -> None:
    """One session, then the rest of its week in one run; the rows are in the state folder."""
    select = ("asset", "materialize", "--select", "symbol_universe")
    dagster.run(*select, "--partition", "2026-11-20")
    assert dagster.sessions() == ["2026-11-20"]
    dagster.run(*select, "--partition-range", "2026-11-16...2026-11-19")
    assert dagster.sessions() == [f"2026-11-{day}" for day in range(16, 21)]
    assert len(list((dagster.state / "dagster" / "history" / "runs").glob("*-*.db"))) == 2


def test_nothing_is_written_into_the_root(dagster: Typed) -> None:
    """Runs, events, schedules and logs are in the state folder, and the root is as it was."""
    dagster.run("asset", "materialize", "--select", "symbol_universe", "--partition", "2025-01-02")
    kept = {path.name for path in (dagster.state / "dagster").iterdir()}
    assert {"history", "schedules"} <= kept
    assert root_entries() == dagster.before
