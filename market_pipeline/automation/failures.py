"""Sessions that a run or a backfill was asked for and failed to make, for good: its worker was
killed once more than it is tried again, or Dagster gave the backfill up before it had a run.

Belongs here: which those are. Does not: when they are asked for again (`catch_up`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill

from market_pipeline.automation.job_assets import JobAssets
from market_pipeline.automation.outdated import made_of
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import key_date, keys_asked

LOOK_BACK = timedelta(days=7)
"""How old a failure may be: what has been left alone for longer was given up by a person."""

_MOST = 500
_PICKED_BY_PEOPLE = "__ASSET_JOB"


def left_by_failures(
    instance: dg.DagsterInstance,
    assets: JobAssets,
    calendar: TradingCalendar,
    before: date,
    now: datetime,
) -> dict[date, frozenset[str]]:
    """Give the sessions before `before` of what failed lately, and what is not made of them.

    Of each run and backfill only the assets it was to make.
    """
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=now - LOOK_BACK)
    wanted: dict[date, set[str]] = {}
    for run in instance.get_runs(failed, limit=_MOST):
        if run.job_name not in assets.jobs and not run.job_name.startswith(_PICKED_BY_PEOPLE):
            continue
        for day in _sessions_of(run.tags, calendar):
            if day < before:
                wanted.setdefault(day, set()).update(_chosen(run, assets))
    given_up = BulkActionsFilter(statuses=[BulkActionStatus.FAILED], created_after=now - LOOK_BACK)
    for backfill in instance.get_backfills(given_up, limit=_MOST):
        for day, name in _asked_of(backfill, assets):
            if day < before and name in assets.names:
                wanted.setdefault(day, set()).add(name)
    return _not_made(instance, assets, wanted)


def _asked_of(backfill: PartitionBackfill, assets: JobAssets) -> Iterator[tuple[date, str]]:
    """Give the dates and assets that a backfill, of assets or of a job, was to make.

    Dagster gives one up for good where the code server is away while it is submitted.
    """
    data = backfill.asset_backfill_data
    if data is None:
        names = assets.jobs.get(backfill.job_name or "", frozenset())
        for partition in backfill.partition_names or () if names else ():
            yield from ((key_date(partition), name) for name in names)
        return
    for key, subset in data.target_subset.partitions_subsets_by_asset_key.items():
        for partition in subset.get_partition_keys():
            yield key_date(partition), key.to_user_string()


def _sessions_of(tags: Mapping[str, str], calendar: TradingCalendar) -> Iterable[date]:
    asked = keys_asked(tags)
    return calendar.sessions(*map(key_date, asked)) if asked else ()


def _chosen(run: dg.DagsterRun, assets: JobAssets) -> frozenset[str]:
    """Name the assets of the job that a run was to make: all, where it chose none."""
    if run.asset_selection is None:
        return assets.jobs.get(run.job_name, frozenset())
    return assets.names & {key.to_user_string() for key in run.asset_selection}


def _not_made(
    instance: dg.DagsterInstance, assets: JobAssets, wanted: Mapping[date, set[str]]
) -> dict[date, frozenset[str]]:
    lacking: dict[date, set[str]] = {}
    for name in set().union(*wanted.values()) if wanted else ():
        days = [day for day, names in wanted.items() if name in names]
        for day in set(days) - made_of(instance, name, days):
            lacking.setdefault(day, set()).add(name)
    return {day: assets.with_what_lacks_them(names) & wanted[day] for day, names in lacking.items()}
