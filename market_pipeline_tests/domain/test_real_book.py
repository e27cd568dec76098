"""A book of thirty names on real prices of five years, against plain pandas.

Its transactions go through AAPL's split of 9 June 2014, in the shares of their day.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.bookkeeping import ledger_of
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.snapshots import Snapshots, snapshot_range
from market_pipeline.domain.transactions import Transaction, cash_effect

pytestmark = pytest.mark.real_history

SPLIT_DAY = pd.Timestamp(2014, 6, 9)
FEE = Decimal("4.95")


@pytest.fixture(scope="module")
def closes(market_history: Path) -> pd.DataFrame:
    """Give the closes of thirty stocks, one column each, adjusted for AAPL's split."""
    rows = pd.read_csv(market_history / "daily_ohlcv_2013_2018.csv.gz", parse_dates=["date"])
    wide = rows.pivot(index="date", columns="symbol", values="close")
    whole = wide.columns[wide.notna().all()].drop(["SPY", "QQQ", "IWM", "EEM"])
    return wide[["AAPL", *whole.drop("AAPL")[::7][:29]]]


def trades(closes: Any) -> Iterator[Transaction]:
    """Deposit, buy every name, trade AAPL on both sides of its split, sell, short, be paid."""
    dates, no = closes.index, 0

    def made(at: int, kind: str, quantity: str, symbol: str | None = None) -> Transaction:
        nonlocal no
        no += 1
        day, price = dates[at], None
        if symbol is not None:
            in_its_day = 7 if symbol == "AAPL" and day < SPLIT_DAY else 1
            price = Decimal(repr(float(closes.at[day, symbol]))) * in_its_day
        if kind == "dividend":
            price = Decimal("0.47")
        fees = FEE if kind in ("buy", "sell", "short", "cover") else Decimal(0)
        amount = cash_effect(kind, Decimal(quantity), price, 1, fees)
        kind_of = None if symbol is None else "stock"
        return Transaction(
            no, day.date(), kind, Decimal(quantity), amount, fees, price, symbol, kind_of
        )

    split: int = dates.get_loc(SPLIT_DAY)
    yield made(0, "deposit", "80000")
    for number, symbol in enumerate(closes.columns):
        yield made(1 + number, "buy", str(20 + number), symbol)
    yield made(120, "dividend", "20", "AAPL")
    yield made(200, "deposit", "10000.55")
    yield made(split - 1, "sell", "5", "AAPL")
    yield made(split, "sell", "35", "AAPL")
    yield made(split + 1, "split", "7", "AAPL")
    yield made(split + 30, "buy", "12.5", "AAPL")
    yield made(600, "short", "300", closes.columns[5])
    yield made(800, "cover", "150", closes.columns[5])
    yield made(900, "withdrawal", "6000")
    yield made(1000, "sell", "30", closes.columns[12])


@pytest.fixture(scope="module")
def valued(closes: pd.DataFrame) -> Snapshots:
    """Value the book in all sessions."""
    long = closes.reset_index().melt("date", var_name="symbol", value_name="price_usd")
    long = long.rename(columns={"date": "session_date"}).assign(source="recorded")
    sessions = [day.date() for day in closes.index]
    ledger = ledger_of("p", None, list(trades(closes)), {"AAPL": [(SPLIT_DAY.date(), 6.999997)]},
                       {}, {})  # fmt: skip
    return snapshot_range(
        [ledger], long.astype({"session_date": DATE_DTYPE}), sessions=sessions,
        first=sessions[0],
    )  # fmt: skip


def in_pandas(closes: Any) -> tuple[Any, Any]:
    """Give value and flows by day: shares in today's terms times closes, plus cash."""
    moved: Any = pd.DataFrame(0.0, index=closes.index, columns=closes.columns)
    cash: Any = pd.Series(0.0, index=closes.index)
    flows = cash.copy()
    side = {"buy": 1, "cover": 1, "sell": -1, "short": -1}
    for one in trades(closes):
        day = pd.Timestamp(one.trade_date)
        cash[day] += float(one.amount_usd)
        if one.type in ("deposit", "withdrawal"):
            flows[day] += float(one.amount_usd)
        elif one.type in side:
            factor = 7 if one.symbol == "AAPL" and day < SPLIT_DAY else 1
            moved.loc[day, one.symbol] += side[one.type] * float(one.quantity) * factor
    return (moved.cumsum() * closes).sum(axis=1) + cash.cumsum(), flows


def test_the_value_history_is_that_of_pandas_to_the_cent(
    closes: pd.DataFrame, valued: Snapshots
) -> None:
    """In each of 1,259 sessions, the split, a short and flows included."""
    value, _ = in_pandas(closes)
    ours = valued.portfolios["equity_usd"].astype(float).to_numpy()
    assert len(ours) == 1259
    assert np.abs(ours - value.to_numpy()).max() < 1e-6, "and more: pandas adds up floats"


def test_the_split_is_no_gain_and_counts_once(closes: Any, valued: Snapshots) -> None:
    """20 bought, 5 sold before it and 35 after: 70 of the new shares are left until more come."""
    held = valued.positions[valued.positions["symbol"] == "AAPL"]
    day = held[held["session_date"] == SPLIT_DAY].iloc[0]
    assert day["quantity"] == 70
    move = Decimal(repr(float(closes.at[SPLIT_DAY, "AAPL"]))) * 105 - 105 * Decimal(
        repr(float(closes["AAPL"].shift(1)[SPLIT_DAY]))
    )
    assert abs(day["daily_pnl_usd"] + FEE - move) < Decimal("1E-6")


def test_the_time_weighted_return_is_the_product_of_the_days(
    closes: pd.DataFrame, valued: Snapshots
) -> None:
    """Money that comes counts from the start of its day; the first day has no return."""
    value, flows = in_pandas(closes)
    base = value.shift(1) + flows
    returns = ((value - base) / base).iloc[1:]
    expected = 100 * (np.prod(1 + returns) - 1)
    last = valued.portfolios.iloc[-1]
    assert last["twr_pct"] == pytest.approx(expected, rel=1e-10)
    assert expected > 10, "five good years"


def test_the_money_weighted_return_discounts_every_flow_to_nothing(
    closes: pd.DataFrame, valued: Snapshots
) -> None:
    """At the rate of scipy's brentq, another root finder than ours."""
    from scipy.optimize import brentq

    value, flows = in_pandas(closes)
    paid = flows[flows != 0]
    end: date = closes.index[-1].date()
    years = np.array([(end - day.date()).days / 365 for day in paid.index])
    rate = brentq(lambda r: (paid * (1 + r) ** years).sum() - value.iloc[-1], -0.9, 10, xtol=1e-14)
    expected = 100 * ((1 + rate) ** years.max() - 1)
    assert valued.portfolios.iloc[-1]["mwr_pct"] == pytest.approx(expected, rel=1e-8)


def test_volatility_and_concentration_are_those_of_pandas(
    closes: pd.DataFrame, valued: Snapshots
) -> None:
    """Rolling deviations of the returns, and weights of what is held at the end."""
    value, flows = in_pandas(closes)
    base = value.shift(1) + flows
    returns = (value - base) / base
    last = valued.portfolios.iloc[-1]
    for window in (21, 63):
        expected = 100 * returns.rolling(window).std().iloc[-1] * np.sqrt(252)
        assert last[f"volatility_{window}d_pct"] == pytest.approx(expected, rel=1e-9)
    held = valued.positions[
        (valued.positions["session_date"] == closes.index[-1])
        & (valued.positions["asset_class"] == "stock")
    ]
    sizes = held.groupby("symbol")["market_value_usd"].sum().astype(float).abs()
    weights = (sizes / sizes.sum()).sort_values(ascending=False)
    assert last["herfindahl"] == pytest.approx((weights**2).sum())
    assert last["effective_positions"] == pytest.approx(1 / (weights**2).sum())
    assert last["top_3_weight_pct"] == pytest.approx(100 * weights[:3].sum())
    assert last["top_10_weight_pct"] == pytest.approx(100 * weights[:10].sum())
    assert last["completeness_pct"] == 100
