"""A sandbox whose present stands still, and books over it, for tests that run the whole graph."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from market_pipeline.automation.sensors import read_book
from market_pipeline.resources import open_warehouse
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import Settings, project_root
from market_pipeline.warehouse import Warehouse

ROOT = project_root()
BIN = Path(sys.executable).parent

NOW = datetime(2026, 6, 18, 22, 30, tzinfo=UTC)
"""The sandbox's present: an evening after the last session of the tests' range."""

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 18)
SESSIONS = 14

LOGS = frozenset({
    "enrichment_fetch_log", "collection_events", "collection_fences", "source_status", "outbox",
    "outbox_deliveries", "alerts", "write_fences", "batch_run_history", "onboarding",
    "failed_checks",
})  # fmt: skip
"""Tables that tell how often and how somebody was asked or told, which is each run's own."""


@contextmanager
def sandbox() -> Iterator[SandboxServer]:
    """Serve the generated market as it stood at `NOW`."""
    with SandboxServer(create_app(generated(7, clock=lambda: NOW), lambda: NOW)) as server:
        yield server


def settings_for(state: Path, url: str) -> Settings:
    """Give the settings of a pipeline over its own state folder and a sandbox."""
    return Settings(
        state_dir=state, sandbox_url=url, database_url=None, dagster_database_url=None,
        redis_url=None, automation="off", log_format="json", first_session=date(2012, 1, 3),
    )  # fmt: skip


def with_books(settings: Settings) -> Warehouse:
    """Open the warehouse of `settings` and import the example portfolios."""
    warehouse = open_warehouse(settings)
    for path in sorted((ROOT / "examples" / "portfolios").glob("*.csv")):
        warehouse.import_book(read_book(path, date(2026, 11, 22)), NOW)
    return warehouse


def environment(state: Path, **variables: str) -> dict[str, str]:
    """Give what a person's shell has in it, and of ours only `variables` and the state folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MARKET_PIPELINE_", "DAGSTER_", "PYTEST_"))
    }
    return {**kept, "MARKET_PIPELINE_STATE_DIR": str(state), "PYTHONUNBUFFERED": "1", **variables}
