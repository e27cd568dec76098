"""Recorded real prices, read into the frames of the warehouse."""

from pathlib import Path

import pandas as pd

from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.ports import BAR_COLUMNS

FETCHED_AT = pd.Timestamp("2026-11-20T02:00:00Z")


def read_bars(history: Path, symbols: list[str] | None = None) -> pd.DataFrame:
    """Read the five-year file as rows of `equity_bars`."""
    frame = pd.read_csv(history / "daily_ohlcv_2013_2018.csv.gz")
    if symbols is not None:
        frame = frame[frame["symbol"].isin(symbols)]
    frame = frame.assign(
        session_date=frame["date"].astype(DATE_DTYPE),
        dividend_usd=frame["dividends"].fillna(0.0),
        split_ratio=frame["splits"].fillna(0.0),
    )
    return frame[list(BAR_COLUMNS)].assign(source="replay", fetched_at=FETCHED_AT)
