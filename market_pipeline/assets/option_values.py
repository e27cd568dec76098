"""Option quotes completed with what the vendor left out: volatility, greeks, the share's price."""

from datetime import timedelta

import dagster as dg
import pandas as pd

from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import Work, stored_asset, working
from market_pipeline.assets.ledgers import held_books
from market_pipeline.domain.option_contracts import as_listed, stated_multipliers
from market_pipeline.domain.option_values import YIELD_DAYS, bill_rate, complete_quotes
from market_pipeline.io_managers import Derived
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

BILL = "^IRX"
"""The 13-week Treasury bill's discount in percent, as Yahoo names it."""

_WEEK = timedelta(days=7)


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `option_values` over the trading sessions."""

    @stored_asset(
        "option_values",
        group="prices",
        kinds={"numpy", "sql"},
        partitions=partitions,
        # A bar of a contract does not say how many shares it stands for: the listing does.
        deps=["equity_bars", "option_contracts"],
        automation_condition=FOLLOWS_ITS_INPUTS,
    )
    def option_values(
        context: dg.AssetExecutionContext,
        option_quotes: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
    ) -> Derived:
        """Every option quote with its implied volatility and greeks, computed where not sent.

        Grain: one row a session and contract; `computed` names the values that are ours. Source:
        option_quotes, and equity_bars of the underlyings for price and dividend yield; a multiplier
        that the quote does not tell from option_contracts, else the books. American exercise,
        formulas in docs/options.md. Fresh: with the quotes.
        """
        with working(context) as work:
            quotes = _as_listed(warehouse, option_quotes)
            frame = complete_quotes(
                quotes,
                _bars_of(warehouse, work, quotes),
                _rates(warehouse, work),
                default_rate=settings.option_rate,
            )
            work.report_rows(frame)
            work.report(rows_computed=int(frame["computed"].notna().sum()))
            return Derived(frame)

    return option_values


def _as_listed(warehouse: Warehouse, quotes: pd.DataFrame) -> pd.DataFrame:
    symbols = sorted(set(quotes["symbol"]))
    listed = warehouse.read("option_contracts", symbols=symbols, columns=["symbol", "multiplier"])
    return as_listed(
        quotes,
        dict(zip(listed["symbol"], listed["multiplier"], strict=True)),
        stated_multipliers(held_books(warehouse)),
    )


def _bars_of(warehouse: Warehouse, work: Work, quotes: pd.DataFrame) -> pd.DataFrame:
    """Read the underlyings' bars: a year back for dividends, all later ones for their splits.

    Bars are adjusted for every split up to their fetching. Where those stored end long before it,
    a split in between would be unknown: such a stock's price in the money of its day is too.
    """
    bars = warehouse.read(
        "equity_bars",
        first=work.first - timedelta(days=YIELD_DAYS),
        symbols=sorted(set(quotes["underlying"])),
        columns=["session_date", "symbol", "close", "dividend_usd", "split_ratio", "fetched_at"],
    )
    by_symbol = bars.groupby("symbol")
    fetched_on = by_symbol["fetched_at"].max().dt.tz_localize(None)
    is_known = fetched_on - by_symbol["session_date"].max() <= _WEEK
    return bars[bars["symbol"].map(is_known).astype(bool)].drop(columns="fetched_at")


def _rates(warehouse: Warehouse, work: Work) -> pd.DataFrame:
    bills = warehouse.read(
        "equity_bars", first=work.first - _WEEK, last=work.last, symbols=[BILL],
        columns=["session_date", "close"],
    )  # fmt: skip
    rate = bill_rate(bills["close"].astype("float64"))
    return pd.DataFrame({"session_date": bills["session_date"], "rate": rate})
