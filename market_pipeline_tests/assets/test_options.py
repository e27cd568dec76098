"""What is asked of the option vendor, and which of its two answers a quote is kept from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.books import Position
from market_pipeline.domain.errors import NotEntitled, Unavailable
from market_pipeline.domain.ports import FetchedFrame, Rejected
from market_pipeline.domain.symbols import parse_occ
from market_pipeline.settings import forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import FakeOptions, option_frame

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 11, day) for day in range(16, 21))
IMPORTED = datetime(2026, 10, 30, 22, tzinfo=UTC)
CALL, PUT = "AAPL280121C00300000", "KO270115P00060000"
COLLECTED = ("symbol_universe", "option_quotes")


def evening(day: date) -> datetime:
    """Give an instant after the close of `day` and before anything else happens."""
    return datetime(day.year, day.month, day.day, 23, 30, tzinfo=UTC)


def option(number: int, occ: str, quantity: int = 1, shares: int = 100) -> Position:
    """Make a lot of an option held since before every test's range."""
    terms = parse_occ(occ)
    assert terms is not None
    return Position(
        position_no=number, symbol=occ, asset_class="option", quantity=Decimal(quantity),
        entry_price_usd=Decimal("4.20"), entry_date=date(2026, 4, 20), multiplier=shares,
        underlying=terms.stock, strike_usd=terms.strike_usd,
        expiration_date=terms.expiration_date, option_type=terms.option_type,
    )  # fmt: skip


@dataclass
class QuotedOptions(FakeOptions):
    """A source whose chain quotes some contracts: bid and ask around a price of their own."""

    quoted: Mapping[str, float] = field(default_factory=dict)
    rejects: tuple[Rejected, ...] = ()
    chain_fails: list[Exception] = field(default_factory=list)

    def chain(self, underlying: str, session: date) -> FetchedFrame:
        self.asked.append(f"chain:{underlying}")
        if self.chain_fails:
            raise self.chain_fails.pop(0)
        rows = [
            {
                **self._row(contract, session, "snapshot"),
                "bid": price - 0.5, "ask": price + 0.5, "delta": 0.4,
            }
            for contract, price in self.quoted.items()
            if contract.startswith(underlying)
        ]  # fmt: skip
        return FetchedFrame(option_frame(rows), self.rejects)


@pytest.fixture
def graph(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give the graph over a book of a call and a put, on Friday evening."""
    assert state_dir
    warehouse.import_book(
        book_of(stock(1, "AAPL"), option(2, CALL, 2), option(3, PUT, -3)), IMPORTED
    )
    options = QuotedOptions(quoted={CALL: 8.0, PUT: 2.0})
    made = Graph(warehouse, bars_of("AAPL", "KO", "SPY", "TLT"), options=options)
    made.clock.now = evening(FRIDAY)
    return made


def quotes(graph: Graph) -> dict[tuple[date, str], str]:
    """Give the kind of each stored quote by session and contract."""
    rows = graph.warehouse.read("option_quotes")
    return {
        (day.date(), symbol): kind
        for day, symbol, kind in zip(
            rows["session_date"], rows["symbol"], rows["quote_kind"], strict=True
        )
    }


def test_the_latest_session_is_quoted_by_the_chain_and_the_past_by_bars(graph: Graph) -> None:
    """Bars are asked once a contract, chains once an underlying; the chain's quote wins."""
    assert graph.run(WEDNESDAY, FRIDAY, only=COLLECTED).success
    assert sorted(graph.options.asked) == [CALL, PUT, "chain:AAPL", "chain:KO"]
    expected = {
        (day, contract): "snapshot" if day == FRIDAY else "daily_bar"
        for day in (WEDNESDAY, THURSDAY, FRIDAY)
        for contract in (CALL, PUT)
    }
    assert quotes(graph) == expected


@pytest.mark.parametrize("kept", ["whole", "held"])
def test_a_chain_is_kept_whole_or_narrowed_to_the_universe(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    """Thousands of strikes are told: all are quotes to look at, only those held are prices."""
    monkeypatch.setenv("MARKET_PIPELINE_OPTION_CHAINS", kept)
    forget_settings()
    other = "AAPL280121C00999000"
    graph.options = QuotedOptions(quoted={CALL: 8.0, PUT: 2.0, other: 1.0})
    assert graph.run(FRIDAY).success
    expected = {CALL, PUT} | ({other} if kept == "whole" else set())
    assert set(graph.warehouse.read("option_quotes")["symbol"]) == expected
    assert set(graph.warehouse.read("option_values")["symbol"]) == expected
    priced = graph.warehouse.read("market_data_cache", where={"asset_class": "option"})
    assert set(priced["symbol"]) == {CALL, PUT}


def test_what_the_vendor_left_out_is_computed_and_named(graph: Graph) -> None:
    """The chain sent a delta and no more; bars of a contract send none, and risk needs one."""
    assert graph.run(THURSDAY, FRIDAY).success
    rows = graph.warehouse.read("option_values", symbols=[PUT])
    sent = [set(text.split(",")) for text in rows["computed"]]
    rest = {"implied_volatility", "gamma", "theta", "vega", "underlying_price"}
    assert sent == [rest | {"delta"}, rest]
    assert rows["delta"].iloc[1] == 0.4
    assert -1 < rows["delta"].iloc[0] < 0
    cached = graph.warehouse.read("market_data_cache", symbols=[PUT])
    assert cached["delta"].tolist() == rows["delta"].tolist()
    close = graph.warehouse.read("equity_bars", first=THURSDAY, symbols=["KO"])["close"]
    assert rows["underlying_price"].tolist() == close.tolist()


def test_an_option_is_valued_at_the_middle_of_its_quote(graph: Graph) -> None:
    """Through the whole graph: 2 calls at 8.00 and 3 short puts at 2.00, 100 shares each."""
    assert graph.run(FRIDAY).success
    held = graph.warehouse.read("portfolio_positions", first=FRIDAY)
    values = dict(zip(held["symbol"], held["market_value_usd"], strict=True))
    assert values[CALL] == Decimal(1600)
    assert values[PUT] == Decimal(-600)
    cached = graph.warehouse.read("market_data_cache", symbols=[CALL])
    assert cached["price_kind"].tolist() == ["mid"]


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_mini_counts_for_ten_shares_wherever_it_is_counted(
    graph: Graph, warehouse: Warehouse, *, is_listed: bool
) -> None:
    """Bars of a contract tell no multiplier: it is that of the listing, else of the book."""
    mini = "AAPL7280121C00300000"
    warehouse.import_book(book_of(stock(1, "AAPL"), option(2, mini, 2, shares=10)), IMPORTED)
    graph.options.price = lambda contract, session: 5.0 + session.day / 100
    graph.options.listings = {"AAPL": [mini]} if is_listed else {}
    graph.options.shares = {mini: 10}
    assert graph.run(WEDNESDAY, THURSDAY).success
    read = partial(warehouse.read, first=THURSDAY, last=THURSDAY, symbols=[mini])
    (value,) = read("option_values").to_dict("records")
    assert value["multiplier"] == 10
    assert 0 < value["delta"] < 1
    (cached,) = read("market_data_cache").to_dict("records")
    assert (cached["multiplier"], cached["delta"]) == (10, value["delta"])
    (held,) = read("portfolio_positions").to_dict("records")
    assert (held["market_value_usd"], held["daily_pnl_usd"]) == (Decimal("103.8"), Decimal("0.2"))
    assert not read("symbol_factor_exposures").empty
    (share,) = warehouse.read("market_data_cache", first=THURSDAY, last=THURSDAY, symbols=["AAPL"])[
        "price_usd"
    ]
    exposed = read("position_factor_exposures")
    assert set(exposed["moves_with"]) == {"AAPL"}
    assert exposed["base_usd"].iloc[0] == pytest.approx(2 * 10 * value["delta"] * share)


def test_a_book_that_takes_a_mini_for_a_hundred_shares_is_warned_of(graph: Graph) -> None:
    """Nobody states the multiplier of a plain root: where the vendor lists another, it is told."""
    graph.options.listings, graph.options.shares = {"AAPL": [CALL], "KO": [PUT]}, {CALL: 10}
    verdicts = graph.run(FRIDAY).get_asset_check_evaluations()
    (verdict,) = [each for each in verdicts if each.check_name == "held_contracts_are_known"]
    assert not verdict.passed
    assert f"{CALL}: 100 in the book, 10 listed; state it in the column Multiplier" in str(
        verdict.description
    )


def test_a_chain_is_asked_for_once_a_session(graph: Graph) -> None:
    """Running the session again asks for nothing; the next one asks anew."""
    graph.clock.now = evening(THURSDAY)
    assert graph.run(THURSDAY, only=COLLECTED).success
    graph.options.asked.clear()
    assert graph.run(THURSDAY, only=COLLECTED).success
    assert graph.options.asked == []
    graph.clock.now = evening(FRIDAY)
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert sorted(graph.options.asked) == [CALL, PUT, "chain:AAPL", "chain:KO"]


def test_a_past_range_asks_for_no_chain(graph: Graph) -> None:
    """The chain tells of the present: a backfill of last week is bars only."""
    assert graph.run(MONDAY, TUESDAY, only=COLLECTED).success
    assert sorted(graph.options.asked) == [CALL, PUT]


def test_a_past_session_is_never_given_todays_chain(graph: Graph) -> None:
    """Made days later, alone or again after it was made, a session has what bars tell of it."""
    for _ in range(2):
        assert graph.run(THURSDAY, only=COLLECTED).success
    assert not any(asked.startswith("chain:") for asked in graph.options.asked)
    assert quotes(graph) == {(THURSDAY, CALL): "daily_bar", (THURSDAY, PUT): "daily_bar"}


def test_a_chain_that_comes_when_the_next_session_has_begun_is_not_kept(graph: Graph) -> None:
    """A queue of hours under a slow rate: what arrives on Monday's open is not Friday's."""
    options = graph.options
    assert isinstance(options, QuotedOptions)
    slow = options.chain

    def late(underlying: str, session: date) -> FetchedFrame:
        graph.clock.now = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
        return slow(underlying, session)

    options.chain = late  # type: ignore[method-assign]  # an hour passes while it answers
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert set(quotes(graph).values()) == {"daily_bar"}
    assert "chain:AAPL" not in graph.warehouse.coverage("option_quotes")
    failed = graph.warehouse.read("enrichment_fetch_log", where={"is_success": False})
    assert failed["error_detail"].str.contains("the session after 2026-11-20 has begun").all()
    assert len(failed)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ["chain:AAPL", "chain:KO", "chain:MSFT"]),
        ({"OPTION_CHAIN_UNDERLYINGS": "held"}, ["chain:AAPL", "chain:KO"]),
        ({"OPTION_CHAINS": "held"}, ["chain:AAPL", "chain:KO"]),
    ],
)
def test_chains_of_watched_stocks_are_asked_for_too(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: list[str]
) -> None:
    """By default; not where the setting says held, or where nothing of them would be kept."""
    for name, value in variables.items():
        monkeypatch.setenv(f"MARKET_PIPELINE_{name}", value)
    forget_settings()
    graph.warehouse.watch(["MSFT", "^GSPC"], IMPORTED)
    watched = "MSFT280121C00300000"
    graph.options = QuotedOptions(quoted={CALL: 8.0, PUT: 2.0, watched: 3.0})
    assert graph.run(FRIDAY, only=COLLECTED).success
    chains = [asked for asked in graph.options.asked if asked.startswith("chain:")]
    assert sorted(chains) == expected
    assert ((FRIDAY, watched) in quotes(graph)) == ("chain:MSFT" in expected)


def test_without_a_key_what_is_merely_watched_is_not_asked_about(graph: Graph) -> None:
    """A held option that goes unpriced is told of each day; a chain to look at is not."""
    graph.warehouse.watch(["MSFT"], IMPORTED)
    graph.options.is_configured = False
    graph.options.fails = [NotEntitled("polygon", "chain", "no key")]
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert sorted(set(graph.options.asked)) == [CALL, PUT, "chain:AAPL", "chain:KO"]


def test_a_stale_quote_says_so_down_to_the_price(graph: Graph) -> None:
    """Quotes, completed values, the price and the record of doubts all carry the mark."""

    @dataclass
    class Stale(QuotedOptions):
        def chain(self, underlying: str, session: date) -> FetchedFrame:
            frame = super().chain(underlying, session).frame
            at = pd.Timestamp(evening(TUESDAY)).as_unit("us")
            return FetchedFrame(frame.assign(quoted_at=at, is_stale=True, last=float("nan")))

    graph.options = Stale(quoted={CALL: 8.0, PUT: 2.0})
    assert graph.run(FRIDAY).success
    values = graph.warehouse.read("option_values", first=FRIDAY)
    assert values["flags"].tolist() == ["stale_quote"] * 2
    assert {at.date() for at in values["quoted_at"]} == {TUESDAY}
    priced = graph.warehouse.read("market_data_cache", first=FRIDAY, symbols=[CALL])
    assert (priced["price_usd"].tolist(), priced["flags"].tolist()) == ([8.0], ["stale_quote"])
    doubts = graph.warehouse.read("quarantine", where={"rule": "stale_quote"})
    assert set(doubts["symbol"]) == {CALL, PUT}


def test_while_the_market_is_open_the_chain_tells_of_no_session(graph: Graph) -> None:
    """Friday noon's quotes are not Thursday's close: they are not asked for, bars are."""
    graph.clock.now = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    assert graph.run(THURSDAY, only=COLLECTED).success
    assert sorted(graph.options.asked) == [CALL, PUT]


def test_a_quote_of_the_chain_is_not_replaced_by_a_later_bar(graph: Graph) -> None:
    """Friday's run asks bars from Thursday on; Thursday keeps its bid, ask and delta."""
    graph.clock.now = evening(THURSDAY)
    assert graph.run(THURSDAY, only=COLLECTED).success
    kept = graph.warehouse.read("option_quotes", last=THURSDAY)
    assert kept["bid"].tolist() == [7.5, 1.5]
    graph.clock.now = evening(FRIDAY)
    assert graph.run(FRIDAY, only=COLLECTED).success
    pd.testing.assert_frame_equal(graph.warehouse.read("option_quotes", last=THURSDAY), kept)
    assert set(quotes(graph).values()) == {"snapshot"}


def test_after_weeks_of_rest_the_chain_is_asked_for_again(graph: Graph) -> None:
    """A pipeline that stood still from the 2nd to the 20th goes on."""
    graph.clock.now = evening(date(2026, 11, 2))
    assert graph.run(date(2026, 11, 2), only=COLLECTED).success
    graph.clock.now = evening(FRIDAY)
    result = graph.run(FRIDAY, only=COLLECTED)
    assert failed_steps(result) == []
    assert graph.options.asked.count("chain:AAPL") == 2
    assert quotes(graph)[FRIDAY, CALL] == "snapshot"


def test_an_expired_contract_is_not_asked_for(graph: Graph) -> None:
    """On its last day a contract is asked for; afterwards neither it nor its chain is."""
    expired = option(2, "KO261118C00060000")
    graph.warehouse.import_book(book_of(stock(1, "AAPL"), expired), IMPORTED)
    graph.clock.now = evening(WEDNESDAY)
    assert graph.run(WEDNESDAY, only=COLLECTED).success
    assert sorted(graph.options.asked) == ["KO261118C00060000", "chain:KO"]
    graph.options.asked.clear()
    graph.clock.now = evening(FRIDAY)
    assert graph.run(THURSDAY, FRIDAY, only=COLLECTED).success
    assert graph.options.asked == []


def test_books_without_options_ask_for_nothing(graph: Graph) -> None:
    """No contract, no request; the graph goes on to the snapshots."""
    graph.warehouse.import_book(book_of(stock(1, "AAPL")), IMPORTED)
    assert graph.run(FRIDAY).success
    assert graph.options.asked == []
    assert graph.warehouse.count("portfolio_snapshots") == 1


def test_a_plan_without_chains_leaves_the_bars(graph: Graph) -> None:
    """Where only the chain is refused, the position is valued at its last trade."""
    assert isinstance(graph.options, QuotedOptions)
    graph.options.chain_fails = [NotEntitled("fake", "chain", "plan")] * 2
    assert graph.run(FRIDAY).success
    assert set(quotes(graph).values()) == {"daily_bar"}
    cached = graph.warehouse.read("market_data_cache", symbols=[CALL])
    assert cached["price_kind"].tolist() == ["last"]
    log = graph.warehouse.read("enrichment_fetch_log", where={"error_kind": "not_entitled"})
    assert sorted(log["subject"]) == ["chain:AAPL", "chain:KO"]
    log = graph.warehouse.read("enrichment_fetch_log", where={"asset": "option_quotes"})
    asked = {(row["timeframe"], "chain" in row["subject"]) for row in log.to_dict("records")}
    assert asked == {("1d", False), ("snapshot", True)}


def test_a_chain_that_fails_is_asked_for_by_the_retry_alone(graph: Graph) -> None:
    """What was answered is not asked for again."""
    assert isinstance(graph.options, QuotedOptions)
    graph.options.chain_fails = [Unavailable("fake", "chain", "HTTP 503")]
    assert graph.run(FRIDAY, only=COLLECTED).success
    assert graph.options.asked.count(CALL) == graph.options.asked.count(PUT) == 1
    assert sum(asked.startswith("chain:") for asked in graph.options.asked) == 3
    assert set(quotes(graph).values()) == {"snapshot"}


def test_a_rejected_quote_is_kept_with_its_reason(graph: Graph) -> None:
    """What the vendor sent and cannot be used stands in quarantine, under the asset's name."""
    bad = Rejected(CALL, FRIDAY, "bad_value", "bid -1", "a price is not negative")
    assert isinstance(graph.options, QuotedOptions)
    graph.options = replace(graph.options, rejects=(bad,))
    assert graph.run(FRIDAY, only=COLLECTED).success
    found = graph.warehouse.read("quarantine", where={"asset": "option_quotes"})
    assert found[["symbol", "rule", "severity"]].values.tolist() == [
        [CALL, "bad_value", "rejected"]
    ]
