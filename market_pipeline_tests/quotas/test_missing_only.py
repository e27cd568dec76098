"""Whatever went wrong, the next run asks for what is missing, as the count of requests proves."""

import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.assets.prices import BARS
from market_pipeline.domain.collection import plan_gaps
from market_pipeline.domain.errors import QuotaEnded, Unavailable
from market_pipeline.domain.ports import FetchedFrame, QuotaStatus
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import HISTORY_FROM, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import FakeClock, FakePrices, steady_bars
from market_pipeline_tests.new_processes import new_process

FRIDAY = date(2026, 11, 20)
COLLECTED = ("symbol_universe", "equity_bars")
HELD = ("AAPL", "KO", "MSFT", "PEP")
PROXIES = ("SPY", "TLT")
WATCHED = tuple(f"W{number:02d}" for number in range(12))
FIRST_IN_LINE = frozenset({*HELD, *PROXIES})


@dataclass
class Metered(FakePrices):
    """A vendor with a quota of `per_day` requests, its own count, and hooks to go wrong."""

    clock: FakeClock = field(default_factory=FakeClock)
    per_day: int = 10**9
    used: dict[date, int] = field(default_factory=dict)
    before: Callable[[str], None] | None = None

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        today = self.clock().date()
        if self.used.get(today, 0) >= self.per_day:
            raise QuotaEnded(self.name, "bars", "used up", self.status().resets_at)
        if self.before is not None:
            self.before(symbol)
        self.used[today] = self.used.get(today, 0) + 1
        return super().daily_bars(symbol, first, last)

    def take(self) -> bool:
        return True

    def exhaust(self) -> None:
        """Its own count ends the day."""

    def status(self) -> QuotaStatus:
        now = self.clock()
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        used = min(self.used.get(now.date(), 0), self.per_day)
        return QuotaStatus(self.name, self.per_day, used, midnight)


@pytest.fixture
def graph(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give the graph over a book of four stocks, two proxies and twelve watched symbols."""
    book = book_of(*(stock(number, symbol) for number, symbol in enumerate(HELD, 1)))
    at = datetime(2026, 11, 20, 22, tzinfo=UTC)
    warehouse.import_book(book, at)
    warehouse.watch(WATCHED, at)
    return graph_over(warehouse)


def graph_over(warehouse: Warehouse) -> Graph:
    """Give the graph over a warehouse, with a vendor that knows every symbol."""
    frames = {
        s: steady_bars(s, HISTORY_FROM, date(2026, 11, 24)) for s in (*FIRST_IN_LINE, *WATCHED)
    }
    made = Graph(warehouse, Metered(frames))
    vendor_of(made).clock = made.clock
    return made


def vendor_of(graph: Graph) -> Metered:
    assert isinstance(graph.prices, Metered)
    return graph.prices


def collect(graph: Graph) -> list[str]:
    """Run the collection of a Friday; give the symbols the vendor was asked for in it."""
    vendor_of(graph).asked.clear()
    graph.run(FRIDAY, only=COLLECTED)
    return [symbol for symbol, _, _ in vendor_of(graph).asked]


def stored(graph: Graph) -> set[str]:
    return set(graph.warehouse.read(BARS, columns=["session_date", "symbol"])["symbol"])


def jobs(graph: Graph) -> pd.DataFrame:
    return graph.warehouse.read("collection_jobs").set_index("subject")


EVERYTHING = {*FIRST_IN_LINE, *WATCHED}


def test_a_days_quota_goes_to_the_held_first_and_the_rest_waits(graph: Graph) -> None:
    """Day by day the rest follows, each asked once; when nothing is missing nobody is asked."""
    vendor_of(graph).per_day = 8
    first = collect(graph)
    assert len(first) == 8
    assert set(first[:6]) == FIRST_IN_LINE
    statuses = jobs(graph)["status"]
    assert statuses.value_counts().to_dict() == {"completed": 8, "deferred": 10}
    assert set(statuses[statuses == "deferred"].index) <= set(WATCHED)
    assert jobs(graph).loc[statuses == "deferred", "due_at"].unique().tolist() == [
        pd.Timestamp(datetime(2026, 11, 22, tzinfo=UTC))
    ]
    assert collect(graph) == []  # the day is still used up
    graph.clock.now += timedelta(days=1)
    second = collect(graph)
    graph.clock.now += timedelta(days=1)
    third = collect(graph)
    assert sorted([*first, *second, *third]) == sorted(EVERYTHING)
    assert (len(second), len(third)) == (8, 2)
    graph.clock.now += timedelta(days=1)
    assert collect(graph) == []
    assert set(jobs(graph)["status"]) == {"completed"}


def test_deferred_symbols_fail_no_run_and_are_told(graph: Graph) -> None:
    """In the run's metadata and, with what is left, in the fetch log."""
    vendor = vendor_of(graph)
    vendor.per_day = 7
    chain = PriceChain("prices", {"yahoo": Member(vendor, vendor)}, Orders(("yahoo",)))
    graph.prices = chain  # type: ignore[assignment]  # any source of prices will do
    result = graph.run(FRIDAY, only=COLLECTED)
    assert result.success
    (event,) = [e for e in result.all_events if e.is_step_materialization
                and e.asset_key and e.asset_key.to_user_string() == BARS]  # fmt: skip
    metadata = {k: v.value for k, v in event.materialization.metadata.items()}
    assert metadata["subjects_deferred"] == 11
    assert metadata["deferred_until"] == "2026-11-22T00:00:00+00:00"
    assert metadata["quota_left"] == "fake: 0"
    log = graph.warehouse.read("enrichment_fetch_log")
    assert sorted(log.loc[log["is_success"], "quota_left"].astype(int))[0] == 0
    assert set(log.loc[~log["is_success"], "error_kind"]) == {"quota_ended"}


PRICED = ("symbol_universe", "equity_bars", "market_data_cache")
COVER = "prices_cover_the_universe"


def coverage(graph: Graph, day: date) -> dg.AssetCheckEvaluation:
    """Make a session's prices; give the verdict on how they cover the universe."""
    result = graph.run(day, only=PRICED)
    (verdict,) = [e for e in result.get_asset_check_evaluations() if e.check_name == COVER]
    assert result.success == verdict.passed
    return verdict


def test_what_the_quota_deferred_is_excused_until_a_session_later(graph: Graph) -> None:
    """Friday's run is green and says until when; Monday's is red where they are missing still."""
    vendor_of(graph).per_day = 8
    monday = date(2026, 11, 23)
    friday = coverage(graph, FRIDAY)
    assert friday.passed
    assert "10 are deferred until 2026-11-22 00:00 UTC" in (friday.description or "")
    assert friday.metadata["deferred"].value == ", ".join(sorted(EVERYTHING - stored(graph)))
    graph.clock.now = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    assert coverage(graph, FRIDAY).passed  # another window, and no session later
    left = sorted(EVERYTHING - stored(graph))
    assert len(left) == 2
    graph.clock.now = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    late = coverage(graph, monday)  # the held and the next in line take all of Monday's requests
    assert not late.passed
    assert "2 were deferred and are missing a session later" in (late.description or "")
    assert late.metadata["deferred_too_long"].value == ", ".join(left)


def test_a_session_later_within_one_day_of_the_quota_is_no_new_window(graph: Graph) -> None:
    """Deferred on Tuesday at 01:00 UTC, judged at 22:00 after the next close: one day still."""
    vendor_of(graph).per_day = 8
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    graph.clock.now = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert coverage(graph, monday).passed
    vendor_of(graph).per_day = 16
    graph.clock.now = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
    assert coverage(graph, tuesday).metadata["deferred_too_long"].value == ""


def test_a_symbol_that_is_answered_is_no_longer_deferred(graph: Graph) -> None:
    """The first deferral counts, however often it is repeated, until there is an answer."""
    vendor_of(graph).per_day = 8
    collect(graph)
    at = pd.Timestamp(graph.clock.now)
    assert set(jobs(graph)["deferred_since"].dropna()) == {at}
    graph.clock.now += timedelta(days=1)
    collect(graph)
    left = jobs(graph)
    assert left.loc[left["status"] == "completed", "deferred_since"].isna().all()
    again = left[left["status"] == "deferred"]
    assert set(again["deferred_since"]) == {at}
    assert set(again["due_at"]) == {pd.Timestamp(datetime(2026, 11, 23, tzinfo=UTC))}


@pytest.mark.parametrize("count", [1, 10])
def test_failing_symbols_are_asked_for_again_and_only_they(graph: Graph, count: int) -> None:
    """One or ten: what arrived stays, and the next run asks for the rest."""
    failing = sorted(EVERYTHING)[:count]
    for symbol in failing:
        vendor_of(graph).fails[symbol] = [Unavailable("fake", "bars", "HTTP 503")] * 4
    collect(graph)
    assert stored(graph) == EVERYTHING - set(failing)
    failed = jobs(graph).loc[failing]
    assert set(failed["status"]) <= {"failed", "retry"}
    assert all("HTTP 503" in error for error in failed["last_error"])
    for symbol in failing:
        vendor_of(graph).fails[symbol].clear()
    assert sorted(collect(graph)) == failing
    assert stored(graph) == EVERYTHING
    assert collect(graph) == []


def test_after_an_hour_of_outage_each_symbol_is_asked_for_once(graph: Graph) -> None:
    """Nothing is lost and nothing asked twice, wherever the outage began."""
    vendor, opened = vendor_of(graph), graph.clock.now

    def down(symbol: str) -> None:
        began = len(vendor.asked) >= 5
        if began and graph.clock.now < opened + timedelta(hours=1):
            raise Unavailable("fake", "bars", "HTTP 503")

    vendor.before = down
    collect(graph)
    arrived = stored(graph)
    assert 5 <= len(arrived) < len(EVERYTHING)
    graph.clock.now += timedelta(hours=1)
    vendor.before = None
    assert sorted(collect(graph)) == sorted(EVERYTHING - arrived)
    assert collect(graph) == []


def die_at(url: str, at: int) -> None:
    """Collect in a process of its own, which is killed as it makes its request number `at`."""
    begun = itertools.count(1)

    def kill(_symbol: str) -> None:
        if next(begun) >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    graph = graph_over(Warehouse.open(url))
    vendor_of(graph).before = kill
    collect(graph)


@pytest.mark.parametrize("at", [1, 6, 11, 18])
def test_a_run_killed_at_any_request_is_taken_up_where_it_was(
    graph: Graph, tmp_path: Path, at: int
) -> None:
    """What was committed is not asked for again; what was not, is."""
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    child = new_process(die_at, url, at)
    child.start()
    child.join(100)
    assert child.exitcode == -signal.SIGKILL
    arrived = stored(graph)
    assert len(arrived) < at
    assert "in_progress" in set(jobs(graph)["status"])
    assert sorted(collect(graph)) == sorted(EVERYTHING - arrived)
    assert stored(graph) == EVERYTHING
    assert set(jobs(graph)["status"]) == {"completed"}


def test_the_thousandth_run_on_unchanged_data_asks_nobody(graph: Graph) -> None:
    """The plan of every further run is empty; two of them are whole runs, to be sure."""
    assert sorted(collect(graph)) == sorted(EVERYTHING)
    first = graph.warehouse.coverage(BARS)
    wanted = {name: (known.first_date, known.last_date) for name, known in first.items()}
    assert collect(graph) == []
    for _ in range(1000):
        graph.clock.now += timedelta(minutes=5)
        assert plan_gaps(wanted, graph.warehouse.coverage(BARS), graph.clock()) == []
    assert collect(graph) == []
