"""One warehouse for every test of the contract, on either dialect, upgraded and empty."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from market_pipeline.warehouse.tables import metadata
from market_pipeline.warehouse.warehouse import Warehouse

DIALECTS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_warehouse_url(new_postgres_database: Callable[[], str]) -> str:
    """Give the URL of an upgraded PostgreSQL database of this test session."""
    url = new_postgres_database()
    warehouse = Warehouse.open(url)
    warehouse.upgrade()
    warehouse.dispose()
    return url


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an upgraded, empty warehouse."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        copy = shutil.copy(template, tmp_path / "warehouse.db")
        return f"sqlite:///{copy}"
    found: str = request.getfixturevalue("postgres_warehouse_url")
    engine = sa.create_engine(found)
    with engine.begin() as connection:
        # Not TRUNCATE: on small tables it costs twenty times as much.
        for table in metadata.tables.values():
            connection.execute(sa.delete(table))
    engine.dispose()
    return found


@pytest.fixture(params=DIALECTS)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fresh' / 'warehouse.db'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return create()


@pytest.fixture
def warehouse(url: str) -> Iterator[Warehouse]:
    """Give an upgraded, empty warehouse."""
    opened = Warehouse.open(url)
    yield opened
    opened.dispose()
