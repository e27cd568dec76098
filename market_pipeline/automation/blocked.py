"""Dates of an asset that are made and fail a check which stops what is made from it.

They are as good as not made: judged again they may pass, and until then nothing below is made.
Belongs here: which those are. Does not: when they are asked for again (`catch_up`, `daily`).
"""

from collections.abc import Iterable
from datetime import date

from market_pipeline.automation.job_assets import JobAssets
from market_pipeline.domain.verdicts import ERROR
from market_pipeline.warehouse import Warehouse


def blocked(
    warehouse: Warehouse, assets: JobAssets, days: Iterable[date]
) -> dict[date, frozenset[str]]:
    """Give those of `days` of which assets of a job fail a blocking check, with these assets."""
    failing = [
        (failed.asset, failed.first, failed.last)
        for failed in warehouse.verdicts.failed()
        if failed.severity == ERROR
        and failed.asset in assets.names
        and (failed.asset, failed.check) in assets.blocking
    ]
    found = {
        day: frozenset(
            asset for asset, first, last in failing if first and last and first <= day <= last
        )
        for day in (days if failing else ())
    }
    return {day: names for day, names in found.items() if names}
