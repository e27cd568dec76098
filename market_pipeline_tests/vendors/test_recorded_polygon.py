"""Every recorded Polygon body is parsed to what it holds, or refused with its typed error."""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.errors import NotEntitled, Throttled, VendorError
from market_pipeline.domain.ports import BAR_COLUMNS, OPTION_COLUMNS, FetchedFrame
from market_pipeline.domain.price_conventions import SPLIT_ADJUSTED
from market_pipeline.vendors.bars import shaped
from market_pipeline.vendors.polygon import KEY_SETTING
from market_pipeline.vendors.polygon_payloads import (
    Page,
    parse_aggregates,
    parse_chain,
    parse_page,
)
from market_pipeline.vendors.polygon_reference import (
    parse_contracts,
    parse_dividends,
    parse_holidays,
    parse_open_close,
    parse_splits,
    parse_tickers,
)
from market_pipeline.vendors.replies import Redactor, VendorKey, error_for
from market_pipeline_tests.vendors.recorded import files_of, reply_of

COVERED = {
    "aggs_AAPL_day.json",
    "aggs_GME_60min_desc.json",
    "aggs_GME_day_desc.json",
    "aggs_prev_AAPL.json",
    "dividends.json",
    "empty_results_200.json",
    "error_401_unknown_key.json",
    "error_403_not_authorized.json",
    "error_429_rate_limit.json",
    "marketstatus_upcoming.json",
    "open_close_AAPL.json",
    "options_contract_single.json",
    "options_contracts_page1.json",
    "options_contracts_page2.json",
    "snapshot_option_contract.json",
    "snapshot_option_contract_delayed_plan.json",
    "snapshot_options_AAPL.json",
    "snapshot_options_SPY_illiquid.json",
    "splits.json",
    "ticker_details_AAPL.json",
    "tickers_page1.json",
    "tickers_page2.json",
}


def page(folder: Path, name: str) -> Page:
    reply = reply_of(folder, "polygon", name)
    assert reply.status == 200
    return parse_page(reply.body, "test")


def all_kept(fetched: FetchedFrame) -> pd.DataFrame:
    assert fetched.rejected == ()
    return fetched.frame


def test_every_recorded_file_is_covered(vendor_payloads: Path) -> None:
    """A new recording without a test of its own fails here."""
    assert files_of(vendor_payloads, "polygon") == COVERED


@pytest.mark.parametrize(
    ("name", "bars", "first_at", "volume"),
    [
        ("aggs_AAPL_day.json", 2, datetime(2005, 4, 1, 5, tzinfo=UTC), 642646396.0),
        ("aggs_GME_day_desc.json", 2, datetime(2021, 12, 2, 5, tzinfo=UTC), 8348400.0),
        ("aggs_GME_60min_desc.json", 29, datetime(2021, 12, 2, 23, tzinfo=UTC), 1200.0),
        ("aggs_prev_AAPL.json", 1, datetime(2022, 4, 26, 20, tzinfo=UTC), 95595226.0),
    ],
)
def test_recorded_aggregates_are_read(
    vendor_payloads: Path, name: str, bars: int, first_at: datetime, volume: float
) -> None:
    """Bars in the vendor's order, stamps in UTC, exponent volumes as numbers."""
    frame = all_kept(parse_aggregates(page(vendor_payloads, name).rows, "X"))
    assert len(frame) == bars
    assert frame["started_at"].iloc[0] == first_at
    assert str(frame["started_at"].dtype) == "datetime64[us, UTC]"
    assert frame["volume"].iloc[0] == volume


def test_a_daily_stamp_is_a_new_york_date(vendor_payloads: Path) -> None:
    """Midnight in New York is 05:00 UTC in winter; the date is New York's."""
    frame = all_kept(parse_aggregates(page(vendor_payloads, "aggs_GME_day_desc.json").rows, "GME"))
    assert [day.date() for day in frame["session_date"]] == [date(2021, 12, 2), date(2021, 12, 1)]


def test_a_full_snapshot_is_read(vendor_payloads: Path) -> None:
    """Quote, greeks and underlying; the trade is of another day than the session, so the day's
    close is the last price.
    """
    rows = page(vendor_payloads, "snapshot_options_AAPL.json").rows
    frame = all_kept(parse_chain(rows, "AAPL", date(2022, 4, 29)))
    assert tuple(frame.columns) == OPTION_COLUMNS
    (row,) = frame.to_dict("records")
    assert row["symbol"] == "AAPL230616C00150000"
    assert (row["expiration_date"], row["strike_usd"]) == (pd.Timestamp("2023-06-16"), 150.0)
    assert (row["bid"], row["ask"], row["last"], row["volume"]) == (28.9, 29.25, 29.0, 8.0)
    assert (row["open_interest"], row["underlying_price"]) == (8133.0, 159.9606)
    assert row["delta"] == pytest.approx(0.64366, abs=1e-5)
    assert (row["quote_kind"], row["multiplier"]) == ("snapshot", 100)


def test_a_trade_of_the_session_is_the_last_price(vendor_payloads: Path) -> None:
    """`sip_timestamp` is in nanoseconds: 2023-03-13 in New York."""
    rows = page(vendor_payloads, "snapshot_options_AAPL.json").rows
    frame = all_kept(parse_chain(rows, "AAPL", date(2023, 3, 13)))
    assert frame["last"].tolist() == [29.25]


def test_an_old_trade_is_no_price_of_the_session(vendor_payloads: Path) -> None:
    """Neither the trade nor the day is of the session: the price is unknown."""
    rows = page(vendor_payloads, "snapshot_options_AAPL.json").rows
    assert parse_chain(rows, "AAPL", date(2024, 1, 2)).frame["last"].isna().all()


def test_one_contract_comes_as_an_object(vendor_payloads: Path) -> None:
    """`results` is an object there, and reads like a list of one."""
    rows = page(vendor_payloads, "snapshot_option_contract.json").rows
    frame = all_kept(parse_chain(rows, "AAPL", date(2022, 4, 29)))
    assert frame["symbol"].tolist() == ["AAPL230616C00150000"]


def test_illiquid_contracts_have_quotes_and_no_trades(vendor_payloads: Path) -> None:
    """`day` and `last_trade` are empty objects, the envelope has no status."""
    rows = page(vendor_payloads, "snapshot_options_SPY_illiquid.json").rows
    frame = all_kept(parse_chain(rows, "SPY", date(2024, 5, 30)))
    assert frame["symbol"].tolist()[:2] == ["SPY240604C00451000", "SPY240604C00452000"]
    assert frame["bid"].notna().all()
    assert frame["last"].isna().tolist() == [False, True]
    assert frame["open_interest"].tolist() == [0.0] * len(frame)


def test_a_cheap_plan_has_no_quotes(vendor_payloads: Path) -> None:
    """No quote, no trade, no underlying price: NaN there, the day's close as the last price."""
    rows = page(vendor_payloads, "snapshot_option_contract_delayed_plan.json").rows
    frame = all_kept(parse_chain(rows, "AAPL", date(2025, 10, 24)))
    (row,) = frame.to_dict("records")
    assert pd.isna([row["bid"], row["ask"], row["underlying_price"]]).all()
    assert (row["last"], row["open_interest"]) == (5.64, 23049.0)


def test_contract_pages_are_read_and_linked(vendor_payloads: Path) -> None:
    """The first page leads on to an absolute address, the last one to none."""
    first = page(vendor_payloads, "options_contracts_page1.json")
    last = page(vendor_payloads, "options_contracts_page2.json")
    assert first.next_url is not None
    assert first.next_url.startswith("https://api.")
    assert last.next_url is None
    frame = all_kept(parse_contracts([*first.rows, *last.rows]))
    assert frame["symbol"].iloc[0] == "A220520C00065000"
    assert frame["strike_usd"].iloc[0] == 65.0
    assert set(frame["underlying"]) == {"A"}
    assert frame["symbol"].is_unique


def test_a_single_contract_is_read(vendor_payloads: Path) -> None:
    """One contract under reference data."""
    frame = all_kept(parse_contracts(page(vendor_payloads, "options_contract_single.json").rows))
    assert frame.to_dict("records")[0] | {} == {
        "symbol": "EVRI240119C00002500",
        "underlying": "EVRI",
        "expiration_date": pd.Timestamp("2024-01-19"),
        "option_type": "call",
        "strike_usd": 2.5,
        "multiplier": 100,
        "exercise_style": "american",
        "contract_kind": "standard",
        "recognised_by": "100 shares",
        "primary_exchange": "BATO",
    }


def test_ticker_pages_and_details_are_read(vendor_payloads: Path) -> None:
    """Two pages of two, and the details with a market value."""
    first = page(vendor_payloads, "tickers_page1.json")
    last = page(vendor_payloads, "tickers_page2.json")
    assert (first.next_url is None, last.next_url is None) == (False, True)
    frame = all_kept(parse_tickers([*first.rows, *last.rows]))
    assert frame["symbol"].tolist() == ["A", "AA", "AAA", "AAAU"]
    assert frame["kind"].tolist() == ["CS", "CS", "ETF", "ETF"]
    details = all_kept(parse_tickers(page(vendor_payloads, "ticker_details_AAPL.json").rows))
    assert details["market_cap_usd"].tolist() == [2488795282370.0]
    assert details["list_date"].tolist() == [pd.Timestamp("1980-12-12")]


def test_an_adjusted_contract_is_named_after_its_stock_and_says_why() -> None:
    """A digit at the root, another count of shares, or other deliverables beside them."""
    row = {
        "ticker": "O:VMW1240119C00100000",
        "shares_per_contract": 100,
        "underlying_ticker": "VMW",
    }
    cash = {"additional_underlyings": [{"type": "currency", "underlying": "USD", "amount": 6.5}]}
    rows = [
        row,
        {**row, "ticker": "O:KO240119C00060000", "shares_per_contract": 150},
        {**row, "ticker": "O:KO240119P00060000", **cash},
        {**row, "ticker": "O:AAPL7240119C00100000", "shares_per_contract": 10},
        row,
    ]
    read = parse_contracts(rows)
    kinds = read.frame[["underlying", "contract_kind", "recognised_by"]].to_numpy().tolist()
    assert kinds == [
        ["VMW", "adjusted", "root VMW1 ends in a digit"],
        ["VMW", "adjusted", "150 shares"],
        ["VMW", "adjusted", "other deliverables than the shares"],
        ["VMW", "mini", "10 shares, root AAPL7"],
    ]
    assert [one.rule for one in read.rejected] == ["duplicate_row"]


# -- how old a quote is --------------------------------------------------------------------


def snapshot_row(vendor_payloads: Path, **changes: object) -> dict[str, object]:
    """Give the first recorded contract of SPY of 30 May 2024, changed."""
    row: dict[str, object] = page(vendor_payloads, "snapshot_options_SPY_illiquid.json").rows[0]
    return {**row, **changes}


def test_a_quote_of_its_session_is_not_stale(vendor_payloads: Path) -> None:
    """Recorded on 30 May 2024; a contract that never trades is fresh all the same."""
    rows = page(vendor_payloads, "snapshot_options_SPY_illiquid.json").rows
    frame = parse_chain(rows, "SPY", date(2024, 5, 30)).frame
    assert frame["is_stale"].tolist() == [False, False]
    assert frame["quoted_at"].dt.floor("s").tolist() == [pd.Timestamp("2024-05-30T13:57:15Z")] * 2


def test_a_snapshot_given_to_another_session_is_stale_throughout(vendor_payloads: Path) -> None:
    """Bid and ask stay with their mark; last trade and the share's price, which say more, go."""
    rows = page(vendor_payloads, "snapshot_options_SPY_illiquid.json").rows
    frame = parse_chain(rows, "SPY", date(2024, 5, 31)).frame
    assert frame["is_stale"].tolist() == [True, True]
    assert frame["bid"].notna().all()
    assert frame[["last", "underlying_price"]].isna().all(axis=None)


def test_prices_without_a_time_are_stale(vendor_payloads: Path) -> None:
    """Nothing says that they are of the session; a row without any price is not called so."""
    quote = {"bid": 1.0, "ask": 1.2}
    timeless_day = {"close": 2.96, "volume": 7}
    rows: list[object] = [
        snapshot_row(vendor_payloads, last_quote=quote),
        snapshot_row(vendor_payloads, last_quote={}, day=timeless_day),
        snapshot_row(vendor_payloads, last_quote={}, day={}),
    ]
    told = [parse_chain([row], "SPY", date(2024, 5, 30)).frame for row in rows]
    assert [bool(frame["is_stale"].iloc[0]) for frame in told] == [True, True, False]


def test_a_plan_without_quotes_gives_fresh_closes(vendor_payloads: Path) -> None:
    """The delayed plan tells the day's close with its day: of that session it is not stale."""
    rows = page(vendor_payloads, "snapshot_option_contract_delayed_plan.json").rows
    session = date(2025, 10, 24)
    frame = parse_chain(rows, "AAPL", session).frame
    assert (frame["last"].iloc[0], bool(frame["is_stale"].iloc[0])) == (5.64, False)
    assert pd.isna(frame["quoted_at"].iloc[0])


def test_splits_are_new_shares_for_each_old(vendor_payloads: Path) -> None:
    """Twenty for one, and one for two the other way round."""
    frame = all_kept(parse_splits(page(vendor_payloads, "splits.json").rows))
    ratios = dict(zip(frame["symbol"], frame["split_ratio"], strict=True))
    assert (ratios["GOOGL"], ratios["BRW"]) == (20.0, 0.5)
    assert frame["execution_date"].iloc[0] == pd.Timestamp("2022-07-18")


def test_dividends_are_read(vendor_payloads: Path) -> None:
    """Cash a share, with its four dates."""
    frame = all_kept(parse_dividends(page(vendor_payloads, "dividends.json").rows))
    first = frame.iloc[0]
    assert (first["symbol"], first["dividend_usd"]) == ("CSSEN", 0.59375)
    assert first["ex_date"] == pd.Timestamp("2025-06-12")
    assert first["pay_date"] == pd.Timestamp("2025-06-30")


def test_open_close_has_no_envelope(vendor_payloads: Path) -> None:
    """The fields stand at the top of the answer."""
    reply = reply_of(vendor_payloads, "polygon", "open_close_AAPL.json")
    (row,) = all_kept(parse_open_close(reply.body)).to_dict("records")
    assert (row["symbol"], row["session_date"]) == ("AAPL", pd.Timestamp("2021-04-01"))
    assert (row["close"], row["pre_market"]) == (123.0, 123.45)


def test_market_holidays_are_a_bare_array(vendor_payloads: Path) -> None:
    """Closures and early closes of each exchange."""
    reply = reply_of(vendor_payloads, "polygon", "marketstatus_upcoming.json")
    frame = all_kept(parse_holidays(reply.body))
    assert frame["holiday_date"].iloc[0] == pd.Timestamp("2022-05-30")
    assert set(frame["status"]) == {"closed", "early-close"}


def test_an_unknown_ticker_is_an_empty_page(vendor_payloads: Path) -> None:
    """200 with no results, and no further page."""
    assert page(vendor_payloads, "empty_results_200.json") == Page([], None)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("error_401_unknown_key.json", NotEntitled, "Unknown API Key"),
        ("error_403_not_authorized.json", NotEntitled, "upgrade your plan"),
        ("error_429_rate_limit.json", Throttled, "maximum requests per minute"),
    ],
)
def test_recorded_errors_are_typed(
    vendor_payloads: Path, name: str, error: type[VendorError], words: str
) -> None:
    """Refusals name the key's setting; the recorded limit came without `Retry-After`."""
    key = VendorKey(None, "header", "Authorization", KEY_SETTING, "an options plan")
    raised = error_for(
        "polygon", "aggs", reply_of(vendor_payloads, "polygon", name), Redactor(), key
    )
    assert type(raised) is error
    assert words in str(raised)
    if isinstance(raised, Throttled):
        assert raised.retry_after_s is None
    else:
        assert KEY_SETTING in str(raised)


# -- stock bars ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "symbol", "days", "closes", "volumes"),
    [
        ("aggs_AAPL_day.json", "AAPL", [date(2005, 4, 1), date(2005, 4, 4)],
         [1.4604, 1.4675], [642_646_396.0, 578_172_308.0]),
        ("aggs_GME_day_desc.json", "GME", [date(2021, 12, 1), date(2021, 12, 2)],
         [44.96, 45.39], [9_422_140.0, 8_348_400.0]),
        ("aggs_prev_AAPL.json", "AAPL", [date(2022, 4, 26)], [156.8], [95_595_226.0]),
    ],
)  # fmt: skip
def test_daily_aggregates_are_bars_of_a_stock(
    vendor_payloads: Path,
    name: str,
    symbol: str,
    days: list[date],
    closes: list[float],
    volumes: list[float],
) -> None:
    """Stamps are New York midnights, volumes may be exponents; oldest first whatever was sent."""
    rows = page(vendor_payloads, name).rows
    bars = shaped(parse_aggregates(rows, symbol), symbol, date.min, date.max)
    assert tuple(bars.frame.columns) == BAR_COLUMNS
    assert [stamp.date() for stamp in bars.frame["session_date"]] == days
    assert bars.frame["close"].tolist() == closes
    assert bars.frame["volume"].tolist() == volumes
    assert (bars.rejected, bars.convention) == ((), SPLIT_ADJUSTED)


def test_hourly_aggregates_are_no_daily_bars(vendor_payloads: Path) -> None:
    """Only the first of a session is kept, and every other one is named."""
    rows = page(vendor_payloads, "aggs_GME_60min_desc.json").rows
    bars = shaped(parse_aggregates(rows, "GME"), "GME", date.min, date.max)
    assert len(bars.frame) + len(bars.rejected) == 29
    assert {row.rule for row in bars.rejected} == {"duplicate_row"}
    assert bars.frame["session_date"].is_unique
