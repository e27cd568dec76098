"""The symbols that matter in each session, and why."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.ledgers import held_books
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.transactions import Transaction
from market_pipeline.domain.universe import TRADED_FOR, IntradayChoice, build_universe
from market_pipeline.io_managers import Derived
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `symbol_universe` over the trading sessions."""

    @stored_asset(
        "symbol_universe",
        group="universe",
        kinds={"pandas", "sql"},
        partitions=partitions,
        version="4",
        deps=[BOOKS_KEY, "company_profiles"],
    )
    def symbol_universe(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
    ) -> Derived:
        """Every instrument held, traded, watched, underlying an option, or a factor's proxy.

        Grain: one row a session and symbol, with what it is (asset class, exchange, sector,
        industry), the reasons it is in, the priority with which its data is collected, and its
        timeframes. Source: books, transactions and watchlist as they stand, company_profiles.
        Fresh: made by the daily schedule, and again when a book or the watchlist changes.
        """
        with working(context) as work:
            frame = universe_of(warehouse, settings, calendar.sessions(work.first, work.last))
            work.report_rows(frame)
            return Derived(frame)

    return symbol_universe


def universe_of(warehouse: Warehouse, settings: Settings, sessions: Sequence[date]) -> pd.DataFrame:
    """Make the universe of some sessions as books, watchlist and settings stand."""
    chosen = IntradayChoice(
        frozenset(settings.intraday_symbols), frozenset(settings.intraday_reasons)
    )
    return build_universe(
        held_books(warehouse), warehouse.watched(), settings.factor_proxies, sessions,
        profiles=warehouse.profiles(), intraday=chosen, transactions=_recent(warehouse, sessions),
    )  # fmt: skip


def _recent(warehouse: Warehouse, sessions: Sequence[date]) -> Sequence[Transaction]:
    """Give the transactions whose symbols some rising sessions may need."""
    if not sessions:
        return []
    return warehouse.transactions.between(sessions[0] - TRADED_FOR, sessions[-1])
