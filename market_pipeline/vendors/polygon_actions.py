"""Splits and dividends from Polygon's reference, put beside the bars of their ex-dates.

Pure functions. Aggregates are adjusted for every split up to the present, dividends are told as
they were paid: both are brought to one split basis here.
"""

from datetime import date

import numpy as np
import pandas as pd

from market_pipeline.domain.ports import FetchedFrame, Rejected

_SAME_SPLIT_DAYS = 15
_USD = "USD"


def with_actions(
    bars: FetchedFrame, splits: FetchedFrame, dividends: FetchedFrame, symbol: str, today: date
) -> FetchedFrame:
    """Fill `dividend_usd` and `split_ratio` of `bars` (`BAR_COLUMNS`, split-adjusted as of today).

    `splits` (`parse_splits`) reach from the first bar to the present, for each divides the
    dividends before it; announced ones count from their day on. What falls on a day without a bar
    stands on the next. Refused: dividends in another currency, and the earlier one of two equal
    splits within days of each other, which is one split that was told twice.
    """
    frame = bars.frame
    rejected = [*bars.rejected, *splits.rejected, *dividends.rejected]
    now = pd.Timestamp(today)
    happened, doubled = _each_once(splits.frame[splits.frame["execution_date"] <= now])
    paid = dividends.frame[dividends.frame["ex_date"] <= now]
    is_foreign = paid["currency"].notna() & (paid["currency"].str.upper() != _USD)
    rejected += [
        _rejected(symbol, row["execution_date"], "doubled_split", f"{row['split_ratio']:g}",
                  "the same split is told again within days; the later one is kept")
        for row in doubled.to_dict("records")
    ]  # fmt: skip
    rejected += [
        _rejected(symbol, row["ex_date"], "foreign_currency", f"{row['dividend_usd']} "
                  f"{str(row['currency'])[:8]}", "the dividend is not in USD")
        for row in paid[is_foreign].to_dict("records")
    ]  # fmt: skip
    paid = paid[~is_foreign]
    days = frame["session_date"]
    amounts = paid["dividend_usd"] / _later_splits(paid["ex_date"], happened)
    at_paid, at_split = _bar_of(paid["ex_date"], days), _bar_of(happened["execution_date"], days)
    dividend, ratio = np.zeros(len(frame) + 1), np.ones(len(frame) + 1)
    np.add.at(dividend, at_paid, amounts.to_numpy(dtype=np.float64))
    np.multiply.at(ratio, at_split, happened["split_ratio"].to_numpy(dtype=np.float64))
    filled = frame.assign(
        dividend_usd=dividend[:-1], split_ratio=np.where(ratio[:-1] == 1.0, 0.0, ratio[:-1])
    )
    return FetchedFrame(filled, tuple(rejected))


def _each_once(splits: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part splits from those that the next one repeats."""
    ordered = splits[splits["split_ratio"] > 0].sort_values("execution_date", ignore_index=True)
    following = ordered.shift(-1)
    is_same = np.isclose(ordered["split_ratio"], following["split_ratio"])
    gap = following["execution_date"] - ordered["execution_date"]
    is_repeated = is_same & (gap <= pd.Timedelta(days=_SAME_SPLIT_DAYS))
    return ordered[~is_repeated], ordered[is_repeated]


def _later_splits(days: "pd.Series", splits: pd.DataFrame) -> "pd.Series[float]":
    """Give the product of the ratios of all splits after each day."""
    at, ratios = splits["execution_date"], splits["split_ratio"]
    later = [float(ratios[at > day].prod()) for day in days]
    return pd.Series(later, index=days.index, dtype="float64")


def _bar_of(
    days: "pd.Series", sessions: "pd.Series"
) -> "np.ndarray[tuple[int, ...], np.dtype[np.intp]]":
    """Give the place of the first bar on or after each day; one past the end where there is none.

    A day before the first bar has none either: its bar was not asked for.
    """
    at = np.searchsorted(sessions.to_numpy(), days.to_numpy())
    return np.where(days.to_numpy() < sessions.min(), len(sessions), at)


def _rejected(symbol: str, day: pd.Timestamp, rule: str, value: str, detail: str) -> Rejected:
    return Rejected(symbol, day.date(), rule, value, detail)
