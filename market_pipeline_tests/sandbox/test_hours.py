"""Hours of the sandbox: they make up the daily bar, and only those begun are told."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.intraday import hours_of
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.sandbox import SandboxServer, create_app, generated, replayed
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.market import HourBars, Market
from market_pipeline_tests.sandbox.conftest import NOW, SEED

CALENDAR = TradingCalendar.xnys()
FRIDAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 11, 50, 7, tzinfo=NEW_YORK)
MARKET = generated(SEED, clock=lambda: NOW)
SESSIONS = CALENDAR.sessions(date(2012, 1, 3), FRIDAY)


def makes_up(market: Market, symbol: str, day: date, hours: HourBars) -> None:
    """Assert that hours add up to the daily bar, to the last digit."""
    bars = market.bars(symbol)
    assert bars is not None
    bar = bars.between(day, day)
    assert hours.started_at.tolist() == [
        int(hour.starts_at.timestamp()) for hour in hours_of(CALENDAR, day)
    ]
    assert (hours.open[0], hours.close[-1]) == (bar.open[0], bar.close[0])
    assert (hours.high.max(), hours.low.min()) == (bar.high[0], bar.low[0])
    np.testing.assert_array_equal(hours.volume.sum(), bar.volume[0])
    assert (hours.high >= np.maximum(hours.open, hours.close)).all()
    assert (hours.low <= np.minimum(hours.open, hours.close)).all()


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["AAPL", "SPY", "BRK.B", "QWERT", "KO"]),
    st.sampled_from([*SESSIONS, *sorted(CALENDAR.half_days & set(SESSIONS))]),
)
def test_the_hours_of_a_session_make_up_its_daily_bar(symbol: str, day: date) -> None:
    """Law: first open, highest high, lowest low, last close, and the sum of volumes."""
    hours = MARKET.hours(symbol, day, day)
    assert hours is not None
    makes_up(MARKET, symbol, day, hours)


def test_hours_depend_on_seed_symbol_and_date_alone() -> None:
    """A session told alone is the session told in a range, and tomorrow's."""
    alone = MARKET.hours("KO", FRIDAY, FRIDAY)
    later = generated(SEED, clock=lambda: NOW + timedelta(days=30))
    ranged = later.hours("KO", date(2026, 11, 2), FRIDAY)
    assert alone is not None
    assert ranged is not None
    assert alone.close.tolist() == ranged.close.tolist()[-7:]
    assert MARKET.hours("ZZTOP", FRIDAY, FRIDAY) is None


def test_recorded_days_have_hours_that_make_them_up(market_history: Path) -> None:
    """A replay makes hours of recorded bars, too; a row without all prices has none."""
    market = replayed(market_history)
    symbol = market.listings()[0].symbol
    bars = market.bars(symbol)
    assert bars is not None
    days = [day for day in bars.days[-20:].tolist() if CALENDAR.is_session(day)]
    for day in days:
        bar, hours = bars.between(day, day), market.hours(symbol, day, day)
        assert hours is not None
        if np.isfinite([bar.open[0], bar.high[0], bar.low[0], bar.close[0]]).all():
            makes_up(market, symbol, day, hours)
        else:
            assert len(hours) == 0


def test_today_is_told_as_far_as_it_has_come() -> None:
    """At 11:50 three hours have begun; the third is inside what it will be, and is live."""
    today = generated(SEED, clock=lambda: NOON).hours("AAPL", FRIDAY, FRIDAY)
    whole = MARKET.hours("AAPL", FRIDAY, FRIDAY)
    assert today is not None
    assert whole is not None
    assert len(today) == 3
    assert today.live_at == int(NOON.timestamp())
    assert today.close[:2].tolist() == whole.close[:2].tolist()
    assert today.volume[2] < whole.volume[2]
    assert whole.low[2] <= today.low[2] <= today.close[2] <= today.high[2] <= whole.high[2]


@pytest.fixture(scope="module")
def open_market() -> Iterator[httpx.Client]:
    """Serve a market in the middle of its session."""
    market: GeneratedMarket = generated(SEED, clock=lambda: NOON)
    with (
        SandboxServer(create_app(market, lambda: NOON)) as server,
        httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client,
    ):
        yield client


def test_the_chart_ends_with_the_forming_bar_and_a_row_of_the_moment(
    open_market: httpx.Client,
) -> None:
    """As recorded: off the hours, volume 0, all prices the last one; no adjusted closes."""
    first = int(CALENDAR.open_at(FRIDAY).timestamp())
    answer = open_market.get(
        "/yahoo/v8/finance/chart/AAPL",
        params={"interval": "60m", "period1": first, "period2": first + 86_400},
    )
    result = answer.json()["chart"]["result"][0]
    assert result["timestamp"] == [
        first, first + 3600, first + 7200, int(NOON.timestamp())
    ]  # fmt: skip
    quote = result["indicators"]["quote"][0]
    assert quote["volume"][-1] == 0
    assert quote["open"][-1] == quote["high"][-1] == quote["close"][-1] == quote["close"][-2]
    assert set(result["indicators"]) == {"quote"}
    assert result["meta"]["dataGranularity"] == "1h"
    assert result["meta"]["tradingPeriods"][0][0]["start"] == first


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"interval": "1h"}, 400),
        ({"interval": "1h", "period1": "9", "period2": "9"}, 400),
        ({"interval": "1h", "period1": "1", "period2": "9" * 30}, 400),
        ({"interval": "5m", "period1": "1", "period2": "2"}, 422),
    ],
)
def test_what_cannot_be_asked_is_refused_in_yahoos_form(
    open_market: httpx.Client, query: dict[str, str], status: int
) -> None:
    """Hours need two instants, and there are no minutes."""
    answer = open_market.get("/yahoo/v8/finance/chart/AAPL", params=query)
    assert answer.status_code == status
    assert answer.json()["chart"]["error"]["description"]
