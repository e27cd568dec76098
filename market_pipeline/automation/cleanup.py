"""Forgetting what is past its time: headlines, intraday bars, logs, cached answers.

How long each is kept is a setting; what hangs on a headline goes with it. Daily bars are kept.
"""

from datetime import timedelta

import dagster as dg
import structlog

from market_pipeline.domain.freshness import oldest_kept
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.retention import INTRADAY, LOG

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
        description="Headlines, intraday bars, logs and cached answers past their time go.",
    )
    def job() -> None:
        forget_old_news()

    return job


def forget(
    warehouse: Warehouse,
    coordination: Coordination,
    settings: Settings,
    clock: Clock,
    *,
    is_dry_run: bool = False,
) -> dict[str, int]:
    """Delete what is past its time; give the number of rows or entries, by where they were.

    With `is_dry_run` rows are counted and stay; cached answers, which expire by themselves, are
    left out.
    """
    now = clock()
    events_before = now - timedelta(days=settings.collection_event_retention_days)
    oldest = oldest_kept(now, timedelta(days=settings.headline_retention_days))
    deleted = warehouse.news.forget(oldest, events_before, is_dry_run=is_dry_run)
    deleted["outbox"] = warehouse.notices.forget_finished(events_before, is_dry_run=is_dry_run)
    kept_days = {
        INTRADAY: settings.intraday_retention_days,
        LOG: settings.log_retention_days,
    }
    before = {kind: now - timedelta(days=days) for kind, days in kept_days.items()}
    deleted |= warehouse.forget_expired(before, is_dry_run=is_dry_run)
    if is_dry_run:
        return deleted
    deleted["cached answers"] = coordination.purge_expired()
    log.info("news_forgotten", **deleted)
    return deleted
