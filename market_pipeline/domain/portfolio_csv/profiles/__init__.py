"""The exports of brokers that are read beside our own columns, each known by its header.

A new one is a module here with a `Profile`, its line below, and a file of it in the tests.
"""

from collections.abc import Sequence

from market_pipeline.domain.portfolio_csv.columns import written_names
from market_pipeline.domain.portfolio_csv.profiles.fidelity import (
    FIDELITY_ACTIVITY,
    FIDELITY_POSITIONS,
)
from market_pipeline.domain.portfolio_csv.profiles.interactive_brokers import FLEX_TRADES
from market_pipeline.domain.portfolio_csv.profiles.profile import Profile
from market_pipeline.domain.portfolio_csv.profiles.robinhood import ROBINHOOD_ACTIVITY
from market_pipeline.domain.portfolio_csv.profiles.schwab import (
    SCHWAB_POSITIONS,
    SCHWAB_TRANSACTIONS,
)

PROFILES = (
    FIDELITY_ACTIVITY, FIDELITY_POSITIONS, FLEX_TRADES, ROBINHOOD_ACTIVITY, SCHWAB_POSITIONS,
    SCHWAB_TRANSACTIONS,
)  # fmt: skip


def profile_of(record: Sequence[str]) -> Profile | None:
    """Give the profile whose header a record is, if any."""
    names = {name.casefold() for name in written_names(record)}
    return next((profile for profile in PROFILES if profile.knows(names)), None)
