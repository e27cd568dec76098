"""What the daily graph still has to make of a session: whatever was made before is not made again.

At midnight prices are asked for, and what follows from them follows by itself. Belongs here: what
is lacking then. Does not: what earlier sessions lack (`catch_up`), or when the clock asks
(`schedules`).
"""

from datetime import date, datetime

import dagster as dg
import pandas as pd

from market_pipeline.automation.blocked import blocked
from market_pipeline.automation.job_assets import JobAssets
from market_pipeline.automation.outdated import made_of
from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.jobs import DEFERRED
from market_pipeline.domain.universe import listed
from market_pipeline.warehouse import Warehouse

BARS = "equity_bars"


def still_to_make(
    instance: dg.DagsterInstance, warehouse: Warehouse, assets: JobAssets, day: date, now: datetime
) -> frozenset[str]:
    """Name the assets of a job that a session lacks, and those that are made from them.

    Prices count as lacking where a symbol has none that a vendor may have by `now`, and whatever
    fails a blocking check.
    """
    made = {name for name in assets.names if made_of(instance, name, [day])}
    lacking = assets.names - made | blocked(warehouse, assets, [day]).get(day, frozenset())
    if BARS in made and unpriced(warehouse, day, now):
        lacking |= {BARS}
    return assets.with_what_lacks_them(lacking)


def unpriced(warehouse: Warehouse, day: date, now: datetime) -> set[str]:
    """Name the symbols of a session's universe without a bar that are worth asking for again.

    Not those that no vendor knows, nor those deferred to a later window of a quota.
    """
    universe = warehouse.read("symbol_universe", first=day, last=day)
    bars = warehouse.read(BARS, first=day, last=day, columns=["symbol"])
    coverage = warehouse.coverage(BARS)
    jobs = warehouse.read("collection_jobs", where={"asset": BARS, "status": DEFERRED})
    is_waiting = jobs["due_at"] > pd.Timestamp(now)
    waiting = set(jobs.loc[is_waiting, "subject"])
    unknown = {symbol for symbol, known in coverage.items() if known.outcome == UNKNOWN_SYMBOL}
    return set(listed(universe)["symbol"]) - set(bars["symbol"]) - unknown - waiting
