"""What a backfill tells of a step that failed: one line for a person, all of it in the log."""

from collections.abc import Callable

import dagster as dg
import pytest
from structlog.testing import capture_logs

from market_pipeline.domain.errors import Unavailable
from market_pipeline.operations.backfill import _Record, brief_cause


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
