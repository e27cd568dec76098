"""Every recorded Yahoo body: charts through the real yfinance, the rest through our parsers."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.errors import (
    BadPayload,
    LayoutChanged,
    Throttled,
    UnknownSymbol,
)
from market_pipeline.domain.intraday import INTRADAY_COLUMNS, judge
from market_pipeline.domain.ports import BAR_COLUMNS, FetchedFrame
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.yahoo import YahooClient
from market_pipeline.vendors.yahoo_payloads import (
    parse_crumb,
    parse_quote_summary,
    parse_quotes,
)
from market_pipeline_tests.vendors.loopback import Answer, Asked, serving
from market_pipeline_tests.vendors.recorded import files_of, reply_of

# File, symbol, bars kept, first and last session, null rows, dividends, splits.
CHARTS = [
    ("chart_AAPL_20200831_20201107_1d.json", "AAPL", 49, "2020-08-31", "2020-11-06", 0, 1,
     [("2020-08-31", 4.0)]),
    ("chart_MSFT_2021_dividends.json", "MSFT", 252, "2021-02-01", "2022-01-28", 0, 4, []),
    ("chart_NVDA_2021_split.json", "NVDA", 252, "2021-02-01", "2022-01-28", 0, 0,
     [("2021-07-20", 4.0)]),
    ("chart_AAPL_3y_split_dividends.json", "AAPL", 757, "2019-07-16", "2022-07-15", 0, 12,
     [("2020-08-31", 4.0)]),
    ("chart_ESH23_nulls.json", "ESH23.CME", 355, "2021-06-04", "2022-11-02", 8, 0, []),
    ("chart_PM_live_duplicate_day.json", "PM", 2, "2022-03-17", "2022-03-18", 0, 0, []),
]  # fmt: skip
REFUSED = [
    ("chart_404_delisted.json", "YIX22.NYB", UnknownSymbol, "may be delisted"),
    ("chart_no_timestamp.fake.json", "AAPL", LayoutChanged, "timestamp"),
    ("chart_GME_1h.json", "GME", BadPayload, "these are '1h'"),  # asked for days
]
OTHERS = {
    "getcrumb.txt",
    "quoteSummary_404_ADH.json",
    "quoteSummary_defaultKeyStatistics_AAPL.json",
    "quoteSummary_financialData_AAPL.json",
    "quoteSummary_price_AAPL.json",
    "quoteSummary_quoteType_AAPL.json",
    "quoteSummary_summaryDetail_AAPL.json",
    "quote_AAPL_BABA.json",
}


def fetch(folder: Path, name: str, symbol: str, first: date, last: date) -> FetchedFrame:
    """Let the client fetch a recorded chart of days from a loopback server."""
    return fetched_by(folder, name, lambda client: client.daily_bars(symbol, first, last))


def fetched_by(folder: Path, name: str, ask: Callable[[YahooClient], FetchedFrame]) -> FetchedFrame:
    """Let the client ask a loopback server that answers with a recorded chart."""
    recorded = reply_of(folder, "yahoo", name)

    def script(asked: Asked) -> Answer:
        if asked.path.startswith("/yahoo/v8/finance/chart/"):
            return Answer(recorded.body, recorded.status)
        return Answer(b"CrumbValue1" if asked.path.endswith("getcrumb") else b"", 200)

    with serving(script) as server:
        client = YahooClient(f"{server.url}/yahoo", policy=CallPolicy(attempts=1))
        try:
            return ask(client)
        finally:
            client.close()


def test_every_recorded_file_is_covered(vendor_payloads: Path) -> None:
    """A new recording without a test of its own fails here."""
    covered = {row[0] for row in CHARTS} | {row[0] for row in REFUSED} | OTHERS
    assert files_of(vendor_payloads, "yahoo") == covered


@pytest.mark.parametrize(
    ("name", "symbol", "bars", "first", "last", "nulls", "dividends", "splits"),
    CHARTS,
    ids=[row[0] for row in CHARTS],
)
def test_a_recorded_chart_gives_its_bars(
    vendor_payloads: Path,
    name: str,
    symbol: str,
    bars: int,
    first: str,
    last: str,
    nulls: int,
    dividends: int,
    splits: list[tuple[str, float]],
) -> None:
    """Counts, sessions, null rows, dividends and splits are those the recording is known for."""
    fetched = fetch(
        vendor_payloads, name, symbol, date.fromisoformat(first), date.fromisoformat(last)
    )
    frame = fetched.frame
    assert tuple(frame.columns) == BAR_COLUMNS
    assert str(frame["session_date"].dtype) == "datetime64[s]"
    assert len(frame) == bars
    assert frame["session_date"].is_unique
    assert (frame["session_date"].min(), frame["session_date"].max()) == (
        pd.Timestamp(first),
        pd.Timestamp(last),
    )
    assert set(frame["symbol"]) == {symbol}
    assert [row.rule for row in fetched.rejected] == ["null_row"] * nulls
    assert int((frame["dividend_usd"] > 0).sum()) == dividends
    split_rows = frame[frame["split_ratio"] > 0]
    assert [
        (str(day.date()), ratio)
        for day, ratio in zip(split_rows["session_date"], split_rows["split_ratio"], strict=True)
    ] == splits


def test_the_live_row_replaces_the_mornings(vendor_payloads: Path) -> None:
    """Of two rows of one day the later one stays: its volume is the larger."""
    fetched = fetch(
        vendor_payloads, "chart_PM_live_duplicate_day.json", "PM",
        date(2022, 3, 17), date(2022, 3, 18),
    )  # fmt: skip
    assert fetched.frame["volume"].tolist() == [6728800.0, 9667846.0]


def hours(folder: Path, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
    """Let the client fetch the recorded hours of GME."""
    return fetched_by(
        folder, "chart_GME_1h.json", lambda client: client.hourly_bars("GME", begins_at, ends_at)
    )


def test_recorded_hours_are_those_of_their_sessions(vendor_payloads: Path) -> None:
    """85 sessions of seven hours over the change to summer time; none is refused."""
    begins_at = datetime(2021, 12, 1, 9, 30, tzinfo=NEW_YORK)
    fetched = hours(vendor_payloads, begins_at, datetime(2022, 4, 2, tzinfo=NEW_YORK))
    assert tuple(fetched.frame.columns) == INTRADAY_COLUMNS
    assert (len(fetched.frame), fetched.rejected) == (85 * 7, ())
    judged = judge(fetched.frame, TradingCalendar.xnys(), datetime(2022, 4, 2, 21, 7, tzinfo=UTC))
    assert (len(judged.frame), judged.rejected) == (85 * 7, ())
    times = judged.frame["starts_at"].dt.tz_convert(NEW_YORK).dt.strftime("%H:%M")
    assert set(times) == {f"{hour:02d}:30" for hour in range(9, 16)}


def test_the_live_row_behind_the_recorded_hours_is_no_bar(vendor_payloads: Path) -> None:
    """Two seconds after the close, without volume: the last bar is 15:30's, as it was told."""
    fetched = hours(
        vendor_payloads, datetime(2022, 4, 1, 9, 30, tzinfo=NEW_YORK),
        datetime(2022, 4, 2, tzinfo=NEW_YORK),
    )  # fmt: skip
    last = fetched.frame.iloc[-1]
    assert last["starts_at"] == pd.Timestamp("2022-04-01 19:30", tz="UTC")
    assert (last["close"], last["volume"]) == (164.8300018310547, 874653.0)


def test_recorded_hours_outside_the_span_are_not_used(vendor_payloads: Path) -> None:
    """The end is left out, the beginning is not."""
    begins_at = datetime(2022, 3, 31, 14, 30, tzinfo=NEW_YORK)
    fetched = hours(vendor_payloads, begins_at, datetime(2022, 4, 1, 10, 30, tzinfo=NEW_YORK))
    assert [f"{at:%d %H:%M}" for at in fetched.frame["starts_at"]] == [
        "31 18:30", "31 19:30", "01 13:30",
    ]  # fmt: skip


def test_session_dates_do_not_follow_the_offset_of_the_moment(vendor_payloads: Path) -> None:
    """The chart was fetched in winter, its bars are of summer; the ex-date is 6 November."""
    fetched = fetch(
        vendor_payloads, "chart_AAPL_20200831_20201107_1d.json", "AAPL",
        date(2020, 8, 31), date(2020, 11, 6),
    )  # fmt: skip
    paid = fetched.frame[fetched.frame["dividend_usd"] > 0]
    assert paid["session_date"].tolist() == [pd.Timestamp("2020-11-06")]
    assert paid["dividend_usd"].tolist() == [0.205]


def test_only_the_range_asked_for_comes_back(vendor_payloads: Path) -> None:
    """Whatever more the vendor sends is not used."""
    fetched = fetch(
        vendor_payloads, "chart_MSFT_2021_dividends.json", "MSFT",
        date(2021, 3, 1), date(2021, 3, 5),
    )  # fmt: skip
    assert len(fetched.frame) == 5


@pytest.mark.parametrize(
    ("name", "symbol", "error", "words"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_a_recorded_failure_is_its_typed_error(
    vendor_payloads: Path, name: str, symbol: str, error: type[Exception], words: str
) -> None:
    """Delisted, malformed and of another interval are told apart, and none is "no data"."""
    with pytest.raises(error, match=words) as caught:
        fetch(vendor_payloads, name, symbol, date(2020, 1, 1), date(2022, 12, 31))
    assert type(caught.value) is error


def test_the_recorded_crumb_is_read(vendor_payloads: Path) -> None:
    """The body is the crumb; a limit in words is a limit, a page is no crumb."""
    assert parse_crumb(reply_of(vendor_payloads, "yahoo", "getcrumb.txt").body) == "CrumbValue1"
    with pytest.raises(Throttled):
        parse_crumb(b"Too Many Requests\r\n")
    with pytest.raises(BadPayload):
        parse_crumb(b"<html>consent</html>")


def test_recorded_quotes_are_read(vendor_payloads: Path) -> None:
    """Two symbols in one call, in their order, with size and currency."""
    apple, alibaba = parse_quotes(reply_of(vendor_payloads, "yahoo", "quote_AAPL_BABA.json").body)
    assert (apple.symbol, apple.name, apple.exchange) == ("AAPL", "Apple Inc.", "NMS")
    assert (alibaba.symbol, alibaba.quote_type, alibaba.currency) == ("BABA", "EQUITY", "USD")
    assert apple.market_cap is not None
    assert apple.market_cap > 3e12
    assert apple.dividend_yield_pct == pytest.approx(0.41, abs=0.05)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("price", {"market_cap": 3688676720640.0, "name": "Apple Inc.", "currency": "USD"}),
        ("summaryDetail", {"beta": 1.2, "dividend_yield_pct": pytest.approx(0.41)}),
        ("defaultKeyStatistics", {"shares_outstanding": 15022100480.0, "beta": 1.2}),
        ("financialData", {"total_revenue": 395760009216.0, "currency": "USD"}),
        ("quoteType", {"exchange": "NMS", "quote_type": "EQUITY", "market_cap": None}),
    ],
)
def test_recorded_quote_summaries_are_read(
    vendor_payloads: Path, module: str, told: dict[str, object]
) -> None:
    """Each module fills the fields it carries and leaves the others unknown."""
    reply = reply_of(vendor_payloads, "yahoo", f"quoteSummary_{module}_AAPL.json")
    profile = parse_quote_summary(reply.body, "AAPL")
    assert {name: getattr(profile, name) for name in told} == told


def test_a_recorded_summary_without_data_is_an_unknown_symbol(vendor_payloads: Path) -> None:
    """404 with an error inside means that the vendor has nothing on the symbol."""
    reply = reply_of(vendor_payloads, "yahoo", "quoteSummary_404_ADH.json")
    assert reply.status == 404
    with pytest.raises(UnknownSymbol, match="No fundamentals data"):
        parse_quote_summary(reply.body, "ADH")
