"""Bars of two sources side by side: joined where they agree, replaced or refused where not."""

from dataclasses import dataclass, field
from datetime import date

import pandas as pd
import pytest

from market_pipeline.domain.errors import Unavailable
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.domain.price_conventions import RAW, SPLIT_ADJUSTED, suspected_splits
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline_tests.assets.conftest import HISTORY_FROM, HISTORY_TO
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import FakePrices, steady_bars

MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
COLLECTED = ("symbol_universe", "equity_bars")
SYMBOLS = ("AAPL", "KO", "SPY", "TLT")


@dataclass
class Second:
    """A second source: the same prices but for a few hundredths of a percent, scaled at will."""

    convention: str = SPLIT_ADJUSTED
    scale: float = 1.0003
    split_on: date | None = None
    name: str = "second"
    asked: list[tuple[str, date, date]] = field(default_factory=list)

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        self.asked.append((symbol, first, last))
        frame = steady_bars(symbol, HISTORY_FROM, HISTORY_TO)
        prices = ["open", "high", "low", "close"]
        frame[prices] *= self.scale
        if self.split_on is not None:
            frame.loc[frame["session_date"] >= pd.Timestamp(self.split_on), prices] /= 4
        since = frame[frame["session_date"] >= pd.Timestamp(first)]
        days = [stamp.date() for stamp in since["session_date"]]
        kept = since[since["session_date"] <= pd.Timestamp(last)].assign(adj_close=float("nan"))
        suspects = suspected_splits(days, list(since["close"])) if self.convention == RAW else ()
        return FetchedFrame(
            kept.reset_index(drop=True), convention=self.convention, suspected_splits=suspects
        )


def run_with(graph: Graph, second: Second) -> bool:
    """Store Monday from the first source, then ask for Friday while AAPL fails there."""
    first = graph.prices
    assert isinstance(first, FakePrices)
    assert graph.run(MONDAY, only=COLLECTED).success
    first.fails["AAPL"] = [Unavailable("fake", "chart", "down")] * 99
    members = {"yahoo": Member(first), "second": Member(second)}
    graph.prices = PriceChain("prices", members, Orders(("yahoo", "second")))  # type: ignore[assignment]  # any source of prices will do
    return bool(graph.run(FRIDAY, only=COLLECTED).success)


def sources_of(graph: Graph, symbol: str) -> list[str]:
    return list(graph.warehouse.read("equity_bars", symbols=[symbol])["source"])


def closes_of(graph: Graph, symbol: str) -> "pd.Series[float]":
    return graph.warehouse.read("equity_bars", symbols=[symbol])["close"]


@pytest.mark.parametrize("convention", [RAW, SPLIT_ADJUSTED])
def test_a_second_source_that_agrees_goes_on_where_the_first_stopped(
    graph: Graph, convention: str
) -> None:
    """Only the gap is asked for; every bar names who told it, and no jump is made."""
    second = Second(convention)
    assert run_with(graph, second)
    assert second.asked == [("AAPL", MONDAY, FRIDAY)]
    told = sources_of(graph, "AAPL")
    assert told[-5:] == ["second"] * 5
    assert set(told[:-5]) == {"fake"}
    assert set(sources_of(graph, "KO")) == {"fake"}
    assert closes_of(graph, "AAPL").pct_change().abs().max() < 0.1


def test_an_adjusted_second_source_that_differs_gives_the_whole_history(graph: Graph) -> None:
    """A split came since: half the stored prices would be on the other side of it."""
    second = Second(scale=0.25)
    assert run_with(graph, second)
    assert len(second.asked) == 2
    assert set(sources_of(graph, "AAPL")) == {"second"}
    assert closes_of(graph, "AAPL").pct_change().abs().max() < 0.1


@pytest.mark.parametrize(
    "second",
    [Second(RAW, split_on=date(2026, 11, 18)), Second(RAW, scale=4.0)],
    ids=["a split between", "another level"],
)
def test_a_raw_second_source_is_refused_where_a_split_may_lie(graph: Graph, second: Second) -> None:
    """The symbol stays without the new sessions rather than with a false jump."""
    run_with(graph, second)
    assert set(sources_of(graph, "AAPL")) == {"fake"}
    assert closes_of(graph, "AAPL").pct_change().abs().max() < 0.1
    job = graph.warehouse.read("collection_jobs", where={"subject": "AAPL"}).iloc[0]
    assert job["status"] in ("failed", "retry")


def test_the_first_source_takes_over_again(graph: Graph) -> None:
    """After its outage its bars go on from those of the second."""
    graph.warehouse.read("equity_bars")
    assert run_with(graph, Second(RAW))
    first = FakePrices({s: steady_bars(s, HISTORY_FROM, HISTORY_TO) for s in SYMBOLS})
    graph.prices = first
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert first.asked == []
