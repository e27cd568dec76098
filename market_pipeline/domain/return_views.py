"""Returns as each session knew them: one matrix for nearly all, one of its own where they differ.

A return into a spike counts in the window that ends with it and in no later one. Windows are fitted
side by side over one matrix, so a session with a spike is fitted apart, for those whom it touches.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.factor_definitions import FactorDefinition

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class View:
    """Returns (sessions x symbols), which rows to answer, and whom in each (symbols x sessions).

    The proxies' windows are to be judged in the rows `judged`: in the others another view does so.
    """

    returns: pd.DataFrame
    rows: range
    wanted: Flags
    judged: Collection[int]


def views(
    returns: pd.DataFrame,
    spikes: pd.DataFrame | None,
    definition: FactorDefinition,
    rows: range,
    wanted: Flags,
) -> Iterator[View]:
    """Divide `rows` of `returns` so that every session is answered by what it knew.

    `spikes` (session_date, symbol, return_1d) count in their own session only and are NaN in
    `returns`. Every wanted symbol and session is in exactly one view.
    """
    found = _within(returns, spikes, rows)
    others = wanted.copy() if found else wanted
    apart: list[View] = []
    of_proxies = returns.columns.get_indexer(pd.Index(definition.proxies))
    judged_apart = set()
    for row, told in found.items():
        is_touched = np.zeros(len(wanted), dtype=bool)
        is_touched[list(told)] = True
        if is_touched[of_proxies[of_proxies >= 0]].any():
            judged_apart.add(row)
            is_touched[:] = True
        apart.append(_apart(returns, definition, (row, told), is_touched, wanted))
        others[is_touched, row] = False
    yield View(returns, rows, others, [row for row in rows if row not in judged_apart])
    yield from apart


def _within(
    returns: pd.DataFrame, spikes: pd.DataFrame | None, rows: range
) -> dict[int, dict[int, float]]:
    """Give the spikes of each row, by column."""
    found: dict[int, dict[int, float]] = {}
    if spikes is None:
        return found
    at_row = returns.index.get_indexer(pd.DatetimeIndex(spikes["session_date"]))
    at_column = returns.columns.get_indexer(pd.Index(spikes["symbol"]))
    for row, column, told in zip(at_row, at_column, spikes["return_1d"], strict=True):
        if row in rows and column >= 0:
            found.setdefault(int(row), {})[int(column)] = float(told)
    return found


def _apart(
    returns: pd.DataFrame,
    definition: FactorDefinition,
    spiked: tuple[int, dict[int, float]],
    is_touched: Flags,
    wanted: Flags,
) -> View:
    """Give the window of one row alone, its own returns as it knew them."""
    row, told = spiked
    begin = max(row - definition.window + 1, 0)
    known = returns.iloc[begin : row + 1].copy()
    for column, value in told.items():
        known.iat[-1, column] = value
    is_kept = is_touched | returns.columns.isin(definition.proxies)
    asked = np.zeros((int(is_kept.sum()), len(known)), dtype=bool)
    asked[:, -1] = (wanted[:, row] & is_touched)[is_kept]
    at = len(known) - 1
    judged = [at] if is_touched.all() else []
    return View(known.loc[:, is_kept], range(at, at + 1), asked, judged)
