"""What every portfolio is worth in a session, and what it is made of."""

from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS_BUT_BOOKS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.splits import splits_since
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import SESSIONS_BEFORE as SESSIONS_READ_BEFORE
from market_pipeline.domain.snapshots import Snapshots, snapshot_range
from market_pipeline.io_managers import SESSIONS_BEFORE, Derived
from market_pipeline.warehouse import Warehouse


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_snapshots` over the trading sessions."""

    @stored_asset(
        "portfolio_snapshots",
        group="portfolios",
        kinds={"python", "sql"},
        partitions=partitions,
        deps=[BOOKS_KEY, "factor_exposures", "symbol_daily_metrics"],
        ins={"market_data_cache": dg.AssetIn(metadata={SESSIONS_BEFORE: SESSIONS_READ_BEFORE})},
        automation_condition=FOLLOWS_ITS_INPUTS_BUT_BOOKS,
    )
    def portfolio_snapshots(
        context: dg.AssetExecutionContext,
        market_data_cache: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Market value, cash, long, short, gross, net, P&L and return of every portfolio.

        Grain: one row a session and portfolio; its positions stand in `portfolio_positions`.
        Source: the books and market_data_cache, exact to the cent. Fresh: with its inputs. A
        position without a price is named, never silently zero.
        """
        with working(context) as work:
            result = value_books(warehouse, calendar, market_data_cache, work.first, work.last)
            work.report_rows(result.portfolios)
            return Derived(result.portfolios, alongside={"portfolio_positions": result.positions})

    return portfolio_snapshots


def value_books(
    warehouse: Warehouse,
    calendar: TradingCalendar,
    market_data: pd.DataFrame,
    first: date,
    last: date,
) -> Snapshots:
    """Value the books as they stand in each session from `first` to `last`.

    `market_data`: `market_data_cache` rows from `SESSIONS_READ_BEFORE` sessions before `first` on.
    """
    books = warehouse.books()
    begin = calendar.shift(first, -SESSIONS_READ_BEFORE)
    return snapshot_range(
        books,
        market_data,
        splits_since(books, warehouse),
        sessions=calendar.sessions(begin, last),
        first=first,
        last=last,
    )
