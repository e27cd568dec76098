"""The classes `dagster.yaml` names: they ask the settings where to keep what.

`StateStorage` becomes SQLite in the state folder, or PostgreSQL where `dagster_database_url` is
set. Its two companions keep scratch files and compute logs in the same folder.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from sqlalchemy.engine import Connection, Engine

from market_pipeline.instance.event_log import PooledSqliteEventLogStorage, pooled_engine
from market_pipeline.instance.leases import LeasedRunStorage
from market_pipeline.instance.turns import turn_in
from market_pipeline.settings import current_settings


def dagster_dir() -> Path:
    """Give the folder of Dagster's own state, made if it is not there."""
    folder = current_settings().state_dir / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class PooledSqliteRunStorage(LeasedRunStorage, SqliteRunStorage):
    """The stock SQLite run storage with one kept connection a thread, and leases."""

    _engine: Engine | None = None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a connection inside a transaction."""
        if self._engine is None:
            self._engine = pooled_engine(self._conn_string)
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the kept connection."""
        if self._engine is not None:
            self._engine.dispose()
        super().dispose()


class PooledSqliteStorage(DagsterSqliteStorage):
    """Dagster's three SQLite storages, on kept connections."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        with turn_in(Path(base_dir)):
            super().__init__(base_dir, inst_data=inst_data)
            self.dispose()
            self._run_storage = PooledSqliteRunStorage.from_local(_runs_directory(base_dir))
            self._event_log_storage = PooledSqliteEventLogStorage(_event_logs_directory(base_dir))
            self._schedule_storage = SqliteScheduleStorage.from_local(_schedule_directory(base_dir))


class StateStorage(DagsterStorage, ConfigurableClass):
    """Chooses Dagster's storage by the settings; never an instance of itself."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take no configuration: the settings say it all."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]  # Dagster takes any DagsterStorage here
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage[Any]:
        """Open the storage the settings ask for."""
        url = current_settings().dagster_database_url
        if url is None:
            return PooledSqliteStorage.from_local(str(dagster_dir()), inst_data=inst_data)
        from market_pipeline.instance.postgres import RangePostgresStorage

        return RangePostgresStorage(url.get_secret_value(), inst_data=inst_data)


class StateArtifacts(LocalArtifactStorage):
    """Scratch files of runs, in the state folder."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take no configuration."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "StateArtifacts":
        """Open the folder."""
        return cls(str(dagster_dir()), inst_data=inst_data)


class StateComputeLogs(LocalComputeLogManager):
    """What steps print, in the state folder."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take no configuration."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "StateComputeLogs":
        """Open the folder."""
        return cls(str(dagster_dir() / "compute_logs"), inst_data=inst_data)
