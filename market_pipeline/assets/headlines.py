"""Headlines: what Finviz and the wire have on what is held and watched, each story once."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import dagster as dg
import pandas as pd

from market_pipeline.assets.collection_alerts import judge_collections, judge_waiting
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import (
    COLLECTION_RETRIES,
    Work,
    stored_asset,
    working,
)
from market_pipeline.assets.ledgers import held_books
from market_pipeline.assets.news_collecting import (
    Desk,
    Outcome,
    collect_portfolios,
    portfolio_symbols,
)
from market_pipeline.domain.freshness import oldest_kept
from market_pipeline.domain.notices import (
    Message,
    Notifier,
    StoredCounts,
    Watermark,
    new_headlines_message,
)
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.tellings import Reader, ToneModel
from market_pipeline.reads import NewsReads
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.news_store import Stored
from market_pipeline.warehouse.news_taking import TAKEN_AT

FINVIZ, WIRE, TABLE = "finviz_headlines", "wire_headlines", "headlines"

BATCH = 2_000
"""Items made part of stories in one transaction: what bounds the memory of a long replay."""

_ORDER = ["published_date", "fetched_at", "published_at", "item_hash"]


def _collected_by(collector: str) -> dict[str, Any]:
    """Give what the collected assets share; `collector` names a resource, and its pool."""
    return {
        "group": "news",
        "pool": collector,
        "deps": [dg.AssetDep("symbol_universe", partition_mapping=dg.LastPartitionMapping())],
        "retry_policy": COLLECTION_RETRIES,
        "required_resource_keys": {
            "warehouse", "calendar", "coordination", "settings", "clock", collector,
        },
    }  # fmt: skip


def define_finviz(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `finviz_headlines` over the calendar days."""

    @stored_asset(
        FINVIZ, kinds={"finviz", "api", "sql"}, partitions=days, version="2", is_fenced=False,
        **_collected_by("finviz"),
    )  # fmt: skip
    def finviz_headlines(context: dg.AssetExecutionContext) -> None:
        """What Finviz shows now on what is held and watched: the export first, the page second.

        Grain: one row a New York day and item, with the symbols it was shown for. Source: each
        item keeps whether export or page gave it. Fresh: every 5 minutes in market hours; Finviz
        serves the latest only, so a past day is as complete as it was when last collected.
        """
        _collect(context, FINVIZ, "finviz")

    return finviz_headlines


def define_wire(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `wire_headlines` over the calendar days."""

    @stored_asset(
        WIRE, kinds={"tiingo", "api", "sql"}, partitions=days, is_fenced=False,
        **_collected_by("wire"),
    )  # fmt: skip
    def wire_headlines(context: dg.AssetExecutionContext) -> None:
        """What the wire has on what is held and watched: Tiingo first, Finnhub second.

        Grain: one row a New York day and item, with the symbols it was tagged with. Source: each
        item keeps the vendor that gave it. Fresh: every 5 minutes in market hours; some days are
        asked for each time, and after an outage all since the last delivery.
        """
        _collect(context, WIRE, "wire")

    return wire_headlines


def define(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `headlines` over the calendar days."""

    # No fence: each item is taken once, under one lock, and nothing is written over.
    @stored_asset(
        TABLE, group="news", kinds={"pandas", "sql"}, partitions=days, version="2",
        deps=[FINVIZ, WIRE], automation_condition=FOLLOWS_ITS_INPUTS, is_fenced=False,
    )  # fmt: skip
    def headlines(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        tone: dg.ResourceParam[ToneModel],
        coordination: dg.ResourceParam[Coordination],
        notifier: dg.ResourceParam[Notifier],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> None:
        """Each story once: first seen kept, toned, timed, tied to symbols; who else told it.

        Grain: one row a New York day and story; headline_sources holds every item that told it.
        Source: finviz_headlines and wire_headlines, each item taken once by one version of the
        rules and the model. Fresh: with every collection, of whatever day an item is.
        """
        with working(context) as work:
            reader = _reader(warehouse, calendar, tone, settings, clock())
            fresh_for = timedelta(minutes=settings.headline_freshness_minutes)
            reads = NewsReads(
                warehouse, coordination, clock, calendar=calendar, fresh_for=fresh_for
            )
            stored, is_held_up = Stored(), False
            for batch in _take(work, warehouse, reader, settings, clock):
                stored += batch
                # Right after the commit: what was kept before it no longer holds, and who is told
                # of it may look at once. A channel that fails is not waited for once a batch.
                reads.invalidate(sorted(batch.symbols))
                if not is_held_up:
                    is_held_up = bool(notifier.relay(warehouse.notices).failures)
            # This run asks no source any more, so its failures need not settle.
            for said in (
                *judge_collections(warehouse.notices, clock(), {work.run_id}),
                *judge_waiting(warehouse, calendar, fresh_for, clock()),
            ):
                work.tell(said)
            work.tell(f"notices: {notifier.relay(warehouse.notices)}")
            reads.prewarm(sorted(stored.symbols))
            held = warehouse.read(
                TABLE, first=work.first, last=work.last, columns=["published_date"]
            )
            work.report_rows(held, "published_date")
            work.report(
                rows_inserted=stored.stories, rows_updated=stored.joined, taken_again=stored.again,
                symbols=len(stored.symbols),
            )  # fmt: skip

    return headlines


def _collect(context: dg.AssetExecutionContext, asset: str, collector: str) -> None:
    """Collect for every portfolio into `asset`; `collector` names the resource that is asked."""
    plugged = context.resources
    desk = Desk(
        asset, getattr(plugged, collector), plugged.warehouse,
        plugged.coordination,
        plugged.settings, plugged.clock,
    )  # fmt: skip
    with working(context) as work:
        _collect_all(work, desk, plugged.calendar)


def _collect_all(work: Work, desk: Desk, calendar: TradingCalendar) -> None:
    """Collect for every portfolio, and say how it went; a check tells when sources failed."""
    outcomes: list[Outcome] = []
    if desk.collector.sources:
        plan = portfolio_symbols(
            held_books(desk.warehouse), desk.warehouse.watchlist(), calendar, desk.clock(),
            whole=tuple(desk.settings.finviz_portfolio_ids),
        )  # fmt: skip
        outcomes = collect_portfolios(work, desk, plan)
    else:
        work.tell(f"{desk.collector.name}: no source is configured (see the keys in .env.example)")
    states = Counter(outcome.state for outcome in outcomes)
    work.report(
        portfolios=len(outcomes), **states,
        items=sum(outcome.items for outcome in outcomes),
        rows_inserted=sum(outcome.counts.inserted for outcome in outcomes),
        rows_updated=sum(outcome.counts.updated for outcome in outcomes),
        rows_rejected=sum(outcome.rejected for outcome in outcomes),
        items_too_old=sum(outcome.too_old for outcome in outcomes),
    )  # fmt: skip
    for outcome in outcomes:
        if outcome.error is not None:
            work.tell(f"{outcome.portfolio_id}: {outcome.error}")
    stored = desk.warehouse.read(
        desk.asset, first=work.first, last=work.last, columns=["published_date"]
    )
    work.report_rows(stored, "published_date")


def _reader(
    warehouse: Warehouse,
    calendar: TradingCalendar,
    tone: ToneModel,
    settings: Settings,
    now: datetime,
) -> Reader:
    plan = portfolio_symbols(held_books(warehouse), warehouse.watchlist(), calendar, now)
    known = frozenset(symbol for symbols in plan.values() for symbol in symbols)
    oldest = oldest_kept(now, timedelta(days=settings.headline_retention_days))
    return Reader(calendar, tone, known, warehouse.news.companies(), oldest)


def _take(
    work: Work, warehouse: Warehouse, reader: Reader, settings: Settings, clock: Clock
) -> Iterator[Stored]:
    """Make stories of all that was collected and not taken yet, first seen first.

    Gives what each batch changed once it is committed.
    """
    version, kind = reader.version, settings.data_kind
    began_at = clock()
    aside = too_old = 0
    for rows in _pending(warehouse, version, work):
        at = clock()
        reading = reader.read(rows)
        stored = warehouse.news.store(
            reading.tellings, version=version, window_days=settings.story_window_days,
            ingested_at=at, refused=reading.refused, passed_over=reading.too_old,
            announce=partial(_message, data_kind=kind, at=at),
        )  # fmt: skip
        aside, too_old = aside + stored.quarantined, too_old + len(reading.too_old)
        yield stored
    if work.last >= began_at.astimezone(NEW_YORK).date():  # else later days may still wait
        warehouse.meta_set(TAKEN_AT, began_at.isoformat())
    work.report(set_aside=aside, items_too_old=too_old)


def _message(stored: Stored, *, data_kind: str, at: datetime) -> Message:
    return new_headlines_message(
        str(uuid4()),
        at,
        StoredCounts(stored.stories, stored.joined, stored.quarantined),
        sorted(stored.symbols),
        Watermark(stored.latest_published_at, at),
        data_kind,
    )


def _pending(warehouse: Warehouse, version: str, work: Work) -> Iterator[pd.DataFrame]:
    """Give the rows to be taken in batches, whichever table they are in.

    Taking a batch takes it off the list. One that stays on it, for its rows came to say more
    meanwhile, is left to the next run.
    """
    before: set[str] = set()
    while True:
        found = [
            warehouse.news.pending(table, version, work.first, work.last, BATCH).assign(table=table)
            for table in (FINVIZ, WIRE)
        ]
        rows = pd.concat(found, ignore_index=True).sort_values(_ORDER, kind="stable").head(BATCH)
        names = set(rows["item_hash"])
        if rows.empty or names == before:
            return
        before = names
        yield rows
