"""Prices: what Yahoo says of every stock and ETF, and the one price a symbol and session.

`equity_bars` keeps what the vendor said; `market_data_cache` judges it, together with the option
quotes, and is what everything downstream believes.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.collecting import collect, verdict
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import COLLECTION_RETRIES, Work, stored_asset, working
from market_pipeline.domain.books import STOCK
from market_pipeline.domain.collection import (
    HISTORY_SESSIONS,
    Gap,
    answered_until,
    is_restated,
    plan_gaps,
)
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage, FetchedFrame, PriceSource
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.quarantine import REJECTED
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.io_managers import Derived
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

BARS, MARKET_DATA = "equity_bars", "market_data_cache"


def define_bars(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `equity_bars` over the trading sessions."""

    @stored_asset(
        BARS,
        group="prices",
        kinds={"yahoo", "api", "sql"},
        partitions=partitions,
        retry_policy=COLLECTION_RETRIES,
        pool="yahoo",
    )
    def equity_bars(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        yahoo: dg.ResourceParam[PriceSource],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """Daily bars of every stock and ETF of the universe, as Yahoo tells them.

        Grain: one row a session and symbol, prices split-adjusted by the vendor, dividends and
        splits beside them. Source: Yahoo through yfinance; only what is missing is asked for, with
        a year of history before the first session. Fresh: hours after the close.
        """
        with working(context) as work:
            wanted = _wanted(symbol_universe, calendar)
            covered = warehouse.coverage(BARS)
            gaps = plan_gaps(wanted, covered, clock())
            fetch = _BarFetch(warehouse, yahoo, calendar, clock, covered, gaps)
            report = collect(
                work, warehouse, BARS, gaps, fetch,
                source=yahoo.name, concurrency=settings.vendor_concurrency, clock=clock,
            )  # fmt: skip
            _report_rows(work, warehouse)
            work.report(**report.metadata())
            verdict(work, report, len(wanted), settings.minimum_coverage)

    return equity_bars


def define_market_data(
    partitions: dg.TimeWindowPartitionsDefinition,
) -> dg.AssetsDefinition:
    """Define `market_data_cache` over the trading sessions."""

    @stored_asset(
        MARKET_DATA,
        group="prices",
        kinds={"pandas", "sql"},
        partitions=partitions,
        deps=["equity_bars", "option_quotes"],
        automation_condition=FOLLOWS_ITS_INPUTS,
    )
    def market_data_cache(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
    ) -> Derived:
        """The price of every symbol and session, judged: clean, flagged, or in quarantine.

        Grain: one row a session and symbol; an option's price is the middle of its quote, else its
        last trade. Source: equity_bars and option_quotes. Fresh: with them. Sessions before the
        range are filled in where windows reach back to them.
        """
        with working(context) as work:
            begin = _first_underived(work, warehouse, calendar)
            before = calendar.previous(begin)
            data = derive_market_data(
                warehouse.read(BARS, first=before, last=work.last),
                warehouse.read("option_quotes", first=before, last=work.last),
                symbol_universe,
                sessions=calendar.sessions(before, work.last),
                first=begin,
                last=work.last,
                jump_threshold=settings.max_jump,
            )
            is_in_range = data.frame["session_date"] >= pd.Timestamp(work.first)
            frame, history = data.frame[is_in_range], data.frame[~is_in_range]
            work.report_rows(frame)
            work.report(rows_in_doubt=len(data.quarantine))
            return Derived(
                frame, history=history, quarantine=data.quarantine, quarantine_first=begin
            )

    return market_data_cache


def _wanted(universe: pd.DataFrame, calendar: TradingCalendar) -> dict[str, tuple[date, date]]:
    """Give each stock's range of sessions: those it is in the universe, and a year before."""
    stocks = universe[universe["asset_class"] == STOCK]
    spans = stocks.groupby("symbol", as_index=False).agg(
        first=("session_date", "min"), last=("session_date", "max"), priority=("priority", "min")
    )
    return {
        row["symbol"]: (
            calendar.shift(row["first"].date(), -HISTORY_SESSIONS),
            row["last"].date(),
        )
        for row in spans.sort_values(["priority", "symbol"]).to_dict("records")
    }


def _report_rows(work: Work, warehouse: Warehouse) -> None:
    work.report_rows(
        warehouse.read(BARS, first=work.first, last=work.last, columns=["session_date", "symbol"])
    )


def _first_underived(work: Work, warehouse: Warehouse, calendar: TradingCalendar) -> date:
    """Give the first session before the range whose bars are not derived, or were restated.

    A derived row carries the fetch time of its bar: where the two differ, the bar is newer.
    """
    begin = calendar.shift(work.first, -HISTORY_SESSIONS)
    end = calendar.previous(work.first)
    columns = ["session_date", "symbol", "fetched_at"]
    bars = warehouse.read(BARS, first=begin, last=end, columns=columns)
    known = warehouse.read(MARKET_DATA, first=begin, last=end, columns=columns)
    refused = warehouse.read(
        "quarantine", first=begin, last=end, columns=["row_date", "symbol"],
        where={"asset": MARKET_DATA, "severity": REJECTED},
    ).rename(columns={"row_date": "session_date"})  # fmt: skip
    is_derived = _keys(bars, columns).isin(_keys(known, columns))
    is_refused = _keys(bars, columns[:2]).isin(_keys(refused, columns[:2]))
    open_days = bars.loc[~(is_derived | is_refused), "session_date"]
    return work.first if open_days.empty else open_days.min().date()


def _keys(frame: pd.DataFrame, columns: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[columns])


class _BarFetch:
    """Fetches one gap of one symbol; all of its history where the vendor restated the past."""

    def __init__(
        self,
        warehouse: Warehouse,
        source: PriceSource,
        calendar: TradingCalendar,
        clock: Clock,
        covered: Mapping[str, Coverage],
        gaps: list[Gap],
    ) -> None:
        self._source, self._calendar, self._clock = source, calendar, clock
        self._covered = covered
        self._stored = _stored_at_overlap(warehouse, gaps)

    def __call__(self, gap: Gap) -> CollectedBatch:
        fetched = self._source.daily_bars(gap.subject, gap.first, gap.last)
        asked, replace = gap, self._is_restated(gap, fetched.frame)
        if replace:
            known = self._covered[gap.subject]
            asked = Gap(
                gap.subject, min(gap.first, known.first_date), max(gap.last, known.last_date)
            )
            fetched = self._source.daily_bars(asked.subject, asked.first, asked.last)
        return self._batch(asked, fetched, replace=replace)

    def _is_restated(self, gap: Gap, frame: pd.DataFrame) -> bool:
        stored = self._stored.get(gap.subject)
        if gap.overlap_date is None or stored is None:
            return False
        fresh = frame.loc[
            frame["session_date"] == pd.Timestamp(gap.overlap_date), ["close", "adj_close"]
        ]
        return not fresh.empty and is_restated(stored, fresh.iloc[0])

    def _batch(self, asked: Gap, fetched: FetchedFrame, *, replace: bool) -> CollectedBatch:
        now = self._clock()
        frame = fetched.frame.assign(source=self._source.name, fetched_at=pd.Timestamp(now))
        delivered = [day.date() for day in frame["session_date"]]
        until = answered_until(delivered, asked, self._calendar, now)
        coverage = (
            (Coverage(BARS, asked.subject, asked.first, until, self._source.name, now),)
            if until is not None
            else ()
        )
        return CollectedBatch(frame, fetched.rejected, coverage, replace=replace)


def _stored_at_overlap(warehouse: Warehouse, gaps: list[Gap]) -> dict[str, tuple[float, float]]:
    """Read the stored close and adjusted close of each gap's overlapping session."""
    overlaps = {gap.subject: gap.overlap_date for gap in gaps if gap.overlap_date is not None}
    if not overlaps:
        return {}
    rows = warehouse.read(
        BARS, first=min(overlaps.values()), last=max(overlaps.values()), symbols=list(overlaps),
        columns=["session_date", "symbol", "close", "adj_close"],
    )  # fmt: skip
    days = rows["symbol"].map({symbol: pd.Timestamp(day) for symbol, day in overlaps.items()})
    kept = rows[rows["session_date"] == days]
    return {row["symbol"]: (row["close"], row["adj_close"]) for row in kept.to_dict("records")}
