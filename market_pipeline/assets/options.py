"""Option quotes: what Polygon says of the contracts in the universe."""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.collecting import Report, collect, verdict
from market_pipeline.assets.framework import COLLECTION_RETRIES, Work, stored_asset, working
from market_pipeline.domain.books import OPTION
from market_pipeline.domain.collection import Gap, answered_until, plan_gaps
from market_pipeline.domain.errors import NotEntitled
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage, FetchedFrame, OptionSource
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

TABLE = "option_quotes"
_CHAIN = "chain:"


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `option_quotes` over the trading sessions."""

    @stored_asset(
        TABLE,
        group="prices",
        kinds={"polygon", "api", "sql"},
        partitions=partitions,
        retry_policy=COLLECTION_RETRIES,
        pool="polygon",
    )
    def option_quotes(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        polygon: dg.ResourceParam[OptionSource],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """Quotes of every option contract of the universe, as Polygon tells them.

        Grain: one row a session and contract (compact OCC symbol). Source: Polygon; the past by
        daily bars of each contract, the latest session by the chain, with quote and greeks. Fresh:
        hours after the close. Without a key nothing is fetched, and positions stay unpriced.
        """
        with working(context) as work:
            contracts = symbol_universe[symbol_universe["asset_class"] == OPTION]
            covered = warehouse.coverage(TABLE)
            bars = plan_gaps(_wanted(contracts), covered, clock())
            chains = _chains(contracts, covered, calendar.last_completed(clock()))
            fetch = _QuoteFetch(polygon, calendar, clock, set(contracts["symbol"]))
            reports = [
                collect(
                    work, warehouse, TABLE, gaps, fetch,
                    source=polygon.name, concurrency=settings.vendor_concurrency, clock=clock,
                )
                for gaps in (bars, chains)  # the chain comes last: its quotes win over bars
            ]  # fmt: skip
            _report(work, warehouse, reports, contracts["symbol"].nunique(), settings)

    return option_quotes


def _wanted(contracts: pd.DataFrame) -> dict[str, tuple[date, date]]:
    spans = contracts.groupby("symbol", as_index=False).agg(
        first=("session_date", "min"), last=("session_date", "max")
    )
    return {
        row["symbol"]: (row["first"].date(), row["last"].date())
        for row in spans.sort_values("symbol").to_dict("records")
    }


def _chains(contracts: pd.DataFrame, covered: Mapping[str, Coverage], latest: date) -> list[Gap]:
    """List the underlyings whose present chain tells of the latest completed session."""
    current = contracts[contracts["session_date"] == pd.Timestamp(latest)]
    return [
        Gap(subject, latest, latest)
        for subject in sorted(_CHAIN + name for name in set(current["underlying"]))
        if subject not in covered or covered[subject].last_date < latest
    ]


class _QuoteFetch:
    """Fetches a contract's daily bars, or an underlying's chain, narrowed to our contracts."""

    def __init__(
        self, source: OptionSource, calendar: TradingCalendar, clock: Clock, contracts: set[str]
    ) -> None:
        self._source, self._calendar, self._clock = source, calendar, clock
        self._contracts = contracts

    def __call__(self, gap: Gap) -> CollectedBatch:
        if gap.subject.startswith(_CHAIN):
            fetched = self._source.chain(gap.subject.removeprefix(_CHAIN), gap.first)
            kept = fetched.frame[fetched.frame["symbol"].isin(self._contracts)]
            return self._batch(gap, FetchedFrame(kept, fetched.rejected), gap.last)
        fetched = self._source.daily_bars(gap.subject, gap.first, gap.last)
        delivered = [day.date() for day in fetched.frame["session_date"]]
        until = answered_until(delivered, gap, self._calendar, self._clock())
        return self._batch(gap, fetched, until)

    def _batch(self, gap: Gap, fetched: FetchedFrame, until: date | None) -> CollectedBatch:
        now, name = self._clock(), self._source.name
        frame = fetched.frame.assign(source=name, fetched_at=pd.Timestamp(now))
        first = until if gap.subject.startswith(_CHAIN) else gap.first
        coverage = (
            (Coverage(TABLE, gap.subject, first, until, name, now),)
            if first is not None and until is not None
            else ()
        )
        return CollectedBatch(frame, fetched.rejected, coverage)


def _report(
    work: Work, warehouse: Warehouse, reports: list[Report], wanted: int, settings: Settings
) -> None:
    """Report to Dagster; where the vendor refuses for want of a key or plan, say so and go on."""
    bars, chains = reports
    work.report_rows(
        warehouse.read(TABLE, first=work.first, last=work.last, columns=["session_date", "symbol"])
    )
    work.report(**bars.metadata(), chains_planned=chains.planned)
    for report in reports:
        refusals = [e for e in report.failed.values() if isinstance(e, NotEntitled)]
        if refusals and len(refusals) == len(report.failed):
            work.log.warning("options_not_entitled", detail=refusals[0].detail)
            work.report(not_entitled=refusals[0].detail)
        else:
            verdict(work, report, max(wanted, report.planned), settings.minimum_coverage)
