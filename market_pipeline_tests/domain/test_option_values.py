"""Quotes completed: what is computed, from what, and what stays missing."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.option_values import (
    GREEKS,
    VALUE_COLUMNS,
    bill_rate,
    complete_quotes,
)
from market_pipeline.domain.symbols import contract_kind, parse_occ
from market_pipeline.vendors.polygon_payloads import parse_chain, parse_page
from market_pipeline.warehouse import tables
from market_pipeline_tests.fakes import option_frame

FETCHED_AT = pd.Timestamp(datetime(2014, 6, 9, 23, tzinfo=UTC))
NO_RATES = pd.DataFrame({"session_date": [], "rate": []}).astype({"session_date": DATE_DTYPE})
DAY = date(2026, 11, 20)
CALL = "KO270115C00070000"


def quote(symbol: str = CALL, day: date = DAY, **change: Any) -> pd.DataFrame:
    terms = parse_occ(symbol)
    assert terms is not None
    row = {
        "session_date": day, "symbol": symbol, "underlying": terms.stock,
        "expiration_date": terms.expiration_date, "option_type": terms.option_type,
        "strike_usd": float(terms.strike_usd), "multiplier": 100, "bid": 2.9, "ask": 3.1,
        "quote_kind": "snapshot", **change,
    }  # fmt: skip
    return option_frame([row]).assign(source="polygon", fetched_at=FETCHED_AT)


def bars(symbol: str, *rows: tuple[date, float, float, float]) -> pd.DataFrame:
    """Date, close, dividend and split of an underlying."""
    columns = ["session_date", "close", "dividend_usd", "split_ratio"]
    frame = pd.DataFrame(list(rows), columns=columns).assign(symbol=symbol)
    return frame.astype({"session_date": DATE_DTYPE})


def complete(quotes: pd.DataFrame, stock: pd.DataFrame, **more: Any) -> dict[str, Any]:
    frame = complete_quotes(quotes, stock, more.get("rates", NO_RATES), default_rate=0.04)
    assert tuple(frame.columns) == VALUE_COLUMNS
    assert len(frame) == len(quotes)
    return dict(frame.iloc[0])


KO = bars("KO", (DAY, 70.0, 0.0, 0.0))


def test_columns_are_those_of_the_table() -> None:
    """Frames can be written as they are, also without a quote."""
    assert tuple(tables.metadata.tables["option_values"].columns.keys()) == VALUE_COLUMNS
    nothing = complete_quotes(quote().iloc[:0], KO.iloc[:0], NO_RATES, default_rate=0.04)
    assert tuple(nothing.columns) == VALUE_COLUMNS


def test_everything_missing_is_computed_from_the_middle_and_named() -> None:
    """At the money with 3.00 of premium over 56 days: near 0.4 x S x sigma x sqrt(T)."""
    row = complete(quote(), KO)
    assert (row["price_usd"], row["price_kind"], row["underlying_price"]) == (3.0, "mid", 70.0)
    assert row["implied_volatility"] == pytest.approx(0.26, abs=0.02)
    assert 0.5 < row["delta"] < 0.6
    assert row["computed"] == "implied_volatility,delta,gamma,theta,vega,underlying_price"
    assert (row["rate"], row["dividend_yield"]) == (0.04, 0.0)


def test_what_the_vendor_sent_is_kept_and_the_rest_goes_with_it() -> None:
    """Its volatility is the one greeks are computed at; a value it sent is never replaced."""
    row = complete(quote(implied_volatility=0.5, delta=0.1), KO)
    assert (row["implied_volatility"], row["delta"]) == (0.5, 0.1)
    assert row["computed"] == "gamma,theta,vega,underlying_price"
    full = complete(
        quote(implied_volatility=0.5, underlying_price=71.0).assign(**dict.fromkeys(GREEKS, 0.2)),
        KO,
    )
    assert full["computed"] is None or pd.isna(full["computed"])
    assert full["underlying_price"] == 71.0


@pytest.mark.parametrize(
    "quotes",
    [
        quote(bid=np.nan, ask=np.nan),  # no price
        quote(day=date(2027, 1, 15)),  # last day, no underlying either
        quote("KO1270115C00070000"),  # adjusted by its root
        quote(multiplier=150),  # adjusted by its multiplier
        quote(bid=0.01, ask=0.02, strike_usd=20.0),  # below intrinsic: nothing is implied
    ],
)
def test_what_cannot_be_computed_stays_missing(quotes: pd.DataFrame) -> None:
    """Missing is said as missing, not as zero."""
    row = complete(quotes, KO)
    assert pd.isna(row["implied_volatility"])
    assert all(pd.isna(row[name]) for name in GREEKS)


def test_the_share_is_priced_in_the_money_of_its_day() -> None:
    """Bars are adjusted for the later split of 7 for 1; quotes of the day before it are not."""
    stock = bars("AAPL", (date(2014, 6, 6), 92.224, 0.0, 0.0), (date(2014, 6, 9), 93.7, 0.0, 7.0))
    old = quote("AAPL140621C00650000", date(2014, 6, 6), bid=9.85, ask=10.0)
    new = quote("AAPL140621C00092860", date(2014, 6, 9), bid=1.8, ask=1.85)
    before, after = complete(old, stock), complete(new, stock)
    assert before["underlying_price"] == pytest.approx(645.568)
    assert after["underlying_price"] == 93.7
    for row in (before, after):
        assert 0.15 < row["implied_volatility"] < 0.35
    assert before["delta"] == pytest.approx(0.45, abs=0.1)


def test_dividends_of_the_year_before_are_the_yield() -> None:
    """Four of 0.49 over 70; one of 13 months ago is none of them."""
    paid = [date(2025, 10, 1), date(2025, 12, 1), date(2026, 3, 2), date(2026, 6, 1)]
    stock = bars("KO", *((day, 69.0, 0.49, 0.0) for day in paid), (DAY, 70.0, 0.49, 0.0))
    assert complete(quote(), stock)["dividend_yield"] == pytest.approx(4 * 0.49 / 70)


def test_the_last_bill_up_to_the_session_gives_the_rate() -> None:
    """A discount of 8 % over 91 of 360 days is 8.19 % a year, continuous."""
    rates = pd.DataFrame(
        {"session_date": [date(2026, 11, 18), date(2026, 11, 23)], "rate": [0.01, 0.9]}
    )
    rates = rates.astype({"session_date": DATE_DTYPE})
    assert complete(quote(), KO, rates=rates)["rate"] == 0.01
    expected = -np.log(1 - 0.08 * 91 / 360) * 365 / 91
    assert bill_rate(pd.Series([8.0]))[0] == pytest.approx(expected)
    assert expected == pytest.approx(0.0819, abs=1e-4)


@pytest.mark.parametrize(
    ("symbol", "multiplier", "kind"),
    [
        ("AAPL140621C00092860", 100, "standard"),
        ("AAPL7140621C00092860", 10, "mini"),
        ("AAPL140621C00092860", 10, "mini"),
        ("AAPL7140621C00092860", 100, "adjusted"),
        ("AAPL1140621C00092860", 100, "adjusted"),
        ("AAPL140621C00092860", 150, "adjusted"),
    ],
)
def test_contracts_are_told_apart_by_multiplier_and_root(
    symbol: str, multiplier: int, kind: str
) -> None:
    """Ten shares are a mini; a digit or any other count is an adjusted contract."""
    assert contract_kind(symbol, multiplier) == kind


def recorded(folder: Path, name: str, underlying: str, day: date) -> pd.DataFrame:
    rows = parse_page((folder / "polygon" / name).read_bytes(), "test").rows
    frame = parse_chain(rows, underlying, day).frame
    return frame.assign(source="polygon", fetched_at=FETCHED_AT)


def test_recorded_greeks_are_computed_alike(vendor_payloads: Path) -> None:
    """From the delayed plan's volatility and the share at that instant, our greeks are its own.

    The day it tells of is the 24th; its greeks are of the 27th, with the share at 268.81.
    """
    quotes = recorded(
        vendor_payloads, "snapshot_option_contract_delayed_plan.json", "AAPL", date(2025, 10, 27)
    )
    stock = bars("AAPL", (date(2025, 10, 27), 268.81, 0.0, 0.0))
    sent = complete(quotes, stock)
    assert sent["computed"] == "underlying_price"
    found = complete(quotes.assign(**dict.fromkeys(GREEKS, np.nan)), stock)
    assert found["computed"] == "delta,gamma,theta,vega,underlying_price"
    assert found["delta"] == pytest.approx(sent["delta"], abs=0.01)
    for name, within in (("gamma", 0.03), ("vega", 0.03), ("theta", 0.05)):
        assert found[name] == pytest.approx(sent[name], rel=within), name


@pytest.mark.parametrize(
    ("name", "underlying", "day"),
    [
        ("snapshot_options_AAPL.json", "AAPL", date(2022, 4, 29)),
        ("snapshot_option_contract.json", "AAPL", date(2022, 4, 29)),
        ("snapshot_options_SPY_illiquid.json", "SPY", date(2024, 5, 30)),
    ],
)
def test_recorded_full_snapshots_need_nothing_of_ours(
    vendor_payloads: Path, name: str, underlying: str, day: date
) -> None:
    """Every value is the vendor's, and none is named as computed."""
    quotes = recorded(vendor_payloads, name, underlying, day)
    found = complete_quotes(quotes, KO.iloc[:0], NO_RATES, default_rate=0.04)
    assert found["computed"].isna().all()
    for column in ("implied_volatility", *GREEKS, "underlying_price"):
        assert found[column].tolist() == quotes[column].tolist()
    assert found["price_kind"].tolist() == ["mid"] * len(quotes)
