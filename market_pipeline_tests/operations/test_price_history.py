"""Adjusted closes and bars as they were known, read from what a warehouse holds."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.adjustments import later_splits
from market_pipeline.domain.errors import InputError, NothingStored
from market_pipeline.domain.ports import BAR_COLUMNS, CollectedBatch, Coverage
from market_pipeline.operations.price_history import adjusted_history, bars_known_on
from market_pipeline.warehouse import Warehouse

SEEN = datetime(2021, 4, 1, 1, tzinfo=UTC)


def as_yahoo_tells(history: Path, symbol: str, until: str) -> pd.DataFrame:
    """Shape recorded raw rows as Yahoo would have told them on `until`: split-adjusted then."""
    raw = pd.read_csv(history / "raw_with_actions_2012_2021.csv.gz", parse_dates=["date"])
    raw = raw[(raw["symbol"] == symbol) & (raw["date"] <= until)].sort_values("date")
    days = raw["date"].to_numpy().astype("datetime64[s]")
    splits = np.round(raw["splits"].to_numpy())
    later = later_splits(days, days[splits > 0], splits[splits > 0])
    frame = raw.assign(session_date=days, dividend_usd=raw["dividends"] / later, split_ratio=splits)
    for name in ("open", "high", "low", "close"):
        frame[name] = frame[name] / later
    frame["volume"] = frame["volume"] * later
    return frame[list(BAR_COLUMNS)].reset_index(drop=True)


def commit(warehouse: Warehouse, frame: pd.DataFrame, at: datetime) -> None:
    """Store bars as fetched at an instant."""
    symbol = frame["symbol"].iloc[0]
    span = (frame["session_date"].min().date(), frame["session_date"].max().date())
    fetched = frame.assign(source="yahoo", fetched_at=pd.Timestamp(at))
    coverage = (Coverage("equity_bars", symbol, *span, "yahoo", at),)
    warehouse.commit_batch("equity_bars", CollectedBatch(fetched, coverage=coverage))


@pytest.mark.parametrize("symbol", ["AAPL", "BAC", "IWM", "QQQ", "SPY"])
def test_history_collected_before_each_split_ends_as_recorded(
    warehouse: Warehouse, market_history: Path, symbol: str
) -> None:
    """Bars stored on three bases, each fetched once: adjusted closes equal the recorded ones.

    Nothing before a split is fetched again but for one overlapping bar.
    """
    cuts = ["2014-06-06", "2020-08-28", "2021-03-31"]
    after = pd.Timestamp("2011-12-31")
    for cut in cuts:
        told = as_yahoo_tells(market_history, symbol, cut)
        fresh = told[told["session_date"] >= after].reset_index(drop=True)
        at = datetime.fromisoformat(cut).replace(tzinfo=UTC) + timedelta(hours=26)
        commit(warehouse, fresh, at)
        after = pd.Timestamp(cut)
    found = adjusted_history(warehouse, (symbol,)).frame[::-1]
    raw = pd.read_csv(market_history / "raw_with_actions_2012_2021.csv.gz")
    raw = raw[raw["symbol"] == symbol].sort_values("date")
    np.testing.assert_allclose(found["raw_close"], raw["close"], rtol=1e-12)
    np.testing.assert_allclose(found["total_return_close"], raw["adj_close"], rtol=1e-5)
    changes = warehouse.read("bar_restatements")
    assert changes["new_value"].tolist() == ([7.0, 4.0] if symbol == "AAPL" else [])


def test_what_was_known_before_the_split(warehouse: Warehouse, market_history: Path) -> None:
    """On the Friday AAPL stood at 645, as it was traded; a day earlier nothing was known."""
    commit(
        warehouse, as_yahoo_tells(market_history, "AAPL", "2014-06-06"),
        datetime(2014, 6, 7, 1, tzinfo=UTC),
    )  # fmt: skip
    later = as_yahoo_tells(market_history, "AAPL", "2014-06-30")
    overlap = later[later["session_date"] >= pd.Timestamp("2014-06-06")]
    commit(warehouse, overlap.reset_index(drop=True), datetime(2014, 7, 1, 1, tzinfo=UTC))
    friday = date(2014, 6, 6)
    then = bars_known_on(warehouse, ("aapl",), date(2014, 6, 7), friday).frame
    now = bars_known_on(warehouse, ("aapl",), date(2014, 7, 1), friday).frame
    assert then["close"].tolist() == pytest.approx([645.59], abs=0.05)
    assert now["close"].tolist() == pytest.approx([645.59 / 7], abs=0.01)
    with pytest.raises(NothingStored, match="was known on 2014-06-06"):
        bars_known_on(warehouse, ("AAPL",), date(2014, 6, 6))


def test_a_symbol_must_be_named(warehouse: Warehouse) -> None:
    """The words say what to do."""
    with pytest.raises(InputError, match="--symbol"):
        adjusted_history(warehouse, ())
    with pytest.raises(NothingStored, match="watchlist add"):
        adjusted_history(warehouse, ("KO",))
