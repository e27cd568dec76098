"""Is it known what the symbols are?"""

import dagster as dg

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import sound, sound_undated
from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.universe import listed

PROFILES, FUNDAMENTALS = "company_profiles", "fundamentals"


def _described(scope: Scope) -> Verdict:
    universe = listed(scope.rows("symbol_universe", "session_date", "symbol", "asset_class"))
    asked = scope.warehouse.coverage(PROFILES)
    unknown = {symbol for symbol, known in asked.items() if known.outcome == UNKNOWN_SYMBOL}
    wanted = set(universe["symbol"])
    missing = sorted(wanted - unknown - set(asked))
    said = f"{len(wanted) - len(missing)} of {len(wanted)} listed symbols were asked about"
    return Verdict(
        not missing, said,
        {"missing": shown(missing), "unknown_symbols": shown(sorted(wanted & unknown))},
    )  # fmt: skip


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of profiles and fundamentals."""
    return [
        sound_undated(PROFILES, PROFILES, "symbol", span_of="symbol_universe"),
        check(
            "symbol_universe", "symbols_are_described", _described,
            severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Every listed symbol of the range was asked about; those no vendor knows are named."
            ),
        ),
        sound(FUNDAMENTALS, FUNDAMENTALS, "as_of_date", "symbol"),
    ]  # fmt: skip
