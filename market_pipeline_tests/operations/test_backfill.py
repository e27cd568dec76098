"""What a backfill tells of a step that failed: one line for a person, all of it in the log."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from structlog.testing import capture_logs

from market_pipeline.domain.errors import Unavailable
from market_pipeline.operations import backfill
from market_pipeline.operations.backfill import _Record, brief_cause, run_backfill
from market_pipeline.settings import current_settings


def of_vendor() -> None:
    """Fail as a collected asset does."""
    raise Unavailable("polygon", "quotes", "HTTP 503\n  and a page of HTML")


def wrapped() -> None:
    """Fail because of something below."""
    try:
        of_vendor()
    except Unavailable as error:
        raise RuntimeError("noticed above") from error


def unforeseen() -> None:
    """Fail as a bug does."""
    raise KeyError("AAPL")


def speechless() -> None:
    """Fail as an asset does for an error below that has no text."""
    raise Unavailable("polygon", "quotes", "")


def wordless() -> None:
    """Fail without a word."""
    raise AssertionError


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (of_vendor, "polygon quotes: HTTP 503"),
        (wrapped, "polygon quotes: HTTP 503"),
        (unforeseen, "unexpected KeyError: 'AAPL'"),
        (wordless, "unexpected AssertionError"),
        (speechless, "polygon quotes: unavailable"),
    ],
)
def test_a_failed_step_is_one_clean_line_and_a_log_entry(
    fail: Callable[[], None], said: str
) -> None:
    """No class path, no line break; what lies behind it is in the log."""

    @dg.op
    def equity_bars() -> None:
        fail()

    @dg.job
    def job() -> None:
        equity_bars()

    record = _Record(lambda _line: None, ["equity_bars"])
    result = job.execute_in_process(raise_on_error=False)
    with capture_logs() as logged:
        for event in result.all_events:
            if event.is_step_failure:
                record._take_failure(event)
    assert record.failures == [f"equity_bars: {said}"]
    assert f"in {fail.__name__}" in "".join(str(entry["error"]) for entry in logged)
    (error,) = [entry for entry in logged if entry["log_level"] == "error"]
    assert (error["event"], error["step"], error["error"]) == ("step_failed", "equity_bars", said)


@pytest.mark.parametrize(
    ("message", "class_name", "said"),
    [
        ("sqlite3.OperationalError: locked\n[SQL: x]\n", "OperationalError",
         "unexpected OperationalError: locked"),
        ("market_pipeline.domain.errors.InputError: \n  a\tb \n c", "InputError", "a b"),
        ("dagster._core.errors.DagsterError: did not start\n", "DagsterError", "did not start"),
        ("ValueError: ValueError: twice", "ValueError", "unexpected ValueError: ValueError: twice"),
        ("no form at all", "Odd", "unexpected Odd: no form at all"),
        ("", "", "unexpected error"),
    ],
)  # fmt: skip
def test_a_cause_is_told_by_its_text(message: str, class_name: str, said: str) -> None:
    """The first line that says something, blanks made one."""
    assert brief_cause(message, class_name) == said


@pytest.mark.parametrize(
    ("chosen", "select", "jobs"),
    [
        ((), (), ["news_job", "session_job"]),
        (("KO",), (), ["news_job", "session_job", "intraday_job"]),
        (("KO",), ("equity_bars",), ["session_job"]),
        ((), ("intraday_bars",), ["intraday_job"]),
    ],
)
def test_hours_are_backfilled_after_the_days_where_somebody_has_them(
    state_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: tuple[str, ...],
    select: tuple[str, ...],
    jobs: list[str],
) -> None:
    """Without a chosen symbol no run is spent on them, unless they are asked for by name."""
    assert state_dir
    ran: list[str] = []

    def note(_defs: Any, _instance: Any, job: str, *_rest: Any) -> backfill.RunOutcome:
        ran.append(job)
        return backfill.RunOutcome(job, "", date.min, date.min, True, (), 0, (), ())

    monkeypatch.setattr(backfill, "_run", note)
    monkeypatch.setattr(backfill, "bury_dead_runs", lambda *_: None)
    monkeypatch.setattr(backfill, "dagster_instance", dg.DagsterInstance.ephemeral)
    settings = current_settings().model_copy(update={"intraday_symbols": chosen})
    run_backfill(date(2026, 11, 19), date(2026, 11, 20), select=select, settings=settings)
    assert ran == jobs
