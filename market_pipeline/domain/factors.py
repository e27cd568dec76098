"""How much a symbol moves with a factor: rolling least squares of its returns on the proxies'.

Wide frames of returns in, `tables.symbol_factor_exposures` and notes out. Definitions and sources
of every number stand in docs/factors.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.books import STOCK
from market_pipeline.domain.factor_definitions import SPREAD, FactorDefinition, columns_of
from market_pipeline.domain.frames import SESSIONS_A_YEAR, Floats, empty_frame, wide
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.price_rules import REVERTED_JUMP, UNUSABLE_RETURN_FLAGS
from market_pipeline.domain.regression import Fit, Quality, rolling
from market_pipeline.domain.return_views import View, views
from market_pipeline.domain.universe import listed

ASSET = "factor_exposures"

EXPOSURE_COLUMNS = (
    "session_date", "symbol", "factor", "beta", "std_error", "t_stat", "r_squared",
    "residual_volatility", "observations", "window_first_date", "quality", "method",
    "definition", "definition_version",
)  # fmt: skip

FULL_HISTORY, LIMITED_HISTORY, CAPPED = "full_history", "limited_history", "capped"
SKIPPED, INSUFFICIENT_HISTORY, COLLINEAR = "skipped", "insufficient_history", "collinear"
_QUALITIES = np.array(["", "", COLLINEAR, FULL_HISTORY, LIMITED_HISTORY, CAPPED], dtype=object)


@dataclass(frozen=True, slots=True)
class Exposures:
    """Exposures as `EXPOSURE_COLUMNS`, and why others are missing."""

    frame: pd.DataFrame
    notes: tuple[ComputeNote, ...]


def returns_for_regression(market_data: pd.DataFrame, sessions: Sequence[date]) -> pd.DataFrame:
    """Spread the stocks' daily returns to sessions x symbols, without those that are no market's.

    Takes `market_data_cache` rows; a return flagged as an unexplained jump or an unadjusted split
    becomes NaN, so that a spin-off or a bad row does not bend a beta.
    """
    stocks = market_data[market_data["asset_class"] == STOCK]
    return wide(stocks.assign(return_1d=usable_returns(stocks)), "return_1d", sessions)


def usable_returns(market_data: pd.DataFrame) -> "pd.Series[float]":
    """Give `return_1d` of each row, NaN where flags say that it is not the market's doing.

    A price that came back from a spike takes the return into the spike with it: that row was not
    known to be one when it was judged.
    """
    usable = returns_as_judged(market_data)
    comes_back = _is_flagged(market_data, (REVERTED_JUMP,))
    if comes_back.any():
        is_near = market_data["symbol"].isin(market_data.loc[comes_back, "symbol"])
        near = market_data.loc[is_near, ["symbol", "session_date"]].assign(
            comes_back=comes_back[is_near]
        )
        near = near.sort_values(["symbol", "session_date"])
        is_spike = near.groupby("symbol")["comes_back"].shift(-1, fill_value=False)
        usable[near.index[is_spike]] = np.nan
    return usable


def spikes_of(market_data: pd.DataFrame) -> pd.DataFrame:
    """Give the stocks' returns into spikes: session_date, symbol, return_1d.

    Each counted in its own session, in which nobody could know, and counts in no later one. A row
    of that session must not depend on whether the next one was at hand when it was made.
    """
    stocks = market_data[market_data["asset_class"] == STOCK]
    then, later = returns_as_judged(stocks), usable_returns(stocks)
    is_spike = then.notna() & later.isna()
    return stocks.loc[is_spike, ["session_date", "symbol"]].assign(return_1d=then[is_spike])


def returns_as_judged(market_data: pd.DataFrame) -> "pd.Series[float]":
    """Give `return_1d` of each row, NaN where its own flags say that it is not the market's."""
    is_doubtful = _is_flagged(market_data, UNUSABLE_RETURN_FLAGS)
    return market_data["return_1d"].astype(np.float64).mask(is_doubtful)


def _is_flagged(market_data: pd.DataFrame, flags: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Mark the rows that bear any of `flags`."""
    # Judged once a distinct text: a few stand for all rows, and nearly all of them are missing.
    at, texts = pd.factorize(market_data["flags"])
    bears = [not set(flags).isdisjoint(str(text).split(",")) for text in texts]
    return np.array([*bears, False])[at]  # the last is that of a missing text, -1


def exposures(
    returns: pd.DataFrame,
    definitions: Sequence[FactorDefinition],
    first: date,
    last: date,
    universe: pd.DataFrame | None = None,
    workers: int = 1,
    spikes: pd.DataFrame | None = None,
) -> Exposures:
    """Measure every symbol's exposure to every factor in each session from `first` to `last`.

    `returns` (sessions x symbols, fractions) starts `window - 1` sessions before `first`; a proxy
    is one of its columns or missing. With `universe` (symbol_universe) its stocks are answered or
    noted, in their sessions, and no others. Least squares with intercept over the sessions in which
    a symbol and all proxies have a return; see docs/factors.md. `workers` are threads. `spikes`
    (`spikes_of`) are returns that count in their own session only, and are NaN in `returns`.
    """
    if universe is not None:
        universe = listed(universe)
        # A stock without any price has no column, and still is owed a note.
        columns = returns.columns.union(pd.Index(universe["symbol"].unique()))
        returns = returns.reindex(columns=columns)
    wanted = _wanted(returns, universe)
    targets = range(*returns.index.slice_locs(pd.Timestamp(first), pd.Timestamp(last)))
    frames: list[pd.DataFrame] = []
    notes: list[ComputeNote] = []
    for definition in definitions:
        for view in views(returns, spikes, definition, targets, wanted):
            measured = _Measured(view, definition)
            notes.extend(measured.skipped())
            for fit in measured.fits(workers):
                notes.extend(measured.notes(fit))
                frames.append(measured.frame(fit))
    frame = pd.concat([empty_frame(EXPOSURE_COLUMNS), *(f for f in frames if not f.empty)])
    frame = frame.sort_values(["session_date", "symbol", "factor"], ignore_index=True)
    notes.sort(key=lambda note: (note.session_date, note.subject))
    return Exposures(frame[list(EXPOSURE_COLUMNS)], tuple(notes))


def _wanted(returns: pd.DataFrame, universe: pd.DataFrame | None) -> npt.NDArray[np.bool_]:
    """Mark the (symbol, session) pairs to answer."""
    if universe is None:
        return np.ones((returns.shape[1], len(returns)), dtype=bool)
    wanted = np.zeros((returns.shape[1], len(returns)), dtype=bool)
    at_symbol = returns.columns.get_indexer(pd.Index(universe["symbol"]))
    at_session = returns.index.get_indexer(pd.DatetimeIndex(universe["session_date"]))
    known = (at_symbol >= 0) & (at_session >= 0)
    wanted[at_symbol[known], at_session[known]] = True
    return wanted


class _Measured:
    """One definition's answers in a view of the returns, for the symbols and sessions wanted."""

    def __init__(self, view: View, definition: FactorDefinition) -> None:
        self._view, self._definition = view, definition
        self._returns, self._rows = view.returns, view.rows
        self._x = _regressors(view.returns, definition)
        self._faults = [_fault(view.returns, self._x, definition, row) for row in view.rows]
        has_proxies = np.zeros(len(view.returns), dtype=bool)
        has_proxies[view.rows.start : view.rows.stop] = [fault is None for fault in self._faults]
        self._asked = view.wanted.T & has_proxies[:, None]

    def skipped(self) -> Iterator[ComputeNote]:
        """Say in which sessions the proxies cannot explain anything."""
        for row, fault in zip(self._rows, self._faults, strict=True):
            if fault is not None and row in self._view.judged:
                yield ComputeNote(ASSET, self._day(row), self._definition.name, SKIPPED, fault)

    def fits(self, workers: int) -> Iterator[Fit]:
        """Fit the sessions in which anything is asked, tile by tile."""
        rows = np.array(self._rows)[[fault is None for fault in self._faults]]
        if not len(rows):
            return
        # Weekdays count sessions in a way that no range and no history changes.
        days = self._returns.index.to_numpy().astype("datetime64[D]")
        yield from rolling(
            self._returns.to_numpy(dtype=np.float64), self._x, self._definition.model(),
            range(rows[0], rows[-1] + 1),
            ordinals=np.busday_count(np.datetime64("1970-01-01"), days), workers=workers,
        )  # fmt: skip

    def frame(self, fit: Fit) -> pd.DataFrame:
        """Give a tile's exposures as rows."""
        # A collinear fit has no numbers, and its row says so.
        is_given = self._asked_of(fit) & (fit.quality >= Quality.COLLINEAR)
        at_factor, at_row, at_symbol = np.nonzero(is_given)
        rows = at_row + fit.rows.start
        names = np.array(self._definition.factors, dtype=object)
        index, starts = self._returns.index, np.maximum(rows - self._definition.window + 1, 0)
        return pd.DataFrame(
            {
                "session_date": index[rows],
                "symbol": self._returns.columns[at_symbol + fit.symbols.start],
                "factor": names[at_factor],
                "beta": fit.beta[is_given],
                "std_error": fit.std_error[is_given],
                "t_stat": fit.t_stat[is_given],
                "r_squared": fit.r_squared[at_row, at_symbol],
                "residual_volatility": fit.residual_deviation[at_row, at_symbol]
                * np.sqrt(SESSIONS_A_YEAR),
                "observations": fit.observations[at_row, at_symbol],
                "window_first_date": index[starts],
                "quality": _QUALITIES[fit.quality[is_given]],
                "method": self._definition.method,
                "definition": self._definition.name,
                "definition_version": self._definition.version,
            }
        )

    def notes(self, fit: Fit) -> Iterator[ComputeNote]:
        """Say why symbols that were asked for have no answer in a tile."""
        is_missing = self._asked_of(fit) & (fit.quality[0] < Quality.FULL)
        for at_row, at_symbol in zip(*np.nonzero(is_missing), strict=True):
            outcome, reason = self._reason(
                Quality(fit.quality[0, at_row, at_symbol]), fit.observations[at_row, at_symbol]
            )
            symbol = self._returns.columns[fit.symbols.start + at_symbol]
            subject = f"{symbol}:{self._definition.name}"
            yield ComputeNote(ASSET, self._day(fit.rows[at_row]), subject, outcome, reason)

    def _reason(self, quality: Quality, seen: int) -> tuple[str, str]:
        definition = self._definition
        named = ", ".join(definition.proxies)
        if quality == Quality.TOO_FEW:
            return INSUFFICIENT_HISTORY, (
                f"{seen} returns shared with {named} in the last {definition.window} sessions, "
                f"{definition.min_observations} are needed"
            )
        if quality == Quality.COLLINEAR:
            return COLLINEAR, f"proxies {named} moved alike in the sessions the symbol traded"
        return SKIPPED, f"proxy {named} did not move in the sessions the symbol traded"

    def _asked_of(self, fit: Fit) -> npt.NDArray[np.bool_]:
        rows, symbols = fit.rows, fit.symbols
        return self._asked[rows.start : rows.stop, symbols.start : symbols.stop]

    def _day(self, row: int) -> date:
        day: date = self._returns.index[row].date()
        return day


def _regressors(returns: pd.DataFrame, definition: FactorDefinition) -> Floats:
    """Give the proxies' returns (sessions x factors), NaN where they have none."""
    x = returns.reindex(columns=list(definition.proxies)).to_numpy(dtype=np.float64)
    spread: Floats = x[:, :1] - x[:, 1:]
    return spread if definition.kind == SPREAD else x


def _fault(returns: pd.DataFrame, x: Floats, definition: FactorDefinition, row: int) -> str | None:
    """Say why the proxies' window cannot explain anything, None where it can."""
    window = slice(max(row - definition.window + 1, 0), row + 1)
    span = f"in the last {definition.window} sessions"
    for proxy in definition.proxies:
        known = returns[proxy].to_numpy()[window] if proxy in returns.columns else np.empty(0)
        seen = int(np.isfinite(known).sum())
        if seen == 0:
            return f"proxy {proxy} has no prices {span}"
        if seen < definition.min_observations:
            needed = definition.min_observations
            return f"proxy {proxy} has {seen} returns {span}, {needed} are needed"
    for factor, column in zip(columns_of(definition), x[window].T, strict=True):
        moved = column[np.isfinite(column)]
        if moved.size and moved.min() == moved.max():
            return f"proxy {factor} did not move {span}"
    return None
