"""A graph whose vendor splits, pays, or changes its past: what it asks for, and what it keeps."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from market_pipeline_tests.assets.graph import Graph

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)


def tell(graph: Graph, symbol: str, frame: pd.DataFrame) -> None:
    """Let the vendor say something else of a symbol from now on, an hour later."""
    graph.prices.frames = {**graph.prices.frames, symbol: frame}
    graph.prices.asked.clear()
    graph.clock.now += timedelta(hours=1)


def test_a_new_split_asks_for_no_history_again(graph: Graph) -> None:
    """The overlap shows it, the stored year is computed anew, and prices follow."""
    assert graph.run(MONDAY).success
    halved = graph.prices.frames["AAPL"].copy()
    halved[["open", "high", "low", "close", "adj_close"]] /= 2
    halved["volume"] *= 2
    is_split = halved["session_date"] == pd.Timestamp(TUESDAY)
    tell(graph, "AAPL", halved.assign(split_ratio=np.where(is_split, 2.0, 0.0)))
    assert graph.run(TUESDAY).success
    assert [asked for asked in graph.prices.asked if asked[0] == "AAPL"] == [
        ("AAPL", MONDAY, TUESDAY)
    ]
    cached = graph.warehouse.read("market_data_cache", symbols=["AAPL"], last=TUESDAY)
    told = halved.set_index("session_date")["close"].loc[cached["session_date"]]
    np.testing.assert_allclose(cached["price_usd"], told, rtol=1e-12)
    assert graph.warehouse.read("bar_restatements")["field"].tolist() == ["split_basis"]


def test_a_new_dividend_asks_for_no_history_again(graph: Graph) -> None:
    """Adjusted closes move as a whole, in bars and in the cache, and no bar is restated."""
    assert graph.run(MONDAY).success
    paid = graph.prices.frames["KO"].copy()
    is_ex_date = paid["session_date"] == pd.Timestamp(TUESDAY)
    is_before = paid["session_date"] < pd.Timestamp(TUESDAY)
    share = 1 - 0.5 / paid.loc[is_before, "close"].iloc[-1]
    paid["adj_close"] = paid["adj_close"].where(~is_before, paid["adj_close"] * share)
    tell(graph, "KO", paid.assign(dividend_usd=np.where(is_ex_date, 0.5, 0.0)))
    assert graph.run(TUESDAY).success
    assert [asked for asked in graph.prices.asked if asked[0] == "KO"] == [("KO", MONDAY, TUESDAY)]
    cached = graph.warehouse.read("market_data_cache", symbols=["KO"], last=TUESDAY)
    told = paid.set_index("session_date")["adj_close"].loc[cached["session_date"]]
    # Rows that no window reaches back to keep the anchor of when they were derived.
    cached, told = cached.iloc[1:], told.iloc[1:]
    np.testing.assert_allclose(cached["adj_close"], told, rtol=1e-12)
    assert graph.warehouse.count("bar_restatements") == 0
    assert graph.warehouse.read("corporate_actions")["symbol"].tolist() == ["KO"]


def test_a_changed_past_is_fetched_whole_and_kept(graph: Graph) -> None:
    """No action explains the overlap: the history comes again, and each change is on record."""
    assert graph.run(MONDAY).success
    changed = graph.prices.frames["KO"].copy()
    days = changed["session_date"]
    is_wrong = days.isin([pd.Timestamp(MONDAY), pd.Timestamp(2026, 6, 1)])
    tell(
        graph,
        "KO",
        changed.assign(close=changed["close"].where(~is_wrong, changed["close"] * 1.005)),
    )
    result = graph.run(TUESDAY)
    assert result.success
    assert len([asked for asked in graph.prices.asked if asked[0] == "KO"]) == 2
    changes = graph.warehouse.read("bar_restatements")
    assert [day.date() for day in changes["session_date"]] == [date(2026, 6, 1), MONDAY]
    assert set(changes["field"]) == {"close"}
    [collected] = result.asset_materializations_for_node("equity_bars")
    assert collected.metadata["bars_restated"].value == 2
    verdicts = {each.check_name: each for each in result.get_asset_check_evaluations()}
    judged = verdicts["history_is_not_restated"]
    assert not judged.passed
    assert judged.description == "2 bars of 1 symbols were changed by their vendor"
    graph.clock.now += timedelta(hours=1)
    again = graph.run(TUESDAY).get_asset_check_evaluations()
    assert {each.check_name: each.passed for each in again}["history_is_not_restated"]


def test_the_quality_of_prices_is_counted_with_the_metrics(graph: Graph) -> None:
    """A spoilt bar of the quarter lowers its symbol's numbers, and nobody else's."""
    spoilt = graph.prices.frames["KO"].copy()
    is_bad = spoilt["session_date"] == pd.Timestamp(2026, 11, 10)
    tell(graph, "KO", spoilt.assign(high=spoilt["high"].where(~is_bad, spoilt["low"] * 0.9)))
    assert graph.run(MONDAY).success
    rows = graph.warehouse.read("price_quality").set_index("symbol")
    counts = rows[["expected", "priced", "rejected"]].to_dict("index")
    assert counts["AAPL"] == {"expected": 64, "priced": 64, "rejected": 0}
    assert counts["KO"] == {"expected": 64, "priced": 63, "rejected": 1}
    assert rows["quality_score"].to_dict()["KO"] == 63 / 64
    metrics = graph.warehouse.read("symbol_daily_metrics").set_index("symbol")
    assert metrics["quality_score"].to_dict() == rows["quality_score"].to_dict()


def test_an_impossible_bar_takes_no_stored_one_away(graph: Graph) -> None:
    """A negative close of a stored session is no restatement, and asks for no history."""
    assert graph.run(MONDAY).success
    good = graph.prices.frames["KO"]
    is_bad = good["session_date"] == pd.Timestamp(MONDAY)
    tell(graph, "KO", good.assign(close=good["close"].where(~is_bad, -good["close"])))
    assert graph.run(TUESDAY).success
    assert [asked for asked in graph.prices.asked if asked[0] == "KO"] == [("KO", MONDAY, TUESDAY)]
    stored = graph.warehouse.read("equity_bars", symbols=["KO"], first=MONDAY, last=TUESDAY)
    told = good.set_index("session_date")["close"].loc[stored["session_date"]]
    assert stored["close"].tolist() == told.tolist()
    assert graph.warehouse.count("bar_restatements") == 0
