"""The symbols that matter in each session, and why."""

import dagster as dg

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.domain.factors import DEFAULTS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import build_universe
from market_pipeline.io_managers import Derived
from market_pipeline.warehouse import Warehouse


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `symbol_universe` over the trading sessions."""

    @stored_asset(
        "symbol_universe",
        group="universe",
        kinds={"pandas", "sql"},
        partitions=partitions,
        deps=[BOOKS_KEY],
    )
    def symbol_universe(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Every instrument held, watched, underlying an option, or a factor's proxy, by session.

        Grain: one row a session and symbol, with the reasons it is in and the priority with which
        its data is collected. Source: the books and the watchlist as they stand. Fresh: made from
        the books by the daily schedule, and again when a book or the watchlist changes.
        """
        with working(context) as work:
            frame = build_universe(
                warehouse.books(),
                warehouse.watchlist(),
                [definition.proxy for definition in DEFAULTS],
                calendar.sessions(work.first, work.last),
            )
            work.report_rows(frame)
            return Derived(frame)

    return symbol_universe
