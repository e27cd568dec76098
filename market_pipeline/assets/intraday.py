"""Hourly bars of chosen symbols: the hours that are over and not yet stored, and no other.

Belongs here: who is chosen, and how an answer becomes a batch. Does not: which hours there are or
what is wrong with a bar (`domain.intraday`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.collecting import collect, verdict
from market_pipeline.assets.framework import COLLECTION_RETRIES, stored_asset, working
from market_pipeline.assets.universe import universe_of
from market_pipeline.domain.adjustments import SPLIT
from market_pipeline.domain.collection import Gap, answered_until
from market_pipeline.domain.errors import MixedPrices
from market_pipeline.domain.intraday import (
    HourGap,
    IntradaySource,
    finished_sessions,
    judge,
    on_present_basis,
    plan_hours,
    wanted_hours,
)
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage, FetchedFrame
from market_pipeline.domain.price_conventions import is_same_price
from market_pipeline.domain.restatements import PRICES
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import HOURLY, ranks
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

TABLE = "intraday_bars"


@dataclass(frozen=True, slots=True)
class _Known:
    """The newest bar stored of a symbol: who told it, and its close on the split basis of now."""

    starts_at: datetime
    close: float
    source: str


def define(days: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `intraday_bars` over the calendar days, today included."""

    @stored_asset(
        TABLE,
        group="intraday",
        kinds={"yahoo", "polygon", "api", "sql"},
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
        hour. Source: Yahoo through yfinance, then Polygon's half hours put together, in the order
        set, for symbols that MARKET_PIPELINE_INTRADAY_SYMBOLS or _REASONS choose. Fresh: minutes
        after the hour while the market is open; kept for 60 days.
        """
        with working(context) as work:
            universe = universe_of(warehouse, settings, calendar.sessions(work.first, work.last))
            kept = timedelta(days=settings.intraday_retention_days)
            wanted = wanted_hours(universe, calendar, clock(), kept)
            stored = _stored(warehouse, wanted)
            newest = _newest_of_sessions(stored)
            gaps = plan_hours(wanted, warehouse.coverage(TABLE), newest, calendar, clock())
            fetch = _HourFetch(hours, calendar, clock, gaps, _newest_bars(stored))
            report = collect(
                work, warehouse, TABLE, gaps, fetch,
                source=hours.name, timeframe=HOURLY, concurrency=settings.vendor_concurrency,
                clock=clock,
                ranks=ranks(universe),
            )  # fmt: skip
            work.report_rows(
                warehouse.read(TABLE, first=work.first, last=work.last, columns=["session_date"])
            )
            work.report(**report.metadata())
            verdict(work, report, len(wanted), settings.minimum_coverage)

    return intraday_bars


def _stored(warehouse: Warehouse, wanted: Mapping[str, tuple[date, date]]) -> pd.DataFrame:
    """Read the bars stored of what is wanted, on the split basis of now."""
    columns = ["session_date", "symbol", "starts_at", *PRICES, "volume", "source", "fetched_at"]
    bars = warehouse.read(
        TABLE, symbols=list(wanted), columns=columns,
        first=min((first for first, _ in wanted.values()), default=date.max),
        last=max((last for _, last in wanted.values()), default=date.min),
    )  # fmt: skip
    splits = warehouse.read("corporate_actions", symbols=list(wanted), where={"kind": SPLIT})
    return on_present_basis(bars, splits).sort_values("starts_at", ignore_index=True)


def _newest_of_sessions(stored: pd.DataFrame) -> dict[tuple[str, date], datetime]:
    """Give the start of the last bar stored of each symbol and session."""
    newest = stored.groupby(["symbol", "session_date"], as_index=False).agg(
        starts_at=("starts_at", "max")
    )
    return {
        (row["symbol"], row["session_date"].date()): row["starts_at"].to_pydatetime()
        for row in newest.to_dict("records")
    }


def _newest_bars(stored: pd.DataFrame) -> dict[str, _Known]:
    newest = stored.drop_duplicates("symbol", keep="last")
    return {
        row["symbol"]: _Known(row["starts_at"].to_pydatetime(), row["close"], row["source"])
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
        known: Mapping[str, _Known],
    ) -> None:
        self._source, self._calendar, self._clock = source, calendar, clock
        self._known = known
        self._spans = {gap.subject: (gap.begins_at, gap.ends_at) for gap in gaps}

    def __call__(self, gap: Gap) -> CollectedBatch:
        asked_at = self._clock()
        fetched = self._continuing(gap.subject, *self._spans[gap.subject])
        judged = judge(fetched.frame, self._calendar, asked_at)
        source = self._told_by(fetched)
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
            source=source, quota_left=fetched.quota_left, answered_rows=fetched.row_count,
        )  # fmt: skip

    def _continuing(self, symbol: str, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
        """Fetch a symbol's hours; those of another source than the stored ones only with proof.

        Such a source must show the stored close in the hour that both tell of, for two vendors need
        not mean the same by a price. Raises `MixedPrices` where it does not, or cannot be compared.
        """
        fetched = self._source.hourly_bars(symbol, begins_at, ends_at)
        known = self._known.get(symbol)
        if known is None or fetched.frame.empty or self._told_by(fetched) == known.source:
            return fetched
        fetched = self._source.hourly_bars(symbol, min(known.starts_at, begins_at), ends_at)
        starts = fetched.frame["starts_at"]
        told = fetched.frame.loc[starts == pd.Timestamp(known.starts_at), "close"]
        source = self._told_by(fetched)
        is_same = not told.empty and is_same_price(known.close, told.iloc[0])
        if source != known.source and not fetched.frame.empty and not is_same:
            shown = "nothing" if told.empty else f"{told.iloc[0]:g}"
            raise MixedPrices(
                source, "hours",
                f"{symbol}: {known.source} closed the hour from {known.starts_at:%Y-%m-%d %H:%M} "
                f"UTC at {known.close:g}, {source} says {shown}: not one basis",
            )  # fmt: skip
        return replace(fetched, frame=fetched.frame[starts >= pd.Timestamp(begins_at)])

    def _told_by(self, fetched: FetchedFrame) -> str:
        return fetched.source or self._source.name
