"""The code location of a storm: the real one, with only those sensors that act on the past.

The storm's sessions lie still in time, so that what starts work of today is left out: schedules,
the inbox and automation conditions. `missed_sessions`, `lost_retries` and `run_history` are the
real ones. A job with a process a step is added: the project's own run steps in the run's process.
"""

import dagster as dg

from market_pipeline.automation.jobs import RUN_TAGS, SESSION_ASSETS
from market_pipeline.definitions import build_defs
from market_pipeline.partitions import trading_sessions
from market_pipeline.settings import current_settings

STEPS_JOB = "session_in_steps"
SENSORS = frozenset({"missed_sessions", "lost_retries", "run_history"})


def define() -> dg.Definitions:
    """Put the storm's definitions together from the settings in force."""
    settings = current_settings()
    real = build_defs(settings)
    in_steps = dg.define_asset_job(
        STEPS_JOB,
        selection=SESSION_ASSETS,
        partitions_def=trading_sessions(settings.first_session, settings.extra_closures),
        executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}),
        tags=RUN_TAGS,
    )
    return dg.Definitions(
        assets=real.assets,
        asset_checks=real.asset_checks,
        jobs=[*(real.jobs or []), in_steps],
        sensors=[each for each in real.sensors or [] if each.name in SENSORS],
        resources=real.resources,
        executor=real.executor,
    )


defs = define()
