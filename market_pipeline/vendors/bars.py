"""Daily bars of any vendor into one shape: `BAR_COLUMNS`, cut to a range, each session once.

Belongs here: what every price source does to its rows after reading them. Does not: any format.
"""

from datetime import date

import pandas as pd

from market_pipeline.domain.ports import BAR_COLUMNS, FetchedFrame, Rejected
from market_pipeline.vendors.rows import DATE

_NOTHING = {"dividend_usd": 0.0, "split_ratio": 0.0}


def shaped(read: FetchedFrame, symbol: str, first: date, last: date) -> FetchedFrame:
    """Give the rows of `read` from `first` to `last` as `BAR_COLUMNS`, oldest first.

    Columns the vendor does not tell become NaN, dividends and splits 0. Rows outside the range are
    dropped; a second bar of a session is rejected as `duplicate_row`.
    """
    frame = read.frame
    inside = frame["session_date"].between(pd.Timestamp(first), pd.Timestamp(last))
    frame = frame[inside].sort_values("session_date", kind="stable", ignore_index=True)
    is_double = frame["session_date"].duplicated()
    doubled = tuple(
        Rejected(
            symbol, row["session_date"].date(), "duplicate_row", f"close {row['close']}",
            "the vendor sent a second bar of the session; the first is kept",
        )
        for row in frame[is_double].to_dict("records")
    )  # fmt: skip
    kept = frame[~is_double].reset_index(drop=True).assign(symbol=symbol)
    kept = kept.reindex(columns=list(BAR_COLUMNS)).fillna(_NOTHING)
    kinds = dict.fromkeys(BAR_COLUMNS, "float64") | {"session_date": DATE, "symbol": "str"}
    return FetchedFrame(kept.astype(kinds), read.rejected + doubled)
