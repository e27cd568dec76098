"""Forgetting what is past its time: headlines, the record of collecting, cached answers.

How long each is kept is a setting; what hangs on a headline goes with it.
"""

from datetime import timedelta

import dagster as dg
import structlog

from market_pipeline.domain.freshness import oldest_kept
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

log = structlog.get_logger()


def news_cleanup_job() -> dg.JobDefinition:
    """Define the job that forgets what is past its time."""

    @dg.op(name="forget_old_news", tags={"market_pipeline/layer": "upkeep"})
    def forget_old_news(
        context: dg.OpExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        coordination: dg.ResourceParam[Coordination],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        """Delete rows past their retention and entries past their expiry, and say how many."""
        deleted = forget(warehouse, coordination, settings, clock)
        context.add_output_metadata(dict(deleted))

    @dg.job(
        name="news_cleanup_job",
        executor_def=dg.in_process_executor,
        description="Headlines, records and cached answers past their time are deleted.",
    )
    def job() -> None:
        forget_old_news()

    return job


def forget(
    warehouse: Warehouse, coordination: Coordination, settings: Settings, clock: Clock
) -> dict[str, int]:
    """Delete what is past its time; give the number of rows or entries, by where they were."""
    now = clock()
    events_before = now - timedelta(days=settings.collection_event_retention_days)
    oldest = oldest_kept(now, timedelta(days=settings.headline_retention_days))
    deleted = warehouse.news.forget(oldest, events_before)
    deleted["outbox"] = warehouse.notices.forget_finished(events_before)
    deleted["cached answers"] = coordination.purge_expired()
    log.info("news_forgotten", **deleted)
    return deleted
