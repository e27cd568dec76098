"""Whether the scores meant anything: the report on `headline_impact` over a span of sessions.

Belongs here: which rows are asked. Does not: the statistics (`domain.impact_report`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from market_pipeline.domain.errors import InputError, NothingStored
from market_pipeline.domain.impact_report import impact_report
from market_pipeline.operations.show import canonical_symbols
from market_pipeline.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class ImpactReport:
    """The report as `domain.impact_report.REPORT_COLUMNS`, and the sessions it is of."""

    frame: pd.DataFrame
    first: date
    last: date
    data_kind: str | None


def report_of(
    warehouse: Warehouse,
    first: date | None = None,
    last: date | None = None,
    symbols: Sequence[str] = (),
) -> ImpactReport:
    """Report on the stories that met prices from `first` to `last` (default: all there are).

    `symbols` narrows to the pairs with one of them. Raises InputError for dates in the wrong order
    and for what is no symbol, NothingStored where there is no story.
    """
    if first is not None and last is not None and first > last:
        raise InputError(f"{first} is after {last}")
    wanted = list(canonical_symbols(symbols)) or None
    bounds = warehouse.bounds("headline_impact")
    if bounds is None:
        raise NothingStored(
            "nothing is known of the impact of news yet: `market-pipeline backfill --from DATE "
            "--to DATE --select headline_impact` makes it from headlines and prices"
        )
    first, last = first or bounds[0], last or bounds[1]
    rows = warehouse.read("headline_impact", first=first, last=last, symbols=wanted)
    if rows.empty:
        of_what = f" of {' or '.join(wanted)}" if wanted else ""
        raise NothingStored(
            f"no story{of_what} met prices from {first} to {last}; there are some from "
            f"{bounds[0]} to {bounds[1]}"
        )
    return ImpactReport(impact_report(rows), first, last, warehouse.meta_get("data_kind"))
