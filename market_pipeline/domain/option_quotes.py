"""What a quote of an option is worth, and whether it is of the session it is dated.

Pure. Does not: read a vendor's body, complete a quote (`option_values`), refuse one
(`price_rules`).
"""

import numpy as np
import pandas as pd

from market_pipeline.domain.sessions import NEW_YORK

STALE_QUOTE = "stale_quote"
"""Flag of a quote with a price of another session, or of none that was told. There is no number of
minutes: a price of the session counts, however early, and one of another day does not."""

MID, LAST = "mid", "last"


def is_of_session(stamps: "pd.Series", sessions: "pd.Series | pd.Timestamp") -> "pd.Series[bool]":
    """Say which instants (aware) fall on the session dates beside them; a missing one does not."""
    days = stamps.dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    is_of: pd.Series[bool] = days == sessions
    return is_of


def quoted_price(quotes: pd.DataFrame) -> pd.DataFrame:
    """Price quotes (`OPTION_COLUMNS`): `price_usd` and `price_kind`, `mid` or `last`.

    The middle of bid and ask where there are both, else the last trade. Where they are stale and a
    trade is there, the trade counts: a trade of another session is no part of a quote.
    """
    two_sided = (quotes["bid"] > 0) & (quotes["ask"] > 0) & (quotes["ask"] >= quotes["bid"])
    is_old = quotes["is_stale"].astype(bool) & ~is_of_session(
        quotes["quoted_at"], quotes["session_date"]
    )
    use_middle = two_sided & ~(is_old & quotes["last"].notna())
    middle = (quotes["bid"] + quotes["ask"]) / 2
    return pd.DataFrame(
        {
            "price_usd": middle.where(use_middle, quotes["last"]),
            "price_kind": np.where(use_middle, MID, LAST),
        },
        index=quotes.index,
    )
