"""Which runs are tried again that Dagster gave up on, because nobody answered at that moment."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, WILL_RETRY_TAG
from dagster._core.test_utils import create_run_for_test

from market_pipeline.automation.retries import GAVE_UP, lost_retries

TAGS = {"dagster/partition": "2026-11-20"}


@dg.asset
def work() -> None:
    """Make nothing."""


JOB = dg.define_asset_job("work_job", selection=[work])
SENSOR = lost_retries([JOB], dg.DefaultSensorStatus.RUNNING, lambda: datetime.now(UTC))
REPOSITORY = dg.Definitions(assets=[work], jobs=[JOB], sensors=[SENSOR]).get_repository_def()


def failed(instance: dg.DagsterInstance, reason: RunFailureReason | None) -> dg.DagsterRun:
    """Put a run into the storage that failed for a reason and that Dagster gave up on."""
    run: dg.DagsterRun = create_run_for_test(instance, job_name="work_job", tags=TAGS)
    told = None if reason is None else JobFailureData(error=None, failure_reason=reason)
    instance.report_run_failed(run, "it failed", told)
    instance.add_run_tags(run.run_id, {WILL_RETRY_TAG: "false"})
    instance.report_engine_event(GAVE_UP, run)
    return run


def asked(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """Give what the sensor asks for now."""
    context = dg.build_sensor_context(instance=instance, repository_def=REPOSITORY)
    return list(SENSOR.evaluate_tick(context).run_requests or [])


@pytest.mark.parametrize(
    ("reason", "is_tried"),
    [
        (None, True),  # the worker died
        (RunFailureReason.START_TIMEOUT, True),  # it died before it began
        (RunFailureReason.RUN_EXCEPTION, True),  # the database was away
        (RunFailureReason.STEP_FAILURE, False),  # it has tried again by its own policy
    ],
)
def test_whatever_no_step_caused_is_tried_again(
    reason: RunFailureReason | None, is_tried: bool
) -> None:
    """A run that died before it began is no less lost than one that died at work."""
    instance = dg.DagsterInstance.ephemeral()
    run = failed(instance, reason)
    requests = asked(instance)
    assert len(requests) == is_tried
    for request in requests:
        assert request.tags[PARENT_RUN_ID_TAG] == run.run_id
        assert request.tags["dagster/partition"] == TAGS["dagster/partition"]
