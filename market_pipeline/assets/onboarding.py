"""Onboarding in the graph: taken up before a run reads any book, settled after its snapshots.

What it waits for stands above it in the graph: the profiles, prices and factors of the new
symbols, and the snapshots made with them.
"""

import dagster as dg
import pandas as pd

from market_pipeline.assets.framework import Work, stored_asset, working
from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.onboarding import Onboarding
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import latest_session
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.onboarding import BARS

TABLE = "onboarding"


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_onboarding` over the trading sessions."""

    @stored_asset(
        TABLE,
        group="portfolios",
        kinds={"python", "sql"},
        partitions=partitions,
        deps=["company_profiles", "equity_bars", "factor_exposures", "portfolio_snapshots"],
    )
    def portfolio_onboarding(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        """How imported files came to their snapshots, symbols no vendor knows named.

        Grain: one row a portfolio and file, dated by the session its run makes. Source: what this
        run took up before it read the books, and the snapshots it made. Fresh: with each run of
        the session graph; `market-pipeline onboarding status` shows it in between.
        """
        with working(context) as work:
            # A run that goes on from a killed one skips the step which took them up.
            runs = {work.run_id, context.run.parent_run_id, context.run.root_run_id} - {None}
            mine = [one for one in warehouse.onboarding.unfinished() if one.run_id in runs]
            asked = warehouse.coverage(BARS)
            unknown = {s for s, known in asked.items() if known.outcome == UNKNOWN_SYMBOL}
            missing: set[str] = set()
            for one in mine:
                _settle(one, warehouse, clock)
                missing |= {symbol for symbol in one.symbols if symbol not in asked}
            named = {symbol for one in mine for symbol in one.symbols} & unknown
            work.report_rows(warehouse.read(TABLE, first=work.first, last=work.last))
            work.report(
                onboarded=", ".join(sorted({one.portfolio_id for one in mine})),
                new_symbols=len({symbol for one in mine for symbol in one.new}),
                missing_symbols=", ".join(sorted(missing)),
                unknown_symbols=", ".join(sorted(named)),
            )

    return portfolio_onboarding


def take_up(
    work: Work, warehouse: Warehouse, calendar: TradingCalendar, clock: Clock
) -> frozenset[str]:
    """Take up the onboardings whose session this run reaches; name the new symbols of all.

    A run of older sessions only leaves them to one of the session they were imported after.
    """
    due = [
        one
        for one in warehouse.onboarding.unfinished()
        if latest_session(calendar, one.imported_at) <= work.last
    ]
    if due:
        warehouse.onboarding.take(due, work.last, work.run_id, clock())
    return warehouse.onboarding.newcomers()


def _settle(one: Onboarding, warehouse: Warehouse, clock: Clock) -> None:
    """Complete an onboarding whose portfolio has its snapshot, and fail one without."""
    made: pd.DataFrame = warehouse.read(
        "portfolio_snapshots", first=one.session_date, last=one.session_date,
        columns=["portfolio_id"], where={"portfolio_id": one.portfolio_id},
    )  # fmt: skip
    if len(made):
        warehouse.onboarding.complete(one, clock())
    else:
        reason = f"its run made no snapshot of {one.portfolio_id} in {one.session_date}"
        warehouse.onboarding.fail(one, reason, clock())
