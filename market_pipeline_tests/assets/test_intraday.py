"""Hourly bars in the graph: what is over and missing is asked for once, and nothing else."""

import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import httpx
import pandas as pd
import pytest

from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.books import Position
from market_pipeline.domain.errors import NotEntitled, QuotaEnded, Unavailable
from market_pipeline.domain.intraday import aggregated, plan_hours
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.resources import clients
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import CALENDAR, FakeClock, FakeHours, hour_frame
from market_pipeline_tests.new_processes import new_process

MONDAY, THURSDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 19), date(2026, 11, 20)
TABLE = "intraday_bars"
CHOSEN = ("AAPL", "KO", "SPY")


def ny(day: date, hour: int, minute: int = 0) -> datetime:
    """Give an instant by New York's clock, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def choose(monkeypatch: pytest.MonkeyPatch, *symbols: str) -> None:
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_SYMBOLS", ",".join(symbols))
    forget_settings()


@pytest.fixture
def hourly(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """Give the graph at 12:35 on a Friday, with three of its four symbols chosen."""
    choose(monkeypatch, *CHOSEN)
    graph.clock.now = ny(FRIDAY, 12, 35)
    graph.hours = FakeHours(graph.clock)
    return graph


def source(graph: Graph) -> FakeHours:
    assert graph.hours is not None
    return graph.hours


def collect(graph: Graph, first: date = FRIDAY, last: date = FRIDAY) -> list[str]:
    """Run the job over some days; give the symbols asked for."""
    source(graph).asked.clear()
    graph.run(first, last, job="intraday_job")
    return sorted(symbol for symbol, _, _ in source(graph).asked)


def stored(graph: Graph, symbol: str) -> list[str]:
    """Give the New York starts of a symbol's stored bars."""
    rows = graph.warehouse.read(TABLE, symbols=[symbol])
    return [f"{at:%d %H:%M}" for at in rows["starts_at"].dt.tz_convert(NEW_YORK)]


def test_todays_hours_are_collected_while_the_market_is_open(hourly: Graph) -> None:
    """Chosen symbols only, the three hours that are over, with their source and time."""
    assert collect(hourly) == sorted(CHOSEN)
    assert stored(hourly, "KO") == ["20 09:30", "20 10:30", "20 11:30"]
    assert stored(hourly, "TLT") == []
    rows = hourly.warehouse.read(TABLE)
    assert set(rows["fetched_at"]) == {pd.Timestamp(hourly.clock.now)}
    assert set(rows["source"]) == {"fake"}
    assert hourly.warehouse.coverage(TABLE) == {}  # the session is not answered yet


def test_each_hour_is_asked_for_once(hourly: Graph) -> None:
    """A run an hour asks for that hour; the last one settles the session."""
    collect(hourly)
    for hour, minute, start in ((13, 35, 12), (14, 35, 13), (15, 35, 14)):
        hourly.clock.now = ny(FRIDAY, hour, minute)
        collect(hourly)
        spans = {span[1:] for span in source(hourly).asked}
        assert spans == {(ny(FRIDAY, start, 30), ny(FRIDAY, hour, 30))}
    hourly.clock.now = ny(FRIDAY, 16, 5)
    collect(hourly)
    assert {span[1:] for span in source(hourly).asked} == {(ny(FRIDAY, 15, 30), ny(FRIDAY, 16))}
    assert len(stored(hourly, "KO")) == 7
    known = hourly.warehouse.coverage(TABLE)["KO"]
    assert (known.first_date, known.last_date) == (FRIDAY, FRIDAY)


def test_the_thousandth_run_on_unchanged_data_sends_no_request(hourly: Graph) -> None:
    """Within the hour, after the close and on the weekend: whole runs, and the plans of 1,000."""
    assert collect(hourly, MONDAY, FRIDAY) == sorted(CHOSEN)
    before = hourly.warehouse.table_digest(TABLE, exclude=())
    for minute in (36, 45, 59):
        hourly.clock.now = ny(FRIDAY, 12, minute)
        assert collect(hourly, MONDAY, FRIDAY) == []
    assert hourly.warehouse.table_digest(TABLE, exclude=()) == before
    hourly.clock.now = ny(FRIDAY, 16, 5)
    assert collect(hourly, MONDAY, FRIDAY) == sorted(CHOSEN)
    wanted = dict.fromkeys(CHOSEN, (MONDAY, FRIDAY))
    covered = hourly.warehouse.coverage(TABLE)
    for run in range(1000):
        now = ny(FRIDAY, 16, 5) + timedelta(minutes=3 * run)
        assert plan_hours(wanted, covered, {}, CALENDAR, now) == []
    hourly.clock.now = ny(FRIDAY, 16, 5) + timedelta(minutes=3000)
    assert collect(hourly, MONDAY, date(2026, 11, 21)) == []


def test_nothing_is_asked_where_nobody_is_chosen(graph: Graph) -> None:
    """The run is green and empty."""
    graph.clock.now = ny(FRIDAY, 12, 35)
    graph.hours = FakeHours(graph.clock)
    result = graph.run(FRIDAY, job="intraday_job")
    assert result.success
    assert source(graph).asked == []


@pytest.mark.parametrize("day", [date(2026, 11, 21), date(2026, 11, 26)])
def test_nothing_is_asked_of_weekends_and_holidays(hourly: Graph, day: date) -> None:
    """Their days are partitions, and hold no session."""
    hourly.clock.now = ny(day, 12, 35)
    assert collect(hourly, day, day) == []


def test_a_private_holding_is_never_asked_about(
    hourly: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when it is named in the choice, or chosen by the reason it is held for."""
    private = Position(2, "SECRETCO", "private", Decimal(1), Decimal(1000), date(2025, 6, 2))
    hourly.warehouse.import_book(book_of(stock(1, "KO"), private), hourly.clock.now)
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_REASONS", "held")
    choose(monkeypatch, "SECRETCO", "KO")
    assert collect(hourly) == ["KO"]


def test_one_failing_symbol_does_not_stop_the_rest(hourly: Graph) -> None:
    """What arrived stays; the next run asks for the failed one only; all of it is on record."""
    source(hourly).fails["KO"] = [Unavailable("fake", "chart", "HTTP 503")] * 4
    asked = collect(hourly)
    assert set(asked) == set(CHOSEN)
    assert (len(stored(hourly, "AAPL")), stored(hourly, "KO")) == (3, [])
    jobs = hourly.warehouse.read("collection_jobs", where={"asset": TABLE}).set_index("subject")
    assert jobs.loc["AAPL", "status"] == "completed"
    assert "HTTP 503" in str(jobs.loc["KO", "last_error"])
    log = hourly.warehouse.read("enrichment_fetch_log", where={"asset": TABLE})
    assert set(log.loc[~log["is_success"], "subject"]) == {"KO"}
    assert set(log["timeframe"]) == {"1h"}
    assert collect(hourly) == ["KO"]
    assert len(stored(hourly, "KO")) == 3


def test_a_vendor_that_gives_nothing_fails_the_run(hourly: Graph) -> None:
    """A refusal for want of a plan is final: it is not tried again."""
    for symbol in CHOSEN:
        source(hourly).fails[symbol] = [NotEntitled("fake", "chart", "no plan")]
    assert failed_steps(hourly.run(FRIDAY, job="intraday_job")) == [TABLE]
    assert len(source(hourly).asked) == 3


def test_what_a_quota_leaves_over_is_deferred(hourly: Graph) -> None:
    """No failure: the next day's requests take it up."""
    source(hourly).fails["SPY"] = [QuotaEnded("fake", "chart", "used up")]
    assert hourly.run(FRIDAY, job="intraday_job").success
    assert stored(hourly, "SPY") == []
    assert collect(hourly) == ["SPY"]


def test_an_unknown_symbol_is_left_alone_for_a_day(hourly: Graph) -> None:
    """The others go on."""
    source(hourly).symbols = frozenset({"AAPL", "SPY"})
    assert collect(hourly) == sorted(CHOSEN)
    hourly.clock.now = ny(FRIDAY, 13, 35)
    assert collect(hourly) == ["AAPL", "SPY"]


def test_a_bar_that_comes_too_early_is_refused_and_fetched_the_next_hour(hourly: Graph) -> None:
    """A vendor that sends more than asked for: the forming bar is in quarantine, then stored."""
    forming = ny(FRIDAY, 12, 30)
    fake = source(hourly)
    honest = fake.hourly_bars

    def generous(symbol: str, begins_at: datetime, ends_at: datetime):  # type: ignore[no-untyped-def]
        fetched = honest(symbol, begins_at, ends_at)
        extra = hour_frame(symbol, [forming])
        return replace(fetched, frame=pd.concat([fetched.frame, extra], ignore_index=True))

    fake.hourly_bars = generous  # type: ignore[method-assign]
    collect(hourly)
    assert stored(hourly, "KO")[-1] == "20 11:30"
    refused = hourly.warehouse.read("quarantine", where={"asset": TABLE})
    assert set(refused["rule"]) == {"not_over_yet"}
    assert len(refused) == len(CHOSEN)
    fake.hourly_bars = honest  # type: ignore[method-assign]
    hourly.clock.now = ny(FRIDAY, 13, 35)
    collect(hourly)
    assert stored(hourly, "KO")[-1] == "20 12:30"


def test_an_hour_without_a_trade_is_not_asked_for_again(hourly: Graph) -> None:
    """A later hour of the session answers for it; a session's missing end stays asked for."""
    source(hourly).silent = {("KO", ny(FRIDAY, 10, 30))}
    collect(hourly)
    assert stored(hourly, "KO") == ["20 09:30", "20 11:30"]
    assert collect(hourly) == []
    source(hourly).silent = {("KO", ny(FRIDAY, 15, 30))}
    hourly.clock.now = ny(FRIDAY, 16, 5)
    collect(hourly)
    assert collect(hourly) == ["KO"]
    source(hourly).silent.clear()
    assert collect(hourly) == ["KO"]
    assert collect(hourly) == []


def test_a_silence_counts_as_an_answer_after_five_sessions(hourly: Graph) -> None:
    """As with daily bars: who never trades is not asked about for ever."""
    source(hourly).silent = {("KO", ny(THURSDAY, 15, 30))}
    hourly.clock.now = ny(THURSDAY, 16, 5)
    collect(hourly, THURSDAY, THURSDAY)
    later = date(2026, 11, 30)
    hourly.clock.now = ny(later, 9, 0)
    assert collect(hourly, THURSDAY, THURSDAY) == ["KO"]
    assert collect(hourly, THURSDAY, THURSDAY) == []


@pytest.mark.parametrize(
    ("first", "last", "utc"),
    [
        (date(2026, 3, 6), date(2026, 3, 9), ["14:30", "13:30"]),
        (date(2026, 10, 30), date(2026, 11, 2), ["13:30", "14:30"]),
    ],
)
def test_summer_time_begins_and_ends_between_two_sessions(
    hourly: Graph, first: date, last: date, utc: list[str]
) -> None:
    """Each session has its seven hours, an hour earlier or later in UTC, each asked for once."""
    hourly.clock.now = ny(last, 17)
    collect(hourly, first, last)
    rows = hourly.warehouse.read(TABLE, symbols=["KO"])
    assert rows.groupby("session_date").size().tolist() == [7, 7]
    opened = rows.groupby("session_date")["starts_at"].min()
    assert [f"{at:%H:%M}" for at in opened] == utc
    assert collect(hourly, first, last) == []


def test_sessions_past_the_retention_are_not_fetched_to_be_forgotten(hourly: Graph) -> None:
    """What the clean-up deletes is not asked for again, and a backfill leaves it out."""
    hourly.clock.now = ny(FRIDAY, 17)
    collect(hourly, date(2026, 9, 1), FRIDAY)
    before = {row[1] for row in source(hourly).asked}
    assert before == {ny(date(2026, 9, 22), 9, 30)}
    hourly.clock.now += timedelta(days=3)
    cutoff = {"intraday": hourly.clock.now - timedelta(days=60), "log": ny(MONDAY, 0)}
    gone = hourly.warehouse.forget_expired(cutoff)
    assert gone[TABLE] == 3 * 7 * 3  # three symbols in the sessions from the 22nd to the 24th
    assert collect(hourly, date(2026, 9, 1), date(2026, 11, 22)) == []


def die_at(url: str, at: int) -> None:
    """Collect in a process of its own, which is killed as it makes its request number `at`."""
    begun = itertools.count(1)

    def kill(_symbol: str) -> None:
        if next(begun) >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = FakeClock(ny(FRIDAY, 12, 35))
    graph = Graph(Warehouse.open(url), bars_of(), clock=clock, hours=FakeHours(clock, before=kill))
    collect(graph)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_run_killed_between_answers_leaves_exactly_the_missing(
    hourly: Graph, tmp_path: Path, at: int
) -> None:
    """What was committed is not asked for again; what was not, is."""
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    child = new_process(die_at, url, at)
    child.start()
    child.join(100)
    assert child.exitcode == -signal.SIGKILL
    arrived = set(hourly.warehouse.read(TABLE)["symbol"])
    assert len(arrived) < at
    assert collect(hourly) == sorted(set(CHOSEN) - arrived)
    assert {symbol: len(stored(hourly, symbol)) for symbol in CHOSEN} == dict.fromkeys(CHOSEN, 3)


def through_yahoo(graph: Graph, url: str) -> Callable[[], None]:
    """Let the graph ask the sandbox through the real client; give what closes it."""
    settings = current_settings().model_copy(update={"sandbox_url": url})
    state = LocalCoordination(settings.state_dir / "asked.sqlite3", graph.clock)
    graph.prices = graph.hours = clients.yahoo(settings, state)  # type: ignore[assignment]
    return state.close


def test_the_hours_of_the_sandbox_make_up_its_daily_bars(hourly: Graph) -> None:
    """Through the real client: a week of hours, and no request for a second run."""
    hourly.clock.now = ny(FRIDAY, 20)
    application = create_app(generated(7, clock=hourly.clock), hourly.clock)
    with SandboxServer(application) as server:
        close = through_yahoo(hourly, server.url)
        assert hourly.run(FRIDAY, only=("symbol_universe", "equity_bars")).success
        requests = f"{server.url}/_sandbox/requests"
        httpx.delete(requests, trust_env=False)
        for expected in (3, 3):
            result = hourly.run(MONDAY, FRIDAY, job="intraday_job")
            assert result.success
            counts = httpx.get(requests, trust_env=False).json()
            assert counts["vendors"]["yahoo"]["chart"] == expected
        close()
    assert all(each.passed for each in result.get_asset_check_evaluations())
    days = aggregated(hourly.warehouse.read(TABLE))
    daily = hourly.warehouse.read("equity_bars", first=MONDAY, symbols=list(CHOSEN))
    assert len(days) == 15
    columns = ["session_date", "symbol", "open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(days[columns], daily[columns])


def test_partitions_report_their_rows(hourly: Graph) -> None:
    """By day, as the UI shows them; weekends have none."""
    hourly.clock.now = ny(date(2026, 11, 23), 10, 35)
    result = hourly.run(FRIDAY, date(2026, 11, 23), job="intraday_job")
    found = {
        event.partition: event.materialization.metadata["dagster/partition_row_count"].value
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    }
    assert found == {"2026-11-20": 21, "2026-11-21": 0, "2026-11-22": 0, "2026-11-23": 3}
