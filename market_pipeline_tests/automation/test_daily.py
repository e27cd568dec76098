"""The daily graph makes what the session lacks, and nothing twice."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from market_pipeline.automation.daily import unpriced
from market_pipeline.automation.jobs import PRICE_GROUPS
from market_pipeline.checks import framework
from market_pipeline.checks.framework import Claim, Scope, Verdict
from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline_tests.assets.conftest import graph  # noqa: F401  # a fixture
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.automation.simulation import Simulation

FRIDAY = date(2026, 11, 20)
MIDNIGHT, DAILY = (datetime(2026, 11, 21, hour, 30 * hour, tzinfo=UTC) for hour in (0, 1))


def test_a_session_that_is_made_is_not_made_again(graph: Graph) -> None:  # noqa: F811  # fixture
    """After a whole run nothing is asked for, and the tick says so."""
    assert graph.run(FRIDAY).success
    told = Simulation(graph).schedule("daily_graph", DAILY)
    assert told == "all of the session of 2026-11-20 is made, and no price is missing"


def test_what_is_not_there_yet_is_made_without_the_rest(graph: Graph) -> None:  # noqa: F811  # fixture
    """Prices of midnight are not derived again; what nobody has made is."""
    simulated = Simulation(graph)
    assert simulated.schedule("price_refresh", MIDNIGHT) is None
    assert simulated.schedule("daily_graph", DAILY) is None
    midnight, daily = simulated.started
    assert midnight.is_success
    assert daily.is_success
    groups = {
        key.to_user_string(): graph.definitions().resolve_asset_graph().get(key).group_name
        for key in graph.definitions().resolve_asset_graph().materializable_asset_keys
    }
    assert daily.assets
    assert {groups[name] for name in daily.assets} & set(PRICE_GROUPS) == set()
    made = simulated.made(sorted(groups))
    assert {key: count for key, count in made.items() if count > 1} == {}


def test_a_price_that_is_late_is_asked_for_again(graph: Graph) -> None:  # noqa: F811  # fixture
    """A vendor may have it an hour later; what follows from it is made with it."""
    whole = dict(graph.prices.frames)
    late = whole["KO"]
    graph.prices.frames = {**whole, "KO": late[late["session_date"] < pd.Timestamp(FRIDAY)]}
    assert graph.run(FRIDAY).success
    assert unpriced(graph.warehouse, FRIDAY, DAILY) == {"KO"}
    graph.prices.frames = whole
    simulated = Simulation(graph)
    assert simulated.schedule("daily_graph", DAILY) is None
    (daily,) = simulated.started
    assert {"equity_bars", "market_data_cache", "portfolio_snapshots"} <= daily.assets
    assert "symbol_universe" not in daily.assets
    assert unpriced(graph.warehouse, FRIDAY, DAILY) == set()
    assert simulated.schedule("daily_graph", DAILY) is not None


def test_nothing_is_made_of_what_fails_a_blocking_check(
    graph: Graph,  # noqa: F811  # fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not by the next schedule, and not by what fills gaps: it is judged again, until it passes."""
    simulated = Simulation(graph)
    simulated.schedule("daily_graph", DAILY - timedelta(days=1))
    assert simulated.sensor("missed_sessions", DAILY - timedelta(hours=20)) is not None
    judged = framework._judge

    def fails(claim: Claim, scope: Scope | None, table: str) -> Verdict:
        is_it = claim.name == "no_impossible_bar" and scope is not None and scope.last == FRIDAY
        return Verdict(False, "KO is negative") if is_it else judged(claim, scope, table)

    with monkeypatch.context() as spoilt:
        spoilt.setattr(framework, "_judge", fails)
        simulated.schedule("price_refresh", MIDNIGHT)
        simulated.follow(MIDNIGHT + timedelta(minutes=10))
        simulated.schedule("daily_graph", DAILY)
        for minutes in (90, 93, 103, 106):
            simulated.sensor("missed_sessions", DAILY + timedelta(minutes=minutes))
        assert [run.by for run in simulated.started[1:]] == [
            "price_refresh", "daily_graph", "missed_sessions", "missed_sessions",
        ]  # fmt: skip
        assert [run.is_success for run in simulated.started] == [True] + [False] * 4
        assert graph.warehouse.read("portfolio_snapshots", first=FRIDAY).empty
        assert graph.warehouse.read("symbol_factor_exposures", first=FRIDAY).empty
    simulated.sensor("missed_sessions", DAILY + timedelta(hours=4))
    assert simulated.started[-1].is_success
    assert len(graph.warehouse.read("portfolio_snapshots", first=FRIDAY)) == 1
    assert [each for each in graph.warehouse.verdicts.failed() if each.severity == "ERROR"] == []


def test_a_symbol_that_nobody_knows_keeps_nobody_busy(graph: Graph) -> None:  # noqa: F811  # fixture
    """It has no price to wait for."""
    graph.warehouse.watch(["NOSUCH"], MIDNIGHT)
    assert graph.run(FRIDAY).success
    assert graph.warehouse.coverage("equity_bars")["NOSUCH"].outcome == UNKNOWN_SYMBOL
    assert unpriced(graph.warehouse, FRIDAY, DAILY) == set()
