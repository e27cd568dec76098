"""The log of fetches tells what each answer changed, as the database counted it, on either dialect.

The real `equity_bars` runs over fake vendors; what its log says is held against the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from market_pipeline.assets import prices
from market_pipeline.assets.framework import COLLECTION_RETRIES
from market_pipeline.automation.run_history import keep_runs
from market_pipeline.domain.errors import Unavailable
from market_pipeline.domain.ports import CollectedBatch, FetchedFrame, Rejected
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import FakePrices
from market_pipeline_tests.warehouse.revisions import take_back
from market_pipeline_tests.warehouse.rows import AT, bars, covered, day, fetched

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
COLLECTED = ("symbol_universe", "equity_bars")
COUNTS = ["rows_fetched", "rows_inserted", "rows_updated"]


@dataclass
class RefusingPrices(FakePrices):
    """A price source whose every answer holds `refused` as well."""

    refused: tuple[Rejected, ...] = field(default=())

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        told = super().daily_bars(symbol, first, last)
        return FetchedFrame(told.frame, self.refused if symbol == "AAPL" else ())


@pytest.fixture
def graph(state_dir: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """Give the graph over a book of one stock; what fails is tried again at once."""
    assert state_dir
    at_once = dg.RetryPolicy(max_retries=COLLECTION_RETRIES.max_retries)
    monkeypatch.setattr(prices, "COLLECTION_RETRIES", at_once)
    warehouse.import_book(book_of(stock(1, "AAPL")), datetime(2026, 11, 20, 22).astimezone())
    return Graph(warehouse, bars_of("AAPL", "SPY", "TLT"))


def fetches(graph: Graph, subject: str = "AAPL") -> list[list[int]]:
    """Give rows fetched, inserted and updated of each fetch of a symbol, in the order they came."""
    log = graph.warehouse.read("enrichment_fetch_log", where={"subject": subject})
    assert set(log["timeframe"]) == {"1d"}
    assert log.loc[~log["is_success"], COUNTS].to_numpy().sum() == 0
    return log.sort_values("fetch_id")[COUNTS].astype(int).to_numpy().tolist()


def collect(graph: Graph, first: date, last: date) -> None:
    graph.clock.now += timedelta(minutes=1)
    assert graph.run(first, last, only=COLLECTED).success


def changed(graph: Graph, days: list[date], change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Let the vendor tell other bars of AAPL from now on, in the sessions of `days`."""
    frame = graph.prices.frames["AAPL"]
    at = frame["session_date"].isin([pd.Timestamp(each) for each in days])
    told = pd.concat([frame[~at], change(frame[at])]).sort_values("session_date")
    graph.prices.frames = {**graph.prices.frames, "AAPL": told.reset_index(drop=True)}


def test_new_rows_are_inserted_and_a_later_range_counts_only_what_it_adds(graph: Graph) -> None:
    """All of the first answer is new; of the next, one session is known and four are not.

    Where nothing is missing nobody is asked, and the log says nothing.
    """
    collect(graph, date(2026, 11, 16), date(2026, 11, 16))
    stored = len(graph.warehouse.read("equity_bars", symbols=["AAPL"]))
    assert fetches(graph) == [[stored, stored, 0]]
    collect(graph, FRIDAY, FRIDAY)
    assert fetches(graph)[1:] == [[5, 4, 0]]
    assert len(graph.warehouse.read("equity_bars", symbols=["AAPL"])) == stored + 4
    collect(graph, FRIDAY, FRIDAY)
    assert len(fetches(graph)) == 2


def test_a_restated_bar_is_updated(graph: Graph) -> None:
    """The session that is asked for again has another volume now: one row, beside the new one."""
    collect(graph, THURSDAY, THURSDAY)
    changed(graph, [THURSDAY], lambda bar: bar.assign(volume=bar["volume"] * 2))
    collect(graph, FRIDAY, FRIDAY)
    assert fetches(graph)[1:] == [[2, 1, 1]]


def test_a_split_updates_the_history_that_it_moves(graph: Graph) -> None:
    """Two bars come, one of them new; every stored one stands on another basis after it."""
    collect(graph, THURSDAY, THURSDAY)
    stored = fetches(graph)[0][1]
    frame = graph.prices.frames["AAPL"].copy()
    frame[["open", "high", "low", "close", "adj_close"]] /= 2
    frame["volume"] *= 2
    frame["split_ratio"] = np.where(frame["session_date"] == pd.Timestamp(FRIDAY), 2.0, 0.0)
    graph.prices.frames = {**graph.prices.frames, "AAPL": frame}
    collect(graph, FRIDAY, FRIDAY)
    assert fetches(graph)[1:] == [[2, 1, stored]]


def test_a_refused_row_was_fetched_and_is_neither_new_nor_changed(graph: Graph) -> None:
    """One in quarantine by the vendor's reader, one because a stored bar refutes it."""
    refused = Rejected("AAPL", THURSDAY, "null_row", "close=None", "no close")
    graph.prices = RefusingPrices(graph.prices.frames, refused=(refused,))
    collect(graph, THURSDAY, THURSDAY)
    stored = len(graph.warehouse.read("equity_bars", symbols=["AAPL"]))
    assert fetches(graph) == [[stored + 1, stored, 0]]
    changed(graph, [THURSDAY], lambda bar: bar.assign(high=bar["low"] / 2))
    collect(graph, FRIDAY, FRIDAY)
    assert fetches(graph)[1:] == [[3, 1, 0]]
    kept = graph.warehouse.read("quarantine", where={"asset": "equity_bars"})
    assert set(kept["rule"]) == {"null_row", "high_below_low"}


def test_a_run_counts_what_its_fetches_changed_though_a_step_failed(graph: Graph) -> None:
    """A failed fetch changed nothing. What came was stored, and the history of runs says so.

    The step tells Dagster of its rows at its end only, and here it has none.
    """
    graph.prices.fails["AAPL"] = [Unavailable("fake", "chart", "HTTP 503")] * 9
    graph.prices.fails["SPY"] = [Unavailable("fake", "chart", "HTTP 503")] * 9
    result = graph.run(FRIDAY, only=COLLECTED)
    assert not result.success
    assert fetches(graph) == [[0, 0, 0]] * (COLLECTION_RETRIES.max_retries + 1)
    stored = graph.warehouse.count("equity_bars")
    assert fetches(graph, "TLT") == [[stored, stored, 0]]
    keep_runs(graph.instance, graph.warehouse)
    row = graph.warehouse.runs.history().iloc[0]
    universe = graph.warehouse.count("symbol_universe")
    assert (row["rows_inserted"], row["rows_updated"]) == (stored + universe, 0)


def test_answers_of_one_transaction_count_each_for_itself(warehouse: Warehouse) -> None:
    """New, changed and equal ones are told apart; a failure among them has nothing."""
    warehouse.commit_batch("equity_bars", CollectedBatch(bars({(0, "OLD"): 1.0, (1, "OLD"): 2.0})))
    failed = fetched("DOWN", is_success=False, rows_fetched=0, error_kind="unavailable")
    batches = [
        CollectedBatch(bars({(0, "NEW"): 1.0, (1, "NEW"): 2.0}), log=(fetched("NEW"),)),
        CollectedBatch(
            bars({(0, "OLD"): 1.0, (1, "OLD"): 7.0}), log=(fetched("OLD"),),
        ),
        CollectedBatch(bars({}), log=(failed,)),
    ]  # fmt: skip
    warehouse.commit_batches("equity_bars", batches)
    warehouse.commit_batches("equity_bars", batches)
    log = warehouse.read("enrichment_fetch_log").sort_values("fetch_id")
    found = log[["subject", "rows_inserted", "rows_updated"]].to_numpy().tolist()
    assert found == [["NEW", 2, 0], ["OLD", 0, 1], ["DOWN", 0, 0]] + [
        [name, 0, 0] for name in ("NEW", "OLD", "DOWN")
    ]


def test_rows_that_several_requests_share_are_refused(warehouse: Warehouse) -> None:
    """Whose they are nobody could say; nothing is stored."""
    shared = CollectedBatch(bars({(0, "AAPL"): 1.0}), log=(fetched(), fetched()))
    with pytest.raises(ValueError, match="2 requests share"):
        warehouse.commit_batch("equity_bars", shared)
    assert warehouse.count("equity_bars") == warehouse.count("enrichment_fetch_log") == 0


def test_rows_set_aside_count_as_fetched() -> None:
    """A chain narrowed to the contracts held is as long as the vendor sent it."""
    refused = (Rejected("AAPL", day(1), "null_row", "", ""),)
    assert CollectedBatch(bars({(0, "A"): 1.0}), refused).rows_fetched == 2
    assert CollectedBatch(bars({}), answered_rows=9).rows_fetched == 9


def test_the_revision_keeps_the_log(url: str) -> None:
    """Back and forth: rows stay; the asset says of which timeframe, nobody what they changed."""
    warehouse = Warehouse.open(url)
    log = [
        fetched("KO", rows_fetched=90), fetched("KO", asset="intraday_bars", timeframe="1h"),
        fetched("chain:KO", asset="option_quotes", timeframe="snapshot"),
        fetched("KO261218C00070000", asset="option_quotes"),
        fetched("KO", asset="fundamentals", timeframe="snapshot"),
    ]  # fmt: skip
    for entry in log:
        warehouse.commit_batch("equity_bars", CollectedBatch(bars({}), log=(entry,)))
    take_back(url, "0017")
    database = Database(url)
    with database.reading() as connection:
        old = connection.execute(sa.text('SELECT "rows" FROM enrichment_fetch_log')).scalars()
        assert sorted(old) == [1, 1, 1, 1, 90]
    database.dispose()
    warehouse.upgrade()
    kept = warehouse.read("enrichment_fetch_log").sort_values("fetch_id")
    assert kept["timeframe"].tolist() == [entry.timeframe for entry in log]
    assert kept["rows_fetched"].tolist() == [90, 1, 1, 1, 1]
    assert kept[["rows_inserted", "rows_updated"]].isna().all(axis=None)
    assert warehouse.runs.rows_of("run") == {}
    warehouse.commit_batch(
        "equity_bars",
        CollectedBatch(
            bars({(0, "KO"): 1.0}), (), (covered(0, 1, "KO"),), (fetched(run_id="run"),)
        ),
    )
    assert warehouse.runs.rows_of("run") == {"equity_bars": (1, 0)}
    assert kept["started_at"].iloc[0] == AT
    warehouse.dispose()
