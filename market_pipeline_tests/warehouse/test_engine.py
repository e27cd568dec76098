"""How the database is reached: URLs, what is shown of them, and what a warehouse remembers."""

import traceback
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.warehouse import Warehouse

CANARY = "canary-5f1c"


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        (f"postgresql://user:{CANARY}@host/name", r"write postgresql\+psycopg://"),
        (f"postgres://user:{CANARY}@host/name", r"write postgresql\+psycopg://"),
        (f"postgresql+psycopg2://user:{CANARY}@host/name", r"write postgresql\+psycopg://"),
        (f"mysql://user:{CANARY}@host/name", "postgresql"),
        (f"postgresql+psycopg://user:{CANARY}@host:{CANARY}/name", "percent-encode"),
        (CANARY, "cannot be read"),
        ("", "cannot be read"),
        ("sqlite://", "sqlite:///path"),
        ("sqlite:///:memory:", "sqlite:///path"),
    ],
)
def test_a_url_must_name_its_driver(url: str, remedy: str) -> None:
    """A URL that leaves anything to chance is refused with what to write, and never repeated."""
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        Warehouse.open(url)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_password_is_never_shown() -> None:
    """Neither the shown URL nor a repr nor a failed connection tells a password."""
    warehouse = Warehouse.open(
        f"postgresql+psycopg://user:{CANARY}@127.0.0.1:9/name?password={CANARY}"
    )
    assert warehouse.display_url == "postgresql+psycopg://user:***@127.0.0.1:9/name"
    assert CANARY not in repr(warehouse)
    with pytest.raises(OperationalError) as caught:
        warehouse.ping()
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    """A SQLite file below a file is refused with its folder."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made"):
        Warehouse.open(f"sqlite:///{tmp_path / 'file' / 'below' / 'warehouse.db'}")


def test_the_database_answers(warehouse: Warehouse) -> None:
    """A ping gives the milliseconds of a round trip, and a disposed warehouse opens again."""
    assert warehouse.ping() > 0
    warehouse.dispose()
    assert warehouse.ping() > 0


def test_errors_hide_what_was_written(url: str) -> None:
    """A failing statement's error does not hold the values that were bound to it."""
    database = Database(url)
    with pytest.raises(DBAPIError) as caught, database.writing() as connection:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:v)"), {"v": CANARY})
    assert CANARY not in str(caught.value)
    database.dispose()


def test_reading_cannot_write_on_postgresql_and_sees_one_state(url: str) -> None:
    """Two reads of one transaction agree, whatever is committed between them."""
    database, writer = Database(url), Warehouse.open(url)
    statement = sa.text("SELECT count(*) FROM warehouse_meta")
    with database.reading() as connection:
        before = connection.scalar(statement)
        writer.meta_set("between", "the reads")
        assert connection.scalar(statement) == before
    with database.reading() as connection:
        assert connection.scalar(statement) == before + 1
    database.dispose()
    writer.dispose()


def test_sqlite_is_set_up_for_crashes_and_company(tmp_path: Path) -> None:
    """Every SQLite connection writes ahead, waits for others and checks foreign keys."""
    database = Database(f"sqlite:///{tmp_path / 'warehouse.db'}")
    expected = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 60_000}
    with database.reading() as connection:
        found = {name: connection.scalar(sa.text(f"PRAGMA {name}")) for name in expected}
    assert found == expected
    database.dispose()


def test_remembered_values(warehouse: Warehouse) -> None:
    """A value is what was last set, and None before."""
    assert warehouse.meta_get("seed") is None
    warehouse.meta_set("seed", "1")
    warehouse.meta_set("seed", "2")
    assert warehouse.meta_get("seed") == "2"


def test_live_and_sandbox_data_never_meet(warehouse: Warehouse) -> None:
    """The first claim stands; another is refused with what to do."""
    warehouse.claim_data_kind("sandbox")
    warehouse.claim_data_kind("sandbox")
    with pytest.raises(ConfigurationError, match=r"sandbox data.*MARKET_PIPELINE_DATABASE_URL"):
        warehouse.claim_data_kind("live")
    assert warehouse.meta_get("data_kind") == "sandbox"
