"""The command line as a test types it, over a state folder of its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
import typer
from typer.testing import CliRunner, Result

from market_pipeline.cli.application import app
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.operations import rows

Run = Callable[..., Result]

# Made once: the runner would make all commands anew for each call.
COMMAND = typer.main.get_command(app)


@pytest.fixture
def run(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Give a function that runs a command in this process; no `.env` is in reach."""
    assert state_dir
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("typer.testing._get_command", lambda _: COMMAND)

    def invoke(*arguments: str, typed: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=typed)

    yield invoke
    structlog.reset_defaults()  # a command leaves its logs on a stream that is closed by now


@pytest.fixture(scope="session")
def filled_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with rows of every view, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "warehouse.db"
    shutil.copy(sqlite_template, path)
    warehouse = Warehouse.open(f"sqlite:///{path}")
    rows.fill(warehouse)
    warehouse.dispose()
    return path


@pytest.fixture
def stored(filled_template: Path, state_dir: Path) -> Iterator[Warehouse]:
    """Give the warehouse of the state folder, with rows of every view."""
    state_dir.mkdir()
    copy = shutil.copy(filled_template, state_dir / "warehouse.db")
    warehouse = Warehouse.open(f"sqlite:///{copy}")
    yield warehouse
    warehouse.dispose()
