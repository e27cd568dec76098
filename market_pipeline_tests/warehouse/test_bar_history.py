"""Bars that meet stored ones: actions are kept, splits move history, changes are recorded."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.ports import CollectedBatch, Coverage, WriteCounts
from market_pipeline.domain.restatements import known_on
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.fakes import steady_bars
from market_pipeline_tests.warehouse.rows import fetched

FIRST, LAST = date(2024, 1, 2), date(2024, 3, 28)
SEEN = datetime(2024, 4, 1, 1, tzinfo=UTC)
WHOLE = steady_bars("KO", FIRST, LAST)
DAYS = [day.date() for day in WHOLE["session_date"]]
SPLIT_DAY = DAYS[40]


def commit(
    warehouse: Warehouse,
    frame: pd.DataFrame,
    *,
    days_later: int = 0,
    replace: bool = False,
    source: str = "yahoo",
) -> WriteCounts:
    """Store bars as fetched `days_later`."""
    at = SEEN + timedelta(days=days_later)
    symbol = frame["symbol"].iloc[0]
    span = (frame["session_date"].min().date(), frame["session_date"].max().date())
    batch = CollectedBatch(
        frame.assign(source=source, fetched_at=pd.Timestamp(at)),
        coverage=(Coverage("equity_bars", symbol, *span, source, at),),
        log=(fetched(symbol, source=source, started_at=at, run_id=f"run-{days_later}"),),
        replace=replace,
    )
    return warehouse.commit_batch("equity_bars", batch)


def split_in_two(frame: pd.DataFrame) -> pd.DataFrame:
    """Restate for a 2-for-1 split on `SPLIT_DAY`."""
    is_before = frame["session_date"] < pd.Timestamp(SPLIT_DAY)
    prices = ["open", "high", "low", "close", "adj_close", "dividend_usd"]
    moved = frame.copy()
    moved[prices] = moved[prices].where(~is_before, moved[prices] / 2)
    moved["volume"] = moved["volume"].where(~is_before, moved["volume"] * 2)
    is_day = frame["session_date"] == pd.Timestamp(SPLIT_DAY)
    return moved.assign(split_ratio=np.where(is_day, 2.0, 0.0))


def with_dividend(frame: pd.DataFrame, row: int, amount: float) -> pd.DataFrame:
    """Let a row be the ex-date of a dividend."""
    return frame.assign(dividend_usd=np.where(frame.index == row, amount, frame["dividend_usd"]))


def test_dividends_and_splits_of_bars_are_corporate_actions(warehouse: Warehouse) -> None:
    """Each is a row with the moment it was first seen, however often it comes."""
    told = with_dividend(split_in_two(WHOLE), 10, 0.4)
    commit(warehouse, told)
    commit(warehouse, told, days_later=1)
    actions = warehouse.read("corporate_actions")
    assert actions[["symbol", "kind", "value", "source"]].to_numpy().tolist() == [
        ["KO", "dividend", 0.4, "yahoo"],
        ["KO", "split", 2.0, "yahoo"],
    ]
    assert [day.date() for day in actions["ex_date"]] == [DAYS[10], SPLIT_DAY]
    assert set(actions["first_seen_at"]) == {pd.Timestamp(SEEN)}


def test_a_withdrawn_dividend_is_no_action_any_more_and_is_remembered(
    warehouse: Warehouse,
) -> None:
    """The vendor takes it back: the action goes, the restatement says what it was."""
    commit(warehouse, with_dividend(WHOLE, 10, 0.4))
    assert commit(warehouse, WHOLE, days_later=1).restated == 1
    assert warehouse.read("corporate_actions").empty
    [change] = warehouse.read("bar_restatements").to_dict("records")
    assert (change["field"], change["old_value"], change["new_value"]) == ("dividend_usd", 0.4, 0)
    assert change["run_id"] == "run-1"


def test_a_split_seen_on_one_overlapping_bar_moves_the_stored_history(
    warehouse: Warehouse,
) -> None:
    """One row tells of it, and bars and dividends stand on the new basis; fetch times stay."""
    before = with_dividend(WHOLE, 10, 0.4)
    commit(warehouse, before[:40])
    told = split_in_two(before)
    counts = commit(warehouse, told[39:], days_later=1)
    assert counts.restated == 0
    stored = warehouse.read("equity_bars")
    names = ["open", "high", "low", "close", "adj_close", "volume", "dividend_usd"]
    np.testing.assert_allclose(stored[names], told[names], rtol=1e-12)
    assert (stored["fetched_at"][:40] == pd.Timestamp(SEEN)).all()
    [basis] = warehouse.read("bar_restatements").to_dict("records")
    assert (basis["field"], basis["new_value"]) == ("split_basis", 2.0)
    assert basis["session_date"] == pd.Timestamp(SPLIT_DAY)
    actions = warehouse.read("corporate_actions").set_index("kind")["value"]
    assert actions.to_dict() == {"dividend": 0.2, "split": 2.0}


def test_what_was_known_before_a_restatement_can_be_had(warehouse: Warehouse) -> None:
    """As first stored, as restated, and nothing before anything was fetched."""
    commit(warehouse, WHOLE[:40])
    commit(warehouse, split_in_two(WHOLE)[39:], days_later=1)
    wrong = split_in_two(WHOLE)
    wrong["close"] = wrong["close"].where(wrong.index != 5, 77.0)
    commit(warehouse, wrong, days_later=2)
    bars, changes = warehouse.read("equity_bars"), warehouse.read("bar_restatements")

    def close_of(row: int, days: float) -> list[float]:
        known = known_on(bars, changes, SEEN + timedelta(days=days))
        return known.loc[known["session_date"] == pd.Timestamp(DAYS[row]), "close"].tolist()

    assert close_of(5, -1) == []
    assert close_of(5, 0.5) == [pytest.approx(WHOLE["close"][5])]
    assert close_of(5, 1.5) == [pytest.approx(WHOLE["close"][5] / 2)]
    assert close_of(5, 2.5) == [77.0]
    assert close_of(50, 0.5) == []


def test_another_sources_value_is_kept_with_both_names(warehouse: Warehouse) -> None:
    """A second vendor that disagrees leaves a trace of both."""
    commit(warehouse, WHOLE)
    told = WHOLE.assign(close=WHOLE["close"].where(WHOLE.index % 2 == 0, WHOLE["close"] * 1.01))
    commit(warehouse, told, days_later=1, source="polygon")
    changes = warehouse.read("bar_restatements")
    assert set(changes["old_source"]) == {"yahoo"}
    assert set(changes["source"]) == {"polygon"}
    assert len(changes) == len(WHOLE) // 2


def test_an_equal_fetch_leaves_no_row_touched(warehouse: Warehouse) -> None:
    """The second time nothing is written, in any of the three tables."""
    told = with_dividend(split_in_two(WHOLE), 10, 0.4)
    commit(warehouse, told)
    tables = ("equity_bars", "corporate_actions", "bar_restatements")
    before = [warehouse.table_digest(name, exclude=()) for name in tables]
    counts = commit(warehouse, told, days_later=3)
    assert (counts.changed, counts.restated) == (0, 0)
    assert [warehouse.table_digest(name, exclude=()) for name in tables] == before


def test_another_symbols_rows_stay(warehouse: Warehouse) -> None:
    """A split of one symbol is nobody else's."""
    other = steady_bars("PEP", FIRST, LAST)
    commit(warehouse, other)
    commit(warehouse, WHOLE[:40])
    commit(warehouse, split_in_two(WHOLE)[39:], days_later=1)
    stored = warehouse.read("equity_bars", symbols=["PEP"])
    assert stored["close"].tolist() == other["close"].tolist()
