"""`market-pipeline cleanup`: what would go is said first, and is what goes."""

import json
from datetime import UTC, datetime, timedelta

from market_pipeline.domain.ports import CollectedBatch, FetchLog
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run


def test_a_dry_run_says_what_the_run_then_deletes(run: Run, stored: Warehouse) -> None:
    """Rows by table as JSON, the sum in words, and only the second deletes."""
    bars = stored.read("equity_bars")
    for age in (100, 1):
        at = datetime.now(UTC) - timedelta(days=age)
        log = FetchLog("equity_bars", "KO", "yahoo", at, 1.0, True, timeframe="1d")
        stored.commit_batch("equity_bars", CollectedBatch(bars[:0], log=(log,)))
    before = stored.count("enrichment_fetch_log")
    dry = run("cleanup", "--dry-run", "--format", "json")
    assert dry.exit_code == 0
    assert "would go; nothing was deleted" in dry.stderr
    assert stored.count("enrichment_fetch_log") == before
    wet = run("cleanup", "--format", "json")
    assert "rows deleted" in wet.stderr
    planned = {row["table"]: row["rows"] for row in json.loads(dry.stdout)}
    done = {row["table"]: row["rows"] for row in json.loads(wet.stdout)}
    assert planned["enrichment_fetch_log"] >= 1
    assert {table: done[table] for table in planned} == planned
    assert set(done) - set(planned) == {"cached answers"}
    assert stored.count("enrichment_fetch_log") == before - planned["enrichment_fetch_log"]


def test_without_a_warehouse_it_says_so(run: Run) -> None:
    """Nothing is made where there is nothing to clean."""
    shown = run("cleanup", "--dry-run")
    assert shown.exit_code != 0
    assert "the warehouse is empty" in shown.stderr
