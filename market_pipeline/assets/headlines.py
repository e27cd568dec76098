"""Headlines: what Finviz shows on what is held and watched, and each of them once."""

from dataclasses import replace

import dagster as dg
import pandas as pd

from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import COLLECTION_RETRIES, Work, stored_asset, working
from market_pipeline.domain.books import STOCK
from market_pipeline.domain.errors import VendorError
from market_pipeline.domain.headlines import derive_headlines, merge_raw, raw_frame
from market_pipeline.domain.ports import (
    Clock,
    CollectedBatch,
    FetchedNews,
    FetchLog,
    HeadlineSource,
)
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import build_universe
from market_pipeline.io_managers import Derived
from market_pipeline.warehouse import Warehouse

RAW, TABLE = "finviz_headlines", "headlines"


def define_raw(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `finviz_headlines` over the calendar days."""

    @stored_asset(
        RAW,
        group="news",
        kinds={"finviz", "api", "sql"},
        partitions=days,
        deps=[dg.AssetDep("symbol_universe", partition_mapping=dg.LastPartitionMapping())],
        retry_policy=COLLECTION_RETRIES,
        pool="finviz",
    )
    def finviz_headlines(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        finviz: dg.ResourceParam[HeadlineSource],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        """What Finviz shows now on what is held and watched: the export first, the page second.

        Grain: one row a New York day and item, with the symbols it was shown for. Source: each
        item keeps whether export or page gave it. Fresh: every 5 minutes in market hours; Finviz
        serves the latest only, so a past day is as complete as it was when last collected.
        """
        with working(context) as work:
            symbols = _symbols_of_interest(warehouse, calendar, clock)
            if symbols:
                batch = _joined(warehouse, _fetch(work, warehouse, finviz, symbols, clock))
                counts = warehouse.commit_batch(RAW, batch)
                work.report(
                    symbols=len(symbols), rows_inserted=counts.inserted,
                    rows_updated=counts.updated, rows_rejected=len(batch.rejected),
                )  # fmt: skip
            stored = warehouse.read(
                RAW, first=work.first, last=work.last, columns=["published_date", "item_hash"]
            )
            work.report_rows(stored, "published_date")

    return finviz_headlines


def define(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `headlines` over the calendar days."""

    @stored_asset(
        TABLE,
        group="news",
        kinds={"pandas", "sql"},
        partitions=days,
        automation_condition=FOLLOWS_ITS_INPUTS,
    )
    def headlines(
        context: dg.AssetExecutionContext,
        finviz_headlines: pd.DataFrame,
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Each headline once, normalised, with all its symbols and the session it meets.

        Grain: one row a New York day and headline. Source: finviz_headlines; where several items
        say the same, the first seen leads. Fresh: with every collection.
        """
        with working(context) as work:
            frame = derive_headlines(finviz_headlines, calendar)
            work.report_rows(frame, "published_date")
            work.report(duplicates=len(finviz_headlines) - len(frame))
            return Derived(frame)

    return headlines


def _symbols_of_interest(
    warehouse: Warehouse, calendar: TradingCalendar, clock: Clock
) -> list[str]:
    """List the stocks held or watched as of the last session, underlyings of options included."""
    session = calendar.last_completed(clock())
    universe = build_universe(warehouse.books(), warehouse.watchlist(), (), [session])
    return sorted(universe.loc[universe["asset_class"] == STOCK, "symbol"])


def _fetch(
    work: Work, warehouse: Warehouse, source: HeadlineSource, symbols: list[str], clock: Clock
) -> CollectedBatch:
    """Collect once; a failure leaves its row in the fetch log and is raised for the retry."""
    began = clock()
    error: VendorError | None = None
    news = FetchedNews(())
    try:
        news = source.headlines(symbols)
    except VendorError as raised:
        error = raised
    now = clock()
    log = FetchLog(
        asset=RAW, subject=f"{len(symbols)} symbols", source=source.name, started_at=began,
        response_ms=(now - began).total_seconds() * 1000, is_success=error is None,
        rows=len(news.items), error_kind=error.kind if error else None,
        error_detail=error.detail[:500] if error else None, run_id=work.run_id,
    )  # fmt: skip
    batch = CollectedBatch(raw_frame(news.items, now), news.rejected, log=(log,))
    if error is not None:
        warehouse.commit_batch(RAW, batch)
        work.log.warning("fetch_failed", vendor=error.vendor, kind=error.kind, detail=error.detail)
        raise error
    return batch


def _joined(warehouse: Warehouse, batch: CollectedBatch) -> CollectedBatch:
    """Join fresh items with stored ones: an item keeps every symbol it was ever shown for."""
    if batch.frame.empty:
        return batch
    days = batch.frame["published_date"]
    stored = warehouse.read(RAW, first=days.min().date(), last=days.max().date())
    stored = stored[stored["item_hash"].isin(batch.frame["item_hash"])]
    return replace(batch, frame=merge_raw(stored, batch.frame))
