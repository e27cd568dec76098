"""Is the data right? One module a noun, each check named by the claim it makes.

Severity ERROR means the numbers cannot be trusted, WARN that a person should look. Only claims
without which everything downstream would be wrong are blocking.
"""

import dagster as dg

from market_pipeline.checks import (
    companies,
    factors,
    headlines,
    impact,
    intraday,
    onboarding,
    prices,
    report,
    risk,
    snapshots,
    universe,
)


def all_checks() -> list[dg.AssetChecksDefinition]:
    """Give every check of the graph."""
    modules = (
        universe, companies, prices, intraday, headlines, factors, impact, snapshots, risk,
        onboarding, report,
    )  # fmt: skip
    return [check for module in modules for check in module.define()]
