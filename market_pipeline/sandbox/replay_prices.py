"""Bars read from a folder of recorded history: which file speaks for which symbol and date.

`daily_ohlcv_*` comes first; `raw_with_actions_*` adds dates outside it where both stand on the
same split basis; files of adjusted closes serve symbols in neither. What is left out is logged.
Does not: repair anything, for defects are what real data looks like.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import structlog

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.sandbox.market import Bars, Days, Floats

DAILY, RAW = "daily_ohlcv_*.csv*", "raw_with_actions_*.csv*"
WIDE = ("factor_etf_adj_close_*.csv*", "adj_close_*_stocks_*.csv*")
_NUMBERS = ("open", "high", "low", "close", "adj_close", "volume", "dividends", "splits")
_COLUMNS = ("date", "symbol", *_NUMBERS)
_EDGE_DAYS, _SAME_BASIS_WITHIN = 5, 0.02
_WHOLE_WITHIN = 1e-4

log = structlog.get_logger()


class RecordedPrices:
    """The bars of a folder; files are read at the first question, symbols shaped when asked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol the folder has bars of, sorted."""
        return tuple(sorted({*self._daily, *self._raw, *self._wide}))

    def bars(self, symbol: str) -> Bars | None:
        """Give the bars of a symbol as a vendor serves them (split-adjusted); None: unknown."""
        daily, raw, wide = (part.get(symbol) for part in (self._daily, self._raw, self._wide))
        if daily is not None:
            if wide is not None:
                _log_left_out(symbol, wide, "these closes are adjusted for dividends, the bars not")
            rows = daily if raw is None else _joined(symbol, daily, raw)
            # One series, one basis: rows added to closes as they are stay as they are.
            return _shaped(rows, has_adjusted=bool(daily["adj_close"].notna().any()))
        if raw is not None:
            return _shaped(_split_adjusted(raw), has_adjusted=bool(raw["adj_close"].notna().any()))
        return None if wide is None else _shaped(wide, has_adjusted=True)

    def close_as_traded(self, symbol: str, day: np.datetime64) -> float | None:
        """Give the close in the money of that day, before later splits, where it is known."""
        raw = self._raw.get(symbol)
        if raw is not None:
            hit = raw.loc[raw["date"] == day, "close"]
            if len(hit):
                return float(hit.iloc[0])
        bars = self.bars(symbol)
        hits = np.flatnonzero(bars.days == day) if bars is not None else np.array([])
        return float(bars.close[hits[0]]) if bars is not None and len(hits) else None

    @cached_property
    def _daily(self) -> dict[str, pd.DataFrame]:
        return _by_symbol(read_history(self._directory, DAILY, _COLUMNS))

    @cached_property
    def _raw(self) -> dict[str, pd.DataFrame]:
        return _by_symbol(read_history(self._directory, RAW, _COLUMNS))

    @cached_property
    def _wide(self) -> dict[str, pd.DataFrame]:
        found: dict[str, pd.DataFrame] = {}
        for path in sorted(p for pattern in WIDE for p in self._directory.glob(pattern)):
            table = _read(path, ("Date",)).rename(columns={"Date": "date"})
            table["date"] = pd.to_datetime(table["date"])
            for symbol in table.columns.drop("date"):
                closes = table[["date", symbol]].dropna().rename(columns={symbol: "close"})
                found.setdefault(str(symbol), closes.assign(adj_close=closes["close"]))
        return found


def read_history(directory: Path, pattern: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """Read the files of one kind as one frame, `date` as dates; None where there is none.

    Where files overlap, the first by name speaks. Raises ConfigurationError for a missing column.
    """
    paths = sorted(directory.glob(pattern))
    if not paths:
        return None
    frame: pd.DataFrame = pd.concat([_read(path, columns) for path in paths], ignore_index=True)
    frame["date"] = pd.to_datetime(frame["date"])
    if len(paths) > 1 and "symbol" in frame:
        frame = frame.drop_duplicates(["date", "symbol"])
    return frame


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pd.read_csv(path)
    except (OSError, ValueError, EOFError) as problem:
        raise ConfigurationError(f"{path.name}: cannot be read as CSV ({problem})") from None
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ConfigurationError(f"{path.name}: lacks the columns {', '.join(missing)}")
    return frame


def _by_symbol(frame: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    if frame is None:
        return {}
    ordered = frame.sort_values(["symbol", "date"], kind="stable", ignore_index=True)
    names = ordered["symbol"].to_numpy(dtype=object)
    starts = [at for at in range(len(names)) if at == 0 or names[at] != names[at - 1]]
    stops = [*starts[1:], len(names)]
    return {str(names[a]): ordered.iloc[a:b] for a, b in zip(starts, stops, strict=True)}


def _joined(symbol: str, daily: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    """Add the raw rows before and after the daily ones that stand on the same split basis."""
    common = daily.merge(raw, on="date", suffixes=("", "_raw"))
    before, after = raw["date"] < daily["date"].min(), raw["date"] > daily["date"].max()
    if common.empty:
        _log_left_out(symbol, raw[before | after], "no common date proves the same split basis")
        return daily
    split_days = raw.loc[raw["splits"].fillna(0) != 0, "date"]
    kept = pd.Series(data=False, index=raw.index)
    if _same_basis(common.head(_EDGE_DAYS)):
        # A split counts from its own day on, so rows before it stand on another basis.
        border = split_days[split_days <= common["date"].min()].max()
        kept |= before & (raw["date"] >= border if pd.notna(border) else True)
    if _same_basis(common.tail(_EDGE_DAYS)):
        border = split_days[split_days > common["date"].max()].min()
        kept |= after & (raw["date"] < border if pd.notna(border) else True)
    _log_left_out(symbol, raw[(before | after) & ~kept], "a split lies between them and the bars")
    parts = [raw[before & kept], daily, raw[after & kept]]
    joined: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return joined


def _same_basis(edge: pd.DataFrame) -> bool:
    ratio = (edge["close_raw"] / edge["close"]).median()
    return bool(abs(ratio - 1) <= _SAME_BASIS_WITHIN)


def _split_adjusted(raw: pd.DataFrame) -> pd.DataFrame:
    """Divide unadjusted rows by the splits after them, as vendors serve prices."""
    splits = _whole(raw["splits"].fillna(0).to_numpy(dtype=np.float64))
    ratios = np.where(splits == 0, 1.0, splits)
    later = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)
    divided = {name: raw[name] / later for name in ("open", "high", "low", "close", "dividends")}
    return raw.assign(**divided, volume=raw["volume"] * later)


def _shaped(rows: pd.DataFrame, *, has_adjusted: bool) -> Bars:
    """Shape rows; without adjusted closes of its own a file's closes stand for them."""
    columns = {name: _numbers(rows, name) for name in _NUMBERS}
    if not has_adjusted:
        columns["adj_close"] = columns["close"]
    columns["dividends"] = np.nan_to_num(columns["dividends"])
    columns["splits"] = _whole(np.nan_to_num(columns["splits"]))
    days: Days = rows["date"].to_numpy().astype("datetime64[D]")
    return Bars(days=days, **columns)


def _numbers(rows: pd.DataFrame, name: str) -> Floats:
    if name not in rows.columns:
        return np.full(len(rows), np.nan)
    return rows[name].to_numpy(dtype=np.float64)


def _whole(splits: Floats) -> Floats:
    """Undo the rounding of ratios such as 6.999997."""
    nearest = np.round(splits)
    return np.where(np.abs(splits - nearest) < _WHOLE_WITHIN, nearest, splits)


def _log_left_out(symbol: str, rows: pd.DataFrame, reason: str) -> None:
    if len(rows):
        first, last = rows["date"].min().date(), rows["date"].max().date()
        log.info(
            "replay_rows_left_out",
            symbol=symbol,
            rows=len(rows),
            first_date=first.isoformat(),
            last_date=last.isoformat(),
            reason=reason,
        )
