"""Weeks of automation by a clock that is moved: an outage ends in what quiet weeks end in.

Thanksgiving week has a holiday and a half day; the whole month, run by `make test-soak`, begins
before daylight saving ends.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.partitions import date_key
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import (
    _quick_retries,  # noqa: F401  # a fixture
    book_of,
    stock,
)
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.automation.simulation import Simulation
from market_pipeline_tests.fakes import CALENDAR, FakePrices, steady_bars

SYMBOLS = ("AAPL", "KO", "SPY", "TLT")
SESSION_ASSETS = (
    "symbol_universe", "equity_bars", "market_data_cache", "factor_exposures",
    "symbol_daily_metrics", "portfolio_snapshots", "headline_impact",
)  # fmt: skip


def begun(folder: Path) -> Simulation:
    """Give a graph over a warehouse of its own, whose vendor knows the whole time."""
    folder.mkdir()
    warehouse = Warehouse.open(f"sqlite:///{folder / 'warehouse.db'}")
    warehouse.upgrade()
    book = book_of(stock(1, "AAPL"), stock(2, "KO", -40))
    warehouse.import_book(book, datetime(2026, 10, 1, 22, tzinfo=UTC))
    end = date(2026, 12, 4)
    prices = FakePrices({s: steady_bars(s, date(2025, 1, 2), end) for s in SYMBOLS})
    return Simulation(Graph(warehouse, prices))


def ticks(first: date, last: date) -> Iterator[tuple[datetime, str]]:
    """Give what the daemon does on each day, in order: schedules at their time, sensors after."""
    day = first
    while day <= last:
        morning = datetime.combine(day, time(), UTC)
        night = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
        yield from sorted(
            [
                (morning, "price_refresh"),
                (morning + timedelta(minutes=90), "daily_graph"),
                (night, "headline_collection"),
                (night + timedelta(hours=10), "headline_collection"),
                (night + timedelta(hours=3), "sensors"),
            ]
        )
        day += timedelta(days=1)


def live(simulated: Simulation, first: date, last: date, away: tuple[date, date] | None) -> None:
    """Let days pass; while `away` nothing ticks, and afterwards only the latest missed one does."""
    missed: dict[str, datetime] = {}
    for now, what in ticks(first, last):
        if away is not None and away[0] <= now.date() <= away[1]:
            missed[what] = now
            continue
        for name, _ in sorted(missed.items(), key=lambda pair: pair[1]):
            if name != "sensors":
                # The one tick that Dagster makes up for: it is of then, and runs now.
                simulated.schedule(name, missed[name], ran_at=now)
        missed.clear()
        if what != "sensors":
            simulated.schedule(what, now)
            continue
        for minutes in (0, 3):
            simulated.sensor("missed_sessions", now + timedelta(minutes=minutes))
            simulated.sensor("missed_news", now + timedelta(minutes=minutes))
        simulated.follow(now + timedelta(minutes=4))


def compare(
    folder: Path,
    first: date,
    last: date,
    away: tuple[date, date],
    expected_runs: list[tuple[str, str, str]],
) -> None:
    """Let the same days pass twice, once with an outage; the rows are the same, none in vain."""
    quiet, broken = begun(folder / "quiet"), begun(folder / "broken")
    live(quiet, first, last, None)
    live(broken, first, last, away)
    sessions = CALENDAR.sessions(first - timedelta(days=1), last - timedelta(days=1))
    keys = [date_key(sessions[0]), date_key(sessions[-1])]
    expected = quiet.rows(*keys)
    assert broken.rows(*keys) == expected
    empty = {name for name, text in expected.items() if text.count("\n") <= 1}
    assert empty == {"headlines", "headline_impact"}  # no vendor of news has any here
    assert all(run.is_success for run in [*quiet.started, *broken.started])
    for simulated in (quiet, broken):
        made = simulated.made(SESSION_ASSETS)
        every = {(name, date_key(day)) for name in SESSION_ASSETS for day in sessions}
        assert every <= set(made)
        # Prices are asked for at midnight and again by the daily graph, each a run of its own.
        most = {"symbol_universe": 2, "equity_bars": 2, "market_data_cache": 2}
        often = {key: n for key, n in made.items() if n > most.get(key[0], 1)}
        assert often == {}
    assert not [run for run in quiet.started if run.by.startswith("missed")]
    filled = [(run.by, run.first, run.last) for run in broken.started if "missed" in run.by]
    assert filled == expected_runs
    quiet.warehouse.dispose()
    broken.warehouse.dispose()


def test_thanksgiving_week_with_an_outage_ends_as_a_quiet_one(
    state_dir: Path, tmp_path: Path
) -> None:
    """Away on the eve of the holiday and on it; the half day after it is made by the clock."""
    assert state_dir
    away = (date(2026, 11, 25), date(2026, 11, 26))
    filled = [
        ("missed_sessions", "2026-11-24", "2026-11-24"),
        ("missed_news", "2026-11-24", "2026-11-24"),
    ]
    compare(tmp_path, date(2026, 11, 24), date(2026, 11, 28), away, filled)


@pytest.mark.soak
def test_a_month_with_an_outage_ends_as_a_quiet_one(state_dir: Path, tmp_path: Path) -> None:
    """From before the end of daylight saving to after Thanksgiving."""
    assert state_dir
    away = (date(2026, 11, 10), date(2026, 11, 11))
    filled = [
        ("missed_sessions", "2026-11-09", "2026-11-09"),
        ("missed_news", "2026-11-09", "2026-11-09"),
    ]
    compare(tmp_path, date(2026, 10, 30), date(2026, 11, 30), away, filled)
