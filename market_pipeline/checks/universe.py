"""Is the universe there?"""

import dagster as dg

from market_pipeline.checks.generic import last_session, sound

UNIVERSE = "symbol_universe"


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the universe."""
    return [
        sound(
            UNIVERSE, UNIVERSE, "session_date", "symbol",
            rows=dg.AssetCheckSeverity.ERROR, rows_block=True, due=last_session,
        ),
    ]  # fmt: skip
