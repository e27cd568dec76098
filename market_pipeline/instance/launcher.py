"""The run launcher: Dagster's default one, which also tells a dead worker from a living one.

The default cannot: a run whose worker and code server die together stays started for ever. Belongs
here: that verdict, and whether a run that could not be launched may have begun. What follows
(failed, started again, queued again) stands in dagster.yaml.
"""

from collections.abc import Mapping
from typing import Any

from dagster import DagsterRun, Field, Int
from dagster._config.config_schema import UserConfigSchema
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._serdes import ConfigurableClassData

from market_pipeline.instance.leases import LeasedRunStorage, LeaseJudge

LEASE_S = 20
"""A worker that renews each second and is silent for so long is dead, or as good as dead."""


class LeasedRunLauncher(DefaultRunLauncher):
    """Judges a worker by the lease it renews; one that is paused for less than that is alive."""

    def __init__(
        self, lease_s: float = LEASE_S, inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__(inst_data)
        self._lease_s = lease_s
        self._judge = LeaseJudge(lease_s / 2)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Take the length of a lease in seconds; twice as long as between two looks, at least."""
        return {"lease_s": Field(Int, is_required=False, default_value=LEASE_S)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "LeasedRunLauncher":
        """Open it as dagster.yaml says."""
        return cls(float(config_value["lease_s"]), inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Have a worker begin a run.

        Where the code server does not answer, raises what the queue waits upon. Where it goes away
        while it begins the run, raises `DagsterLaunchFailedError`: the worker may live, and a
        second one of the same run would have it marked as failed. Its retry is another run.
        """
        origin = context.dagster_run.remote_job_origin
        if context.workspace is not None and origin is not None:
            location = context.workspace.get_code_location(origin.location_name)
            if isinstance(location, GrpcServerCodeLocation):
                location.client.ping("")
        try:
            super().launch_run(context)
        except DagsterUserCodeUnreachableError as error:
            told = "the code server went away while it began the run, whose worker may live"
            raise DagsterLaunchFailedError(told) from error  # type: ignore[no-untyped-call]

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Workers are watched."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say whether a started run's worker lives; an error of the database passes."""
        storage = self._instance.run_storage
        if not isinstance(storage, LeasedRunStorage):
            return CheckRunHealthResult(WorkerStatus.RUNNING, "this storage keeps no leases")
        still_s = self._judge.still_for(run.run_id, storage.lease_beat(run.run_id))
        if still_s < self._lease_s:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._judge.forget(run.run_id)
        told = f"its worker has not renewed its lease for {still_s:.0f} s"
        return CheckRunHealthResult(WorkerStatus.FAILED, told)
