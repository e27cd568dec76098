"""What a collected asset asks for, keeps, and does when a vendor fails it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from market_pipeline.assets.collecting import _committed
from market_pipeline.domain.books import Position
from market_pipeline.domain.errors import NotEntitled, Unavailable
from market_pipeline.domain.ports import CollectedBatch
from market_pipeline_tests.assets.conftest import book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import FakePrices, steady_bars
from market_pipeline_tests.warehouse.rows import bars, fetched

MONDAY, TUESDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
COLLECTED = ("symbol_universe", "equity_bars")


def test_a_second_run_asks_for_nothing_and_changes_no_row(graph: Graph) -> None:
    """What is known is not asked for again, and equal rows are not written again."""
    assert graph.run(MONDAY, FRIDAY).success
    tables = ("equity_bars", "market_data_cache", "symbol_factor_exposures", "portfolio_snapshots")
    before = {name: graph.warehouse.read(name) for name in tables}
    graph.prices.asked.clear()
    assert graph.run(MONDAY, FRIDAY).success
    assert graph.prices.asked == []
    for name in tables:
        pd.testing.assert_frame_equal(graph.warehouse.read(name), before[name])


def test_one_request_covers_a_symbols_whole_range(graph: Graph) -> None:
    """A range of sessions, and the year before it, is one request a symbol."""
    assert graph.run(MONDAY, FRIDAY, only=COLLECTED).success
    assert sorted(symbol for symbol, _, _ in graph.prices.asked) == ["AAPL", "KO", "SPY", "TLT"]
    assert all(last == FRIDAY for _, _, last in graph.prices.asked)
    assert all(first < MONDAY - timedelta(days=365) for _, first, _ in graph.prices.asked)


def test_a_later_range_asks_only_for_what_is_new(graph: Graph) -> None:
    """After Monday, Friday's run asks from Monday on: one stored session is asked for again."""
    assert graph.run(MONDAY, only=COLLECTED).success
    graph.prices.asked.clear()
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert {(first, last) for _, first, last in graph.prices.asked} == {(MONDAY, FRIDAY)}


def test_a_refused_answer_takes_none_along_that_arrived_with_it(graph: Graph) -> None:
    """Answers stored by one transaction fall apart into single ones where one is refused."""
    refused, good = (
        CollectedBatch(bars({(0, symbol): 1.0}), log=(fetched(symbol),))
        for symbol in ("AAPL", "MSFT")
    )
    refused = replace(refused, frame=refused.frame.drop(columns="close"))
    with pytest.raises(ValueError, match="close"):
        _committed(graph.warehouse, "equity_bars", [refused, good])
    assert set(graph.warehouse.read("equity_bars")["symbol"]) == {"MSFT"}


def test_an_unknown_symbol_is_reported_and_the_rest_goes_on(graph: Graph) -> None:
    """A symbol no vendor knows costs its own price only, and its position is named unpriced."""
    book = book_of(stock(1, "AAPL"), stock(2, "NOSUCH"))
    graph.warehouse.import_book(book, NOW)
    result = graph.run(FRIDAY)
    assert result.success
    snapshot = graph.warehouse.read("portfolio_snapshots").iloc[0]
    assert snapshot["unpriced_symbols"] == "NOSUCH"
    assert snapshot["unpriced_count"] == 1
    assert snapshot["market_value_usd"] > 0
    known = graph.warehouse.coverage("equity_bars")["NOSUCH"]
    assert known.outcome == "unknown_symbol"


def test_an_unknown_symbol_is_asked_for_again_after_a_day(graph: Graph) -> None:
    """A vendor's "no such symbol" stands for a day, not for ever."""
    graph.warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "NEW")), NOW)
    assert graph.run(FRIDAY, only=COLLECTED).success
    graph.prices.asked.clear()
    graph.clock.now += timedelta(hours=23)
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert graph.prices.asked == []
    graph.clock.now += timedelta(hours=2)
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert [symbol for symbol, _, _ in graph.prices.asked] == ["NEW"]
    known = graph.warehouse.coverage("equity_bars")["NEW"]
    assert known.last_date - known.first_date == timedelta(days=1)
    for hours, expected in ((25, ["NEW"]), (25, []), (25, ["NEW"]), (119, []), (2, ["NEW"])):
        graph.prices.asked.clear()
        graph.clock.now += timedelta(hours=hours)
        assert graph.run(FRIDAY, only=COLLECTED).success
        assert [symbol for symbol, _, _ in graph.prices.asked] == expected


def test_bars_without_a_universe_say_what_is_missing_and_what_to_do(graph: Graph) -> None:
    """Selected alone on a fresh state there is nothing to ask for."""
    result = graph.run(FRIDAY, only=("equity_bars",))
    said = {each.check_name: each.description for each in result.get_asset_check_evaluations()}
    assert "symbol_universe, which says what to ask for, has nothing of 1 of these days" in str(
        said["equity_bars_is_not_empty"]
    )
    assert "backfill --select symbol_universe,equity_bars" in str(said["equity_bars_is_not_empty"])


def test_a_failed_symbol_is_fetched_by_the_retry_and_only_it(graph: Graph) -> None:
    """The retry picks up where the step stopped: what arrived is not asked for again."""
    graph.prices.fails["AAPL"] = [Unavailable("fake", "chart", "HTTP 503")]
    result = graph.run(FRIDAY, only=COLLECTED)
    assert result.success
    asked = [symbol for symbol, _, _ in graph.prices.asked]
    assert asked.count("AAPL") == 2
    assert asked.count("KO") == asked.count("SPY") == 1
    log = graph.warehouse.read("enrichment_fetch_log", where={"subject": "AAPL"})
    assert list(log["is_success"]) == [False, True]
    assert list(log["error_kind"].fillna("")) == ["unavailable", ""]


def test_a_vendor_that_stays_down_fails_the_step_by_name(graph: Graph) -> None:
    """Below the coverage asked for, the asset fails loudly and nothing is built on the gap."""
    for symbol in ("AAPL", "KO"):
        graph.prices.fails[symbol] = [Unavailable("fake", "chart", "HTTP 503")] * 9
    result = graph.run(FRIDAY)
    assert failed_steps(result) == ["equity_bars"]
    failure = next(event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    assert error is not None
    assert error.cause is not None
    assert "2 of 4 subjects could not be fetched (AAPL, KO)" in error.cause.message
    assert graph.warehouse.count("portfolio_snapshots") == 0
    assert set(graph.warehouse.read("equity_bars")["symbol"]) == {"SPY", "TLT"}


def test_one_symbol_that_stays_down_does_not_hide_the_others(graph: Graph) -> None:
    """After its retries a single failing symbol of a small book is named, and the rest valued."""
    graph.prices.fails["KO"] = [Unavailable("fake", "chart", "HTTP 503")] * 9
    assert graph.run(FRIDAY).success
    snapshot = graph.warehouse.read("portfolio_snapshots").iloc[0]
    assert snapshot["unpriced_symbols"] == "KO"
    assert snapshot["long_usd"] > 0


def test_a_restated_history_replaces_the_stored_one(graph: Graph) -> None:
    """After a split the vendor's whole past is halved: stored bars follow, and so do prices."""
    assert graph.run(MONDAY).success
    halved = graph.prices.frames["AAPL"].copy()
    halved[["open", "high", "low", "close", "adj_close"]] /= 2
    split_day = halved["session_date"] == pd.Timestamp(TUESDAY)
    halved.loc[split_day, "split_ratio"] = 2.0
    graph.prices.frames = {**graph.prices.frames, "AAPL": halved}
    graph.clock.now += timedelta(minutes=1)
    assert graph.run(TUESDAY).success
    closes = graph.warehouse.read("equity_bars", symbols=["AAPL"], last=TUESDAY)
    expected = halved[halved["session_date"].between(closes["session_date"].min(), "2026-11-17")]
    assert closes["close"].tolist() == expected["close"].tolist()
    cached = graph.warehouse.read("market_data_cache", symbols=["AAPL"], last=TUESDAY)
    assert cached["price_usd"].tolist()[-2:] == expected["close"].tolist()[-2:]


def test_a_symbol_listed_late_owes_nothing_before_its_listing(graph: Graph) -> None:
    """Coverage counts a symbol from its first bar on."""
    young = steady_bars("YOUNG", date(2026, 11, 19), FRIDAY)
    graph.prices.frames = {**graph.prices.frames, "YOUNG": young}
    graph.warehouse.import_book(book_of(stock(1, "AAPL"), stock(2, "YOUNG")), NOW)
    assert graph.run(MONDAY, FRIDAY).success


def test_options_without_a_key_leave_the_position_named_and_the_graph_whole(graph: Graph) -> None:
    """No entitlement is no crash: the option stays unpriced and the snapshot says so."""
    option = Position(
        position_no=2, symbol="AAPL280121C00300000", asset_class="option", quantity=Decimal(2),
        entry_price_usd=Decimal("18.20"), entry_date=date(2026, 4, 20), multiplier=100,
        underlying="AAPL", strike_usd=Decimal(300), expiration_date=date(2028, 1, 21),
        option_type="call",
    )  # fmt: skip
    graph.warehouse.import_book(book_of(stock(1, "AAPL"), option), NOW)
    graph.options.fails = [NotEntitled("fake", "aggregates", "no key is set")]
    assert graph.run(FRIDAY).success
    snapshot = graph.warehouse.read("portfolio_snapshots").iloc[0]
    assert snapshot["unpriced_symbols"] == "AAPL280121C00300000"


def test_private_positions_and_cash_reach_no_vendor(graph: Graph) -> None:
    """What is not listed is valued by hand and never asked for."""
    private = Position(
        position_no=2, symbol="Harbour Fund", asset_class="private", quantity=Decimal(10),
        entry_price_usd=Decimal("1000"), entry_date=date(2025, 6, 2), multiplier=1,
    )  # fmt: skip
    cash = Position(
        position_no=3, symbol="CASH", asset_class="cash", quantity=Decimal("2500.50"),
        entry_price_usd=Decimal(1), entry_date=date(2025, 6, 2), multiplier=1,
    )  # fmt: skip
    graph.warehouse.import_book(book_of(stock(1, "AAPL"), private, cash), NOW)
    assert graph.run(FRIDAY).success
    assert {symbol for symbol, _, _ in graph.prices.asked} == {"AAPL", "SPY", "TLT"}
    snapshot = graph.warehouse.read("portfolio_snapshots").iloc[0]
    assert snapshot["cash_usd"] == Decimal("2500.5")
    assert snapshot["long_usd"] > Decimal(10_000)


def test_a_vendors_late_session_is_asked_for_again(graph: Graph) -> None:
    """A session not delivered yet stops the graph, stays open, and is filled when it comes."""
    whole = dict(graph.prices.frames)
    graph.prices.frames = {
        name: frame[frame["session_date"] < pd.Timestamp(FRIDAY)] for name, frame in whole.items()
    }
    early = graph.run(FRIDAY)
    assert failed_steps(early) == ["equity_bars_is_sound"]
    graph.prices.asked.clear()
    graph.prices.frames = whole
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert {symbol for symbol, _, _ in graph.prices.asked} == {"AAPL", "KO", "SPY", "TLT"}
    assert len(graph.warehouse.read("equity_bars", first=FRIDAY)) == 4


def test_the_price_source_is_named_on_every_row(graph: Graph) -> None:
    """Each bar says who told it."""
    graph.prices = FakePrices(graph.prices.frames, name="yahoo:sandbox")
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert set(graph.warehouse.read("equity_bars")["source"]) == {"yahoo:sandbox"}
