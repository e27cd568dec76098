"""Bringing a test's warehouse back to an older revision, so that its upgrade can be watched."""

from alembic import command
from alembic.config import Config

from market_pipeline.warehouse.engine import Database


def take_back(url: str, revision: str) -> None:
    """Undo every revision of the warehouse at `url` that came after `revision`."""
    config = Config()
    config.set_main_option("script_location", "market_pipeline.warehouse:migrations")
    config.set_main_option("path_separator", "os")
    database = Database(url)
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    database.dispose()
