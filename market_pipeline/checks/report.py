"""Are the reports there, of their session, and with nothing alive in them?"""

import dagster as dg

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.reports.inspection import faults_of
from market_pipeline.reports.report import file_name

ASSET, SNAPSHOTS = "portfolio_report", "portfolio_snapshots"


def _whole(scope: Scope) -> Verdict:
    """Every portfolio of the newest session has a report, of its own and of that session."""
    day = scope.last
    told = scope.warehouse.read(SNAPSHOTS, first=day, last=day, columns=["portfolio_id"])
    folder = scope.settings.reports_of(day)
    wrong = [
        f"{name}: {fault}"
        for name in told["portfolio_id"]
        for fault in faults_of(folder / file_name(name), name, day)
    ]
    said = f"{len(told)} portfolios in the session of {day}, {len(wrong)} faults in their reports"
    return Verdict(not wrong, said, {"faults": shown(wrong), "folder": str(folder)})


def define() -> list[dg.AssetChecksDefinition]:
    """Give the check of the reports."""
    return [
        check(
            ASSET, "reports_are_whole", _whole, table=SNAPSHOTS, is_dated=False,
            description=(
                "Every portfolio of the newest session has its report: of that session, whole, "
                "and nothing in it loads, runs or was not written by a template."
            ),
        ),
    ]  # fmt: skip
