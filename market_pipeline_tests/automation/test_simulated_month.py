"""Weeks of automation by a clock that is moved: an outage, a bar that comes late and prices that
are restated end in what quiet weeks end in.

Thanksgiving week has a holiday and a half day; the whole month, run by `make test-soak`, begins
before daylight saving ends.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.news import NewsCollection, NewsQuery
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.domain.restatements import PRICES
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
from market_pipeline_tests.fakes import CALENDAR, FakeClock, FakePrices, steady_bars
from market_pipeline_tests.news_making import FakeCollector, news

SYMBOLS = ("AAPL", "KO", "SPY", "TLT")
FOLLOWING = frozenset({
    "option_values", "market_data_cache", "factor_exposures", "symbol_daily_metrics",
    "portfolio_snapshots", "portfolio_risk", "portfolio_report", "headline_impact",
})  # fmt: skip
OPTIONS, IMPACT = frozenset({"option_values"}), frozenset({"headline_impact"})
"""No book holds options here; what news did goes by the betas of the session before."""

SESSION_ASSETS = ("symbol_universe", "equity_bars", *sorted(FOLLOWING))
ALL = frozenset[str]()
"""What a run that has chosen no assets makes."""

Filled = tuple[str, str, str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What a vendor says of a symbol's session until `until`: nothing, or prices times `factor`."""

    symbol: str
    session: date
    until: datetime
    factor: float | None = None


@dataclass
class UnsteadyPrices(FakePrices):
    """A price source that is late with some bars, and takes others back."""

    clock: FakeClock = field(default_factory=FakeClock)
    wrong: Sequence[Wrong] = ()

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        frame = super().daily_bars(symbol, first, last).frame
        for each in self.wrong:
            if each.symbol != symbol or self.clock() >= each.until:
                continue
            is_it = frame["session_date"] == pd.Timestamp(each.session)
            if each.factor is None:
                frame = frame[~is_it].reset_index(drop=True)
            else:
                columns = [*PRICES, "adj_close"]
                frame.loc[is_it, columns] = frame.loc[is_it, columns] * each.factor
        return FetchedFrame(frame)


@dataclass
class Newspaper(FakeCollector):
    """A collector that gives what was published by now."""

    clock: FakeClock = field(default_factory=FakeClock)

    def collect(self, query: NewsQuery, ask_last: Collection[str] = ()) -> NewsCollection:
        everything, self.items = (
            self.items,
            [item for item in self.items if item.published_at <= self.clock()],
        )
        try:
            self.at = self.clock()
            return super().collect(query, ask_last)
        finally:
            self.items = everything


def begun(url: str, wrong: Sequence[Wrong] = ()) -> Simulation:
    """Give a graph over an empty database; a story on AAPL appears before each session."""
    warehouse = Warehouse.open(url)
    warehouse.upgrade()
    book = book_of(stock(1, "AAPL"), stock(2, "KO", -40))
    warehouse.import_book(book, datetime(2026, 10, 1, 22, tzinfo=UTC))
    end, clock = date(2026, 12, 4), FakeClock()
    bars = {s: steady_bars(s, date(2025, 1, 2), end) for s in SYMBOLS}
    stories = [
        news(
            f"Apple beats estimates of {day:%A %d %B} by {day.toordinal()}",
            url=f"https://example.com/{day}",
            published_at=datetime.combine(day, time(7), NEW_YORK).astimezone(UTC),
        )
        for day in CALENDAR.sessions(date(2026, 10, 29), end)
    ]
    return Simulation(
        Graph(
            warehouse, UnsteadyPrices(bars, clock=clock, wrong=wrong), clock=clock,
            news=Newspaper(stories, clock=clock),
        )
    )  # fmt: skip


def ticks(first: date, last: date) -> Iterator[tuple[datetime, str]]:
    """Give what the daemon does on each day, in order: schedules at their time, sensors after."""
    day = first
    while day <= last:
        morning = datetime.combine(day, time(), UTC)
        night = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
        yield from sorted(
            [
                (morning, "price_refresh"),
                (morning + timedelta(minutes=10), "conditions"),
                (morning + timedelta(minutes=90), "daily_graph"),
                (morning + timedelta(minutes=110), "conditions"),
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
            if name not in ("sensors", "conditions"):
                # The one tick that Dagster makes up for: it is of then, and runs now.
                simulated.schedule(name, missed[name], ran_at=now)
        missed.clear()
        if what == "conditions":
            simulated.follow(now)
            continue
        if what != "sensors":
            simulated.schedule(what, now)
            continue
        minutes = 0
        for name in ("missed_sessions", "missed_news"):
            while simulated.sensor(name, now + timedelta(minutes=minutes)) is None:
                minutes += 3
        simulated.follow(now + timedelta(minutes=minutes + 1))


def compare(
    urls: tuple[str, str],
    first: date,
    last: date,
    away: tuple[date, date],
    wrong: Sequence[Wrong],
    expected_runs: list[Filled],
) -> None:
    """Let the same days pass twice, in peace and not; the rows are the same, no run is in vain.

    `urls` are the databases of the two.
    """
    quiet, broken = begun(urls[0]), begun(urls[1], wrong)
    live(quiet, first, last, None)
    live(broken, first, last, away)
    sessions = CALENDAR.sessions(first - timedelta(days=1), last - timedelta(days=1))
    keys = [date_key(sessions[0]), date_key(sessions[-1])]
    expected, found = quiet.rows(*keys), broken.rows(*keys)
    assert {name for name in expected if found[name] != expected[name]} == set()
    assert {name for name, text in expected.items() if text.count("\n") <= 1} == set()
    assert [run for run in [*quiet.started, *broken.started] if not run.is_success] == []
    assert not [run for run in quiet.started if run.by == "missed_sessions"]
    filled = [
        (run.by, run.first, run.last, run.assets) for run in broken.started if "missed" in run.by
    ]
    assert filled == expected_runs
    for simulated in (quiet, broken):
        made = simulated.made(SESSION_ASSETS)
        every = {(name, date_key(day)) for name in SESSION_ASSETS for day in sessions}
        assert every <= set(made)
        assert {key: n for key, n in made.items() if n > most(simulated, *key)} == {}
    quiet.warehouse.dispose()
    broken.warehouse.dispose()


def most(simulated: Simulation, name: str, key: str) -> int:
    """Give how often a session of an asset should be made: once, and once for each change of it.

    Where a price was missing at midnight, the daily graph asks again, and makes what follows.
    """
    of_it = [
        run for run in simulated.started if name in run.assets and run.first <= key <= run.last
    ]
    anew = [
        run for run in of_it
        if run.by == "missed_sessions" or (run.by == "daily_graph" and "equity_bars" in run.assets)
    ]  # fmt: skip
    return 1 + len(anew)


def night(day: date) -> datetime:
    """Give an instant after the runs of a day, before those of the next."""
    return datetime.combine(day, time(20), UTC)


@pytest.fixture
def urls(tmp_path: Path, new_postgres_database: Callable[[], str]) -> tuple[str, str]:
    """Give an SQLite database for the quiet days, and one of PostgreSQL for the others."""
    return f"sqlite:///{tmp_path / 'warehouse.db'}", new_postgres_database()


def test_thanksgiving_week_with_mishaps_ends_as_a_quiet_one(
    state_dir: Path, urls: tuple[str, str]
) -> None:
    """Away on the eve of the holiday and on it; the half day after it is made by the clock.

    A bar of Monday comes in the days away, prices of Tuesday and Wednesday are restated after.
    """
    assert state_dir
    away = (date(2026, 11, 25), date(2026, 11, 26))
    wrong = [
        Wrong("KO", date(2026, 11, 23), night(date(2026, 11, 25))),
        Wrong("AAPL", date(2026, 11, 24), night(date(2026, 11, 27)), 1.01),
        Wrong("AAPL", date(2026, 11, 25), night(date(2026, 11, 27)), 0.98),
    ]
    filled = [
        ("missed_sessions", "2026-11-23", "2026-11-23", FOLLOWING - OPTIONS),
        ("missed_sessions", "2026-11-24", "2026-11-24", ALL),
        ("missed_news", "2026-11-24", "2026-11-24", ALL),
        ("missed_sessions", "2026-11-24", "2026-11-25", FOLLOWING - OPTIONS),
        ("missed_sessions", "2026-11-27", "2026-11-27", IMPACT),
    ]
    compare(urls, date(2026, 11, 24), date(2026, 11, 28), away, wrong, filled)


@pytest.mark.soak
@pytest.mark.timeout(3600)  # one that strikes within a step would look like a failed run
def test_a_month_with_mishaps_ends_as_a_quiet_one(state_dir: Path, urls: tuple[str, str]) -> None:
    """From before the end of daylight saving to after Thanksgiving.

    A bar is late by a session, and a price of two weeks before is restated: it reaches the sessions
    until then, each for what it reads.
    """
    assert state_dir
    away = (date(2026, 11, 10), date(2026, 11, 11))
    wrong = [
        Wrong("KO", date(2026, 11, 5), night(date(2026, 11, 6))),
        Wrong("SPY", date(2026, 11, 6), night(date(2026, 11, 20)), 1.01),
        Wrong("SPY", date(2026, 11, 19), night(date(2026, 11, 20)), 0.98),
    ]
    windows = FOLLOWING - OPTIONS - {"market_data_cache"}
    filled = [
        ("missed_sessions", "2026-11-05", "2026-11-05", FOLLOWING - OPTIONS),
        ("missed_sessions", "2026-11-09", "2026-11-09", ALL),
        ("missed_sessions", "2026-11-10", "2026-11-10", IMPACT),  # by the betas of the 9th
        ("missed_news", "2026-11-09", "2026-11-09", ALL),
        ("missed_sessions", "2026-11-06", "2026-11-10", FOLLOWING - OPTIONS),
        ("missed_sessions", "2026-11-11", "2026-11-18", windows),
        ("missed_sessions", "2026-11-19", "2026-11-19", FOLLOWING - OPTIONS),
        ("missed_sessions", "2026-11-20", "2026-11-20", IMPACT),
    ]
    compare(urls, date(2026, 10, 30), date(2026, 11, 30), away, wrong, filled)
