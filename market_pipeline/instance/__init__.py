"""Where Dagster keeps its own state: runs, events, schedules, compute logs, scratch files.

`dagster.yaml` names these classes, so that one committed file serves the embedded default and
PostgreSQL: the settings decide. Does not belong here: the warehouse's rows.
"""

from market_pipeline.instance.event_log import PooledSqliteEventLogStorage
from market_pipeline.instance.launcher import LeasedRunLauncher
from market_pipeline.instance.storage import StateArtifacts, StateComputeLogs, StateStorage

__all__ = [
    "LeasedRunLauncher",
    "PooledSqliteEventLogStorage",
    "StateArtifacts",
    "StateComputeLogs",
    "StateStorage",
]
