"""What is worth knowing of a symbol in a session, on one row."""

import dagster as dg
import pandas as pd

from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import Work, stored_asset, working
from market_pipeline.domain.frames import between
from market_pipeline.domain.metrics import SESSIONS_BEFORE as READS_BEFORE
from market_pipeline.domain.metrics import daily_metrics
from market_pipeline.domain.quality import SESSIONS_BEFORE as WINDOW_BEFORE
from market_pipeline.domain.quality import price_quality
from market_pipeline.domain.quarantine import REJECTED
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import within
from market_pipeline.domain.valuations import KNOWN_FOR
from market_pipeline.io_managers import SESSIONS_BEFORE, Derived
from market_pipeline.warehouse import Warehouse

QUALITY = "price_quality"


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `symbol_daily_metrics` over the trading sessions."""

    @stored_asset(
        "symbol_daily_metrics",
        group="factors",
        kinds={"pandas", "sql"},
        partitions=partitions,
        version="2",
        deps=["fundamentals"],
        ins={"market_data_cache": dg.AssetIn(metadata={SESSIONS_BEFORE: READS_BEFORE})},
        automation_condition=FOLLOWS_ITS_INPUTS,
    )
    def symbol_daily_metrics(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        market_data_cache: pd.DataFrame,
        factor_exposures: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Price, returns, volatility, drawdown, volume, size and betas of every stock and ETF.

        Beside it, in `price_quality`, how many of its bars of the last quarter can be relied on.

        Grain: one row a session and symbol. Source: market_data_cache, factor_exposures, and
        fundamentals as they were known; definitions in docs/factors.md. Fresh: with its inputs.
        """
        with working(context) as work:
            begin = calendar.shift(work.first, -READS_BEFORE)
            frame = daily_metrics(
                market_data_cache,
                factor_exposures,
                sessions=calendar.sessions(begin, work.last),
                first=work.first,
                last=work.last,
                universe=symbol_universe,
                fundamentals=warehouse.read(
                    "fundamentals", first=work.first - KNOWN_FOR, last=work.last
                ),
            )
            # A symbol's history reaches back to before it was in the universe; its metrics do not.
            frame = within(frame, symbol_universe)
            work.report_rows(frame)
            quality = _quality(work, warehouse, calendar, market_data_cache)
            return Derived(frame, alongside={QUALITY: within(quality, symbol_universe)})

    return symbol_daily_metrics


def _quality(
    work: Work, warehouse: Warehouse, calendar: TradingCalendar, market_data: pd.DataFrame
) -> pd.DataFrame:
    """Count the bars of each symbol's last quarter, those refused as they came included."""
    begin = calendar.shift(work.first, -WINDOW_BEFORE)
    rejected = warehouse.read(
        "quarantine", first=begin, last=work.last, columns=["row_date", "symbol"],
        where={"asset": ["equity_bars", "market_data_cache"], "severity": REJECTED},
    ).rename(columns={"row_date": "session_date"})  # fmt: skip
    return price_quality(
        between(market_data, begin, work.last),
        rejected.dropna(),
        sessions=calendar.sessions(begin, work.last),
        first=work.first,
        last=work.last,
    )
