"""What every portfolio is worth in a session, and what it is made of."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS_BUT_BOOKS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.ledgers import read_ledgers
from market_pipeline.domain.ledger import Ledger, oldest_lapse
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import SESSIONS_BEFORE, Snapshots, snapshot_range, symbols_of
from market_pipeline.io_managers import Derived
from market_pipeline.warehouse import Warehouse

_PRICE_COLUMNS = ["session_date", "symbol", "price_usd", "source"]


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_snapshots` over the trading sessions."""

    @stored_asset(
        "portfolio_snapshots",
        group="portfolios",
        kinds={"python", "sql"},
        partitions=partitions,
        version="2",
        deps=[BOOKS_KEY, "market_data_cache", "factor_exposures", "symbol_daily_metrics"],
        automation_condition=FOLLOWS_ITS_INPUTS_BUT_BOOKS,
    )
    def portfolio_snapshots(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Market value, cash, long, short, gross, net, P&L and return of every portfolio.

        Grain: one row a session and portfolio; its positions stand in `portfolio_positions`.
        Source: files of positions, transactions, corporate actions and market_data_cache, exact
        to the cent. Fresh: with its inputs. A position without a price is named, never silently
        zero.
        """
        with working(context) as work:
            result = value_portfolios(warehouse, calendar, work.first, work.last)
            work.report_rows(result.portfolios)
            return Derived(result.portfolios, alongside={"portfolio_positions": result.positions})

    return portfolio_snapshots


def value_portfolios(
    warehouse: Warehouse, calendar: TradingCalendar, first: date, last: date
) -> Snapshots:
    """Value the portfolios as they stand in each session from `first` to `last`."""
    ledgers = read_ledgers(warehouse)
    begin = calendar.shift(first, -SESSIONS_BEFORE)
    prices = warehouse.read(
        "market_data_cache", first=begin, last=last, symbols=sorted(symbols_of(ledgers)),
        columns=_PRICE_COLUMNS,
    )  # fmt: skip
    lapse = oldest_lapse(ledgers)
    if lapse is not None and lapse <= last:
        early = min(
            calendar.shift(calendar.session_on_or_before(lapse), -SESSIONS_BEFORE - 1), begin
        )
        prices = _with_lapsed(warehouse, ledgers, prices, early, begin)
        begin = early
    return snapshot_range(
        ledgers, prices, sessions=calendar.sessions(begin, last), first=first, last=last
    )


def _with_lapsed(
    warehouse: Warehouse, ledgers: Sequence[Ledger], prices: pd.DataFrame, first: date, end: date
) -> pd.DataFrame:
    """Add the prices before `end` of what lapsed: the last of them is what it left at."""
    lapsed = {
        series.symbol
        for ledger in ledgers
        for lot in ledger.lots
        if lot.lapses_on is not None and lot.quantity
        for series in lot.series
    }
    earlier = warehouse.read(
        "market_data_cache", first=first, last=end, symbols=sorted(lapsed), columns=_PRICE_COLUMNS
    )
    rows = pd.concat([earlier, prices], ignore_index=True)
    return rows.drop_duplicates(["session_date", "symbol"])
