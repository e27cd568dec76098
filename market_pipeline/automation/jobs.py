"""The jobs: all of a trading session or its prices alone, news and hours of a calendar day."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from market_pipeline.partitions import PARTITION, RANGE_END, RANGE_START

SESSION_GROUPS = ("universe", "prices", "factors", "portfolios", "news_impact")
PRICE_GROUPS = ("universe", "prices")
NEWS_GROUPS = ("news",)
INTRADAY_GROUPS = ("intraday",)

JOBS_OF_DAYS = frozenset({"news_job", "intraday_job"})
"""Jobs whose range moves on with the calendar day; the others make ranges of sessions."""

RUN_TAGS = {"dagster/max_runtime": str(6 * 60 * 60)}
"""A run that hangs is ended. How often a run whose worker died starts again stands in dagster.yaml,
how often a step tries again in assets/framework.py."""

SESSION_ASSETS = dg.AssetSelection.groups(*SESSION_GROUPS)
NEWS_ASSETS = dg.AssetSelection.groups(*NEWS_GROUPS)


def session_job(partitions: dg.PartitionsDefinition[str]) -> UnresolvedAssetJobDefinition:
    """Define the job that takes a session from its universe to its snapshots."""
    return dg.define_asset_job(
        "session_job",
        selection=SESSION_ASSETS,
        partitions_def=partitions,
        tags=RUN_TAGS,
        executor_def=dg.in_process_executor,
        description="Universe, prices, factors and snapshots of a trading session.",
    )


def price_job(partitions: dg.PartitionsDefinition[str]) -> UnresolvedAssetJobDefinition:
    """Define the job that takes a session from its universe to its prices."""
    return dg.define_asset_job(
        "price_job",
        selection=dg.AssetSelection.groups(*PRICE_GROUPS),
        partitions_def=partitions,
        tags=RUN_TAGS,
        executor_def=dg.in_process_executor,
        description="Universe and prices of a trading session.",
    )


def news_job(days: dg.PartitionsDefinition[str]) -> UnresolvedAssetJobDefinition:
    """Define the job that collects the headlines of a day."""
    return dg.define_asset_job(
        "news_job",
        selection=NEWS_ASSETS,
        partitions_def=days,
        tags=RUN_TAGS,
        executor_def=dg.in_process_executor,
        description="Headlines of a New York day, each of them once.",
    )


def intraday_job(days: dg.PartitionsDefinition[str]) -> UnresolvedAssetJobDefinition:
    """Define the job that collects the hourly bars of a day so far."""
    return dg.define_asset_job(
        "intraday_job",
        selection=dg.AssetSelection.groups(*INTRADAY_GROUPS),
        partitions_def=days,
        tags=RUN_TAGS,
        executor_def=dg.in_process_executor,
        description="Hourly bars of chosen symbols, of the hours that are over.",
    )


def range_tags(first_key: str, last_key: str) -> dict[str, str]:
    """Give the run tags by which Dagster runs a range of partitions in one run."""
    if first_key == last_key:
        return {PARTITION: first_key}
    return {RANGE_START: first_key, RANGE_END: last_key}
