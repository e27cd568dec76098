"""Alpha Vantage's wire in the sandbox: read by the real client, throttled by an injected clock."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pydantic import SecretStr

from market_pipeline.domain.errors import NotEntitled, QuotaEnded, Throttled, UnknownSymbol
from market_pipeline.sandbox import SandboxServer, Throttle, create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.vendors.alpha_vantage import AlphaVantageClient
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline_tests.fakes import FakeClock
from market_pipeline_tests.sandbox.conftest import NOW, fixed_clock

FIRST, LAST = date(2025, 11, 20), date(2026, 11, 20)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture
def throttle(clock: FakeClock) -> Throttle:
    return Throttle(clock, per_minute=5, per_day=8)


@pytest.fixture
def url(market: GeneratedMarket, throttle: Throttle) -> Iterator[str]:
    with SandboxServer(create_app(market, fixed_clock, throttle)) as server:
        yield f"{server.url}/alpha_vantage"


def client_of(url: str, *, premium: bool = False) -> AlphaVantageClient:
    policy = CallPolicy(attempts=1)
    return AlphaVantageClient(
        url, SecretStr("any-key-will-do"), clock=lambda: NOW, policy=policy, premium=premium
    )


def test_the_series_are_the_markets_bars(url: str, market: GeneratedMarket) -> None:
    """Adjusted back by the client from raw prices, or raw where no split follows."""
    bars = market.bars("KO")
    assert bars is not None
    expected = bars.between(FIRST, LAST)
    adjusted = client_of(url, premium=True).daily_bars("KO", FIRST, LAST).frame
    np.testing.assert_allclose(adjusted["close"], expected.close, atol=2e-4)
    np.testing.assert_allclose(adjusted["split_ratio"], expected.splits)
    np.testing.assert_allclose(adjusted["dividend_usd"], expected.dividends, atol=1e-4)


def test_every_split_of_the_market_is_undone(url: str, market: GeneratedMarket) -> None:
    """A symbol that split jumps in the raw series, is suspected there, and is continuous after."""
    first = date(2012, 1, 3)
    for listing in market.listings():
        bars = market.bars(listing.symbol)
        if bars is not None and bars.splits.any():
            break
    else:
        pytest.fail("no symbol of the market ever split")
    days = {day.astype(object) for day in bars.days[bars.splits > 0]}
    raw = client_of(url).daily_bars(listing.symbol, first, LAST)
    assert days <= set(raw.suspected_splits)
    fetched = client_of(url, premium=True).daily_bars(listing.symbol, first, LAST).frame
    np.testing.assert_allclose(fetched["close"], bars.upto(LAST).close, rtol=1e-3)


def test_the_sixth_request_of_a_minute_is_throttled(
    url: str, clock: FakeClock, throttle: Throttle
) -> None:
    """With a Note; a minute after the first one more is answered."""
    client = client_of(url)
    for _ in range(5):
        client.daily_bars("KO", LAST, LAST)
    with pytest.raises(Throttled):
        client.daily_bars("KO", LAST, LAST)
    clock.now += timedelta(seconds=60)
    assert len(client.daily_bars("KO", LAST, LAST).frame) == 1
    assert (len(throttle.answered), throttle.refused) == (6, 1)


def test_beyond_the_day_it_says_so_with_the_key(url: str, clock: FakeClock) -> None:
    """The client hides the key that the sandbox, like the vendor, echoes; midnight ends it."""
    client = client_of(url)
    for _ in range(8):
        client.daily_bars("KO", LAST, LAST)
        clock.now += timedelta(seconds=20)
    with pytest.raises(QuotaEnded, match=r"\[redacted\].*8 requests per day") as caught:
        client.daily_bars("KO", LAST, LAST)
    assert "any-key" not in str(caught.value)
    clock.now += timedelta(hours=12)
    assert len(client.daily_bars("KO", LAST, LAST).frame) == 1


def test_unknown_symbols_and_missing_keys_are_told_apart(url: str) -> None:
    """Both with status 200 and an Error Message."""
    with pytest.raises(UnknownSymbol):
        client_of(url).daily_bars("NOSUCH", LAST, LAST)
    keyless = AlphaVantageClient(url, None, clock=lambda: NOW)
    with pytest.raises(NotEntitled):
        keyless.daily_bars("KO", LAST, LAST)
