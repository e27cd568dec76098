"""`market-pipeline flags` and `scheduler`: set, seen, taken back, and kept in the history."""

import json

import pytest

from market_pipeline.settings import forget_settings
from market_pipeline_tests.cli.conftest import Run


def listed(run: Run) -> dict[str, dict[str, object]]:
    rows = json.loads(run("flags", "list", "--format", "json").stdout)
    return {row["flag"]: row for row in rows}


def test_a_flag_is_set_seen_and_taken_back(run: Run) -> None:
    """Before anything is stored, after a change, and after the change is undone."""
    assert listed(run)["BATCH_V2_ENABLED"]["value"] == "on"
    done = run("flags", "set", "BATCH_V2_ENABLED", "off", "--reason", "month end", "--by", "ana")
    assert done.exit_code == 0, done.output
    assert "BATCH_V2_ENABLED is off, set by ana at" in done.stdout
    row = listed(run)["BATCH_V2_ENABLED"]
    assert (row["value"], row["configured"], row["reason"]) == ("off", "on", "month end")
    undone = run("flags", "set", "batch_v2_enabled", "default", "--reason", "over", "--by", "ana")
    assert "MARKET_PIPELINE_BATCH_V2_ENABLED is on" in undone.stdout
    assert listed(run)["BATCH_V2_ENABLED"]["value"] == "on"
    kept = json.loads(run("flags", "history", "--format", "json").stdout)
    assert [(row["value"], row["reason"]) for row in kept] == [(None, "over"), ("off", "month end")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("BATCH_V2_ENABLED", "perhaps", "--reason", "x"), "is on or off"),
        (("HEADLINE_MINUTES_OPEN", "7", "--reason", "x"), "is no interval"),
        (("NO_SUCH_FLAG", "on", "--reason", "x"), "is no flag"),
        (("BATCH_V2_ENABLED", "off", "--reason", "  "), "say why"),
    ],
)
def test_what_is_no_value_is_refused_with_a_sentence(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    """And nothing is written."""
    refused = run("flags", "set", *arguments)
    assert refused.exit_code != 0
    assert said in refused.output
    assert (
        "nothing was ever changed" in run("flags", "history").output
        or not listed(run)["BATCH_V2_ENABLED"]["changed_by"]
    )


def test_pause_and_resume(run: Run) -> None:
    """The state says who decided, and since when."""
    assert run("scheduler", "status").stdout.startswith("running: ")
    assert run("scheduler", "pause", "--reason", "upgrade", "--by", "ana").exit_code == 0
    assert "paused: SCHEDULER_PAUSED is on, set by ana at" in run("scheduler", "status").stdout
    assert run("scheduler", "resume", "--reason", "done", "--by", "bo").exit_code == 0
    assert "running: SCHEDULER_PAUSED is off, set by bo at" in run("scheduler", "status").stdout


def test_without_the_control_flag_nobody_pauses(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the switch; the state stays."""
    monkeypatch.setenv("MARKET_PIPELINE_SCHEDULER_CONTROL_API", "off")
    forget_settings()
    refused = run("scheduler", "pause", "--reason", "upgrade")
    assert refused.exit_code != 0
    assert "MARKET_PIPELINE_SCHEDULER_CONTROL_API is off" in refused.output
    assert run("scheduler", "status").stdout.startswith("running: ")
