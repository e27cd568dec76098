"""What prices did when news met them: each story and symbol, joined with what it was scored."""

from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.conditions import FOLLOWS_PRICES_NOT_NEWS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.domain.factor_definitions import MARKET
from market_pipeline.domain.frames import between
from market_pipeline.domain.impact import REACH, impact_of, stories_of
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.io_managers import Derived
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

TABLE = "headline_impact"


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `headline_impact` over the trading sessions."""

    @stored_asset(
        TABLE,
        # A group of its own: it is dated by sessions and fed by news, and belongs to no one job.
        group="news_impact",
        kinds={"numpy", "sql"},
        partitions=partitions,
        deps=[
            "market_data_cache",
            "factor_exposures",
            # Days and sessions need no mapping: what a session met is read by its session.
            dg.AssetDep("headlines", partition_mapping=dg.LastPartitionMapping()),
        ],
        automation_condition=FOLLOWS_PRICES_NOT_NEWS,
    )
    def headline_impact(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
    ) -> Derived:
        """Return and market-adjusted return of the session a story met and of the next five.

        Grain: one row a session, story and symbol it names. Source: headlines, market_data_cache,
        and the market beta of the session before, so that nothing looks ahead; definitions in
        docs/impact.md. Fresh: with each session, which also makes the six before it anew.
        """
        with working(context) as work:
            begin = calendar.shift(work.first, -REACH)
            rows = impact_between(warehouse, calendar, begin, work.last, settings.market.proxy)
            frame = between(rows, work.first, work.last)
            history = between(rows, begin, calendar.previous(work.first))
            work.report_rows(frame)
            work.report(
                stories=int(frame["headline_hash"].nunique()),
                without_return=int(frame["return_pct"].isna().sum()),
                without_beta=int(frame["beta"].isna().sum()),
                refreshed=len(history),
            )
            return Derived(frame, history=history, history_first=begin)

    return headline_impact


def impact_between(
    warehouse: Warehouse,
    calendar: TradingCalendar,
    first: date,
    last: date,
    proxy: str = MARKET.proxy,
) -> pd.DataFrame:
    """Compute `headline_impact` for the stories that met prices in sessions [first, last].

    `proxy` stands for the market. What is stored now is taken: a late story and a restated price
    are in, a session to come is NaN.
    """
    before, after = calendar.previous(first), calendar.shift(last, REACH)
    # News meets a session from the day of the one before it on, never later than its own.
    told = warehouse.read("headlines", first=before, last=last)
    pairs = warehouse.read("headline_symbols", first=before, last=last)
    stories = stories_of(between(told, first, last), pairs)
    symbols = sorted({*stories["symbol"], proxy})
    prices = warehouse.read(
        "market_data_cache", first=first, last=after, symbols=symbols,
        columns=["session_date", "symbol", "asset_class", "return_1d", "flags"],
    )  # fmt: skip
    betas = warehouse.read(
        "symbol_factor_exposures", first=before, last=last, symbols=symbols,
        columns=["session_date", "symbol", "factor", "beta"], where={"factor": MARKET.name},
    )  # fmt: skip
    return impact_of(stories, prices, betas, calendar.sessions(before, after), proxy)
