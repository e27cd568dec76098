"""The history of runs on either dialect: one row a run, and what its fetches came to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from market_pipeline.domain.ports import CollectedBatch, FetchLog
from market_pipeline.domain.run_history import RunOutcome
from market_pipeline.warehouse import Warehouse

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
RUN = RunOutcome(
    "run", "session_job", "2026-11-16", "2026-11-20", "schedule:daily_graph", None, "started",
    False, AT, AT, None, None, None, None, None, None, None, AT,
)  # fmt: skip


def test_what_is_known_of_a_run_is_replaced(warehouse: Warehouse) -> None:
    """As it goes on; words that no database takes are made storable."""
    warehouse.runs.keep([RUN])
    over = replace(
        RUN, status="failure", is_final=True, error="a\0b" + "x" * 999,
        updated_at=AT + timedelta(minutes=5),
    )  # fmt: skip
    warehouse.runs.keep([over])
    assert warehouse.runs.known_until() == AT + timedelta(minutes=5)
    (kept,) = warehouse.runs.since(AT)
    assert kept == replace(over, error=("a\N{REPLACEMENT CHARACTER}b" + "x" * 999)[:500])
    assert kept.partitions == "2026-11-16 to 2026-11-20"
    assert list(warehouse.runs.history(only_failed=True)["run_id"]) == ["run"]
    assert warehouse.runs.since(AT + timedelta(minutes=6)) == []


def test_symbols_are_counted_over_all_attempts(warehouse: Warehouse) -> None:
    """One that failed first and came then is done, and counts as retried."""
    at = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    tries = [("A", False, 1), ("A", True, 2), ("B", True, 1), ("C", False, 1), ("C", False, 2)]
    log = tuple(
        FetchLog(
            asset="equity_bars", subject=subject, source="yahoo", started_at=at, response_ms=1.0,
            is_success=is_success, timeframe="1d", attempts=attempt, run_id="run",
        )
        for subject, is_success, attempt in tries
    )  # fmt: skip
    frame = warehouse.read("equity_bars")
    warehouse.commit_batch("equity_bars", CollectedBatch(frame, log=log))
    assert warehouse.runs.symbols_of("run") == (2, 1, 2)
    assert warehouse.runs.symbols_of("another") is None
