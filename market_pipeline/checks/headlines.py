"""Is there news, once each, and can its time be right?"""

import dagster as dg
import pandas as pd

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import keys_are_unique, not_empty
from market_pipeline.domain.sessions import NEW_YORK

RAW, TABLE = "finviz_headlines", "headlines"


def _days_agree(scope: Scope) -> Verdict:
    """Compare each headline's partition with the New York day of its instant."""
    rows = scope.rows(TABLE, "published_date", "published_at", "headline_hash")
    new_york = rows["published_at"].dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    wrong = rows[new_york != pd.DatetimeIndex(rows["published_date"])]
    return Verdict(
        wrong.empty, f"{len(rows)} headlines, {len(wrong)} on another day than their partition",
        {"wrong": shown(wrong["headline_hash"])},
    )  # fmt: skip


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the headlines. A day without news is odd, not wrong."""
    quiet = {"severity": dg.AssetCheckSeverity.WARN, "every_session": False}
    return [
        not_empty(RAW, RAW, "published_date", **quiet),  # type: ignore[arg-type]  # plain options
        keys_are_unique(RAW, RAW, "published_date", "item_hash"),
        not_empty(TABLE, TABLE, "published_date", **quiet),  # type: ignore[arg-type]  # plain options
        keys_are_unique(TABLE, TABLE, "headline_hash"),
        check(
            TABLE, "headlines_stand_on_their_day", _days_agree, blocking=True,
            description="Each headline's partition is the New York day on which it was published.",
        ),
    ]  # fmt: skip
