"""Reports of a stored session, written anew by hand."""

from datetime import date
from pathlib import Path

from market_pipeline.domain.errors import NothingStored
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.reports.report import write_reports
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse


def write_session(warehouse: Warehouse, settings: Settings, session: date | None) -> list[Path]:
    """Write the reports of `session`, by default the last that was valued; the index comes first.

    Raises NotASession for a date that is none, NothingStored where no portfolio was valued in it.
    """
    bounds = warehouse.bounds("portfolio_snapshots")
    if bounds is None:
        raise NothingStored(
            "no portfolio was ever valued: `market-pipeline backfill --from DATE --to DATE` does"
        )
    day = session or bounds[1]
    TradingCalendar.xnys(settings.extra_closures).require_session(day)
    if warehouse.read("portfolio_snapshots", first=day, last=day, columns=["portfolio_id"]).empty:
        raise NothingStored(
            f"no portfolio was valued in the session of {day}: "
            f"`market-pipeline backfill --from {day} --to {day}` does"
        )
    return write_reports(warehouse, day, settings.reports_of(day))
