"""The sensors `missed_sessions` and `missed_news`: all is filled, oldest first, and once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.assets.snapshots import Valuing
from market_pipeline.automation import catch_up
from market_pipeline.domain.books import Position
from market_pipeline.domain.errors import Unavailable, VendorError
from market_pipeline.domain.portfolio_csv import positions_hash
from market_pipeline.settings import forget_settings
from market_pipeline_tests.assets.conftest import (  # noqa: F401  # fixtures
    _quick_retries,
    bars_of,
    graph,
    stock,
)
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.automation.simulation import Simulation, Started
from market_pipeline_tests.fakes import CALENDAR, FakePrices, steady_bars

MONDAY, TUESDAY = date(2026, 11, 9), date(2026, 11, 10)
BACK = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)  # a Saturday, after two weeks of outage
MINUTES = timedelta(minutes=1)
SESSIONS, NEWS = "missed_sessions", "missed_news"


@pytest.fixture
def simulation(graph: Graph) -> Simulation:  # noqa: F811  # the fixture's value
    """Give the automation of a graph that made the session of Monday, and nothing since."""
    simulated = Simulation(graph)
    assert simulated.schedule("daily_graph", datetime(2026, 11, 10, 1, 30, tzinfo=UTC)) is None
    assert [run.first for run in simulated.started] == ["2026-11-09"]
    simulated.started.clear()
    return simulated


def test_after_an_outage_every_session_is_filled_and_none_twice(simulation: Simulation) -> None:
    """One run over all of them; what was there before is not made again."""
    assert simulation.sensor(SESSIONS, BACK) is None
    assert simulation.started == [
        Started(SESSIONS, "2026-11-10", "2026-11-20", frozenset(), is_success=True)
    ]
    told = simulation.sensor(SESSIONS, BACK + 3 * MINUTES)
    assert told == "every session from 2026-11-09 to 2026-11-20 is there"
    counts = simulation.made(["equity_bars", "portfolio_snapshots"])
    assert set(counts.values()) == {1}
    assert len(counts) == 2 * len(CALENDAR.sessions(MONDAY, date(2026, 11, 20)))


def test_a_long_outage_is_filled_by_several_runs_oldest_first(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One a minute, also where the clock made the latest session before: gaps are looked for."""
    monkeypatch.setattr(catch_up, "SESSIONS_AT_ONCE", 5)
    simulated = Simulation(simulation.graph)
    simulated.schedule("daily_graph", datetime(2026, 11, 21, 1, 30, tzinfo=UTC))
    for minutes in (3, 4, 5, 6):
        simulated.sensor(SESSIONS, BACK + minutes * MINUTES)
    assert [(run.first, run.last) for run in simulated.started] == [
        ("2026-11-20", "2026-11-20"), ("2026-11-10", "2026-11-16"), ("2026-11-17", "2026-11-19"),
    ]  # fmt: skip


def test_it_waits_for_what_is_under_way_and_for_what_follows_from_it(
    simulation: Simulation,
) -> None:
    """A run of any job that makes session assets, a backfill, and two minutes after; after its own
    one that succeeded, for as long as the conditions need to look."""
    instance = simulation.graph.instance
    job = simulation.definitions.resolve_job_def("price_job")
    with simulation.at(BACK):
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert simulation.sensor(SESSIONS, BACK) == f"run {run.run_id[:8]} is under way"
    with simulation.at(BACK):
        instance.report_run_canceled(run)
    assert simulation.sensor(SESSIONS, BACK + MINUTES) == f"run {run.run_id[:8]} has just ended"
    assert simulation.started == []
    assert simulation.sensor(SESSIONS, BACK + 3 * MINUTES) is None
    told = simulation.sensor(SESSIONS, BACK + 3.5 * MINUTES)
    assert "has just ended" in str(told)
    told = simulation.sensor(SESSIONS, BACK + 4 * MINUTES)
    assert told == "every session from 2026-11-09 to 2026-11-20 is there"


@pytest.mark.parametrize(
    ("variable", "value", "resting"),
    [
        ("BATCH_V2_ENABLED", "off", {SESSIONS}),
        ("INGESTION_V2_ENABLED", "off", {NEWS}),
        ("SCHEDULER_PAUSED", "on", {SESSIONS, NEWS}),
    ],
)
def test_it_rests_with_its_flag(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, resting: set[str],  # noqa: F811  # fixture
) -> None:  # fmt: skip
    """The skip says why."""
    simulation = Simulation(graph)
    monkeypatch.setenv(f"MARKET_PIPELINE_{variable}", value)
    forget_settings()
    told = {name: simulation.sensor(name, BACK) or "" for name in (SESSIONS, NEWS)}
    assert {name for name in told if f"{variable} is {value}" in told[name]} == resting


def test_the_schedule_has_its_turn_first(simulation: Simulation) -> None:
    """A session is missed an hour after its daily run should have begun, not before."""
    at = datetime(2026, 11, 11, 2, 29, tzinfo=UTC)
    assert simulation.sensor(SESSIONS, at) == "every session from 2026-11-09 to 2026-11-09 is there"
    assert simulation.sensor(SESSIONS, at + MINUTES) is None
    assert simulation.started[0].first == "2026-11-10"


def test_only_what_is_missing_and_what_hangs_on_it_is_made(simulation: Simulation) -> None:
    """A session of which the clock made prices alone lacks the rest."""
    simulation.schedule("price_refresh", datetime(2026, 11, 11, 0, 0, tzinfo=UTC))
    assert simulation.sensor(SESSIONS, datetime(2026, 11, 11, 9, 0, tzinfo=UTC)) is None
    asked = simulation.started[-1].assets
    assert "portfolio_snapshots" in asked
    assert not {"equity_bars", "symbol_universe", "market_data_cache"} & asked
    assert set(simulation.made(["equity_bars", "portfolio_snapshots"]).values()) == {1}


def corrected_book(simulation: Simulation, positions: Sequence[Position], at: datetime) -> None:
    """Import the book anew with other positions, as its own run would have left it."""
    warehouse = simulation.warehouse
    book = replace(
        warehouse.books()[0], positions=tuple(positions), content_hash=positions_hash(positions)
    )
    with simulation.at(at):
        warehouse.import_book(book, at)
    # It waits for what collects new symbols.
    assert (simulation.sensor(SESSIONS, at) or "").startswith("every session")
    for one in warehouse.onboarding.unfinished():
        warehouse.onboarding.complete(one, at)
    simulation.started.clear()


def test_a_corrected_past_is_made_anew_and_once(simulation: Simulation) -> None:
    """An entry that moved: its sessions and what follows from them; nothing is collected again.

    All rows are then those of the whole range valued at once.
    """
    at, warehouse = BACK + 3 * MINUTES, simulation.warehouse
    assert simulation.sensor(SESSIONS, BACK) is None
    apple, *others = warehouse.books()[0].positions
    corrected_book(simulation, [replace(apple, entry_date=date(2026, 11, 16)), *others], at)
    assert simulation.sensor(SESSIONS, at + MINUTES) is None
    (run,) = simulation.started
    assert (run.first, run.last, run.is_success) == ("2026-11-09", "2026-11-20", True)
    assert {"portfolio_snapshots", "portfolio_risk", "portfolio_report"} <= run.assets
    assert not {"equity_bars", "market_data_cache", "factor_exposures"} & run.assets
    told = simulation.sensor(SESSIONS, at + 5 * MINUTES)
    assert told == "every session from 2026-11-09 to 2026-11-20 is there"
    stored = warehouse.read("portfolio_snapshots")
    anew = Valuing(warehouse, CALENDAR, MONDAY).value(MONDAY, date(2026, 11, 20)).portfolios
    pd.testing.assert_frame_equal(stored, anew, check_dtype=False, check_exact=True)


def test_a_late_exit_reaches_its_own_day_and_those_after(simulation: Simulation) -> None:
    """Sessions before it were made from the same past."""
    at, warehouse = BACK + 3 * MINUTES, simulation.warehouse
    assert simulation.sensor(SESSIONS, BACK) is None
    apple, *others = warehouse.books()[0].positions
    sold = replace(apple, exit_date=date(2026, 11, 17), exit_price_usd=Decimal(100))
    corrected_book(simulation, [sold, *others], at)
    assert simulation.sensor(SESSIONS, at + MINUTES) is None
    assert [(run.first, run.last) for run in simulation.started] == [("2026-11-17", "2026-11-20")]


def test_what_the_universe_lacked_is_collected_with_a_corrected_past(
    simulation: Simulation,
) -> None:
    """A lot of the past in a stock that nobody held: without its prices it would be a gap."""
    at, warehouse = BACK + 3 * MINUTES, simulation.warehouse
    assert simulation.sensor(SESSIONS, BACK) is None
    prices, positions = simulation.graph.prices, warehouse.books()[0].positions
    prices.frames = {**prices.frames, **bars_of("MSFT").frames}
    late = replace(stock(3, "MSFT"), entry_date=date(2026, 11, 18))
    corrected_book(simulation, [*positions, late], at)
    assert simulation.sensor(SESSIONS, at + MINUTES) is None
    (run,) = simulation.started
    assert (run.first, run.last, run.is_success) == ("2026-11-18", "2026-11-20", True)
    assert {"symbol_universe", "equity_bars", "portfolio_snapshots"} <= run.assets
    rows = warehouse.read("portfolio_positions", symbols=["MSFT"])
    assert rows["status"].tolist() == ["priced"] * 3
    assert simulation.sensor(SESSIONS, at + 5 * MINUTES) is not None
    assert len(simulation.started) == 1


def test_a_new_installation_has_missed_nothing_until_it_has(graph: Graph) -> None:  # noqa: F811  # fixture
    """The watch begins with the first look: not with the first partition there is."""
    simulated = Simulation(graph)
    told = simulated.sensor(SESSIONS, datetime(2026, 11, 10, 9, 0, tzinfo=UTC))
    assert told == "no session from 2026-11-10 on is due yet"
    simulated.sensor(SESSIONS, BACK)
    assert [(run.first, run.last) for run in simulated.started] == [("2026-11-10", "2026-11-20")]


def test_what_cannot_be_made_is_asked_for_less_and_less_and_told(graph: Graph) -> None:  # noqa: F811  # fixture
    """After 10 minutes, an hour, six, a day; an alert after the third; what is made closes it."""
    symbols = ("AAPL", "KO", "SPY", "TLT")
    end = date(2026, 11, 25)
    graph.prices = FakePrices({s: steady_bars(s, date(2025, 1, 2), end) for s in symbols})
    simulated = Simulation(graph)
    simulated.schedule("daily_graph", datetime(2026, 11, 25, 1, 30, tzinfo=UTC))
    down: dict[str, list[VendorError]] = {
        name: [Unavailable("fake", "chart", "down")] * 1_000 for name in ("AAPL", "KO")
    }
    graph.prices.fails.update(down)
    now = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a holiday: no other session follows so soon
    asked, opened = [], []
    # A wait begins when it is seen that a run came to nothing: 3 minutes after it, here.
    for minutes in (0, 3, 12, 13, 16, 75, 76, 79, 438, 439, 442):
        before = len(simulated.started)
        told = simulated.sensor(SESSIONS, now + minutes * MINUTES)
        asked += [minutes] * (len(simulated.started) - before)
        opened += [minutes] * len(simulated.warehouse.notices.open_alerts())
    assert asked == [0, 13, 76, 79, 439]
    assert opened == [79, 438, 439, 442]
    assert told == "1 session(s) missing: 2026-11-25 (tried again later after 4)"
    now += timedelta(hours=8)
    graph.prices.fails.clear()
    assert simulated.sensor(SESSIONS, now + timedelta(days=1)) is None
    ends = [run.is_success for run in simulated.started]
    assert ends == [True, *[False] * 3, True, False, True]
    told = simulated.sensor(SESSIONS, now + timedelta(days=1, minutes=3))
    assert str(told).startswith("alert catch-up-failed:session_job closed; every session")


def test_snapshots_wait_and_then_go_on_and_say_what_is_missing(graph: Graph) -> None:  # noqa: F811  # fixture
    """After three attempts in vain, once; with the rest they are made again when it is there."""
    simulated = Simulation(graph)
    simulated.schedule("daily_graph", datetime(2026, 11, 20, 1, 30, tzinfo=UTC))
    graph.prices.fails.update(
        {name: [Unavailable("fake", "chart", "down")] * 1_000 for name in ("AAPL", "KO")}
    )
    friday, now = date(2026, 11, 20), datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def snapshots() -> list[str]:
        rows = simulated.warehouse.read("portfolio_snapshots", first=friday, last=friday)
        return list(rows["stale_symbols"])

    for minutes in (0, 3, 13, 16, 76):
        assert snapshots() == []
        simulated.sensor(SESSIONS, now + minutes * MINUTES)
    simulated.sensor(SESSIONS, now + 79 * MINUTES)
    alone = frozenset({"portfolio_snapshots"})
    last = simulated.started[-1]
    assert last == Started(SESSIONS, "2026-11-20", "2026-11-20", alone, is_success=True)
    assert snapshots() == ["AAPL,KO"]
    assert simulated.said("portfolio_snapshots", "snapshots_had_their_inputs") == {
        "missing": "2026-11-20 exposures, 2026-11-20 metrics, 2026-11-20 prices", "new_symbols": "",
    }  # fmt: skip
    simulated.sensor(SESSIONS, now + 82 * MINUTES)
    assert simulated.started[-1] is last
    graph.prices.fails.clear()
    simulated.sensor(SESSIONS, now + timedelta(days=1))
    assert simulated.started[-1].is_success
    assert snapshots() == [""]
    assert simulated.made(["portfolio_snapshots"])["portfolio_snapshots", "2026-11-20"] == 2


def test_a_day_of_news_is_whole_once_it_was_collected_after_its_end(graph: Graph) -> None:  # noqa: F811  # fixture
    """A day that was begun and then left is filled; one that has ended well is not asked for."""
    simulated = Simulation(graph)
    for at in ("2026-11-17T05:00", "2026-11-17T15:00"):  # midnight and ten o'clock in New York
        now = datetime.fromisoformat(at).replace(tzinfo=UTC)
        assert simulated.schedule("headline_collection", now) is None
    before = len(simulated.started)
    assert simulated.sensor(NEWS, BACK) is None
    assert [(run.first, run.last) for run in simulated.started[before:]] == [
        ("2026-11-17", "2026-11-20")
    ]
    told = simulated.sensor(NEWS, BACK + 3 * MINUTES)
    assert told == "every day from 2026-11-16 to 2026-11-20 is there"
