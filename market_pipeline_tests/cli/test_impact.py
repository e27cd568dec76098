"""`market-pipeline impact` and `show impact`: the report and the rows behind it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.operations import rows


@pytest.fixture
def told(state_dir: Path) -> Iterator[Warehouse]:
    """Give the warehouse of the state folder with the impact of one session."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    warehouse.replace_range("headline_impact", rows.impact(), rows.SESSION, rows.SESSION)
    yield warehouse
    warehouse.dispose()


def test_the_report_marks_what_is_too_small(run: Run, told: Warehouse) -> None:
    """Buckets are explained, small samples marked in the table and in words."""
    shown = run("impact")
    assert shown.exit_code == 0
    assert "from 2026-11-20 to 2026-11-20" in shown.stdout
    assert "small" in shown.stdout
    assert "too few to conclude from" in shown.stderr
    assert "low from 0, middle from 0.6, high from 0.8" in shown.stderr


def test_json_holds_every_statistic(run: Run, told: Warehouse) -> None:
    """What is not known is null."""
    found = json.loads(run("impact", "--symbol", "aapl", "-f", "json").stdout)
    assert [(row["label"], row["confidence"]) for row in found] == [
        ("positive", "high"), ("positive", "all"), ("all", "high"), ("all", "all"),
    ]  # fmt: skip
    assert found[0]["mean_adjusted_pct"] == 1.25
    assert found[0]["mean_next_5_pct"] == 6.25
    assert found[0]["std_error_pct"] is None
    assert len(found[0]) == 18


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--symbol", "KO"), 1),
        (("--from", "2026-11-20", "--to", "2026-11-19"), 2),
        (("--from", "yesterday"), 2),
        (("--symbol", "=1"), 2),
    ],
)
def test_nothing_found_exits_1_and_wrong_input_2(
    run: Run, told: Warehouse, arguments: tuple[str, ...], code: int
) -> None:
    """Scripts tell an empty answer from a mistake."""
    shown = run("impact", *arguments)
    assert (shown.exit_code, shown.stdout) == (code, "")
    assert shown.stderr


def test_the_rows_are_shown_newest_first(run: Run, told: Warehouse) -> None:
    """Every column in JSON; a symbol narrows them; no row of a symbol is an answer, too."""
    found = json.loads(run("show", "impact", "-f", "json").stdout)
    assert [row["symbol"] for row in found] == ["MSFT", "AAPL"]
    assert found[1]["beta"] == rows.UGLY_BETA
    assert found[0]["return_pct"] is None
    assert "sessions_known" in run("show", "impact", "--symbol", "AAPL").stdout
    empty = run("show", "impact", "--symbol", "KO")
    assert (empty.exit_code, "there are no rows of impact" in empty.stderr) == (0, True)
