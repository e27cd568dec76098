"""`market-pipeline onboarding`: what people and programs are told of a file on its way."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run

GOOD = "Symbol,Quantity,Entry Price Per Share,Entry Date\nAAPL,100,150.25,2025-05-19\n"


def imported(run: Run, folder: Path, name: str) -> None:
    """Import a file by the command line."""
    path = folder / f"{name}.csv"
    path.write_text(GOOD)
    assert run("portfolio", "import", str(path)).exit_code == 0


def test_a_file_imported_by_command_is_shown_step_by_step(run: Run, tmp_path: Path) -> None:
    """Its symbols are new, and everything after them is to come."""
    imported(run, tmp_path, "growth")
    rows = json.loads(run("onboarding", "status", "growth", "--json").stdout)
    assert [(row["step"], row["state"]) for row in rows] == [
        ("imported", "completed"), ("symbols", "completed"), ("history", "pending"),
        ("profiles", "pending"), ("factors", "pending"), ("snapshot", "pending"),
    ]  # fmt: skip
    assert rows[1]["reason"] == "1 new, 0 known"
    assert rows[0]["at"] is not None
    table = run("onboarding", "status").stdout
    assert "growth.csv" in table
    assert "snapshot" in table
    assert json.loads(run("onboarding", "status", "--format", "json").stdout) == rows


def test_symbols_are_shown_one_by_one(run: Run, tmp_path: Path) -> None:
    """With `--symbols`, each step of each of them."""
    imported(run, tmp_path, "growth")
    rows = json.loads(run("onboarding", "status", "--symbols", "--json").stdout)
    assert [(row["symbol"], row["is_new"], row["step"], row["state"]) for row in rows] == [
        ("AAPL", True, step, "pending") for step in ("history", "profiles", "factors")
    ]


def test_an_unknown_portfolio_is_named(run: Run, tmp_path: Path) -> None:
    """It ends as what is not stored, saying how files come."""
    imported(run, tmp_path, "growth")
    for command in (("status", "nobody"), ("retry", "nobody")):
        told = run("onboarding", *command)
        assert told.exit_code != 0
        assert "no file of 'nobody' was imported" in told.output + str(told.exception)


def test_a_failed_one_is_shown_with_its_reason_and_retried(run: Run, tmp_path: Path) -> None:
    """`retry` makes it pending again, once."""
    imported(run, tmp_path, "growth")
    warehouse = Warehouse.open(current_settings().warehouse_url)
    now = datetime.now(UTC)
    (one,) = warehouse.onboarding.all()
    warehouse.onboarding.take([one], date(2026, 11, 20), "run", now)
    warehouse.onboarding.fail(warehouse.onboarding.all()[0], "the vendor\x1b[2J is down", now)
    table = run("onboarding", "status", "growth").stdout
    assert "failed" in table
    assert "is down" in table
    assert "\x1b" not in table
    assert "1 failed onboarding(s) made pending again" in run("onboarding", "retry").stdout
    assert "0 failed onboarding(s) made pending again" in run("onboarding", "retry").stdout
    warehouse.dispose()
