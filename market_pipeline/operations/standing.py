"""How vendors stand at this moment: daily quotas and circuit breakers, as every process sees them.

Belongs here: which vendors there are, and their rows. Does not: counting (`coordination`), printing
(`cli`). Nothing is asked of a vendor.
"""

import pandas as pd

from market_pipeline.domain.ports import Coordination
from market_pipeline.resources import clients
from market_pipeline.settings import Settings

VENDORS = ("yahoo", "polygon", "alpha_vantage", "finviz_export", "finviz_page", "tiingo", "finnhub")

_MINUTE_S = 60.0

QUOTA_COLUMNS = ("vendor", "per_minute", "per_hour", "per_day", "used", "left", "resets_at")
BREAKER_COLUMNS = ("name", "state", "failure_rate", "failed_calls", "calls", "opened_at")


def quotas(settings: Settings, coordination: Coordination) -> pd.DataFrame:
    """Give one row a vendor, `QUOTA_COLUMNS`: the rates in force, with a sandbox the sandbox's.

    A rate is told by the minute or by the hour; cells are empty where there is no daily quota.
    """
    rows = []
    for vendor in VENDORS:
        rate, per_s = clients.rate_of(settings, vendor)
        per_day = settings.requests_per_day(vendor)
        name = clients.named(settings, vendor)
        row: dict[str, object] = {"vendor": name, "per_day": per_day}
        row["per_minute" if per_s == _MINUTE_S else "per_hour"] = rate
        if per_day is not None:
            status = coordination.quota(name, per_day, settings.quota_time_zone).status()
            row |= {"used": status.used, "left": status.left, "resets_at": status.resets_at}
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(QUOTA_COLUMNS))
    counts = dict.fromkeys(("per_minute", "per_hour", "per_day", "used", "left"), "Int64")
    return frame.astype(counts | {"resets_at": "datetime64[us, UTC]"})


def breakers(settings: Settings, coordination: Coordination) -> pd.DataFrame:
    """Give one row a vendor, `BREAKER_COLUMNS`: its state, and its last calls."""
    rows = []
    for vendor in VENDORS:
        name = clients.named(settings, vendor)
        status = coordination.breaker(name, clients.breaker_rule(settings)).status()
        rows.append(
            {
                "name": name, "state": status.state, "failure_rate": status.failure_rate,
                "failed_calls": status.failure_count, "calls": status.call_count,
                "opened_at": status.opened_at,
            }
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(BREAKER_COLUMNS))
    return frame.astype({"opened_at": "datetime64[us, UTC]"})
