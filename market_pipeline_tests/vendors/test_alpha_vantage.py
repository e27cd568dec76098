"""The Alpha Vantage client: what it asks, how a key stays hidden, and what each answer means."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from market_pipeline.domain.errors import (
    BadPayload,
    LayoutChanged,
    NotEntitled,
    QuotaEnded,
    Throttled,
    Unavailable,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.price_conventions import RAW, SPLIT_ADJUSTED
from market_pipeline.vendors.alpha_vantage import AlphaVantageClient
from market_pipeline.vendors.alpha_vantage_payloads import parse_daily
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline_tests.vendors.loopback import Answer, Loopback, serving

KEY = "CANARYKEYOFALPHA1"
NOW = datetime(2026, 11, 21, 1, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 16), date(2026, 11, 20)
DAYS = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20")


def bar(close: float, **changes: Any) -> dict[str, Any]:
    return {
        "1. open": str(close), "2. high": str(close + 1), "3. low": str(close - 1),
        "4. close": f"{close:.4f}", "5. volume": "1000",
    } | changes  # fmt: skip


def adjusted_bar(close: float, split: float = 1.0, dividend: float = 0.0) -> dict[str, Any]:
    return {
        "1. open": str(close), "2. high": str(close), "3. low": str(close), "4. close": str(close),
        "5. adjusted close": str(close), "6. volume": "1000",
        "7. dividend amount": f"{dividend:.4f}", "8. split coefficient": str(split),
    }  # fmt: skip


def series(rows: dict[str, Any], symbol: str = "KO") -> bytes:
    meta = {"2. Symbol": symbol, "5. Time Zone": "US/Eastern"}
    return json.dumps({"Meta Data": meta, "Time Series (Daily)": rows}).encode()


def week(*closes: float, symbol: str = "KO") -> Answer:
    rows = {stamp: bar(close) for stamp, close in zip(DAYS, closes, strict=True)}
    return Answer(series(dict(reversed(rows.items())), symbol))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(week(100, 101, 102, 103, 104)) as running:
        yield running


def client_of(server: Loopback, **options: Any) -> AlphaVantageClient:
    policy = options.pop("policy", CallPolicy(attempts=1))
    return AlphaVantageClient(
        server.url, SecretStr(KEY), clock=lambda: NOW, policy=policy, **options
    )


@pytest.fixture
def client(server: Loopback) -> Iterator[AlphaVantageClient]:
    made = client_of(server)
    yield made
    made.close()


def test_what_is_asked(client: AlphaVantageClient, server: Loopback) -> None:
    """One request; the short answer where it reaches back far enough, else the long one."""
    client.daily_bars("KO", FIRST, LAST)
    server.script = lambda _asked: week(1, 1, 1, 1, 1, symbol="BRK-B")
    client.daily_bars("brk.b", date(2020, 1, 2), LAST)
    assert [one.path for one in server.asked] == ["/query"] * 2
    assert [one.query for one in server.asked] == [
        {"function": ["TIME_SERIES_DAILY"], "symbol": [symbol], "outputsize": [size],
         "apikey": [KEY]}
        for symbol, size in (("KO", "compact"), ("BRK-B", "full"))
    ]  # fmt: skip


def test_bars_of_the_range_come_oldest_first(client: AlphaVantageClient) -> None:
    """What was not asked for is left out; the convention is told."""
    fetched = client.daily_bars("KO", date(2026, 11, 17), date(2026, 11, 19))
    assert fetched.frame["close"].tolist() == [101.0, 102.0, 103.0]
    assert fetched.frame["symbol"].unique().tolist() == ["KO"]
    assert fetched.convention == RAW


def test_a_split_after_the_range_is_suspected_too(
    client: AlphaVantageClient, server: Loopback
) -> None:
    """Raw bars before it would be twice the adjusted ones, though none of them jumps."""
    server.script = lambda _asked: week(100, 101, 102, 103, 51)
    fetched = client.daily_bars("KO", FIRST, date(2026, 11, 18))
    assert fetched.suspected_splits == (date(2026, 11, 20),)


def test_the_adjusted_series_is_converted(server: Loopback) -> None:
    """Prices, dividends and volumes before a split are told in shares of after it."""
    rows = {
        DAYS[4]: adjusted_bar(26.0),
        DAYS[3]: adjusted_bar(25.0, split=4.0),
        DAYS[2]: adjusted_bar(100.0, dividend=2.0),
    }
    server.script = lambda _asked: Answer(series(rows))
    made = client_of(server, premium=True)
    fetched = made.daily_bars("KO", FIRST, LAST)
    made.close()
    assert server.asked[0].query["function"] == ["TIME_SERIES_DAILY_ADJUSTED"]
    assert fetched.convention == SPLIT_ADJUSTED
    assert fetched.frame["close"].tolist() == [25.0, 25.0, 26.0]
    assert fetched.frame["volume"].tolist() == [4000.0, 1000.0, 1000.0]
    assert fetched.frame["dividend_usd"].tolist() == [0.5, 0.0, 0.0]
    assert fetched.frame["split_ratio"].tolist() == [0.0, 4.0, 0.0]


@given(
    st.lists(st.sampled_from([1.0, 2.0, 4.0, 0.5, 1.5]), min_size=2, max_size=5),
    st.floats(10, 500),
)
def test_a_converted_series_has_no_jump_at_a_split(ratios: list[float], close: float) -> None:
    """However many splits there are: a constant value a holding stays constant."""
    rows: dict[str, Any] = {}
    for stamp, ratio in zip(DAYS, ratios, strict=False):
        close /= ratio
        # All the digits, for the law is about the arithmetic and not about the vendor's rounding.
        rows[stamp] = adjusted_bar(round(close, 10), split=ratio)
    closes = parse_daily(series(rows), "KO", FIRST, LAST).frame["close"]
    assert closes.tolist() == pytest.approx([closes.iloc[-1]] * len(rows), rel=1e-7)


def test_a_bad_row_is_rejected_and_the_rest_kept(
    client: AlphaVantageClient, server: Loopback
) -> None:
    """Each with what is wrong; a negative price is no number of this series."""
    rows = {
        DAYS[4]: bar(104),
        DAYS[3]: bar(103, **{"4. close": "-3"}),
        DAYS[2]: bar(102, **{"5. volume": "1e5"}),
        "not a day": bar(1),
        DAYS[1]: {"1. open": "1"},
        DAYS[0]: 5,
    }
    server.script = lambda _asked: Answer(series(rows))
    fetched = client.daily_bars("KO", FIRST, LAST)
    assert fetched.frame["close"].tolist() == [104.0]
    assert [(row.symbol, row.rule) for row in fetched.rejected] == [
        ("KO", "bad_value"), ("KO", "bad_value"), ("KO", "bad_value"),
        ("KO", "missing_field"), ("KO", "bad_value"),
    ]  # fmt: skip


def told(name: str, text: Any) -> Answer:
    return Answer(json.dumps({name: text}).encode())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (told("Error Message", "Invalid API call. Please retry."), UnknownSymbol),
        (told("Error Message", "the parameter apikey is invalid or missing."), NotEntitled),
        (told("Note", "Our standard API call frequency is 5 calls per minute"), Throttled),
        (told("Information", "standard API rate limit is 25 requests per day."), QuotaEnded),
        (told("Information", "The **demo** API key is for demo purposes only"), NotEntitled),
        (told("Information", "outputsize=full is a premium feature"), NotEntitled),
        (told("Information", "something new"), BadPayload),
        (told("Information", None), BadPayload),
        (Answer(b"[]"), LayoutChanged),
        (Answer(b"{}"), LayoutChanged),
        (Answer(b""), BadPayload),
        (Answer(b'{"Time Series (Daily)": {}}'), LayoutChanged),
        (Answer(b"<html><title>x</title>"), BadPayload),
        (Answer(b"", 404), BadPayload),
        (Answer(b"", 503), Unavailable),
        (Answer(b"", 429), Throttled),
        (Answer(series({DAYS[0]: {"1. open": "1"}})), LayoutChanged),
    ],
)
def test_each_failure_is_typed(
    client: AlphaVantageClient, server: Loopback, answer: Answer, error: type[VendorError]
) -> None:
    """With status 200 too."""
    server.script = lambda _asked: answer
    with pytest.raises(VendorError) as caught:
        client.daily_bars("KO", FIRST, LAST)
    assert type(caught.value) is error


def test_a_series_without_days_is_an_empty_answer(
    client: AlphaVantageClient, server: Loopback
) -> None:
    """The vendor knows the symbol and has no bar."""
    server.script = lambda _asked: Answer(series({}))
    assert client.daily_bars("KO", FIRST, LAST).frame.empty


def test_what_the_vendor_throttles_with_status_200_is_tried_again(server: Loopback) -> None:
    """Its words are judged under the policy, so that a retry and the breaker see them."""
    answers = [told("Information", "spreading out (1 request per second)"), week(1, 2, 3, 4, 5)]
    server.script = lambda _asked: answers.pop(0)
    made = client_of(server, policy=CallPolicy(attempts=2, first_wait_s=0.01))
    assert len(made.daily_bars("KO", FIRST, LAST).frame) == 5
    made.close()
    assert len(server.asked) == 2


@pytest.mark.parametrize("symbol", ["^GSPC", "=x", "", "A" * 40])
def test_what_is_no_stock_ticker_is_not_asked(
    client: AlphaVantageClient, server: Loopback, symbol: str
) -> None:
    """It would cost one of the day's few requests."""
    with pytest.raises(UnknownSymbol):
        client.daily_bars(symbol, FIRST, LAST)
    assert server.asked == []


def test_without_a_key_nobody_is_asked(server: Loopback) -> None:
    """The message names the setting."""
    made = AlphaVantageClient(server.url, None, clock=lambda: NOW)
    with pytest.raises(NotEntitled, match="MARKET_PIPELINE_ALPHA_VANTAGE_API_KEY"):
        made.daily_bars("KO", FIRST, LAST)
    made.close()
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        told("Information", f"We have detected your API key as {KEY} and our standard API rate"
             " limit is 25 requests per day."),
        told("Information", f"We have detected your API key as {KEY.lower()}. something"),
        told("Note", f"?apikey={KEY}"),
        told("Error Message", f"apikey {KEY}"),
        Answer(f"<html>{KEY}".encode(), 403),
        Answer(f"{KEY}".encode(), 500),
        Answer(b"", 302, {"Location": f"/query?apikey={KEY}"}),
        Answer(series({DAYS[0]: bar(1, **{"4. close": KEY}), DAYS[1]: bar(1)})),
    ],
)  # fmt: skip
def test_an_echoed_key_stays_hidden(
    client: AlphaVantageClient, server: Loopback, answer: Answer
) -> None:
    """In errors, logs and rejected rows alike: the body itself is redacted."""
    server.script = lambda _asked: answer
    said: object
    with capture_logs() as events:
        try:
            said = client.daily_bars("KO", FIRST, LAST)
        except VendorError as error:
            said = f"{error!r} {error} {error.detail} {error.__context__!r}"
    assert KEY.lower() not in f"{said} {events}".lower()


def test_a_key_of_somebody_else_is_hidden_too() -> None:
    """A proxy may use a key of its own; the vendor's sentence shows where it stands."""
    words = b'{"Information": "detected your API key as ABC123XYZ and our standard API rate limit '
    with pytest.raises(QuotaEnded) as caught:
        parse_daily(words + b'is 25 requests per day."}', "KO", FIRST, LAST)
    assert "ABC123XYZ" not in str(caught.value)
    assert "[redacted]" in str(caught.value)


def test_it_can_be_probed(client: AlphaVantageClient, server: Loopback) -> None:
    """One request, outside rate and breaker."""
    server.script = lambda _asked: week(1, 2, 3, 4, 5, symbol="SPY")
    assert "5 bars of SPY" in client.probe()
