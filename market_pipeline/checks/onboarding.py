"""Did every imported file come to its snapshot?"""

import dagster as dg

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import sound_undated

ASSET, TABLE = "portfolio_onboarding", "onboarding"


def _settled(scope: Scope) -> Verdict:
    """Every onboarding that this run took up led to a snapshot."""
    mine = [one for one in scope.warehouse.onboarding.all() if one.run_id == scope.run_id]
    failed = [one for one in mine if one.completed_at is None]
    named = [f"{one.portfolio_id} ({one.source_file}): {one.reason or one.state}" for one in failed]
    return Verdict(
        not failed, f"{len(mine)} taken up, {len(failed)} without a snapshot",
        {"open": shown(named)},
    )  # fmt: skip


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the onboarding."""
    return [
        sound_undated(ASSET, TABLE, "portfolio_id", "source_file", span_of=TABLE),
        check(
            ASSET, "imported_files_have_a_snapshot", _settled, table=TABLE,
            severity=dg.AssetCheckSeverity.WARN,
            description="Every file whose onboarding the run took up led to a snapshot.",
        ),
    ]  # fmt: skip
