"""Fixtures every test may use: recorded data, a state folder of its own, a warehouse."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from market_pipeline.settings import forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.fakes import TWO_FACTORS

pytest_plugins = ["market_pipeline_tests.servers"]

_CHECKOUT = Path(__file__).resolve().parents[1]
_WAIT_LONG = ("end_to_end", "quotas", "instance", "automation")
_SHARED = Path(os.environ.get("MARKET_PIPELINE_SHARED", _CHECKOUT.parent / "shared"))


def _recorded(name: str) -> Path:
    folder = _SHARED / name
    if not folder.is_dir():
        pytest.skip(f"recorded data is absent: no folder {name} (set MARKET_PIPELINE_SHARED)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits longest, lest a worker is left alone with it; skip long soaks."""
    items.sort(key=lambda item: item.path.parent.name not in _WAIT_LONG)
    if os.environ.get("MARKET_PIPELINE_SOAK") == "1":
        return
    skip = pytest.mark.skip(reason="minutes; make test-soak runs it")
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def vendor_payloads() -> Path:
    """Give the folder of recorded vendor bodies, or skip."""
    return _recorded("vendor_payloads")


@pytest.fixture(scope="session")
def market_history() -> Path:
    """Give the folder of recorded prices, or skip."""
    return _recorded("market_history")


@pytest.fixture(scope="session")
def labelled_headlines() -> Path:
    """Give the folder of labelled headlines, or skip."""
    return _recorded("labelled_headlines")


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a state folder of the test's own, in force for everything that reads the settings."""
    for name in [name for name in os.environ if name.startswith("MARKET_PIPELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MARKET_PIPELINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MARKET_PIPELINE_AUTOMATION", "off")
    # Dagster lists every partition of an asset again and again: a short list makes quick tests.
    monkeypatch.setenv("MARKET_PIPELINE_FIRST_SESSION", "2026-01-02")
    # Two factors and their two proxies: what most tests need, and a fifth of the time of all.
    monkeypatch.setenv("MARKET_PIPELINE_FACTORS", json.dumps(TWO_FACTORS))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    forget_settings()
    yield tmp_path / "state"
    forget_settings()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an upgraded, empty SQLite file to be copied: upgrading for every test is slow."""
    path = tmp_path_factory.mktemp("template") / "warehouse.db"
    warehouse = Warehouse.open(f"sqlite:///{path}")
    warehouse.upgrade()
    warehouse.dispose()
    return path


@pytest.fixture
def warehouse(sqlite_template: Path, tmp_path: Path) -> Iterator[Warehouse]:
    """Give an empty SQLite warehouse, up to date."""
    copy = shutil.copy(sqlite_template, tmp_path / "warehouse.db")
    opened = Warehouse.open(f"sqlite:///{copy}")
    yield opened
    opened.dispose()
