"""Replay: recorded rows come through the wire as they are, and what is left out has a reason."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.symbols import OptionContract
from market_pipeline.sandbox import SandboxServer, create_app, replayed
from market_pipeline.sandbox.replay import ReplayedMarket
from market_pipeline_tests.sandbox.conftest import fixed_clock

HEADER = "date,symbol,open,high,low,close,adj_close,volume,dividends,splits"
CHAIN_HEADER = (
    "date,underlying,expiration,right,strike,bid,bid_size,ask,ask_size,open,high,low,close,volume,"
    "open_interest"
)
DAILY_ROWS = """
2020-01-02,AAA,10,11,9,10.5,,1000,,
2020-01-03,AAA,10.5,11,10,10.8,,1100,,
2020-01-07,AAA,,,,10.9,,0,,
2020-01-08,AAA,10.9,12,10,11,,1200,,
"""
RAW_ROWS = """
2019-12-30,AAA,40,44,36,41,10,250,0,0
2019-12-31,AAA,10.2,10.6,10,10.4,10,1000,0,4
2020-01-02,AAA,10,11,9,10.5,10,1000,0,0
2020-01-08,AAA,10.9,12,10,11,10,1200,0,0
2020-01-09,AAA,11,12,10,11.2,10,900,0.25,0
2020-01-10,AAA,5.5,6,5,5.6,10,1800,0,2
2020-01-02,BBB,70,77,63,70,9.9,100,0,0
2020-01-03,BBB,70,77,63,71,10,100,0.7,0
2020-01-06,BBB,10,11,9,10.2,10.2,700,0,6.999997
"""
CHAIN_ROWS = """
2020-01-03,AAA,2020-01-17,call,10,0.9,5,1.1,7,1,1,1,1,3,40
2020-01-08,AAA,2020-01-03,call,10,,,,,,,,,,12
2020-01-08,AAA,2020-01-17,call,10,1.2,5,1.4,7,1.3,1.35,1.2,1.25,9,44
2020-01-08,AAA,2020-01-17,put,10,,0,0.05,8,,,,,,75
2020-01-09,AAA,2020-01-17,put,10,,,,,,,,,,80
"""


def write(folder: Path, name: str, header: str, rows: str) -> None:
    folder.joinpath(name).write_text(f"{header}\n{rows.strip()}\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "daily_ohlcv_2020_2020.csv", HEADER, DAILY_ROWS)
    write(tmp_path, "raw_with_actions_2019_2020.csv", HEADER, RAW_ROWS)
    write(tmp_path, "options_chain_aaa_2020.csv", CHAIN_HEADER, CHAIN_ROWS)
    wide = "2020-01-02,5,\n2020-01-03,5.1,6\n"
    write(tmp_path, "factor_etf_adj_close_2020_2020.csv", "Date,AAA,FAC", wide)
    return tmp_path


@pytest.fixture
def small(folder: Path) -> ReplayedMarket:
    return replayed(folder)


@pytest.fixture
def client(small: ReplayedMarket) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer anything"}
    with (
        SandboxServer(create_app(small, fixed_clock)) as server,
        httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client,
    ):
        yield client


def days(market: ReplayedMarket, symbol: str) -> list[str]:
    bars = market.bars(symbol)
    assert bars is not None
    return [str(day) for day in bars.days]


def test_raw_rows_fill_dates_on_the_same_split_basis(small: ReplayedMarket) -> None:
    """Rows between the nearest splits are added; rows beyond a split are left out and logged."""
    with capture_logs() as logs:
        assert days(small, "AAA") == [
            "2019-12-31", "2020-01-02", "2020-01-03", "2020-01-07", "2020-01-08", "2020-01-09",
        ]  # fmt: skip
    left_out = [entry for entry in logs if entry["event"] == "replay_rows_left_out"]
    assert {(entry["rows"], entry["reason"].split()[1]) for entry in left_out} == {
        (2, "split"), (2, "closes"),
    }  # fmt: skip


def test_raw_rows_of_another_basis_are_left_out(folder: Path) -> None:
    """Where the common dates' prices differ, no raw row is added."""
    rows = "2020-01-02,AAA,40,44,36,42,10,250,0,0\n2020-01-09,AAA,44,48,40,44,10,225,0,0"
    write(folder, "raw_with_actions_2019_2020.csv", HEADER, rows)
    assert days(replayed(folder), "AAA") == ["2020-01-02", "2020-01-03", "2020-01-07", "2020-01-08"]


def test_one_series_has_one_adjustment(small: ReplayedMarket) -> None:
    """Where the bars have no adjusted close the close stands for it, also in added rows."""
    bars = small.bars("AAA")
    assert bars is not None
    assert np.array_equal(bars.adj_close, bars.close)


def test_raw_only_symbols_are_split_adjusted(small: ReplayedMarket) -> None:
    """Without daily bars raw rows are divided by later splits, rounded ratios made whole."""
    bars = small.bars("BBB")
    assert bars is not None
    assert bars.close == pytest.approx([10, 71 / 7, 10.2])
    assert bars.volume == pytest.approx([700, 700, 700])
    assert bars.dividends == pytest.approx([0, 0.1, 0])
    assert bars.splits.tolist() == [0, 0, 7]
    assert bars.adj_close.tolist() == [9.9, 10, 10.2]


def test_adjusted_closes_alone_are_bars_of_closes(small: ReplayedMarket) -> None:
    """A symbol known only from a wide file has closes and nothing else; empty cells are no rows."""
    bars = small.bars("FAC")
    assert bars is not None
    assert (days(small, "FAC"), bars.close.tolist()) == (["2020-01-03"], [6])
    assert np.isnan(bars.open).all()


def test_gaps_are_absent_rows_and_empty_cells_null(client: httpx.Client) -> None:
    """A missing day has no timestamp, a missing open is null, a zero volume is zero."""
    answer = client.get("/yahoo/v8/finance/chart/AAA?range=max&events=div,splits")
    result = answer.json()["chart"]["result"][0]
    opened = [datetime.fromtimestamp(at, UTC).date().isoformat() for at in result["timestamp"]]
    assert "2020-01-06" not in opened
    at = opened.index("2020-01-07")
    quote = result["indicators"]["quote"][0]
    assert (quote["open"][at], quote["close"][at], quote["volume"][at]) == (None, 10.9, 0)
    assert next(iter(result["events"]["dividends"].values()))["amount"] == 0.25


@pytest.mark.parametrize(
    ("path", "status"),
    [("/yahoo/v8/finance/chart/TLT?range=1d", 404), ("/finviz/quote?t=TLT", 404),
     ("/finviz/quote?t=AAA", 200)],
)  # fmt: skip
def test_absent_symbols_are_unknown(client: httpx.Client, path: str, status: int) -> None:
    """What is not recorded is unknown to every vendor; what is has a page."""
    assert client.get(path).status_code == status


def test_there_are_no_headlines(client: httpx.Client) -> None:
    """The export is its header, the page an empty table."""
    export = client.get("/finviz_elite/news_export.ashx?v=3&t=AAA&auth=x").text
    assert export == '"Title","Source","Date","Url","Category","Ticker"\n'
    page = client.get("/finviz/quote?t=AAA").text
    assert 'id="news-table"' in page
    assert "<tr" not in page


def chain(client: httpx.Client) -> dict[str, Any]:
    body = client.get("/polygon/v3/snapshot/options/AAA?limit=250").json()
    return {row["details"]["ticker"]: row for row in body["results"]}


def test_the_snapshot_is_the_last_session_with_quotes(client: httpx.Client) -> None:
    """2020-01-09 has open interest only, so the chain of the 8th is served, expired ones too."""
    rows = chain(client)
    call = rows["O:AAA200117C00010000"]
    assert (call["last_quote"]["bid"], call["last_quote"]["ask"]) == (1.2, 1.4)
    assert (call["day"]["close"], call["day"]["previous_close"]) == (1.25, 1.0)
    assert call["underlying_asset"]["price"] == 11
    assert call["greeks"] == {}
    assert "implied_volatility" not in call
    put = rows["O:AAA200117P00010000"]
    assert (put["last_quote"]["bid"], put["day"], put["open_interest"]) == (0, {}, 75)
    expired = rows["O:AAA200103C00010000"]
    assert (expired["last_quote"], expired["open_interest"]) == ({}, 12)


def test_a_session_can_be_asked_for(folder: Path) -> None:
    """`as_of` chooses the session; a day without a chain is refused with the days there are."""
    chosen = replayed(folder, date(2020, 1, 3))
    assert [quote.ask for quote in chosen.option_chain("AAA")] == [1.1]
    with pytest.raises(ConfigurationError, match="2020-01-03 to 2020-01-09"):
        replayed(folder, date(2020, 1, 6))


def test_option_aggregates_are_the_trades(client: httpx.Client, small: ReplayedMarket) -> None:
    """Only sessions with trades are bars; contracts are listed alive or expired."""
    path = "/polygon/v2/aggs/ticker/O:AAA200117C00010000/range/1/day/2020-01-01/2020-01-31"
    results = client.get(path).json()["results"]
    assert [(row["o"], row["h"], row["l"], row["c"], row["v"]) for row in results] == [
        (1, 1, 1, 1, 3), (1.3, 1.35, 1.2, 1.25, 9),
    ]  # fmt: skip
    untraded = OptionContract("AAA", date(2020, 1, 17), "put", Decimal(10))
    bars = small.option_bars(untraded)
    assert bars is not None
    assert len(bars) == 0
    listed = client.get("/polygon/v3/reference/options/contracts?underlying_ticker=AAA").json()
    assert [row["ticker"] for row in listed["results"]] == [
        "O:AAA200117C00010000", "O:AAA200117P00010000",
    ]  # fmt: skip
    expired = small.option_contracts("AAA", None, expired=True)
    assert [contract.occ for contract in expired] == ["AAA200103C00010000"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("notes.txt", "x", "no recorded history"),
     ("daily_ohlcv_x.csv", "date,symbol,open\n2020-01-02,AAA,1\n", "lacks the columns high"),
     ("daily_ohlcv_x.csv.gz", "not compressed", "cannot be read")],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    """A folder without known files, or with a broken one, is refused before serving."""
    tmp_path.joinpath(name).write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        replayed(tmp_path)


# -- the recorded history itself ------------------------------------------------------------


@pytest.fixture(scope="module")
def history(market_history: Path) -> ReplayedMarket:
    return replayed(market_history)


@pytest.mark.real_history
def test_recorded_aapl_is_served_exactly(history: ReplayedMarket, market_history: Path) -> None:
    """Every AAPL row of the file comes over the wire to the last digit."""
    frame = pd.read_csv(market_history / "daily_ohlcv_2013_2018.csv.gz")
    expected = frame[frame["symbol"] == "AAPL"]
    with SandboxServer(create_app(history, fixed_clock)) as server:
        query = "period1=1360000000&period2=1518100000&events=div,splits"
        url = f"{server.url}/yahoo/v8/finance/chart/AAPL"
        result = httpx.get(f"{url}?{query}", trust_env=False).json()["chart"]["result"][0]
    stamps = pd.to_datetime(result["timestamp"], unit="s", utc=True).tz_convert("America/New_York")
    assert {str(stamp.time()) for stamp in stamps} == {"09:30:00"}
    assert [str(stamp.date()) for stamp in stamps] == expected["date"].tolist()
    quote = result["indicators"]["quote"][0]
    for column in ("open", "high", "low", "close", "volume"):
        assert quote[column] == expected[column].tolist(), column
    assert result["indicators"]["adjclose"][0]["adjclose"] == expected["close"].tolist()


@pytest.mark.real_history
def test_recorded_defects_pass_through(history: ReplayedMarket) -> None:
    """Missing opens, a half-adjusted split and a raw fill's border come as recorded."""
    wrk, lnt, aapl = (history.bars(symbol) for symbol in ("WRK", "LNT", "AAPL"))
    assert wrk is not None
    assert lnt is not None
    assert aapl is not None
    assert np.isnan(wrk.open[wrk.days == np.datetime64("2015-06-26")]).all()
    at = int(np.flatnonzero(lnt.days == np.datetime64("2016-05-19"))[0])
    assert lnt.close[at] / lnt.close[at - 1] < 0.55
    # 2012 stands before the split of 2014, September 2020 after the one of August.
    assert (str(aapl.days[0]), str(aapl.days[-1])) == ("2013-02-08", "2020-08-28")
    assert history.bars("TLT") is None


@pytest.mark.real_history
def test_recorded_split_day_chain_is_whole(history: ReplayedMarket) -> None:
    """The chain of 2014-06-09 has both series, priced against that day's raw close."""
    chain = history.option_chain("AAPL")
    assert (len(chain), history.as_of()) == (4519, date(2014, 6, 9))
    assert {quote.underlying_price for quote in chain} == {93.7}
    quoted = [quote for quote in chain if quote.ask is not None]
    assert len(quoted) == 2180
    earlier = replayed_on(history, date(2014, 6, 6))
    assert {quote.underlying_price for quote in earlier} == {645.57}


def replayed_on(history: ReplayedMarket, day: date) -> list[Any]:
    return list(replayed(history.directory, day).option_chain("AAPL"))
