"""Hourly bars of chosen symbols: the hours that are over and not yet stored, and no other.

Belongs here: who is chosen, and how an answer becomes a batch. Does not: which hours there are or
what is wrong with a bar (`domain.intraday`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.collecting import collect, verdict
from market_pipeline.assets.framework import COLLECTION_RETRIES, stored_asset, working
from market_pipeline.assets.universe import universe_of
from market_pipeline.domain.collection import Gap, answered_until
from market_pipeline.domain.intraday import (
    HourGap,
    IntradaySource,
    finished_sessions,
    judge,
    plan_hours,
    wanted_hours,
)
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import ranks
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

TABLE = "intraday_bars"


def define(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `intraday_bars` over the calendar days, today included."""

    @stored_asset(
        TABLE,
        group="intraday",
        kinds={"yahoo", "api", "sql"},
        partitions=days,
        # Not the universe of the session, which is made after the close.
        deps=[BOOKS_KEY],
        retry_policy=COLLECTION_RETRIES,
        pool="intraday",
    )
    def intraday_bars(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        hours: dg.ResourceParam[IntradaySource],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """Hourly bars of the symbols chosen for them, each once its hour is over.

        Grain: one row a symbol and hour of a session, from 09:30 New York; the last one is half an
        hour. Source: Yahoo through yfinance, for symbols that MARKET_PIPELINE_INTRADAY_SYMBOLS or
        _REASONS choose. Fresh: minutes after the hour while the market is open; kept for 60 days.
        """
        with working(context) as work:
            universe = universe_of(warehouse, settings, calendar.sessions(work.first, work.last))
            kept = timedelta(days=settings.intraday_retention_days)
            wanted = wanted_hours(universe, calendar, clock(), kept)
            newest = _newest_stored(warehouse, wanted)
            gaps = plan_hours(wanted, warehouse.coverage(TABLE), newest, calendar, clock())
            report = collect(
                work, warehouse, TABLE, gaps, _HourFetch(hours, calendar, clock, gaps),
                source=hours.name, concurrency=settings.vendor_concurrency, clock=clock,
                ranks=ranks(universe),
            )  # fmt: skip
            work.report_rows(
                warehouse.read(TABLE, first=work.first, last=work.last, columns=["session_date"])
            )
            work.report(**report.metadata())
            verdict(work, report, len(wanted), settings.minimum_coverage)

    return intraday_bars


def _newest_stored(
    warehouse: Warehouse, wanted: Mapping[str, tuple[date, date]]
) -> dict[tuple[str, date], datetime]:
    """Give the start of the last bar stored of each symbol and session that is wanted."""
    if not wanted:
        return {}
    rows = warehouse.read(
        TABLE, symbols=list(wanted), columns=["session_date", "symbol", "starts_at"],
        first=min(first for first, _ in wanted.values()),
        last=max(last for _, last in wanted.values()),
    )  # fmt: skip
    newest = rows.groupby(["symbol", "session_date"], as_index=False).agg(
        starts_at=("starts_at", "max")
    )
    return {
        (row["symbol"], row["session_date"].date()): row["starts_at"].to_pydatetime()
        for row in newest.to_dict("records")
    }


class _HourFetch:
    """Fetches one symbol's missing hours and judges them by the instant they were asked for."""

    def __init__(
        self,
        source: IntradaySource,
        calendar: TradingCalendar,
        clock: Clock,
        gaps: Sequence[HourGap],
    ) -> None:
        self._source, self._calendar, self._clock = source, calendar, clock
        self._spans = {gap.subject: (gap.begins_at, gap.ends_at) for gap in gaps}

    def __call__(self, gap: Gap) -> CollectedBatch:
        asked_at = self._clock()
        fetched = self._source.hourly_bars(gap.subject, *self._spans[gap.subject])
        judged = judge(fetched.frame, self._calendar, asked_at)
        source = fetched.source or self._source.name
        finished = finished_sessions(judged.frame, self._calendar)
        until = answered_until(finished, gap, self._calendar, asked_at)
        coverage = (
            (Coverage(TABLE, gap.subject, gap.first, until, source, asked_at),)
            if until is not None
            else ()
        )
        frame = judged.frame.assign(source=source, fetched_at=pd.Timestamp(asked_at))
        return CollectedBatch(
            frame, fetched.rejected + judged.rejected, coverage,
            source=source, quota_left=fetched.quota_left,
        )  # fmt: skip
