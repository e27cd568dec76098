"""Whatever text a vendor got into the tables: no view lets it steer a terminal."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from market_pipeline.domain.jobs import Job
from market_pipeline.domain.ports import CollectedBatch, FetchLog, Rejected
from market_pipeline.operations.views import VIEWS
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.operations import rows

# Erases the screen, names the window, hides a link, turns text round, ends a cell and a tag.
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x1b]8;;http://evil\x1b\\x\r\x08\u202e\u2028"
    + "--></td></script><script>alert(1)</script><img src=x onerror=alert(2)>[bold red]=1+1"
)
LONG = "A" * 20_000
TOLD = ("sector", "industry", "name", "detail", "value", "error_detail", "last_error", "exchange",
        "title", "publisher", "note", "description", "error", "message")  # fmt: skip
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]")


@pytest.fixture
def hostile(stored: Warehouse, state_dir: Path) -> int:
    """Write hostile text into every column that holds what a vendor told; give how many cells."""
    at = rows.AT
    rejected = Rejected("KO", rows.SESSION, "bad_value", HOSTILE, HOSTILE)
    failed = FetchLog(
        "equity_bars", "KO", "yahoo", at, 1.0, False, timeframe="1d",
        error_kind="bad_payload", error_detail=HOSTILE,
    )  # fmt: skip
    job = Job("equity_bars", "KO", "failed", last_error=HOSTILE, started_at=at, run_id="run")
    empty = stored.read("equity_bars")
    stored.plan_jobs("equity_bars", ["KO"], "run")
    stored.commit_batch("equity_bars", CollectedBatch(empty, (rejected,), (), (failed,), job=job))
    count = 0
    engine = sa.create_engine(f"sqlite:///{state_dir / 'warehouse.db'}")
    with engine.begin() as connection:
        for table in metadata.tables.values():
            for column in table.columns:
                if column.name in TOLD and isinstance(column.type, sa.String | sa.Text):
                    told = HOSTILE + LONG if isinstance(column.type, sa.Text) else HOSTILE
                    values = {column.name: told}
                    count += connection.execute(sa.update(table).values(values)).rowcount
    engine.dispose()
    return count


def test_no_view_lets_a_vendors_text_steer_the_terminal(run: Run, hostile: int) -> None:
    """As a table, CSV and JSON: control characters are shown, never sent."""
    assert hostile > 10
    commands: list[tuple[str, ...]] = [("show", name) for name in VIEWS]
    commands += [("symbols",), ("price", "AAPL"), ("news", "AAPL")]
    told = set()
    for command in commands:
        for form in ("table", "csv", "json"):
            result = run(*command, "--format", form)
            assert not STEERING.search(result.stdout + result.stderr), (command, form)
            assert isinstance(result.exception, SystemExit | None), command
            if "owned" in result.stdout:
                told.add(command[-1])
    assert {"fetches", "jobs", "quarantine", "headlines"} <= told
