"""How much every symbol moves with the market and with interest rates."""

import os

import dagster as dg
import pandas as pd

from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.domain.factor_definitions import DEFAULTS
from market_pipeline.domain.factors import exposures, returns_for_regression
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import collectable
from market_pipeline.io_managers import SESSIONS_BEFORE, Derived
from market_pipeline.warehouse import Warehouse

LONGEST_WINDOW = max(definition.window for definition in DEFAULTS)


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `factor_exposures` over the trading sessions."""

    @stored_asset(
        "symbol_factor_exposures",
        group="factors",
        kinds={"numpy", "sql"},
        partitions=partitions,
        ins={"market_data_cache": dg.AssetIn(metadata={SESSIONS_BEFORE: LONGEST_WINDOW})},
        automation_condition=FOLLOWS_ITS_INPUTS,
    )
    def factor_exposures(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        market_data_cache: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],  # its dates are fenced off in it
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Market beta and interest-rate beta of every stock and ETF, with their uncertainty.

        Grain: one row a session, symbol and factor. Source: least squares of daily price returns
        on SPY's and TLT's over 90 sessions, at least 30 shared. Fresh: with market_data_cache. A
        factor whose proxy has no prices is skipped, and the reason kept.
        """
        with working(context) as work:
            begin = calendar.shift(work.first, -(LONGEST_WINDOW - 1))
            returns = returns_for_regression(market_data_cache, calendar.sessions(begin, work.last))
            result = exposures(
                returns,
                DEFAULTS,
                work.first,
                work.last,
                collectable(symbol_universe),
                workers=os.cpu_count() or 1,
            )
            skipped = sorted({n.reason for n in result.notes if n.outcome == "skipped"})
            work.report_rows(result.frame)
            work.report(notes=len(result.notes), skipped="; ".join(skipped[:10]))
            return Derived(result.frame, notes=result.notes)

    return factor_exposures
