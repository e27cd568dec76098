"""The returns of the real book of thirty names, against libraries that work them out themselves.

bt is handed closes, trades, deposits and dividends, and no value and no return: it keeps shares and
cash, takes a fee a trade, values the book each day and links the days, money that comes or goes
left out. It knows no split, so its shares are in today's terms. pyxirr is handed dates and amounts.
"""

from typing import Any

import bt
import pandas as pd
import pytest
import pyxirr

from market_pipeline.domain.snapshots import Snapshots
from market_pipeline_tests.domain.test_real_book import (
    FEE,
    SPLIT_DAY,
    closes,
    trades,
    valued,
)

pytestmark = pytest.mark.real_history

__all__ = ["closes", "valued"]

SIDES = {"buy": 1, "cover": 1, "sell": -1, "short": -1}
FLOWS = ("deposit", "withdrawal")


class Payments(bt.Algo):  # type: ignore[misc]  # bt ships no types
    """Hands the strategy what was paid on its day: from outside, or earned by what it holds."""

    def __init__(self, amounts: "pd.Series[float]", *, are_flows: bool) -> None:
        super().__init__()
        self.amounts, self.are_flows = amounts, are_flows

    def __call__(self, target: Any) -> bool:
        """Pay what is due, on days of any trade and of none."""
        if target.now in self.amounts.index:
            target.adjust(float(self.amounts[target.now]), flow=self.are_flows)
        return True


@pytest.fixture(scope="module")
def replayed(closes: Any) -> Any:  # fixture
    """Let bt live through the book's transactions; give its strategy at the end."""
    told = list(trades(closes))
    traded = [one for one in told if one.type in SIDES]
    blotter = pd.DataFrame(
        [(*in_todays_shares(one), pd.Timestamp(one.trade_date), one.symbol) for one in traded],
        columns=["quantity", "price", "Date", "Security"],
    ).set_index(["Date", "Security"])
    flows = [one for one in told if one.type in FLOWS]
    paid = {pd.Timestamp(one.trade_date): float(one.amount_usd) for one in flows[1:]}
    earned = {
        pd.Timestamp(one.trade_date): float(one.amount_usd)
        for one in told
        if one.type == "dividend"
    }
    strategy = bt.Strategy(
        "book",
        [
            Payments(pd.Series(paid), are_flows=True),
            Payments(pd.Series(earned), are_flows=False),
            bt.algos.ReplayTransactions("blotter"),
        ],
    )
    test = bt.Backtest(
        strategy, closes, initial_capital=float(flows[0].amount_usd), integer_positions=False,
        commissions=lambda _quantity, _price: float(FEE), progress_bar=False,
        # bt takes prices of trades from a blotter only where it is told of spreads: there are none.
        additional_data={"blotter": blotter, "bidoffer": 0.0 * closes},
    )  # fmt: skip
    test.run()
    return test.strategy


def in_todays_shares(one: Any) -> tuple[float, float]:
    """Give signed quantity and price of a trade on the basis of the adjusted closes."""
    is_before = one.symbol == "AAPL" and pd.Timestamp(one.trade_date) < SPLIT_DAY
    factor = 7 if is_before else 1
    return SIDES[one.type] * float(one.quantity) * factor, float(one.price_usd) / factor


def test_a_backtesters_time_weighted_return_is_ours_in_every_session(
    closes: Any,  # fixture
    valued: Snapshots,  # fixture
    replayed: Any,
) -> None:
    """Its index starts at 100 the day before the first session, as our growth does at one."""
    index = replayed.prices.loc[closes.index]
    ours = valued.portfolios.set_index("session_date")["twr_pct"].astype(float)
    assert len(index) == len(ours) == 1259
    assert (index.to_numpy() - 100) == pytest.approx(
        ours.fillna(0.0).to_numpy(), rel=1e-9, abs=1e-9
    )
    assert ours.iloc[-1] > 10


def test_a_backtesters_values_and_flows_are_ours(
    closes: Any,  # fixture
    valued: Snapshots,  # fixture
    replayed: Any,
) -> None:
    """In each session, to a hundredth of a cent: bt adds up floats."""
    ours = valued.portfolios["equity_usd"].astype(float).to_numpy()
    assert replayed.values.loc[closes.index].to_numpy() == pytest.approx(ours, abs=1e-4)
    flows = valued.portfolios["flows_usd"].astype(float).to_numpy()
    assert replayed.flows.loc[closes.index].iloc[1:].to_numpy() == pytest.approx(flows[1:])
    assert (flows != 0).sum() == 3


def test_pyxirrs_rate_is_our_money_weighted_return(
    closes: Any,  # fixture
    valued: Snapshots,  # fixture
) -> None:
    """It discounts deposits, withdrawals and the value at the end by days of 365 a year."""
    flows = [one for one in trades(closes) if one.type in FLOWS]
    last = valued.portfolios.iloc[-1]
    dates = [*(one.trade_date for one in flows), last["session_date"].date()]
    amounts = [*(-float(one.amount_usd) for one in flows), float(last["equity_usd"])]
    rate = pyxirr.xirr(dates, amounts)
    assert rate is not None
    years = (dates[-1] - dates[0]).days / 365
    whole = 100 * ((1 + rate) ** years - 1)
    assert last["mwr_pct"] == pytest.approx(whole, rel=1e-8)
