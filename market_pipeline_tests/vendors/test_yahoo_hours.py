"""Hourly bars through the real yfinance: spans are kept, faults are typed, nulls are no trades."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from market_pipeline.domain.errors import (
    BadPayload,
    LayoutChanged,
    QuotaEnded,
    Throttled,
    Unavailable,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.intraday import judge
from market_pipeline.domain.ports import QuotaStatus
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.yahoo import YahooClient
from market_pipeline_tests.vendors.loopback import Loopback, serving
from market_pipeline_tests.vendors.test_yahoo import answering, charts_asked

CALENDAR = TradingCalendar.xnys()
DAY = date(2024, 7, 1)
OPEN = CALENDAR.open_at(DAY)
STARTS = [int((OPEN + timedelta(hours=n)).timestamp()) for n in range(3)]


def chart(change: Callable[[dict[str, Any]], None] | None = None) -> bytes:
    """A good chart of three hours, or one changed in a way a test wants."""
    period = {"timezone": "EDT", "start": STARTS[0], "end": STARTS[0] + 23_400, "gmtoffset": -14400}
    result: dict[str, Any] = {
        "meta": {
            "symbol": "KO", "currency": "USD", "instrumentType": "EQUITY", "priceHint": 2,
            "exchangeTimezoneName": "America/New_York", "dataGranularity": "1h",
            "validRanges": ["1d", "max"], "tradingPeriods": [[period]],
        },
        "timestamp": list(STARTS),
        "indicators": {
            "quote": [
                {
                    "open": [10.0, 11.0, 12.0], "high": [10.5, 11.5, 12.5],
                    "low": [9.5, 10.5, 11.5], "close": [10.1, 11.1, 12.1],
                    "volume": [100, 200, 300],
                }
            ]
        },
    }  # fmt: skip
    if change is not None:
        change(result)
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(answering(chart())) as running:
        yield running


@pytest.fixture
def client(server: Loopback) -> Iterator[YahooClient]:
    made = YahooClient(f"{server.url}/yahoo", policy=CallPolicy(attempts=1, timeout_s=2.0))
    yield made
    made.close()


def test_the_span_goes_to_the_vendor_as_instants(server: Loopback, client: YahooClient) -> None:
    """From the first missing hour to the end of the last that is over: no forming bar is asked."""
    fetched = client.hourly_bars("KO", OPEN, OPEN + timedelta(hours=2))
    assert fetched.frame["close"].tolist() == [10.1, 11.1]
    assert fetched.frame["session_date"].dt.date.tolist() == [DAY, DAY]
    assert fetched.frame["starts_at"].tolist() == [OPEN, OPEN + timedelta(hours=1)]
    (asked,) = charts_asked(server)
    assert asked.query["interval"] == ["1h"]
    assert asked.query["period1"] == [str(STARTS[0])]
    assert asked.query["period2"] == [str(STARTS[2])]


def test_an_empty_span_asks_nobody(server: Loopback, client: YahooClient) -> None:
    """Nothing lies between an instant and itself."""
    assert client.hourly_bars("KO", OPEN, OPEN).frame.empty
    assert charts_asked(server) == []


def test_an_hour_without_prices_is_dropped_and_one_without_a_close_refused(
    server: Loopback, client: YahooClient
) -> None:
    """Nobody traded in the first; the second is broken."""

    def holes(result: dict[str, Any]) -> None:
        quote = result["indicators"]["quote"][0]
        for name in quote:
            quote[name][0] = None
        quote["close"][1] = None

    server.script = answering(chart(holes))
    fetched = client.hourly_bars("KO", OPEN, OPEN + timedelta(hours=3))
    assert fetched.frame["close"].tolist() == [12.1]
    assert [row.rule for row in fetched.rejected] == ["null_row"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda r: r["meta"].update(dataGranularity="1d"), BadPayload),
        (lambda r: r["meta"].update(symbol="PEP"), BadPayload),
        (lambda r: r["meta"].pop("tradingPeriods"), LayoutChanged),
        (lambda r: r["indicators"]["quote"][0].pop("low"), LayoutChanged),
        (lambda r: r["timestamp"].pop(), BadPayload),
    ],
)
def test_a_chart_that_is_not_these_hours_is_refused(
    server: Loopback,
    client: YahooClient,
    change: Callable[[dict[str, Any]], None],
    error: type[VendorError],
) -> None:
    """Bars of days, another symbol, a field that is gone, arrays that do not fit."""
    server.script = answering(chart(change))
    with pytest.raises(error):
        client.hourly_bars("KO", OPEN, OPEN + timedelta(hours=3))


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"Too Many Requests", 429, Throttled),
        (b"oops", 503, Unavailable),
        (b'{"chart":{"result":null,"error":{"code":"Not Found","description":"gone"}}}', 404,
         UnknownSymbol),
        (b'{"chart":{"result":null,"error":{"code":"Unprocessable Entity","description":"1h data '
         b'not available"}}}', 422, BadPayload),
    ],
)  # fmt: skip
def test_refusals_are_typed(
    server: Loopback, client: YahooClient, body: bytes, status: int, error: type[VendorError]
) -> None:
    """As for daily bars: the same judge reads both."""
    server.script = answering(body, status)
    with pytest.raises(error):
        client.hourly_bars("KO", OPEN, OPEN + timedelta(hours=3))


class UsedUp:
    """A quota without a request left."""

    def take(self) -> bool:
        return False

    def exhaust(self) -> None:
        """It is."""

    def status(self) -> QuotaStatus:
        return QuotaStatus("yahoo", 1, 1, datetime(2024, 7, 2, tzinfo=UTC))


def test_hours_count_against_the_quota_of_the_vendor(server: Loopback) -> None:
    """Without a request left none is made."""
    client = YahooClient(f"{server.url}/yahoo", policy=CallPolicy(attempts=1, quota=UsedUp()))
    with pytest.raises(QuotaEnded):
        client.hourly_bars("KO", OPEN, OPEN + timedelta(hours=3))
    assert charts_asked(server) == []


@pytest.mark.parametrize(
    ("at", "over", "told"),
    [
        ("2026-11-20 11:50:07", 2, 3),
        ("2026-11-20 15:45:00", 6, 7),
        ("2026-11-20 16:05:00", 7, 7),
        ("2026-11-27 12:59:59", 3, 4),
        ("2026-11-27 13:05:00", 4, 4),
        ("2026-11-02 10:31:00", 1, 2),  # the first session of winter time
    ],
)
def test_of_a_session_that_trades_the_hours_that_are_over_are_kept(
    at: str, over: int, told: int
) -> None:
    """The sandbox tells the forming bar and a row of the moment; neither is kept."""
    now = datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
    with SandboxServer(create_app(generated(7, clock=lambda: now), lambda: now)) as server:
        client = YahooClient(f"{server.url}/yahoo")
        fetched = client.hourly_bars("AAPL", CALENDAR.open_at(now.date()), now + timedelta(hours=9))
        client.close()
    assert len(fetched.frame) == told
    judged = judge(fetched.frame, CALENDAR, now)
    assert len(judged.frame) == over
    assert [row.rule for row in judged.rejected] == ["not_over_yet"] * (told - over)
