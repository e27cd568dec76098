"""Dagster's PostgreSQL storage, with the plans of checks kept small and leases of workers.

Imported only where PostgreSQL is configured: its driver takes time to load.
"""

from typing import TYPE_CHECKING

from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.storage import DagsterPostgresStorage

from market_pipeline.instance.event_log import whole_range
from market_pipeline.instance.leases import LeasedRunStorage
from market_pipeline.instance.pool_waits import PatientEventLogStorage

if TYPE_CHECKING:
    from dagster import EventLogEntry


class RangePostgresEventLogStorage(PatientEventLogStorage, PostgresEventLogStorage):
    """The stock event log; a check over a range is planned once."""

    def store_asset_check_event(self, event: "EventLogEntry", event_id: int | None) -> None:
        """Store a check's plan or verdict in the table of checks; see `whole_range`."""
        super().store_asset_check_event(whole_range(event), event_id)


class LeasedPostgresRunStorage(LeasedRunStorage, PostgresRunStorage):
    """The stock run storage, with leases of the workers."""


class RangePostgresStorage(DagsterPostgresStorage):
    """Dagster's three PostgreSQL storages with the two above."""

    def __init__(self, url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(url, inst_data=inst_data)
        self._event_log_storage.dispose()
        self._event_log_storage = RangePostgresEventLogStorage(url)
        self._run_storage.dispose()
        self._run_storage = LeasedPostgresRunStorage(url)
