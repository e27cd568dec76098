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

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.warehouse.engine import lock

# Alembic's environment is one global to the process.
_TURN = threading.Lock()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "market_pipeline.warehouse:migrations")
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: sa.Connection) -> None:
    """Run the missing revisions inside the caller's write transaction.

    Raises ConfigurationError for a database that a newer version of the package has upgraded.
    """
    lock(connection, "schema")
    config = _config()
    present = revision_of(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        raise ConfigurationError(
            f"the warehouse is at revision {present}, which this version does not know: "
            "use the version of market_pipeline that upgraded it, or a newer one"
        )
    config.attributes["connection"] = connection
    with _TURN:
        command.upgrade(config, "head")


def revision_of(connection: sa.Connection) -> str | None:
    """Give the revision the database is at, or None where no table is."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Give the newest revision in the package."""
    return ScriptDirectory.from_config(_config()).get_current_head()
