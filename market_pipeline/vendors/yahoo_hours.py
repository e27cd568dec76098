"""Hourly bars out of the frame that yfinance makes of a chart. Pure functions over frames.

yfinance takes off rows after the close, and adds a row of the moment to the bar it falls in: such
a bar is still forming, and the domain refuses it.
"""

from datetime import datetime

import pandas as pd

from market_pipeline.domain.intraday import INTRADAY_COLUMNS
from market_pipeline.domain.ports import FetchedFrame, Rejected
from market_pipeline.domain.restatements import PRICES
from market_pipeline.domain.sessions import NEW_YORK

_HISTORY_COLUMNS = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume",
}  # fmt: skip


def empty_hours() -> pd.DataFrame:
    """Give a frame of `INTRADAY_COLUMNS` without rows."""
    return _typed(pd.DataFrame(columns=list(INTRADAY_COLUMNS)))


def hours_from_history(
    history: pd.DataFrame, symbol: str, begins_at: datetime, ends_at: datetime
) -> FetchedFrame:
    """Shape yfinance's hourly history (exchange-local starts, nulls kept) as `INTRADAY_COLUMNS`.

    Rows that begin outside [begins_at, ends_at) are dropped, and so is an hour without any price:
    nobody traded. A row with prices but no close is rejected as `null_row`.
    """
    frame = history.rename(columns=_HISTORY_COLUMNS)
    starts = pd.DatetimeIndex(frame.index).tz_convert("UTC").as_unit("us")
    local = starts.tz_convert(NEW_YORK).tz_localize(None).normalize().as_unit("s")
    frame = frame.assign(starts_at=starts, session_date=local, symbol=symbol)
    is_inside = (starts >= pd.Timestamp(begins_at)) & (starts < pd.Timestamp(ends_at))
    has_prices = frame[list(PRICES)].notna().any(axis=1).to_numpy()
    frame = frame.loc[is_inside & has_prices, list(INTRADAY_COLUMNS)]
    frame = frame.sort_values("starts_at", ignore_index=True)
    is_null = frame["close"].isna()
    rejected = tuple(
        Rejected(
            symbol, row["session_date"].date(), "null_row", f"starts_at={row['starts_at']}",
            "the vendor sent an hour with prices but without a close",
        )
        for row in frame[is_null].to_dict("records")
    )  # fmt: skip
    return FetchedFrame(_typed(frame[~is_null].reset_index(drop=True)), rejected)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(INTRADAY_COLUMNS, "float64")
    kinds |= {
        "session_date": "datetime64[s]", "symbol": "str", "starts_at": "datetime64[us, UTC]",
    }  # fmt: skip
    return frame.astype(kinds)
