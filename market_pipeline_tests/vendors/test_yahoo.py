"""The Yahoo client through the real yfinance: faults become typed errors, ranges are kept."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    Throttled,
    Unavailable,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.yahoo import YahooClient
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

FIRST, LAST = date(2024, 7, 1), date(2024, 7, 3)
DAYS = (1, 2, 3)
OPENS = [int(datetime(2024, 7, day, 13, 30, tzinfo=UTC).timestamp()) for day in DAYS]


def chart(symbol: str = "BRK-B", change: Callable[[dict[str, Any]], None] | None = None) -> bytes:
    """A good chart of three sessions, or one changed in a way a test wants."""
    result: dict[str, Any] = {
        "meta": {
            "symbol": symbol,
            "currency": "USD",
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": "America/New_York",
            "gmtoffset": -14400,
            "timezone": "EDT",
            "dataGranularity": "1d",
            "validRanges": ["1d", "max"],
            "priceHint": 2,
        },
        "timestamp": list(OPENS),
        "indicators": {
            "quote": [
                {
                    "open": [10.0, 11.0, 12.0],
                    "high": [10.5, 11.5, 12.5],
                    "low": [9.5, 10.5, 11.5],
                    "close": [10.1, 11.1, 12.1],
                    "volume": [100, 200, 300],
                }
            ],
            "adjclose": [{"adjclose": [10.0, 11.0, 12.0]}],
        },
    }
    if change is not None:
        change(result)
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def answering(body: bytes, status: int = 200, **options: Any) -> Callable[[Asked], Answer]:
    """Script: cookie and crumb are served, charts get the given answer."""

    def script(asked: Asked) -> Answer:
        if "/v8/finance/chart/" in asked.path:
            return Answer(body, status, **options)
        return Answer(b"Crumb1")

    return script


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(answering(chart())) as running:
        yield running


@pytest.fixture
def client(server: Loopback) -> Iterator[YahooClient]:
    policy = CallPolicy(attempts=1, timeout_s=2.0)
    made = YahooClient(f"{server.url}/yahoo", policy=policy, max_bytes=200_000)
    yield made
    made.close()


def charts_asked(server: Loopback) -> list[Asked]:
    return [asked for asked in server.asked if "/chart/" in asked.path]


def test_the_symbol_is_dashed_on_the_wire_and_dotted_in_the_rows(
    client: YahooClient, server: Loopback
) -> None:
    """`BRK.B` is `BRK-B` at Yahoo."""
    frame = client.daily_bars("BRK.B", FIRST, LAST).frame
    assert set(frame["symbol"]) == {"BRK.B"}
    assert [asked.path for asked in charts_asked(server)] == ["/yahoo/v8/finance/chart/BRK-B"]


def test_a_symbol_costs_one_chart_request(client: YahooClient, server: Loopback) -> None:
    """No request for the time zone, none twice: notices when an upgrade of yfinance asks more."""
    client.daily_bars("BRK.B", FIRST, LAST)
    client.daily_bars("BRK.B", FIRST, LAST)
    assert len(charts_asked(server)) == 2
    assert len(server.asked) == 3, "and one crumb for the client's whole life"


def test_the_range_is_closed_and_in_new_york(client: YahooClient, server: Loopback) -> None:
    """From midnight of the first day to midnight after the last, New York time."""
    client.daily_bars("BRK.B", FIRST, LAST)
    query = charts_asked(server)[0].query
    asked = [datetime.fromtimestamp(int(query[name][0]), UTC) for name in ("period1", "period2")]
    assert asked == [datetime(2024, 7, 1, 4, tzinfo=UTC), datetime(2024, 7, 4, 4, tzinfo=UTC)]


def test_a_missing_open_stays_unknown(client: YahooClient, server: Loopback) -> None:
    """The row is kept: its close is good, and checks flag the rest."""

    def change(result: dict[str, Any]) -> None:
        result["indicators"]["quote"][0]["open"][1] = None

    server.script = answering(chart(change=change))
    frame = client.daily_bars("BRK.B", FIRST, LAST).frame
    assert frame["open"].isna().tolist() == [False, True, False]


def test_a_null_row_is_rejected_and_an_unformed_last_one_is_absent(
    client: YahooClient, server: Loopback
) -> None:
    """A hole in the middle is a finding; a last row without prices is a bar yet to come."""

    def change(result: dict[str, Any]) -> None:
        for values in result["indicators"]["quote"][0].values():
            values[0] = values[2] = None
        result["indicators"]["adjclose"][0]["adjclose"][0] = None
        result["indicators"]["adjclose"][0]["adjclose"][2] = None

    server.script = answering(chart(change=change))
    fetched = client.daily_bars("BRK.B", FIRST, LAST)
    assert fetched.frame["session_date"].tolist() == [pd.Timestamp("2024-07-02")]
    (row,) = fetched.rejected
    assert (row.symbol, row.session_date, row.rule) == ("BRK.B", FIRST, "null_row")


def test_a_known_symbol_without_bars_is_an_empty_frame(
    client: YahooClient, server: Loopback
) -> None:
    """Both ways Yahoo says it: no arrays at all, or an error about the dates."""

    def change(result: dict[str, Any]) -> None:
        del result["timestamp"]
        result["indicators"] = {"quote": [{}], "adjclose": [{}]}

    server.script = answering(chart(change=change))
    assert client.daily_bars("BRK.B", FIRST, LAST).frame.empty
    told = {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1, endDate"}
    server.script = answering(json.dumps({"chart": {"result": None, "error": told}}).encode(), 400)
    frame = client.daily_bars("BRK.B", FIRST, LAST).frame
    assert frame.empty
    assert str(frame["session_date"].dtype) == "datetime64[s]"


def without(*path: str | int) -> bytes:
    def change(result: dict[str, Any]) -> None:
        node: Any = result
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]

    return chart(change=change)


def with_value(value: Any, *path: str | int) -> bytes:
    def change(result: dict[str, Any]) -> None:
        node: Any = result
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = value

    return chart(change=change)


@pytest.mark.parametrize(
    ("body", "status", "error", "words"),
    [
        (b"Too Many Requests\r\n", 429, Throttled, "429"),
        (b"Edge: Too Many Requests", 200, Throttled, "Too Many"),
        (b"<html><title>Oops</title>", 502, Unavailable, "502"),
        (b"<html>Will be right back...</html>", 200, Unavailable, "right back"),
        (b"<!DOCTYPE html><title>Consent</title>", 200, BadPayload, "'Consent'"),
        (b"<html><title>Sorry</title>", 403, Blocked, "'Sorry'"),
        (b"", 401, Blocked, "401"),
        (chart()[:300], 200, BadPayload, "JSON"),
        (chart().replace(b"10.1", b"NaN"), 200, BadPayload, "NaN"),
        (chart("KO"), 200, BadPayload, "about 'KO'"),
        (without("meta", "exchangeTimezoneName"), 200, LayoutChanged, "exchangeTimezoneName"),
        (without("timestamp"), 200, LayoutChanged, "timestamp"),
        (without("indicators", "quote", 0, "close"), 200, LayoutChanged, "close"),
        (without("indicators", "adjclose", 0, "adjclose"), 200, LayoutChanged, "adjclose"),
        (with_value([1.0], "indicators", "quote", 0, "open"), 200, BadPayload, "length"),
        (with_value(["a", 1, 2], "indicators", "quote", 0, "open"), 200, BadPayload, "no number"),
        (with_value([1.5, 2, 3], "timestamp"), 200, BadPayload, "whole seconds"),
        (b'{"chart": {"result": [], "error": null}}', 200, LayoutChanged, "chart.result"),
        (b'{"finance": {}}', 200, LayoutChanged, "chart"),
        (b"[1]", 200, LayoutChanged, "chart"),
        (b" " * 300_000, 200, BadPayload, "larger than the limit"),
    ],
)
def test_each_fault_is_its_own_type(
    client: YahooClient,
    server: Loopback,
    body: bytes,
    status: int,
    error: type[VendorError],
    words: str,
) -> None:
    """Where yfinance alone says "possibly delisted" or nothing, the reason is told."""
    server.script = answering(body, status)
    with pytest.raises(error, match=words) as caught:
        client.daily_bars("BRK.B", FIRST, LAST)
    assert type(caught.value) is error


@pytest.mark.parametrize("options", [{"hang_s": 20.0}, {"drip_s": 0.05}], ids=["headers", "body"])
def test_the_deadline_is_total(server: Loopback, options: dict[str, Any]) -> None:
    """Slow headers and slow bodies end in time, as an outage."""
    server.script = answering(chart(), **options)
    client = YahooClient(server.url, policy=CallPolicy(attempts=1, timeout_s=0.5))
    started = time.monotonic()
    with pytest.raises(Unavailable, match="in time"):
        client.daily_bars("BRK.B", FIRST, LAST)
    assert time.monotonic() - started < 1.5


def test_a_reset_is_unavailable(client: YahooClient, server: Loopback) -> None:
    """A connection lost mid-body is no short body."""
    server.script = answering(chart(), is_reset=True)
    with pytest.raises(Unavailable):
        client.daily_bars("BRK.B", FIRST, LAST)


def test_a_retry_asks_again(server: Loopback) -> None:
    """yfinance keeps answers for past ranges; a failed one must not be among them."""
    answers = [Answer(b"down", 503), Answer(b"Too Many Requests", 429), Answer(chart())]

    def script(asked: Asked) -> Answer:
        return answers.pop(0) if "/chart/" in asked.path else Answer(b"Crumb1")

    server.script = script
    client = YahooClient(server.url, policy=CallPolicy(attempts=3, first_wait_s=0.01))
    assert len(client.daily_bars("BRK.B", FIRST, LAST).frame) == 3
    assert answers == []


def test_a_restated_history_is_seen(client: YahooClient, server: Loopback) -> None:
    """The same range asked again is fetched again, not taken from a cache."""
    client.daily_bars("BRK.B", FIRST, LAST)
    server.script = answering(with_value([1.0, 2.0, 3.0], "indicators", "quote", 0, "close"))
    assert client.daily_bars("BRK.B", FIRST, LAST).frame["close"].tolist() == [1.0, 2.0, 3.0]


def test_a_failing_crumb_stops_nothing(client: YahooClient, server: Loopback) -> None:
    """Charts need none: the client goes on when Yahoo limits that endpoint."""
    server.script = lambda asked: (
        Answer(chart()) if "/chart/" in asked.path else Answer(b"Too Many Requests", 429)
    )
    assert len(client.daily_bars("BRK.B", FIRST, LAST).frame) == 3


def test_a_redirect_is_not_followed(client: YahooClient, server: Loopback) -> None:
    """A chart that moves to another host is a refusal (a consent page), and nobody is asked."""
    with serving(Answer(chart())) as elsewhere:
        server.script = answering(b"", 302, headers={"Location": elsewhere.url + "/v8/finance"})
        with pytest.raises(Blocked):
            client.daily_bars("BRK.B", FIRST, LAST)
        assert elsewhere.asked == []


@pytest.mark.parametrize("text", ["", "../etc", "=cmd()", "US0378331005", "AAPL251219C00150000"])
def test_what_is_no_ticker_is_not_asked(client: YahooClient, server: Loopback, text: str) -> None:
    """Paths, formulas, options, and security numbers (which yfinance would go searching for)."""
    with pytest.raises(UnknownSymbol):
        client.daily_bars(text, FIRST, LAST)
    assert server.asked == []


def test_two_clients_never_swap_hosts() -> None:
    """yfinance has one session a process; two clients at once still each ask their own server."""
    with serving(answering(chart("AAA"))) as one, serving(answering(chart("BBB"))) as two:
        clients = {
            "AAA": YahooClient(one.url, policy=CallPolicy(attempts=1)),
            "BBB": YahooClient(two.url, policy=CallPolicy(attempts=1)),
        }
        failures: list[VendorError] = []

        def work(symbol: str) -> None:
            try:
                for _ in range(10):
                    clients[symbol].daily_bars(symbol, FIRST, LAST)
            except VendorError as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in clients for _ in "12"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert {asked.path[-3:] for asked in charts_asked(one)} == {"AAA"}
        assert {asked.path[-3:] for asked in charts_asked(two)} == {"BBB"}


def test_an_empty_range_asks_nothing(client: YahooClient, server: Loopback) -> None:
    """The first day after the last is a range of no days."""
    assert client.daily_bars("BRK.B", LAST, FIRST).frame.empty
    assert server.asked == []


def test_a_probe_says_how_it_went(client: YahooClient, server: Loopback) -> None:
    """It answers in words, and raises what is wrong."""
    server.script = answering(chart("SPY"))
    assert client.probe().startswith("answers in ")
    server.script = answering(b"", 503)
    with pytest.raises(Unavailable):
        client.probe()
