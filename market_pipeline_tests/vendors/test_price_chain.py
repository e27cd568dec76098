"""The chain of price sources: whose turn it is, whose bars count, what errors mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from market_pipeline.domain.errors import (
    CircuitOpen,
    MixedPrices,
    NotEntitled,
    QuotaEnded,
    Unavailable,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.ports import FetchedFrame, QuotaStatus
from market_pipeline.domain.price_conventions import RAW
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline_tests.fakes import FakePrices, steady_bars

FIRST, LAST = date(2026, 11, 16), date(2026, 11, 20)
NAMES = ("yahoo", "polygon", "alpha_vantage")


def bars(*symbols: str, name: str = "x") -> FakePrices:
    return FakePrices({s: steady_bars(s, FIRST, LAST) for s in symbols}, name=name)


def sources(**known: tuple[str, ...]) -> dict[str, FakePrices]:
    return {name: bars(*known.get(name, ("KO", "PEP", "^VIX")), name=name) for name in NAMES}


def chain_of(
    made: Mapping[str, FakePrices], orders: Orders | None = None, **options: object
) -> PriceChain:
    members = {name: Member(source) for name, source in made.items()}
    return PriceChain("prices", members, orders or Orders(NAMES), **options)  # type: ignore[arg-type]  # passed on as given


def asked(made: Mapping[str, FakePrices]) -> dict[str, list[str]]:
    return {name: [symbol for symbol, _, _ in one.asked] for name, one in made.items()}


def test_the_first_that_delivers_is_the_one() -> None:
    """Nobody after it is asked, and its name is on the answer."""
    made = sources()
    fetched = chain_of(made).daily_bars("KO", FIRST, LAST)
    assert (fetched.source, len(fetched.frame)) == ("yahoo", 5)
    assert asked(made) == {"yahoo": ["KO"], "polygon": [], "alpha_vantage": []}


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("yahoo", "chart", "down"), CircuitOpen("yahoo", "chart", "open"),
        NotEntitled("yahoo", "chart", "plan"), QuotaEnded("yahoo", "chart", "25"),
        UnknownSymbol("yahoo", "chart", "KO"),
    ],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
def test_after_any_failure_the_next_is_asked(error: VendorError) -> None:
    """The answer says who gave it in the end."""
    made = sources()
    made["yahoo"].fails["KO"] = [error]
    assert chain_of(made).daily_bars("KO", FIRST, LAST).source == "polygon"
    assert asked(made) == {"yahoo": ["KO"], "polygon": ["KO"], "alpha_vantage": []}


def test_orders_by_class_and_symbol() -> None:
    """A symbol's own order goes before its class's, that before the usual one."""
    made = sources()
    orders = Orders(
        ("yahoo",), {"etf": ("alpha_vantage",), "index": ("polygon",)}, {"PEP": ("polygon",)}
    )
    chain = chain_of(made, orders).knowing({"KO": "etf", "PEP": "etf"})
    told = [chain.daily_bars(symbol, FIRST, LAST).source for symbol in ("KO", "PEP", "^VIX")]
    assert told == ["alpha_vantage", "polygon", "polygon"]
    assert chain_of(made, orders).daily_bars("KO", FIRST, LAST).source == "yahoo"


def test_an_empty_answer_of_the_first_stands_where_others_have_nothing() -> None:
    """It is an answer even where the second is down; an empty second is none while the first is."""
    made = sources()
    for name in NAMES:
        made[name].frames = {"KO": steady_bars("KO", FIRST, LAST).iloc[:0]}
    assert chain_of(made).daily_bars("KO", FIRST, LAST).frame.empty
    made["polygon"].fails["KO"] = [Unavailable("polygon", "aggs", "down")]
    assert chain_of(made).daily_bars("KO", FIRST, LAST).frame.empty
    made["yahoo"].fails["KO"] = [Unavailable("yahoo", "chart", "down")]
    with pytest.raises(Unavailable):
        chain_of(made).daily_bars("KO", FIRST, LAST)


def test_a_symbol_one_source_does_not_know_is_unknown_where_the_others_have_nothing() -> None:
    """A source that cannot tell unknown from silent gives an empty answer, which proves nothing."""
    made = sources(yahoo=())
    made["polygon"].frames = {"KO": steady_bars("KO", FIRST, LAST).iloc[:0]}
    with pytest.raises(UnknownSymbol):
        chain_of(made, Orders(("yahoo", "polygon"))).daily_bars("KO", FIRST, LAST)


def test_where_all_fail_the_most_hopeful_error_is_raised() -> None:
    """An outage may pass before a quota does; only where nobody knows a symbol it is unknown."""
    made = sources()
    fails = {
        "yahoo": UnknownSymbol("yahoo", "chart", "KO"),
        "polygon": QuotaEnded("polygon", "aggs", "used", datetime(2026, 11, 21, tzinfo=UTC)),
        "alpha_vantage": Unavailable("alpha_vantage", "daily", "down"),
    }
    for number, expected in ((3, Unavailable), (2, QuotaEnded), (1, UnknownSymbol)):
        names = NAMES[:number]
        for name in names:
            made[name].fails["KO"] = [fails[name]]
        with pytest.raises(expected):
            chain_of(made, Orders(names)).daily_bars("KO", FIRST, LAST)


def test_a_source_without_a_key_is_left_out_and_named() -> None:
    """The others are asked; where none is there, the error says which setting helps."""
    made = {"yahoo": bars("KO", name="yahoo")}
    left_out = {"polygon": "polygon is left out: set POLYGON_KEY to use it"}
    chain = chain_of(made, Orders(("polygon", "yahoo")), left_out=left_out)
    assert chain.daily_bars("KO", FIRST, LAST).source == "yahoo"
    alone = chain_of({}, Orders(("polygon",)), left_out=left_out)
    with pytest.raises(NotEntitled, match="set POLYGON_KEY"):
        alone.daily_bars("KO", FIRST, LAST)


@dataclass
class RawPrices:
    """A source of raw bars, with what it suspects."""

    suspected: tuple[date, ...] = ()
    name: str = "raw"
    asked: list[str] = field(default_factory=list)

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        self.asked.append(symbol)
        frame: pd.DataFrame = steady_bars(symbol, first, last)
        return FetchedFrame(frame, convention=RAW, suspected_splits=self.suspected)


def test_raw_bars_in_which_a_split_may_lie_are_refused() -> None:
    """Beside adjusted ones they would show a jump that never was: the next source is asked."""
    raw, adjusted = RawPrices((date(2026, 11, 18),)), bars("KO", name="polygon")
    members = {"alpha_vantage": Member(raw), "polygon": Member(adjusted)}
    orders = Orders(("alpha_vantage", "polygon"))
    assert PriceChain("p", members, orders).daily_bars("KO", FIRST, LAST).source == "polygon"
    with pytest.raises(MixedPrices, match="2026-11-18"):
        PriceChain("p", members, Orders(("alpha_vantage",))).daily_bars("KO", FIRST, LAST)
    raw.suspected = ()
    assert PriceChain("p", members, orders).daily_bars("KO", FIRST, LAST).source == "raw"


class Left:
    """A quota of which a fixed number is left."""

    def take(self) -> bool:
        return True

    def exhaust(self) -> None:
        """Nobody says so here."""

    def status(self) -> QuotaStatus:
        return QuotaStatus("yahoo", 25, 18, datetime(2026, 11, 21, tzinfo=UTC))


def test_what_is_left_of_the_quota_is_told() -> None:
    """With the answer, for the fetch log."""
    member = Member(bars("KO", name="yahoo"), Left())
    chain = PriceChain("prices", {"yahoo": member}, Orders(("yahoo",)))
    assert chain.daily_bars("KO", FIRST, LAST).quota_left == 7
