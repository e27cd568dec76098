"""The real clients against the project's own sandbox: good days, and each way it misbehaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    Throttled,
    Unavailable,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.news import FetchedNews, NewsQuery
from market_pipeline.domain.ports import BAR_COLUMNS, OPTION_COLUMNS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox.application import create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.server import SandboxServer
from market_pipeline.vendors.finnhub import FinnhubClient
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizPageClient
from market_pipeline.vendors.news_chain import NewsChain
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.tiingo import TiingoClient
from market_pipeline.vendors.yahoo import YahooClient

NOW = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 7, 1), date(2026, 7, 31)
KEY = SecretStr("sandbox-needs-no-real-key")
PREMIUM = SecretStr("sandbox-premium-key")
SINCE = datetime(2026, 7, 28, tzinfo=UTC)


def about(*symbols: str, portfolio: str | None = None) -> NewsQuery:
    return NewsQuery(symbols, SINCE, portfolio)


@dataclass(frozen=True)
class Clients:
    url: str
    yahoo: YahooClient
    polygon: PolygonClient
    export: FinvizExportClient
    page: FinvizPageClient
    tiingo: TiingoClient
    finnhub: FinnhubClient

    @property
    def all(self) -> tuple[Any, ...]:
        return (
            self.yahoo, self.polygon, self.export, self.page, self.tiingo, self.finnhub
        )  # fmt: skip


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Clients]:
    calendar = TradingCalendar.xnys()
    market = GeneratedMarket(7, lambda: NOW, calendar)
    with SandboxServer(create_app(market, lambda: NOW)) as server:
        policy = CallPolicy(attempts=1, timeout_s=5.0)
        clients = Clients(
            server.url,
            YahooClient(f"{server.url}/yahoo", name="yahoo:sandbox", policy=policy),
            PolygonClient(f"{server.url}/polygon", KEY, policy=policy),
            FinvizExportClient(
                f"{server.url}/finviz_elite", KEY, policy=policy, portfolio_ids={"growth": 123}
            ),
            FinvizPageClient(f"{server.url}/finviz", clock=lambda: NOW, policy=policy),
            TiingoClient(f"{server.url}/tiingo", KEY, policy=policy),
            FinnhubClient(
                f"{server.url}/finnhub", PREMIUM, clock=lambda: NOW, policy=policy, premium=True
            ),
        )
        yield clients
        for client in clients.all:
            client.close()


@pytest.fixture
def faulty(sandbox: Clients) -> Iterator[Any]:
    """Give a function that sets one fault; rules are cleared afterwards."""

    def set_fault(vendor: str, kind: str, **params: Any) -> None:
        rule: dict[str, Any] = {
            "kind": kind,
            "vendor": vendor,
            "path": "chart|aggs|news|quote",
        }
        if params:
            rule["params"] = params
        httpx.post(f"{sandbox.url}/_sandbox/faults", json=rule).raise_for_status()

    yield set_fault
    httpx.delete(f"{sandbox.url}/_sandbox/faults").raise_for_status()


def test_bars_cover_the_sessions(sandbox: Clients) -> None:
    """One row a session, through the real yfinance."""
    fetched = sandbox.yahoo.daily_bars("BRK.B", FIRST, LAST)
    assert tuple(fetched.frame.columns) == BAR_COLUMNS
    assert [day.date() for day in fetched.frame["session_date"]] == TradingCalendar.xnys().sessions(
        FIRST, LAST
    )
    with pytest.raises(UnknownSymbol):
        sandbox.yahoo.daily_bars("ZZTOP", FIRST, LAST)


def test_a_chain_is_read_page_by_page_and_its_contracts_have_bars(sandbox: Clients) -> None:
    """The sandbox names the vendor's own host in `next_url`; the client stays here."""
    chain = sandbox.polygon.chain("AAPL", LAST)
    assert chain.rejected == ()
    assert tuple(chain.frame.columns) == OPTION_COLUMNS
    assert chain.frame["symbol"].is_unique
    quoted = chain.frame[chain.frame["bid"].notna() & chain.frame["last"].notna()]
    assert len(quoted)
    listed = sandbox.polygon.contracts("AAPL").frame
    assert set(chain.frame["symbol"]) <= set(listed["symbol"])
    busiest = str(quoted.sort_values("volume")["symbol"].iloc[-1])
    bars = sandbox.polygon.daily_bars(busiest, FIRST, LAST)
    assert bars.rejected == ()
    assert bars.frame["last"].gt(0).all()
    assert len(bars.frame)


def told(news: FetchedNews) -> set[Any]:
    """Give what every source tells of an item; the page knows no seconds."""
    return {(n.headline, n.published_at.replace(second=0, microsecond=0)) for n in news.items}


def test_every_news_source_tells_the_same(sandbox: Clients) -> None:
    """Export, page, Tiingo and Finnhub, each in its own format, of the days they all cover."""
    asked = about("AAPL", "BRK.B")
    sources = (sandbox.export, sandbox.page, sandbox.tiingo, sandbox.finnhub)
    fetched = [source.headlines(asked) for source in sources]
    assert all(news.items and not news.rejected for news in fetched)
    since = datetime(2026, 7, 29, tzinfo=UTC)
    recent = [{one for one in told(news) if one[1] >= since} for news in fetched]
    assert len(recent[0]) > 5
    assert recent[0] == recent[1] == recent[2] == recent[3]
    exported, wired = fetched[0].items, fetched[2].items
    assert not any("<b>" in item.headline for item in (*exported, *wired))
    assert any(item.description for item in wired)
    assert not any("<" in item.description for item in wired)
    assert {len(item.symbols) > 1 for item in wired} == {True, False}


def test_unknown_symbols_are_told_where_a_source_tells_them(sandbox: Clients) -> None:
    """The page answers 404; the others give what they know."""
    asked = about("AAPL", "ZZTOP")
    shown = sandbox.page.headlines(asked)
    assert [(row.symbol, row.rule) for row in shown.rejected] == [("ZZTOP", "unknown_symbol")]
    for source in (sandbox.export, sandbox.tiingo, sandbox.finnhub):
        news = source.headlines(asked)
        assert news.items
        assert news.rejected == ()


def test_companies_are_described_alike_by_page_and_export(sandbox: Clients) -> None:
    """Name, sector and industry."""
    shown = sandbox.page.headlines(about("AAPL", "T")).companies
    exported = sandbox.export.companies(["AAPL", "T", "ZZTOP"])

    def said(companies: Any) -> list[Any]:
        return [(one.symbol, one.name, one.sector, one.industry) for one in companies]

    assert said(shown) == said(exported)
    assert said(shown)[1][:3] == ("T", "AT&T Inc.", "Communication Services")


def test_a_portfolio_is_exported_by_its_id(sandbox: Clients) -> None:
    """What it holds there is what comes, asked for or not."""
    portfolios = f"{sandbox.url}/_sandbox/portfolios"
    httpx.post(portfolios, json={"123": ["KO", "PEP"]}).raise_for_status()
    news = sandbox.export.headlines(about("KO", portfolio="growth"))
    httpx.delete(portfolios).raise_for_status()
    assert told(news) == told(sandbox.export.headlines(about("KO", "PEP")))
    assert any("PEP" in item.symbols for item in news.items)


def test_finnhub_scores_what_a_premium_plan_covers(sandbox: Clients) -> None:
    """Each item of a symbol the same; a free key costs the scores only."""
    scored = sandbox.finnhub.headlines(about("KO")).items
    assert len({(item.vendor_score, item.vendor_confidence) for item in scored}) == 1
    assert scored[0].vendor_confidence is not None
    free = FinnhubClient(f"{sandbox.url}/finnhub", KEY, clock=lambda: NOW, premium=True)
    plain = free.headlines(about("KO")).items
    free.close()
    assert [item.headline for item in plain] == [item.headline for item in scored]
    assert {item.vendor_score for item in plain} == {None}


def test_every_client_can_be_probed(sandbox: Clients) -> None:
    """`doctor` asks each of them."""
    for client in sandbox.all:
        assert client.probe().startswith("answers in ")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("rate_limited", Throttled),
        ("server_error", Unavailable),
        ("timeout", Unavailable),
        ("slow_body", Unavailable),
        ("reset", Unavailable),
        ("truncated", VendorError),
        ("html", BadPayload),
        ("nan", BadPayload),
        ("renamed", LayoutChanged),
    ],
)
def test_each_fault_is_a_typed_error(
    sandbox: Clients, faulty: Any, kind: str, error: type[VendorError]
) -> None:
    """Yahoo and Polygon, spoilt the same way, fail the same way; afterwards all is well."""
    policy = CallPolicy(attempts=1, timeout_s=0.7)
    yahoo = YahooClient(f"{sandbox.url}/yahoo", policy=policy)
    polygon = PolygonClient(f"{sandbox.url}/polygon", KEY, policy=policy)
    contract = str(sandbox.polygon.chain("KO", LAST).frame["symbol"].iloc[0])
    for vendor in ("yahoo", "polygon"):
        faulty(vendor, kind)
    try:
        with pytest.raises(error):
            yahoo.daily_bars("KO", FIRST, LAST)
        with pytest.raises(error):
            polygon.daily_bars(contract, FIRST, LAST)
    finally:
        yahoo.close()
        polygon.close()


FAILURES = [
    ("rate_limited", Throttled),
    ("server_error", Unavailable),
    ("timeout", Unavailable),
    ("slow_body", Unavailable),
    ("reset", Unavailable),
    ("truncated", BadPayload),
    ("html", Blocked),
    ("login_page", Blocked),
    ("empty_body", BadPayload),
    ("renamed", LayoutChanged),
]


@pytest.mark.parametrize(("kind", "error"), FAILURES)
def test_a_spoilt_first_source_hands_over_to_the_second(
    sandbox: Clients, faulty: Any, kind: str, error: type[VendorError]
) -> None:
    """Whatever is wrong with the export or with Tiingo, the page and Finnhub have the news."""
    wait_s = 0.6 if kind in ("timeout", "slow_body") else 20.0  # a busy machine is no failure
    policy = CallPolicy(timeout_s=wait_s, deadline_s=wait_s, attempts=1)
    chains = (
        ("finviz_elite", FinvizExportClient(f"{sandbox.url}/finviz_elite", KEY, policy=policy),
         sandbox.page),
        ("tiingo", TiingoClient(f"{sandbox.url}/tiingo", KEY, policy=policy), sandbox.finnhub),
    )  # fmt: skip
    for vendor, first, second in chains:
        faulty(vendor, kind)
        collection = NewsChain("feed", (first, second), lambda: NOW).collect(about("AAPL"))
        first.close()
        assert {(item.source, item.is_failover) for item in collection.news.items} == {
            (second.name, True)
        }
        assert [attempt.error_kind for attempt in collection.attempts] == [error.kind, None]
        assert collection.attempts[0].duration_ms < 1500


def test_an_empty_answer_hands_over_too(sandbox: Clients, faulty: Any) -> None:
    """It is no error; but the second source may know more."""
    for vendor in ("finviz_elite", "tiingo"):
        faulty(vendor, "empty_list")
    for first, second in ((sandbox.export, sandbox.page), (sandbox.tiingo, sandbox.finnhub)):
        assert first.headlines(about("AAPL")).items == ()
        collection = NewsChain("feed", (first, second), lambda: NOW).collect(about("AAPL"))
        assert [attempt.error_kind for attempt in collection.attempts] == ["empty", None]
        assert collection.news.items


@pytest.mark.parametrize(("kind", "error"), FAILURES)
def test_a_spoilt_second_source_is_a_typed_error(
    sandbox: Clients, faulty: Any, kind: str, error: type[VendorError]
) -> None:
    """Finnhub fails as Tiingo does."""
    policy = CallPolicy(timeout_s=0.6, deadline_s=0.6, attempts=1)
    finnhub = FinnhubClient(f"{sandbox.url}/finnhub", KEY, clock=lambda: NOW, policy=policy)
    faulty("finnhub", kind)
    with pytest.raises(error):
        finnhub.headlines(about("AAPL"))
    finnhub.close()


def test_doubled_rows_are_one_row(sandbox: Clients, faulty: Any) -> None:
    """A row told twice is kept once: silently where nothing differs, else set aside."""
    clean = sandbox.yahoo.daily_bars("KO", FIRST, LAST).frame
    sources = (sandbox.export, sandbox.page, sandbox.tiingo, sandbox.finnhub)
    counts = [len(source.headlines(about("KO")).items) for source in sources]
    for vendor in ("yahoo", "finviz_elite", "finviz", "tiingo", "finnhub"):
        faulty(vendor, "duplicates")
    assert sandbox.yahoo.daily_bars("KO", FIRST, LAST).frame.equals(clean)
    assert [len(source.headlines(about("KO")).items) for source in sources] == counts


def test_negative_option_prices_are_set_aside(sandbox: Clients, faulty: Any) -> None:
    """One bad bar is rejected with its reason, the others stay."""
    chain = sandbox.polygon.chain("KO", LAST).frame
    contract = str(chain.sort_values("volume")["symbol"].iloc[-1])
    before = sandbox.polygon.daily_bars(contract, FIRST, LAST)
    faulty("polygon", "negative")
    after = sandbox.polygon.daily_bars(contract, FIRST, LAST)
    assert len(after.frame) == len(before.frame) - 1
    assert [(row.symbol, row.rule) for row in after.rejected] == [(contract, "bad_value")]
