"""Yahoo's wire: the real yfinance reads the market's bars, and edges answer as recorded."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pandas as pd
import pytest
import yfinance
from curl_cffi import requests as curl_requests
from yfinance.config import YfConfig
from yfinance.data import YfData

from market_pipeline.sandbox import SandboxServer
from market_pipeline.sandbox.generator import GeneratedMarket

YFINANCE_COLUMNS = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close",
    "Volume": "volume", "Dividends": "dividends", "Stock Splits": "splits",
}  # fmt: skip


class Redirected(curl_requests.Session):  # type: ignore[type-arg]  # generic only in its stubs
    """A session that asks the sandbox where yfinance asks Yahoo."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.hostname.endswith("yahoo.com")
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self._url}/yahoo{parts.path or '/'}{query}", **options)


@pytest.fixture
def session(server: SandboxServer, tmp_path: Path) -> Iterator[Redirected]:
    yfinance.set_tz_cache_location(str(tmp_path))
    hidden = YfConfig.debug.hide_exceptions
    YfConfig.debug.hide_exceptions = False
    YfData().cache_get.cache_clear()
    with Redirected(server.url) as session:
        yield session
    YfConfig.debug.hide_exceptions = hidden


def chart(client: httpx.Client, symbol: str, **query: Any) -> Any:
    answer = client.get(f"/yahoo/v8/finance/chart/{symbol}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["chart"]["result"][0]


def unix(day: str) -> int:
    return int(pd.Timestamp(day, tz="America/New_York").timestamp())


@pytest.mark.filterwarnings("ignore")  # yfinance uses forms that pandas 3 deprecates
@pytest.mark.parametrize("symbol", ["AAPL", "SPY", "BRK.B", "QWERT"])
def test_yfinance_reads_the_markets_bars(
    session: Redirected, market: GeneratedMarket, symbol: str
) -> None:
    """history() over fourteen years equals the market column by column, to the last digit."""
    ticker = yfinance.Ticker(symbol.replace(".", "-"), session=session)
    history = ticker.history(
        start="2012-01-01", end="2026-11-22", auto_adjust=False, actions=True, keepna=True
    )
    bars = market.bars(symbol)
    assert bars is not None
    assert list(history.index.date) == bars.days.tolist()
    for theirs, ours in YFINANCE_COLUMNS.items():
        assert np.array_equal(history[theirs].to_numpy(dtype=float), getattr(bars, ours)), theirs


@pytest.mark.filterwarnings("ignore")  # yfinance uses forms that pandas 3 deprecates
def test_yfinance_calls_an_unknown_symbol_missing(session: Redirected) -> None:
    """yfinance finds no prices of a ZZ ticker and repeats the vendor's reason."""
    ticker = yfinance.Ticker("ZZTOP", session=session)
    ticker._tz = "America/New_York"  # else it asks for company data, which fails earlier
    with pytest.raises(yfinance.exceptions.YFPricesMissingError, match="delisted"):
        ticker.history(start="2020-01-01", end="2021-01-01")


def test_periods_bound_the_answer(client: httpx.Client) -> None:
    """Only bars whose 09:30 New York lies in period1 to period2, the latter excluded, come."""
    result = chart(client, "KO", period1=unix("2026-03-02"), period2=unix("2026-03-13"))
    stamps = [datetime.fromtimestamp(at, UTC) for at in result["timestamp"]]
    assert stamps[0] == datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    assert stamps[-1] == datetime(2026, 3, 12, 13, 30, tzinfo=UTC)  # summer time began on the 8th
    assert len(stamps) == 9


@pytest.mark.parametrize(
    ("span", "first"),
    [("1d", date(2026, 11, 20)), ("5d", date(2026, 11, 16)), ("1mo", date(2026, 10, 20)),
     ("ytd", date(2026, 1, 2)), ("1y", date(2025, 11, 20)), ("max", date(2012, 1, 3))],
)  # fmt: skip
def test_named_ranges_count_back_from_the_last_bar(
    client: httpx.Client, span: str, first: date
) -> None:
    """A named range begins where it says and ends with the last completed session."""
    stamps = chart(client, "KO", range=span)["timestamp"]
    assert datetime.fromtimestamp(stamps[0], UTC).date() == first
    assert datetime.fromtimestamp(stamps[-1], UTC).date() == date(2026, 11, 20)


def test_answers_repeat_byte_for_byte(client: httpx.Client) -> None:
    """The same request twice gives the same bytes and headers."""
    path = "/yahoo/v8/finance/chart/NVDA?range=10y&interval=1d&events=div,splits"
    first, second = client.get(path), client.get(path)
    assert first.content == second.content
    assert first.headers == second.headers


def test_the_result_has_the_recorded_shape(client: httpx.Client, vendor_payloads: Path) -> None:
    """Keys of result, meta, events and indicators are those Yahoo was recorded to send."""
    path = vendor_payloads / "yahoo" / "chart_AAPL_20200831_20201107_1d.json"
    recorded = json.loads(path.read_bytes())["chart"]["result"][0]
    result = chart(
        client, "AAPL", period1=unix("2020-08-31"), period2=unix("2020-11-30"), events="div,splits"
    )
    assert result.keys() == recorded.keys()
    optional = {"fiftyTwoWeekHigh", "fiftyTwoWeekLow"}
    assert result["meta"].keys() == recorded["meta"].keys() - optional
    assert result["meta"]["exchangeTimezoneName"] == recorded["meta"]["exchangeTimezoneName"]
    quote, theirs = (r["indicators"]["quote"][0] for r in (result, recorded))
    assert quote.keys() == theirs.keys()
    assert result["indicators"]["adjclose"][0].keys() == {"adjclose"}
    split, recorded_split = (next(iter(r["events"]["splits"].values())) for r in (result, recorded))
    assert split == recorded_split  # 4:1 on 2020-08-31, in both worlds
    dividend = next(iter(result["events"]["dividends"].values()))
    assert dividend.keys() == {"amount", "date"}


def test_events_come_only_when_asked_for(client: httpx.Client) -> None:
    """Without `events` there are none."""
    assert "events" not in chart(client, "KO", range="1y")


@pytest.mark.parametrize("symbol", ["ZZTOP", "BRK.B", "NOT A TICKER"])
def test_unknown_symbols_answer_as_recorded(
    client: httpx.Client, vendor_payloads: Path, symbol: str
) -> None:
    """Status 404 and the recorded body, also for the dot form, which Yahoo does not know."""
    answer = client.get(f"/yahoo/v8/finance/chart/{symbol}", params={"range": "1d"})
    assert answer.status_code == 404
    recorded = (vendor_payloads / "yahoo" / "chart_404_delisted.json").read_text()
    assert answer.json() == json.loads(recorded)


def test_a_range_without_sessions_has_no_timestamps(client: httpx.Client) -> None:
    """A weekend answers a result without timestamps; years before the first bar answer 400."""
    weekend = chart(client, "KO", period1=unix("2026-11-14"), period2=unix("2026-11-16"))
    assert "timestamp" not in weekend
    assert weekend["indicators"] == {"quote": [{}], "adjclose": [{}]}
    before = client.get("/yahoo/v8/finance/chart/KO", params={"period1": 0, "period2": 86_400})
    assert before.status_code == 400
    assert "Data doesn't exist" in before.json()["chart"]["error"]["description"]


@pytest.mark.parametrize("query", ["period1=x", "period1=9&period2=8", "range=7w", "range="])
def test_unreadable_ranges_are_refused_or_usual(client: httpx.Client, query: str) -> None:
    """A bad period or range answers 400 with a chart error; an empty range is the usual one."""
    answer = client.get(f"/yahoo/v8/finance/chart/KO?{query}")
    if query == "range=":
        assert answer.status_code == 200
        return
    assert answer.status_code == 400
    assert answer.json()["chart"]["error"]["code"] == "Bad Request"


def test_cookie_and_crumb_are_handed_out(client: httpx.Client) -> None:
    """The front page sets the cookie, the crumb is plain text."""
    assert "A3" in client.get("/yahoo/").cookies
    crumb = client.get("/yahoo/v1/test/getcrumb")
    assert crumb.text
    assert crumb.headers["content-type"] == "text/plain;charset=utf-8"
