"""A session that is filled after later ones: what they lacked a price for is valued anew."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from market_pipeline.domain.ports import FetchedFrame
from market_pipeline_tests.assets.conftest import (
    book_of,
    graph,  # noqa: F401  # a fixture
    stock,
)
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.assets.test_options import CALL, IMPORTED, option
from market_pipeline_tests.automation.simulation import Simulation
from market_pipeline_tests.fakes import FakeOptions

DAILY = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)


class UntradedOptions(FakeOptions):
    """A source of options that were not traded on Friday."""

    def daily_bars(self, contract: str, first: date, last: date) -> FetchedFrame:
        frame = super().daily_bars(contract, first, last).frame
        return FetchedFrame(frame[frame["session_date"] != pd.Timestamp(FRIDAY)])


@pytest.fixture
def simulated(graph: Graph) -> Simulation:  # noqa: F811  # the fixture's value
    """Give automation over a book with an option."""
    book = book_of(stock(1, "AAPL"), option(2, CALL, 2))
    graph.warehouse.import_book(replace(book, as_of_date=date(2026, 11, 2)), IMPORTED)
    graph.options = UntradedOptions()
    simulation = Simulation(graph)
    with simulation.at(DAILY - timedelta(hours=1)):  # the history before is there
        assert graph.run(date(2026, 11, 16), only=["symbol_universe", "equity_bars"]).success
    return simulation


def prices(simulated: Simulation, day: date) -> list[tuple[str, object]]:
    rows = simulated.warehouse.read("portfolio_positions", first=day, last=day)
    option_rows = rows[rows["symbol"] == CALL]
    return list(zip(option_rows["status"], option_rows["price_usd"], strict=True))


def test_a_price_of_an_earlier_session_is_taken_once_that_is_filled(simulated: Simulation) -> None:
    """The session after it again, once, and no more than what follows from its snapshot."""
    simulated.schedule("daily_graph", DAILY)
    assert [status for status, _ in prices(simulated, FRIDAY)] == ["unpriced"]
    look = DAILY + timedelta(hours=3)
    assert simulated.sensor("missed_sessions", look) is not None
    with simulated.at(look + timedelta(minutes=1)):
        assert simulated.graph.run(THURSDAY).success
    assert prices(simulated, THURSDAY) == [("priced", 5.0)]
    simulated.started.clear()
    assert simulated.sensor("missed_sessions", look + timedelta(minutes=10)) is None
    (again,) = simulated.started
    assert (again.first, again.is_success) == ("2026-11-20", True)
    assert again.assets == {"portfolio_snapshots", "portfolio_risk", "portfolio_report"}
    assert [status for status, _ in prices(simulated, FRIDAY)] == ["stale"]
    told = simulated.sensor("missed_sessions", look + timedelta(minutes=20))
    assert told == "every session from 2026-11-20 to 2026-11-20 is there"
