"""Every recorded Alpha Vantage body gives its bars, or the typed error of what it says."""

from datetime import date
from pathlib import Path

import pytest

from market_pipeline.domain.errors import (
    LayoutChanged,
    NotEntitled,
    QuotaEnded,
    Throttled,
    VendorError,
)
from market_pipeline.domain.ports import BAR_COLUMNS, FetchedFrame
from market_pipeline.domain.price_conventions import RAW, SPLIT_ADJUSTED
from market_pipeline.vendors.alpha_vantage_payloads import parse_daily
from market_pipeline_tests.vendors.recorded import files_of, reply_of

DAILY_FILE = "TIME_SERIES_DAILY_AAPL_20200904.json"
ADJUSTED_FILE = "TIME_SERIES_DAILY_ADJUSTED_GPV.TRV_20230620.json"
REFUSALS: dict[str, type[VendorError]] = {
    "TIME_SERIES_INTRADAY_AAPL_15min_20220930.json": LayoutChanged,
    "information_25_per_day_echoes_key.json": QuotaEnded,
    "information_burst_1_per_second.json": Throttled,
    "information_premium_2022.json": NotEntitled,
    "note_5_per_min_500_per_day.json": Throttled,
}


def parsed(folder: Path, name: str, symbol: str) -> FetchedFrame:
    reply = reply_of(folder, "alpha_vantage", name)
    assert reply.status == 200
    return parse_daily(reply.body, symbol, date.min, date.max)


def test_every_recorded_file_is_covered(vendor_payloads: Path) -> None:
    """A file added to the recordings needs a case here."""
    assert files_of(vendor_payloads, "alpha_vantage") == {DAILY_FILE, ADJUSTED_FILE, *REFUSALS}


def test_the_daily_series_is_raw_bars_oldest_first(vendor_payloads: Path) -> None:
    """Five sessions; written numbers become floats; no split is suspected after AAPL's."""
    fetched = parsed(vendor_payloads, DAILY_FILE, "AAPL")
    assert tuple(fetched.frame.columns) == BAR_COLUMNS
    assert (len(fetched.frame), fetched.rejected, fetched.convention) == (5, (), RAW)
    assert fetched.frame["session_date"].is_monotonic_increasing
    last = fetched.frame.iloc[-1]
    assert last["session_date"].date() == date(2020, 9, 4)
    assert (last["open"], last["high"], last["low"]) == (120.07, 123.70, 110.89)
    assert (last["close"], last["volume"]) == (120.96, 332_607_163)
    assert fetched.frame["adj_close"].isna().all()
    assert fetched.suspected_splits == ()


def test_the_adjusted_series_has_its_volume_elsewhere(vendor_payloads: Path) -> None:
    """`6. volume`, numbers without fixed decimals, no split: prices as written."""
    fetched = parsed(vendor_payloads, ADJUSTED_FILE, "GPV.TRV")
    assert fetched.convention == SPLIT_ADJUSTED
    assert fetched.frame["volume"].tolist() == [300.0, 7195.0]
    assert fetched.frame["close"].tolist() == [3.62, 3.62]
    assert fetched.frame["split_ratio"].tolist() == [0.0, 0.0]
    assert fetched.frame["adj_close"].tolist() == [3.62, 3.62]


@pytest.mark.parametrize(("name", "error"), REFUSALS.items())
def test_a_refusal_is_its_typed_error(
    vendor_payloads: Path, name: str, error: type[VendorError]
) -> None:
    """All of them come with status 200; the echoed key is in none of the words kept."""
    with pytest.raises(VendorError) as caught:
        parsed(vendor_payloads, name, "AAPL")
    assert type(caught.value) is error
    assert "REDACTEDKEY" not in str(caught.value)


def test_the_burst_and_the_minute_say_how_long_to_wait(vendor_payloads: Path) -> None:
    """A second for one, a minute for the other."""
    waits = []
    for name in ("information_burst_1_per_second.json", "note_5_per_min_500_per_day.json"):
        with pytest.raises(Throttled) as caught:
            parsed(vendor_payloads, name, "AAPL")
        waits.append(caught.value.retry_after_s)
    assert waits == [1.0, 60.0]


def test_a_body_about_another_symbol_is_refused(vendor_payloads: Path) -> None:
    """An answer that was mixed up on its way is no price of ours."""
    with pytest.raises(VendorError, match="asked for KO, the body is about 'AAPL'"):
        parsed(vendor_payloads, DAILY_FILE, "KO")
