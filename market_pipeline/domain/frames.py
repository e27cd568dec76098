"""The shape frames share: how dates stand in them, and windows that slide over wide ones.

A wide frame has one row a session and one column a symbol. Every window is summed by itself, so
that a date computed alone and the same date inside a range agree to the last bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
DATE_DTYPE: Final = "datetime64[s]"
SESSIONS_A_YEAR = 252
INSTANT_DTYPE: Final = "datetime64[us, UTC]"

# Numbers in the windows of one block: small enough to stay in a core's cache.
_BLOCK_NUMBERS = 500_000


def session_index(sessions: Sequence[date]) -> pd.DatetimeIndex:
    """Turn dates into the index of a wide frame: naive `datetime64[s]`, named session_date."""
    return pd.DatetimeIndex(np.array(sessions, dtype=DATE_DTYPE), name="session_date")


def typed_frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """Build a frame from rows, `columns` in order; `_date` and `_at` columns get their types.

    Instants are aware datetimes; Decimals stay what they are.
    """
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for name in columns:
        if name.endswith("_date"):
            frame[name] = frame[name].astype(DATE_DTYPE)
        elif name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True).astype(INSTANT_DTYPE)
    return frame


def empty_frame(columns: Sequence[str]) -> pd.DataFrame:
    """Build a frame of no rows whose dates and instants are typed."""
    return typed_frame([], columns)


def between(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """Keep the rows whose session_date lies from `first` to `last`, both included."""
    days = frame["session_date"]
    return frame[(days >= pd.Timestamp(first)) & (days <= pd.Timestamp(last))]


def wide(frame: pd.DataFrame, column: str, sessions: Sequence[date]) -> pd.DataFrame:
    """Spread one float column of a long frame (session_date, symbol): NaN where there is no row.

    Rows of `sessions` exactly, columns sorted by symbol.
    """
    # pivot, not pivot_table: a duplicate key must raise rather than be averaged.
    spread = frame.pivot(index="session_date", columns="symbol", values=column)
    return spread.reindex(index=session_index(sessions)).astype(np.float64)


def windows_ending(values: Floats, rows: range, window: int) -> Floats:
    """View `values` (symbols x sessions) as windows ending at each session of `rows`.

    Returns (symbols, len(rows), window); sessions before the first are NaN.
    """
    start = rows.start - window + 1
    block = values[:, max(start, 0) : rows.stop]
    if start < 0:
        block = np.concatenate([np.full((len(values), -start), np.nan), block], axis=1)
    return np.lib.stride_tricks.sliding_window_view(block, window, axis=1)


def blocks(rows: range, window: int, symbols: int) -> Iterator[range]:
    """Cut `rows` into ranges whose windows together stay small, however many there are."""
    step = max(1, _BLOCK_NUMBERS // (window * max(1, symbols)))
    for at in range(rows.start, rows.stop, step):
        yield range(at, min(at + step, rows.stop))
