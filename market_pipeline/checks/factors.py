"""Do the statistics stand where they should, and can they be right?"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import last_session, sound
from market_pipeline.domain.derived_exposures import DELTA
from market_pipeline.domain.factor_definitions import METHODS
from market_pipeline.domain.factors import ASSET, COLLINEAR
from market_pipeline.domain.universe import collectable, listed
from market_pipeline.warehouse import exposure_queries

EXPOSURES, METRICS = "symbol_factor_exposures", "symbol_daily_metrics"
_REASONS_SHOWN = 5
_SLACK = 1e-9
_OF_DEFINITION = ["session_date", "definition"]


def _in_bounds(scope: Scope) -> Verdict:
    # An option moves as many times more than its underlying as its leverage says.
    found = scope.warehouse.ask(
        lambda connection: exposure_queries.out_of_bounds(
            connection, scope.first, scope.last, uncapped=DELTA, unmeasured=COLLINEAR, slack=_SLACK
        )
    )
    said = f"{found.rows} exposures, {found.betas} betas and {found.r_squared} R squared "
    return Verdict(
        not found.betas and not found.r_squared, said + "out of bounds",
        {"out_of_bounds": shown(list(found.symbols))},
    )  # fmt: skip


def _factors_answered(scope: Scope) -> Verdict:
    """Count answers and reasons for every session and definition that could be computed."""
    names = scope.warehouse.read(
        "factor_definitions", columns=["name", "version"], where={"is_active": True}
    )["name"]
    notes = scope.rows(
        "enrichment_compute_log", "session_date", "asset", "subject", "outcome", "reason",
        asset=ASSET,
    )  # fmt: skip
    is_whole = notes["subject"].isin(names)
    skipped = notes[is_whole]
    lacking = _owed(scope, list(names)).sub(_answered(scope, notes[~is_whole]), fill_value=0)
    without = pd.MultiIndex.from_frame(skipped[["session_date", "subject"]])
    lacking = lacking[(lacking > 0) & ~lacking.index.isin(without)]
    reasons = sorted(set(skipped["reason"]))
    said = f"{int(lacking.sum())} answers are missing without a reason"
    if reasons:
        said += f"; not computed: {'; '.join(reasons[:_REASONS_SHOWN])}"
    missing = sorted(set(lacking.index.get_level_values("definition")))
    return Verdict(
        lacking.empty, said,
        {"missing": shown(missing), "sessions_skipped": int(skipped["session_date"].nunique())},
    )  # fmt: skip


def _owed(scope: Scope, names: list[str]) -> "pd.Series[float]":
    """Count the symbols that every definition owes an answer, by session and definition."""
    universe = listed(collectable(scope.rows("symbol_universe")))
    per_session = universe.groupby("session_date")["symbol"].nunique()
    return _by_definition({(day, name): n for day, n in per_session.items() for name in names})


def _by_definition(counts: Mapping[tuple[Any, str], int]) -> "pd.Series[float]":
    index = pd.MultiIndex.from_tuples(list(counts), names=_OF_DEFINITION) if counts else None
    empty = pd.MultiIndex.from_arrays([pd.DatetimeIndex([]), []], names=_OF_DEFINITION)
    return pd.Series(list(counts.values()), empty if index is None else index, dtype=np.float64)


def _answered(scope: Scope, notes: pd.DataFrame) -> "pd.Series[float]":
    """Count the symbols with a measured row, and those with a note instead of one."""
    counts = scope.warehouse.ask(
        lambda connection: exposure_queries.measured(connection, scope.first, scope.last, METHODS)
    )
    measured = _by_definition(
        {(pd.Timestamp(day), name): count for (day, name), count in counts.items()}
    )
    # What is collinear has a row as well.
    instead = notes[(notes["outcome"] != COLLINEAR) & notes["subject"].str.contains(":")]
    told = instead.assign(definition=[text.rpartition(":")[2] for text in instead["subject"]])
    noted = told.groupby(_OF_DEFINITION)["subject"].nunique()
    return measured.add(noted, fill_value=0)


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of exposures and metrics."""
    exposures = "factor_exposures"
    return [
        sound(
            exposures, EXPOSURES, "session_date", "symbol", "factor",
            rows=dg.AssetCheckSeverity.WARN, due=last_session,
        ),
        check(
            exposures, "exposures_are_in_bounds", _in_bounds, table=EXPOSURES, blocking=True,
            description="Betas are finite and within their cap, R squared lies between 0 and 1.",
        ),
        check(
            exposures, "every_factor_was_measured", _factors_answered, table=EXPOSURES,
            severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Every listed symbol has an exposure, or a reason, to each factor whose proxies "
                "have prices."
            ),
        ),
        sound(
            METRICS, METRICS, "session_date", "symbol",
            rows=dg.AssetCheckSeverity.ERROR, due=last_session,
        ),
    ]  # fmt: skip
