"""The warehouse for an operator: where it stands, and bringing it up to date."""

from dataclasses import dataclass

import pandas as pd

from market_pipeline.domain.errors import NothingStored
from market_pipeline.operations.opening import UPGRADE, sqlite_file
from market_pipeline.resources import utc_now
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.schema import newest_revision
from market_pipeline.warehouse.tables import metadata


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: the revisions before (None: no tables) and after."""

    display_url: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the warehouse stands; `tables` has the rows and the dates of each table."""

    display_url: str
    revision: str | None
    newest: str | None
    data_kind: str | None
    tables: pd.DataFrame

    @property
    def is_current(self) -> bool:
        """Whether the tables are those of this version."""
        return self.revision == self.newest


def upgrade(settings: Settings) -> Upgrade:
    """Bring the warehouse's tables to the newest revision, making it where there is none.

    The factor definitions of the settings are there afterwards.
    """
    warehouse = Warehouse.open(settings.warehouse_url)
    before = warehouse.current_revision()
    warehouse.upgrade()
    warehouse.factors.settle_definitions(settings.definitions, utc_now())
    return Upgrade(warehouse.display_url, before, warehouse.current_revision())


def status(settings: Settings) -> Status:
    """Look at the warehouse; raise NothingStored where there is none. Changes nothing."""
    file = sqlite_file(settings.warehouse_url)
    warehouse = None
    if file is None or file.is_file():
        warehouse = Warehouse.open(settings.warehouse_url)
    revision = warehouse.current_revision() if warehouse else None
    if warehouse is None or revision is None:
        raise NothingStored(f"the warehouse has no tables yet: `{UPGRADE}` makes them")
    is_current = warehouse.is_current()
    return Status(
        warehouse.display_url,
        revision,
        newest_revision(),
        warehouse.meta_get("data_kind") if is_current else None,
        _tables(warehouse) if is_current else pd.DataFrame(columns=list(_TABLE_COLUMNS)),
    )


_TABLE_COLUMNS = ("table", "row_count", "first_date", "last_date")


def _tables(warehouse: Warehouse) -> pd.DataFrame:
    rows = []
    for name, table in sorted(metadata.tables.items()):
        bounds = warehouse.bounds(name) if "partition" in table.info else None
        first, last = bounds or (None, None)
        rows.append((name, warehouse.count(name), first, last))
    return pd.DataFrame(rows, columns=list(_TABLE_COLUMNS), dtype=object)
