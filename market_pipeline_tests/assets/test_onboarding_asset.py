"""Onboarding in the graph: new symbols first, waited for, and the file settled by its run."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from market_pipeline.domain.errors import Unavailable
from market_pipeline.domain.onboarding import Onboarding
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations import onboarding
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 1, tzinfo=UTC)
CALENDAR = TradingCalendar.xnys()


def of(graph: Graph, name: str = "small") -> Onboarding:
    """Give the onboarding of a portfolio."""
    (one,) = graph.warehouse.onboarding.all(name)
    return one


def steps(graph: Graph, name: str = "small") -> dict[str, tuple[str, int, str]]:
    """Give state, count and reason of each step."""
    rows = onboarding.steps(graph.warehouse, CALENDAR, name)
    return {
        row["step"]: (row["state"], row["done"], row["reason"]) for row in rows.to_dict("records")
    }


def test_a_run_leads_an_imported_file_to_its_snapshot(graph: Graph) -> None:
    """Before it everything is pending, after it everything is complete, by that run."""
    assert steps(graph)["history"][:2] == ("pending", 0)
    assert steps(graph)["snapshot"][0] == "pending"
    run = graph.run(FRIDAY)
    assert run.success
    one = of(graph)
    assert (one.state, one.session_date, one.run_id, one.attempts) == (
        "completed", FRIDAY, run.run_id, 1,
    )  # fmt: skip
    assert steps(graph) == {
        "imported": ("completed", 2, ""),
        "symbols": ("completed", 2, "2 new, 0 known"),
        "history": ("completed", 2, ""),
        "profiles": ("completed", 2, ""),
        "factors": ("completed", 2, ""),
        "snapshot": ("completed", 1, ""),
    }


def test_what_two_portfolios_ask_for_is_asked_for_once(graph: Graph) -> None:
    """A known symbol not at all; a new one of two files once, before the others' missing days."""
    assert graph.run(THURSDAY).success
    graph.prices.frames = {**graph.prices.frames, **bars_of("NEW").frames}
    graph.prices.asked.clear()
    graph.companies.asked.clear()
    for name in ("one", "two"):
        graph.warehouse.import_book(
            book_of(stock(1, "KO"), stock(2, "NEW"), portfolio_id=name), NOW
        )
    assert graph.run(FRIDAY).success
    asked = [symbol for symbol, *_ in graph.prices.asked]
    assert asked[0] == "NEW"
    assert asked.count("NEW") == asked.count("KO") == 1
    assert graph.companies.asked == ["NEW"]
    assert (of(graph, "one").known, of(graph, "two").new) == (("KO",), ("NEW",))
    assert {of(graph, name).state for name in ("one", "two")} == {"completed"}


def test_a_symbol_no_vendor_knows_holds_up_nobody(graph: Graph) -> None:
    """It ends as failed with that reason, asked for once; its portfolio has a snapshot."""
    book = book_of(stock(1, "AAPL"), stock(2, "NOSUCH"), portfolio_id="odd")
    graph.warehouse.import_book(book, NOW)
    assert graph.run(FRIDAY).success
    assert [symbol for symbol, *_ in graph.prices.asked].count("NOSUCH") == 1
    assert of(graph, "odd").state == "completed"
    state, done, reason = steps(graph, "odd")["history"]
    assert (state, done) == ("completed", 1)
    assert reason.startswith("failed: NOSUCH (no vendor knows it (unknown_symbol")
    assert steps(graph, "odd")["snapshot"] == ("completed", 1, "without a price: NOSUCH")
    rows = onboarding.symbols(graph.warehouse, CALENDAR, "odd").to_dict("records")
    of_it = {row["step"]: row["state"] for row in rows if row["symbol"] == "NOSUCH"}
    assert (of_it["history"], of_it["factors"]) == ("failed", "failed")
    assert {row["state"] for row in rows if row["symbol"] == "AAPL"} == {"completed"}


def many(graph: Graph, failures: int) -> None:
    """Import 30 symbols of which one fails so many times: no less than 95 % are answered."""
    names = [f"S{number:02}" for number in range(30)]
    graph.prices.frames = {**graph.prices.frames, **bars_of(*names).frames}
    graph.prices.fails["S07"] = [Unavailable("fake", "chart", "down")] * failures
    lots = (stock(number, name) for number, name in enumerate(names, 1))
    graph.warehouse.import_book(book_of(*lots, portfolio_id="wide"), NOW)


def test_the_snapshot_waits_for_a_new_symbol_that_fails_at_first(graph: Graph) -> None:
    """Where a known symbol would be passed over, a new one is tried again, and alone."""
    many(graph, failures=2)
    assert graph.run(FRIDAY).success
    asked = [symbol for symbol, *_ in graph.prices.asked]
    assert asked.count("S07") == 3
    assert asked.count("S08") == 1
    assert steps(graph, "wide")["snapshot"] == ("completed", 1, "")


def test_the_wait_has_an_end_and_says_what_is_missing(graph: Graph) -> None:
    """After four tries the rest goes on, and the symbol is failed with the vendor's error."""
    many(graph, failures=99)
    assert graph.run(FRIDAY).success
    assert [symbol for symbol, *_ in graph.prices.asked].count("S07") == 4
    state, done, reason = steps(graph, "wide")["history"]
    assert (state, done) == ("completed", 29)
    assert "S07" in reason
    assert "down" in reason
    assert steps(graph, "wide")["snapshot"] == ("completed", 1, "without a price: S07")


def test_a_known_symbol_that_fails_is_not_waited_for(graph: Graph) -> None:
    """Once onboarded, a missing day of one symbol in thirty is no reason to try again."""
    many(graph, failures=0)
    assert graph.run(THURSDAY, FRIDAY).success
    graph.clock.now = datetime(2026, 11, 24, 1, tzinfo=UTC)
    graph.prices.fails["S07"] = [Unavailable("fake", "chart", "down")] * 9
    graph.prices.asked.clear()
    graph.run(date(2026, 11, 23), only=["symbol_universe", "equity_bars"])
    assert [symbol for symbol, *_ in graph.prices.asked].count("S07") == 1


def test_a_run_of_older_sessions_leaves_an_onboarding_alone(graph: Graph) -> None:
    """The file wants its snapshot of the session before its import, not of any."""
    assert graph.run(date(2026, 11, 16)).success
    assert of(graph).state == "pending"


def test_a_run_that_fails_leaves_it_to_the_next(graph: Graph) -> None:
    """It stays in progress with what is stored, and the next run completes it."""
    graph.prices.fails["AAPL"] = [Unavailable("fake", "chart", "down")] * 4
    graph.prices.fails["KO"] = [Unavailable("fake", "chart", "down")] * 4
    assert not graph.run(FRIDAY).success
    assert of(graph).state == "processing"
    assert steps(graph)["history"][0] == "failed"
    assert steps(graph)["snapshot"][0] == "processing"
    assert graph.run(FRIDAY).success
    assert (of(graph).state, of(graph).attempts) == ("completed", 2)


def test_a_portfolio_without_a_snapshot_is_not_complete(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, state_dir: Path
) -> None:
    """A run whose snapshots lack the portfolio says so, and the check warns."""
    assert state_dir
    assert current_settings()
    read = Warehouse.read

    def without(self: Warehouse, table_name: str, **options: object) -> object:
        frame = read(self, table_name, **options)  # type: ignore[arg-type]  # as given
        return frame.iloc[:0] if table_name == "portfolio_snapshots" else frame

    monkeypatch.setattr(Warehouse, "read", without)
    run = graph.run(FRIDAY)
    assert of(graph).state == "failed"
    assert of(graph).reason == "its run made no snapshot of small in 2026-11-20"
    (told,) = [
        event.asset_check_evaluation_data
        for event in run.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and event.asset_check_evaluation_data.check_name == "imported_files_have_a_snapshot"
    ]
    assert not told.passed
