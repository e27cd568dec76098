"""Is the universe there?"""

import dagster as dg

from market_pipeline.checks.generic import keys_are_unique, not_empty

UNIVERSE = "symbol_universe"


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the universe."""
    return [
        not_empty(UNIVERSE, UNIVERSE, "session_date", blocking=True),
        keys_are_unique(UNIVERSE, UNIVERSE, "session_date", "symbol"),
    ]
