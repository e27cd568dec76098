"""The Polygon client: pages stay with the vendor, bad rows are set aside, keys are asked for."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr

from market_pipeline.domain.errors import (
    BadPayload,
    LayoutChanged,
    NotEntitled,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.polygon_payloads import parse_chain, parse_page
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

CONTRACT = "AAPL251219C00150000"
FIRST, LAST = date(2025, 10, 20), date(2025, 10, 24)


def bar(day: int, close: Any = 5.0, **changes: Any) -> dict[str, Any]:
    midnight = int(datetime(2025, 10, day, 4, tzinfo=UTC).timestamp()) * 1000
    return {"v": 1.5e2, "o": 4.0, "h": 6.0, "l": 3.0, "c": close, "t": midnight} | changes


def results(*rows: Any, **envelope: Any) -> Answer:
    return Answer(json.dumps({"status": "OK", "results": list(rows), **envelope}).encode())


def contract_row(strike: int) -> dict[str, Any]:
    return {"ticker": f"O:KO251219P{strike:05d}000", "shares_per_contract": 100}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(results()) as running:
        yield running


@pytest.fixture
def client(server: Loopback) -> Iterator[PolygonClient]:
    made = PolygonClient(
        server.url + "/polygon", SecretStr("canarykey1"), policy=CallPolicy(attempts=1)
    )
    yield made
    made.close()


def test_daily_bars_of_a_contract(client: PolygonClient, server: Loopback) -> None:
    """The close is `last`; terms come from the symbol, the rest is unknown."""
    server.script = lambda _asked: results(bar(20), bar(21, 5.5))
    frame = client.daily_bars(CONTRACT, FIRST, LAST).frame
    assert server.asked[0].path == (
        "/polygon/v2/aggs/ticker/O:AAPL251219C00150000/range/1/day/2025-10-20/2025-10-24"
    )
    assert server.asked[0].headers["authorization"] == "Bearer canarykey1"
    assert frame["session_date"].tolist() == [
        pd.Timestamp("2025-10-20"),
        pd.Timestamp("2025-10-21"),
    ]
    assert frame["last"].tolist() == [5.0, 5.5]
    assert (frame["volume"][0], frame["multiplier"][0], frame["strike_usd"][0]) == (150, 100, 150)
    assert set(frame["quote_kind"]) == {"daily_bar"}
    assert frame[["bid", "ask", "delta", "underlying_price"]].isna().all().all()


def test_bad_bars_are_rejected_and_the_rest_kept(client: PolygonClient, server: Loopback) -> None:
    """Negative, textual, missing, doubled, out of range: each with its rule and contract."""
    server.script = lambda _asked: results(
        bar(20, -1.0), bar(21, "5"), {"t": 1, "v": 1}, bar(22), bar(22, 9.0), bar(17), bar(23), "x"
    )
    fetched = client.daily_bars(CONTRACT, FIRST, LAST)
    assert [day.day for day in fetched.frame["session_date"]] == [22, 23]
    assert [(row.symbol, row.rule) for row in fetched.rejected] == [
        (CONTRACT, "bad_value"),
        (CONTRACT, "bad_value"),
        (CONTRACT, "missing_field"),
        (CONTRACT, "bad_value"),
        (CONTRACT, "outside_range"),
        (CONTRACT, "duplicate_row"),
    ]
    assert fetched.rejected[0].session_date == date(2025, 10, 20)
    assert fetched.rejected[0].detail == "c is negative"


def test_a_renamed_field_is_a_changed_layout(client: PolygonClient, server: Loopback) -> None:
    """Gone from every row, it is named; the rows are not all rejected one by one."""
    server.script = lambda _asked: results(bar(20, None, closing=5.0), bar(21, None))
    with pytest.raises(LayoutChanged, match="the field c is missing"):
        client.daily_bars(CONTRACT, FIRST, LAST)


def test_no_results_at_all_must_be_counted_zero(client: PolygonClient, server: Loopback) -> None:
    """Polygon leaves the field out when there is nothing; only then may it be missing."""
    server.script = lambda _asked: Answer(b'{"status": "OK", "resultsCount": 0}')
    assert client.daily_bars(CONTRACT, FIRST, LAST).frame.empty
    server.script = lambda _asked: Answer(b'{"status": "OK", "resultsCount": 7}')
    with pytest.raises(LayoutChanged, match="results"):
        client.daily_bars(CONTRACT, FIRST, LAST)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"status": "NOT_AUTHORIZED", "message": "upgrade"}', NotEntitled),
        (b'{"status": "ERROR", "error": "no"}', BadPayload),
        (b"<html><title>Hi</title>", BadPayload),
        (b"[]", LayoutChanged),
    ],
)
def test_a_200_with_the_wrong_body_is_a_failure(body: bytes, error: type[VendorError]) -> None:
    """Errors told with status 200 are errors."""
    with pytest.raises(error) as caught:
        parse_page(body, "aggs")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "next_page",
    [
        "{url}/polygon/v3/reference/options/contracts?cursor=C2",
        "https://api.massive.com/v3/reference/options/contracts?cursor=C2&apiKey=leak",
        "https://api.polygon.io:443/v3/reference/options/contracts?cursor=C2",
    ],
)
def test_pages_are_followed_at_the_configured_host(
    client: PolygonClient, server: Loopback, next_page: str
) -> None:
    """The vendor's address of a page is rewritten to the host the settings name."""

    def script(asked: Asked) -> Answer:
        if "cursor" in asked.query:
            return results(contract_row(2))
        return results(contract_row(1), next_url=next_page.format(url=server.url))

    server.script = script
    frame = client.contracts("KO").frame
    assert frame["strike_usd"].tolist() == [1.0, 2.0]
    assert server.asked[1].path == "/polygon/v3/reference/options/contracts"
    assert server.asked[1].query == {"cursor": ["C2"]}


@pytest.mark.parametrize(
    "next_page",
    [
        "{thief}/v3/reference/options/contracts?cursor=C2",
        "https://api.massive.com.evil.example/v3/x",
        "https://api.massive.com@evil.example/v3/x",
        "http://api.massive.com/v3/x",
        "https://api.polygon.io:8443/v3/x",
        "//evil.example/v3/x",
        "http://[bad/v3",
    ],
)
def test_a_page_elsewhere_is_refused(
    client: PolygonClient, server: Loopback, next_page: str
) -> None:
    """The key goes nowhere else."""
    with serving(results()) as thief:
        answer = results(contract_row(1), next_url=next_page.format(thief=thief.url))
        server.script = lambda _asked: answer
        with pytest.raises(BadPayload, match="next_url"):
            client.contracts("KO")
        assert thief.asked == []
    assert len(server.asked) == 1


def test_pages_that_lead_back_end(client: PolygonClient, server: Loopback) -> None:
    """A circle of pages is found out; so is a line without end."""
    next_url = "https://api.massive.com/v3/reference/options/contracts?cursor=C2"
    server.script = lambda _asked: results(contract_row(1), next_url=next_url)
    with pytest.raises(BadPayload, match="already read"):
        client.contracts("KO")

    def endless(asked: Asked) -> Answer:
        return results(next_url=f"https://api.massive.com/v3/x?cursor={len(server.asked)}")

    server.script = endless
    short = PolygonClient(server.url, SecretStr("k" * 9), max_pages=3)
    with pytest.raises(BadPayload, match="more than 3 pages"):
        short.contracts("KO")
    short.close()


def test_a_chain_rejects_rows_by_contract() -> None:
    """A bad row is named by its contract, a doubled one too, and dated as the session."""
    good = {"details": {"ticker": "O:KO251219P00060000", "shares_per_contract": 100}}
    bad = {"details": {"ticker": "O:KO251219P00061000"}, "last_quote": {"bid": -1}}
    huge = {"details": {"ticker": "O:KO251219P00062000", "shares_per_contract": 1e300}}
    fetched = parse_chain([good, bad, good, huge, {"details": {"ticker": "KO"}}], "KO", LAST)
    assert fetched.frame["symbol"].tolist() == ["KO251219P00060000"]
    assert [(row.symbol, row.rule) for row in fetched.rejected] == [
        ("KO251219P00061000", "bad_value"),
        ("KO251219P00062000", "bad_value"),
        ("KO", "bad_value"),
        ("KO251219P00060000", "duplicate_row"),
    ]


def test_an_empty_chain_is_an_empty_typed_frame(client: PolygonClient) -> None:
    """An underlying without options."""
    frame = client.chain("BRK.B", LAST).frame
    assert frame.empty
    assert str(frame["expiration_date"].dtype) == "datetime64[s]"


def test_without_a_key_calls_say_which_setting(server: Loopback) -> None:
    """The client can be made, and is disabled with a clear message."""
    client = PolygonClient(server.url)
    for call in (
        lambda: client.daily_bars(CONTRACT, FIRST, LAST),
        lambda: client.chain("KO", LAST),
        client.probe,
    ):
        with pytest.raises(NotEntitled, match="MARKET_PIPELINE_POLYGON_API_KEY"):
            call()
    assert server.asked == []


def test_names_that_are_none_are_not_asked(client: PolygonClient, server: Loopback) -> None:
    """Neither as a contract nor as an underlying."""
    with pytest.raises(UnknownSymbol):
        client.daily_bars("AAPL/../../v1", FIRST, LAST)
    with pytest.raises(UnknownSymbol):
        client.chain("../x", LAST)
    assert server.asked == []


def test_404_is_an_unknown_symbol(client: PolygonClient, server: Loopback) -> None:
    """Where an endpoint has one."""
    server.script = lambda _asked: Answer(b'{"status": "NOT_FOUND"}', 404)
    with pytest.raises(UnknownSymbol):
        client.open_close("KO", LAST)


def test_a_probe_checks_the_key(client: PolygonClient, server: Loopback) -> None:
    """A wrong key is told at the probe, before any work."""
    assert client.probe().startswith("answers in ")
    server.script = lambda _asked: Answer(b'{"error": "Unknown API Key"}', 401)
    with pytest.raises(NotEntitled):
        client.probe()
