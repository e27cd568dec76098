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
from market_pipeline.domain.ports import BAR_COLUMNS, OPTION_COLUMNS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox.application import create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.server import SandboxServer
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizHeadlines, FinvizPageClient
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.yahoo import YahooClient

NOW = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 7, 1), date(2026, 7, 31)
KEY = SecretStr("sandbox-needs-no-real-key")


@dataclass(frozen=True)
class Clients:
    url: str
    yahoo: YahooClient
    polygon: PolygonClient
    export: FinvizExportClient
    page: FinvizPageClient


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
            FinvizExportClient(f"{server.url}/finviz_elite", KEY, policy=policy),
            FinvizPageClient(f"{server.url}/finviz", clock=lambda: NOW, policy=policy),
        )
        yield clients
        for client in (clients.yahoo, clients.polygon, clients.export, clients.page):
            client.close()


@pytest.fixture
def faulty(sandbox: Clients) -> Iterator[Any]:
    """Give a function that sets one fault; rules are cleared afterwards."""

    def set_fault(vendor: str, kind: str, **params: Any) -> None:
        rule: dict[str, Any] = {
            "kind": kind,
            "vendor": vendor,
            "path": "chart|aggs|news_export|quote",
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


def test_both_headline_paths_tell_the_same_news(sandbox: Clients) -> None:
    """To the minute, for the page knows no seconds."""
    exported = sandbox.export.headlines(["AAPL", "BRK.B"])
    shown = sandbox.page.headlines(["AAPL", "BRK.B", "ZZTOP"])
    assert exported.items
    assert exported.rejected == ()
    assert [(row.symbol, row.rule) for row in shown.rejected] == [("ZZTOP", "unknown_symbol")]

    def told(news: Any) -> set[Any]:
        return {(n.headline, n.publisher, n.published_at.replace(second=0)) for n in news.items}

    assert told(exported) == told(shown)
    pair = FinvizHeadlines(sandbox.export, sandbox.page)
    assert {item.source for item in pair.headlines(["AAPL"]).items} == {"finviz_export"}


def test_every_client_can_be_probed(sandbox: Clients) -> None:
    """`doctor` asks each of them."""
    for client in (sandbox.yahoo, sandbox.polygon, sandbox.export, sandbox.page):
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


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("login_page", Blocked),
        ("html", Blocked),
        ("renamed", LayoutChanged),
        ("server_error", Unavailable),
    ],
)
def test_a_spoilt_export_hands_over_to_the_page(
    sandbox: Clients, faulty: Any, kind: str, error: type[VendorError]
) -> None:
    """Whatever is wrong with the first path, the second one has the news."""
    faulty("finviz_elite", kind)
    with pytest.raises(error):
        sandbox.export.headlines(["AAPL"])
    news = FinvizHeadlines(sandbox.export, sandbox.page).headlines(["AAPL"])
    assert {item.source for item in news.items} == {"finviz_page"}


def test_doubled_rows_are_one_row(sandbox: Clients, faulty: Any) -> None:
    """A row told twice is kept once: silently where nothing differs, else set aside."""
    clean = sandbox.yahoo.daily_bars("KO", FIRST, LAST).frame
    told = len(sandbox.export.headlines(["KO"]).items)
    for vendor in ("yahoo", "finviz_elite"):
        faulty(vendor, "duplicates")
    assert sandbox.yahoo.daily_bars("KO", FIRST, LAST).frame.equals(clean)
    assert len(sandbox.export.headlines(["KO"]).items) == told


def test_negative_option_prices_are_set_aside(sandbox: Clients, faulty: Any) -> None:
    """One bad bar is rejected with its reason, the others stay."""
    chain = sandbox.polygon.chain("KO", LAST).frame
    contract = str(chain.sort_values("volume")["symbol"].iloc[-1])
    before = sandbox.polygon.daily_bars(contract, FIRST, LAST)
    faulty("polygon", "negative")
    after = sandbox.polygon.daily_bars(contract, FIRST, LAST)
    assert len(after.frame) == len(before.frame) - 1
    assert [(row.symbol, row.rule) for row in after.rejected] == [(contract, "bad_value")]
