"""How a person's command opens the warehouse: to look, or to change what they own.

Looking never creates or upgrades anything, and neither way dedicates the warehouse to live or
sandbox data: only the graph, which brings market data, does (`resources.open_warehouse`).
"""

from pathlib import Path

from market_pipeline.domain.errors import ConfigurationError, NothingStored
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import parse_url

UPGRADE = "market-pipeline db upgrade"


def sqlite_file(url: str) -> Path | None:
    """Give the file of a SQLite warehouse, None for any other."""
    parsed = parse_url(url)
    return Path(parsed.database) if parsed.drivername == "sqlite" and parsed.database else None


def place_of(url: str) -> str:
    """Name where a warehouse is, without user, password and options: host:port/name, or a file.

    Raises ConfigurationError for a URL that cannot be read.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        return parsed.database or ""
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.host or 'localhost'}{port}/{parsed.database or ''}"


def open_if_there(settings: Settings) -> Warehouse | None:
    """Open the warehouse to look at it; None where it holds no tables yet.

    Raises ConfigurationError where its tables are not those of this version.
    """
    file = sqlite_file(settings.warehouse_url)
    if file is not None and not file.is_file():
        return None  # connecting would create the file
    warehouse = Warehouse.open(settings.warehouse_url)
    revision = warehouse.current_revision()
    if revision is None:
        return None
    if not warehouse.is_current():
        raise ConfigurationError(
            f"{warehouse.display_url} is at revision {revision}: run `{UPGRADE}` first"
        )
    return warehouse


def open_to_look(settings: Settings) -> Warehouse:
    """Open the warehouse to look at it; raise NothingStored where it holds no tables yet."""
    warehouse = open_if_there(settings)
    if warehouse is None:
        raise NothingStored(
            "the warehouse is empty: `market-pipeline demo` fills it with sandbox data, or "
            "`market-pipeline portfolio import FILE` and `market-pipeline backfill` with your own"
        )
    return warehouse


def open_for_books(settings: Settings) -> Warehouse:
    """Open the warehouse to write books and the watchlist.

    A SQLite file is made and brought up to date by itself; for PostgreSQL that is an operator's
    decision, and ConfigurationError names the command.
    """
    warehouse = Warehouse.open(settings.warehouse_url)
    if warehouse.is_current():
        return warehouse
    if warehouse.dialect != "sqlite":
        raise ConfigurationError(
            f"{warehouse.display_url} is at revision {warehouse.current_revision() or 'none'}: "
            f"run `{UPGRADE}` first"
        )
    warehouse.upgrade()
    return warehouse
