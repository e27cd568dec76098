"""A jump nothing explains: a second source is asked once, and confirms it or leaves the doubt."""

from dataclasses import dataclass
from datetime import date

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.domain.errors import Unavailable
from market_pipeline.resources import plain
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import FakePrices

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)


@dataclass
class TwoSources(Graph):
    """The graph with a second source of prices."""

    second: FakePrices | PriceChain | None = None

    def definitions(self) -> dg.Definitions:
        """Put the second source in place of none."""
        built = super().definitions()
        return built if self.second is None else _with(built, self.second)


def _with(built: dg.Definitions, second: FakePrices | PriceChain) -> dg.Definitions:
    resources = {**(built.resources or {}), "second_prices": plain(second)}
    return dg.Definitions(
        assets=built.assets, asset_checks=built.asset_checks, jobs=built.jobs,
        schedules=built.schedules, sensors=built.sensors, resources=resources,
        executor=built.executor,
    )  # fmt: skip


def jumping(frame: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Let the price move on Monday and stay."""
    is_after = frame["session_date"] >= pd.Timestamp(MONDAY)
    names = ["open", "high", "low", "close", "adj_close"]
    moved = frame.copy()
    moved[names] = moved[names].where(~is_after, moved[names] * factor)
    return moved


@pytest.fixture
def two(graph: Graph) -> TwoSources:
    """Give the graph whose KO gains half on Monday."""
    jumped = jumping(graph.prices.frames["KO"], 1.5)
    prices = FakePrices({**graph.prices.frames, "KO": jumped})
    return TwoSources(graph.warehouse, prices)


def flags(graph: Graph) -> list[str | None]:
    """Give the flags of KO on Monday."""
    rows = graph.warehouse.read("market_data_cache", first=MONDAY, last=MONDAY, symbols=["KO"])
    return [None if pd.isna(text) else str(text) for text in rows["flags"]]


def test_a_jump_that_another_source_tells_too_is_no_doubt(two: TwoSources) -> None:
    """It is asked of that symbol and session only, and once."""
    two.second = FakePrices({"KO": two.prices.frames["KO"]}, name="second")
    assert two.run(MONDAY).success
    assert flags(two) == [None]
    assert two.second.asked == [("KO", date(2026, 11, 13), MONDAY)]
    assert two.run(MONDAY).success
    assert len(two.second.asked) == 1


def test_a_jump_that_another_source_does_not_know_stays_in_doubt(two: TwoSources) -> None:
    """The other source's return is kept beside the doubt."""
    calm = jumping(two.prices.frames["KO"], 1 / 1.5)
    two.second = FakePrices({"KO": calm}, name="second")
    assert two.run(MONDAY).success
    assert flags(two) == ["unexplained_jump"]
    [opinion] = two.warehouse.read("second_opinions").to_dict("records")
    assert (opinion["symbol"], opinion["source"]) == ("KO", "second")
    assert abs(opinion["return_1d"]) < 0.1


def test_a_second_source_that_fails_is_asked_the_next_time(two: TwoSources) -> None:
    """The run goes on with the doubt, which a later answer clears."""
    two.second = FakePrices({"KO": two.prices.frames["KO"]}, name="second")
    two.second.fails["KO"] = [Unavailable("second", "chart", "HTTP 503")]
    assert two.run(MONDAY).success
    assert flags(two) == ["unexplained_jump"]
    assert two.run(MONDAY).success
    assert flags(two) == [None]


def test_without_a_second_source_the_doubt_stays(two: TwoSources) -> None:
    """Nobody is asked, and nothing is kept."""
    assert two.run(MONDAY).success
    assert flags(two) == ["unexplained_jump"]
    assert two.warehouse.count("second_opinions") == 0


def test_a_source_does_not_confirm_its_own_jump(two: TwoSources) -> None:
    """Where the bar is of the second choice, the first is asked, not the second once more."""
    calm = FakePrices({"KO": jumping(two.prices.frames["KO"], 1 / 1.5)}, name="first")
    members = {"first": Member(calm), "fake": Member(two.prices)}
    two.second = PriceChain("second_prices", members, Orders(("fake", "first")))
    assert two.run(MONDAY).success
    assert flags(two) == ["unexplained_jump"]
    assert calm.asked == [("KO", date(2026, 11, 13), MONDAY)]


def test_where_nobody_but_the_teller_can_be_asked_the_doubt_stays(two: TwoSources) -> None:
    """No opinion is kept, so that a source set up later is asked."""
    two.second = PriceChain("second_prices", {"fake": Member(two.prices)}, Orders(("fake",)))
    assert two.run(MONDAY).success
    assert flags(two) == ["unexplained_jump"]
    assert two.warehouse.count("second_opinions") == 0


def test_a_plain_source_that_told_the_bar_is_not_asked(two: TwoSources) -> None:
    """Its name says so."""
    two.second = FakePrices({"KO": two.prices.frames["KO"]}, name=two.prices.name)
    assert two.run(MONDAY).success
    assert (flags(two), two.second.asked) == (["unexplained_jump"], [])
