"""`market-pipeline report`: files of a stored session, named one a line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.reports.holdings import SESSION, store_book, store_snapshot


@pytest.fixture
def stored(state_dir: Path) -> Iterator[Warehouse]:
    """Give the warehouse of the state folder, without any portfolio."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    yield warehouse
    warehouse.dispose()


def test_the_last_valued_session_is_written_where_the_graph_writes(
    run: Run, stored: Warehouse
) -> None:
    """An index and a file a portfolio, in the folder of the session."""
    store_book(stored)
    store_snapshot(stored)
    shown = run("report")
    assert shown.exit_code == 0
    folder = current_settings().reports_of(SESSION)
    assert shown.stdout.split() == [str(folder / "index.html"), str(folder / "p.html")]
    assert "Plain book" in (folder / "p.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 1, "no portfolio was ever valued"),
        (("--date", "2026-11-20"), 1, "no portfolio was ever valued"),
        (("--date", "yesterday"), 2, "yesterday"),
    ],
)
def test_nothing_to_write_is_said(
    run: Run, stored: Warehouse, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """With what to do about it, and without a file."""
    shown = run("report", *arguments)
    assert (shown.exit_code, shown.stdout) == (code, "")
    assert words in shown.stderr
    assert not current_settings().reports_dir.exists()


def test_a_session_without_snapshots_leaves_no_folder(run: Run, stored: Warehouse) -> None:
    """Nor does a day that is none."""
    store_book(stored)
    store_snapshot(stored)
    shown = run("report", "--date", "2026-11-19")
    assert shown.exit_code == 1
    assert "backfill --from 2026-11-19 --to 2026-11-19" in shown.stderr
    assert run("report", "--date", "2026-11-22").exit_code == 2
    assert not current_settings().reports_dir.exists()
