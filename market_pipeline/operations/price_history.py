"""The history of a symbol's prices for a person: adjusted by its actions, or as it was known.

Belongs here: reading what is stored and handing it to the domain. Does not: how prices are
adjusted (`domain.adjustments`) or changes undone (`domain.restatements`). Never writes.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pandas as pd

from market_pipeline.domain.adjustments import DIVIDEND, SPLIT, Actions, adjusted_closes
from market_pipeline.domain.errors import InputError, NothingStored
from market_pipeline.domain.restatements import known_on
from market_pipeline.operations.show import canonical_symbols
from market_pipeline.warehouse import Warehouse

ADJUSTED_COLUMNS = (
    "session_date", "symbol", "raw_close", "close", "total_return_close", "dividend_usd",
    "split_ratio", "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """Rows of some symbols, newest session first, and what to say above them."""

    title: str
    frame: pd.DataFrame
    data_kind: str | None


def adjusted_history(
    warehouse: Warehouse, texts: tuple[str, ...], day: date | None = None
) -> History:
    """Give the closes of symbols as traded, split-adjusted and total-return adjusted.

    Computed now, from `equity_bars` and `corporate_actions`; the total-return series is anchored
    at a symbol's last bar. `day` keeps one session. Raises InputError without a symbol, and
    NothingStored where there is no bar.
    """
    symbols, bars = _bars(warehouse, texts)
    actions = warehouse.read("corporate_actions", symbols=symbols)
    parts = [
        _adjusted(rows, actions[actions["symbol"] == symbol])
        for symbol, rows in bars.groupby("symbol", sort=True)
    ]
    frame = _of_day(pd.concat(parts, ignore_index=True), day)
    return History("adjusted closes", frame, warehouse.meta_get("data_kind"))


def bars_known_on(
    warehouse: Warehouse, texts: tuple[str, ...], known: date, day: date | None = None
) -> History:
    """Give the bars of symbols as they were known when the UTC day `known` ended.

    Bars as first stored and as restated by then, on the split basis of then. `day` keeps one
    session. Raises InputError without a symbol, and NothingStored where nothing was known.
    """
    symbols, bars = _bars(warehouse, texts)
    changes = warehouse.read("bar_restatements", symbols=symbols)
    # The last instant of the day: what is learnt at midnight is known on the next.
    instant = datetime.combine(known, time.max, UTC)
    parts = [
        known_on(rows, changes[changes["symbol"] == symbol], instant)
        for symbol, rows in bars.groupby("symbol", sort=True)
    ]
    frame = _of_day(pd.concat(parts, ignore_index=True), day)
    if frame.empty:
        raise NothingStored(f"no bar of {', '.join(symbols)} was known on {known}")
    return History(f"bars as known on {known}", frame, warehouse.meta_get("data_kind"))


def _bars(warehouse: Warehouse, texts: tuple[str, ...]) -> tuple[list[str], pd.DataFrame]:
    symbols = list(canonical_symbols(texts))
    if not symbols:
        raise InputError("name a symbol with --symbol")
    bars = warehouse.read("equity_bars", symbols=symbols)
    if bars.empty:
        raise NothingStored(
            f"there are no bars of {', '.join(symbols)}: `market-pipeline watchlist add SYMBOL` "
            "brings a symbol into the next backfill"
        )
    return symbols, bars


def _adjusted(rows: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    of_kind = {kind: actions[actions["kind"] == kind] for kind in (SPLIT, DIVIDEND)}
    dates = {kind: each["ex_date"].to_numpy() for kind, each in of_kind.items()}
    values = {kind: each["value"].to_numpy(dtype=np.float64) for kind, each in of_kind.items()}
    found = adjusted_closes(
        rows["session_date"].to_numpy(),
        rows["close"].to_numpy(dtype=np.float64),
        Actions(dates[SPLIT], values[SPLIT], dates[DIVIDEND], values[DIVIDEND]),
    )
    frame = rows.assign(raw_close=found.raw, total_return_close=found.total_return)
    return frame[list(ADJUSTED_COLUMNS)]


def _of_day(frame: pd.DataFrame, day: date | None) -> pd.DataFrame:
    if day is not None:
        frame = frame[frame["session_date"] == pd.Timestamp(day)]
    return frame.sort_values(["session_date", "symbol"], ascending=[False, True], ignore_index=True)
