"""Migrations: a fresh database becomes what the tables say, once, whoever asks."""

import alembic.autogenerate
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.tables import metadata
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.processes import run_together


def test_the_migrations_make_the_tables(fresh_url: str) -> None:
    """After an upgrade nothing is left for autogenerate to say, on either dialect."""
    warehouse = Warehouse.open(fresh_url)
    assert warehouse.current_revision() is None
    assert not warehouse.is_current()
    warehouse.upgrade()
    assert warehouse.is_current()
    database = Database(fresh_url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert alembic.autogenerate.compare_metadata(context, metadata) == []
        for table in metadata.tables.values():
            found = sa.inspect(connection).get_pk_constraint(table.name)
            assert found["constrained_columns"] == [column.name for column in table.primary_key]
    database.dispose()
    warehouse.dispose()


def test_upgrading_twice_changes_nothing(warehouse: Warehouse) -> None:
    """An upgrade of a current warehouse keeps its rows."""
    warehouse.meta_set("k", "v")
    warehouse.upgrade()
    assert warehouse.meta_get("k") == "v"


def test_a_failed_upgrade_leaves_no_table(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade is one transaction: what fails at its end leaves the database as it was."""
    upgrade = command.upgrade

    def fail_late(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]  # passed through as given
        raise RuntimeError("late")

    monkeypatch.setattr(command, "upgrade", fail_late)
    warehouse = Warehouse.open(fresh_url)
    with pytest.raises(RuntimeError, match="late"):
        warehouse.upgrade()
    database = Database(fresh_url)
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []
    database.dispose()
    warehouse.dispose()


def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    """A revision the package does not know is a ConfigurationError that says what to use."""
    database, warehouse = Database(url), Warehouse.open(url)
    present = warehouse.current_revision()

    def set_revision(revision: str | None) -> None:
        with database.writing() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = :v"), {"v": revision}
            )

    set_revision("9999")
    try:
        assert not warehouse.is_current()
        with pytest.raises(ConfigurationError, match="9999"):
            warehouse.upgrade()
    finally:
        set_revision(present)
    database.dispose()
    warehouse.dispose()


def upgrade_at(url: str, _number: int) -> None:
    """Upgrade in a process of its own."""
    warehouse = Warehouse.open(url)
    warehouse.upgrade()
    warehouse.dispose()


def test_processes_that_upgrade_together_upgrade_once(fresh_url: str) -> None:
    """Processes that start on an empty database at once all come through."""
    run_together(upgrade_at, fresh_url, processes=4)
    warehouse = Warehouse.open(fresh_url)
    assert warehouse.is_current()
    warehouse.dispose()
