"""Do the statistics stand where they should, and can they be right?"""

import dagster as dg
import numpy as np

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import keys_are_unique, not_empty
from market_pipeline.domain.factor_definitions import DEFAULTS

EXPOSURES, METRICS = "symbol_factor_exposures", "symbol_daily_metrics"


def _in_bounds(scope: Scope) -> Verdict:
    rows = scope.rows(EXPOSURES, "symbol", "factor", "beta", "r_squared", "observations")
    caps = rows["factor"].map({definition.name: definition.cap for definition in DEFAULTS})
    r_squared = rows["r_squared"].dropna()
    is_bad = ~np.isfinite(rows["beta"]) | (rows["beta"].abs() > caps)
    outside = int((~r_squared.between(-1e-9, 1 + 1e-9)).sum())
    return Verdict(
        not is_bad.any() and outside == 0,
        f"{len(rows)} exposures, {int(is_bad.sum())} betas and {outside} R squared out of bounds",
        {"out_of_bounds": shown(rows.loc[is_bad, "symbol"])},
    )


def _factors_answered(scope: Scope) -> Verdict:
    """Name the factors that were skipped, and why."""
    notes = scope.rows(
        "enrichment_compute_log", "session_date", "asset", "subject", "outcome", "reason",
        asset="factor_exposures", outcome="skipped",
    )  # fmt: skip
    skipped = notes[notes["subject"].isin([definition.name for definition in DEFAULTS])]
    reasons = sorted(set(skipped["reason"]))
    said = "every factor was measured" if not reasons else f"skipped: {'; '.join(reasons[:5])}"
    return Verdict(not reasons, said, {"sessions": int(skipped["session_date"].nunique())})


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of exposures and metrics."""
    exposures = "factor_exposures"
    return [
        not_empty(exposures, EXPOSURES, "session_date", severity=dg.AssetCheckSeverity.WARN),
        keys_are_unique(exposures, EXPOSURES, "session_date", "symbol", "factor"),
        check(
            exposures, "exposures_are_in_bounds", _in_bounds, table=EXPOSURES, blocking=True,
            description="Betas are finite and within their cap, R squared lies between 0 and 1.",
        ),
        check(
            exposures, "every_factor_was_measured", _factors_answered, table=EXPOSURES,
            severity=dg.AssetCheckSeverity.WARN,
            description="No factor was skipped for want of its proxy's prices.",
        ),
        not_empty(METRICS, METRICS, "session_date"),
        keys_are_unique(METRICS, METRICS, "session_date", "symbol"),
    ]  # fmt: skip
