"""A code location for tests that kill: one run that hangs once and succeeds when tried again.

Each attempt writes the ids of its process and of its code server into the folder named by KILLED.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from market_pipeline.automation.retries import lost_retries

FOLDER = Path(os.environ["KILLED"])


@dg.asset
def work(context: dg.AssetExecutionContext) -> None:
    """Say who works; the first attempt works until it is killed."""
    attempts = len(list(FOLDER.glob("attempt-*")))
    told = FOLDER / f"attempt-{attempts}"
    told.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()} {context.run_id}")
    told.with_suffix(".new").rename(told)
    while attempts == 0:
        time.sleep(0.1)


work_job = dg.define_asset_job("work_job", selection=[work], executor_def=dg.in_process_executor)


@dg.sensor(job=work_job, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def once() -> dg.RunRequest:
    """Ask for one run."""
    return dg.RunRequest(run_key="once")


defs = dg.Definitions(
    assets=[work],
    jobs=[work_job],
    sensors=[
        once,
        lost_retries([work_job], dg.DefaultSensorStatus.RUNNING, lambda: datetime.now(UTC)),
    ],
    executor=dg.in_process_executor,
)
