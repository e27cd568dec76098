"""Which revision the database is at, and bringing it to the newest.

The scripts lie in the package (`migrations`), so an installed wheel can upgrade a database with
no file beside it. Processes that start together upgrade once: the others wait, then find it done.
"""

import threading

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from market_pipeline.warehouse.engine import lock

# Alembic's environment is one global to the process.
_TURN = threading.Lock()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "market_pipeline.warehouse:migrations")
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: sa.Connection) -> None:
    """Run the missing revisions inside the caller's write transaction."""
    lock(connection, "schema")
    config = _config()
    config.attributes["connection"] = connection
    with _TURN:
        command.upgrade(config, "head")


def revision_of(connection: sa.Connection) -> str | None:
    """Give the revision the database is at, or None where no table is."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Give the newest revision in the package."""
    return ScriptDirectory.from_config(_config()).get_current_head()
