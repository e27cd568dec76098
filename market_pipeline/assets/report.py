"""The report of every portfolio: a file for people, made of what is stored."""

import dagster as dg

from market_pipeline.assets.conditions import FOLLOWS_PRICES_NOT_NEWS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.report_summary import positions_table, reports_table
from market_pipeline.partitions import date_key, key_date
from market_pipeline.reports.report import report_session
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

REPORTED = 5
"""How many sessions of a longer range have reports made: the newest, each with a year of history.

A report tells of the sessions before it; five years of them would be files nobody opens.
"""


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_report` over the trading sessions."""

    @stored_asset(
        None,
        group="portfolios",
        kinds={"html", "python"},
        partitions=partitions,
        deps=[
            "symbol_daily_metrics", "portfolio_snapshots", "portfolio_risk",
            # Days and sessions need no mapping: what was published in time is read by its instant.
            dg.AssetDep("headlines", partition_mapping=dg.LastPartitionMapping()),
        ],
        automation_condition=FOLLOWS_PRICES_NOT_NEWS,
    )  # fmt: skip
    def portfolio_report(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """One self-contained HTML file a portfolio, and an index of them.

        Grain: a folder of files a session, of the newest five where a run makes more. Source: the
        warehouse's tables, each named above what comes from it. Fresh: with snapshots and risk;
        headlines as they were known then. Missing risk, prices and sectors are said, never a
        failure.
        """
        with working(context) as work:
            days = sorted(map(key_date, context.partition_keys))
            for day in days[-REPORTED:]:
                made = report_session(warehouse, day, settings.reports_of(day))
                context.add_asset_metadata(
                    {
                        "index": dg.MetadataValue.path(str(made.index)),
                        "portfolios": dg.MetadataValue.md(reports_table(made.views)),
                        "positions": positions_table(made.views),
                        "dagster/partition_row_count": len(made.files),
                    },
                    partition_key=date_key(day),
                )
            work.report(sessions_reported=len(days[-REPORTED:]))

    return portfolio_report
