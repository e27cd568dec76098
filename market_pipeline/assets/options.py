"""Option quotes: what Polygon says of the contracts in the universe."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import dagster as dg
import pandas as pd

from market_pipeline.assets.collecting import Report, collect, verdict
from market_pipeline.assets.framework import COLLECTION_RETRIES, Work, stored_asset, working
from market_pipeline.assets.splits import present_universe
from market_pipeline.domain.books import OPTION
from market_pipeline.domain.collection import SNAPSHOT, Gap, answered_until, plan_gaps
from market_pipeline.domain.errors import NotEntitled, Unavailable
from market_pipeline.domain.ports import (
    Clock,
    CollectedBatch,
    Coverage,
    FetchedFrame,
    OptionSource,
)
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import DAILY, of_session, optioned
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

TABLE = "option_quotes"
_CHAIN = "chain:"
_KEY = ["session_date", "symbol"]


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `option_quotes` over the trading sessions."""

    @stored_asset(
        TABLE,
        group="prices",
        kinds={"polygon", "api", "sql"},
        partitions=partitions,
        # Whether a split has renamed a contract is known from the bars.
        deps=["equity_bars"],
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
        """Quotes of the universe's option contracts, and chains of held and watched underlyings.

        Grain: one row a session and contract (compact OCC symbol). Source: Polygon; the past by
        daily bars of each contract, the latest session by the chain, with quote and greeks (not
        while the market is open). A price of another session is marked `is_stale`. Fresh: hours
        after the close. Without a key nothing is fetched, and positions stay unpriced.
        """
        with working(context) as work:
            present = present_universe(warehouse, symbol_universe)
            contracts = present[present["asset_class"] == OPTION]
            covered = warehouse.coverage(TABLE)
            bars = plan_gaps(_wanted(contracts), covered, clock())
            asked = _underlyings(present, calendar, clock(), polygon, settings)
            chains = _chains(asked, covered, calendar, clock())
            quoted = _quoted(warehouse, bars)
            ours = set(contracts["symbol"]) if settings.option_chains == "held" else None
            fetch = _QuoteFetch(polygon, calendar, clock, ours, quoted)
            ranks = {_CHAIN + name: rank for name, rank in asked.items()}
            reports = [
                collect(
                    work, warehouse, TABLE, gaps, fetch,
                    source=polygon.name, timeframe=timeframe,
                    concurrency=settings.vendor_concurrency, clock=clock, ranks=ranks,
                )
                # The chain comes last: its quotes win over bars.
                for gaps, timeframe in ((bars, DAILY), (chains, SNAPSHOT))
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


def _underlyings(
    universe: pd.DataFrame,
    calendar: TradingCalendar,
    now: datetime,
    source: OptionSource,
    settings: Settings,
) -> dict[str, int]:
    """Rank the underlyings whose present chain is wanted; none where a past session is made.

    What is merely watched is left out where nothing of its chain would be kept, and without a key:
    an option that is held goes unpriced then and is told of, a chain to look at is not.
    """
    with_watched = (
        settings.option_chain_underlyings == "held_and_watched"
        and settings.option_chains == "whole"
        and source.is_configured
    )
    latest = of_session(universe, calendar.last_completed(now))
    return optioned(latest, with_watched=with_watched)


def _chains(
    underlyings: Iterable[str],
    covered: Mapping[str, Coverage],
    calendar: TradingCalendar,
    now: datetime,
) -> list[Gap]:
    """List the chains that are to tell of the latest completed session and have not yet.

    None while the market is open: quotes of today's noon are not yesterday's close. A gap begins
    where the subject is known from, so that its coverage stays one range.
    """
    if calendar.is_open(now):
        return []
    latest = calendar.last_completed(now)
    gaps = []
    for subject in (_CHAIN + name for name in underlyings):
        known = covered.get(subject)
        if known is None:
            gaps.append(Gap(subject, latest, latest))
        elif known.last_date < latest:
            gaps.append(Gap(subject, known.last_date, latest))
    return gaps


def _quoted(warehouse: Warehouse, gaps: Sequence[Gap]) -> pd.DataFrame:
    """Read the sessions and contracts of `gaps` that a chain has told of already."""
    return warehouse.read(
        TABLE,
        first=min((gap.first for gap in gaps), default=date.max),
        symbols=[gap.subject for gap in gaps],
        columns=_KEY,
        where={"quote_kind": "snapshot"},
    )


class _QuoteFetch:
    """Fetches a contract's daily bars, or an underlying's chain, narrowed to `contracts` if given.

    A bar never replaces a quote of the chain (`quoted`): it knows a last trade only.
    """

    def __init__(
        self,
        source: OptionSource,
        calendar: TradingCalendar,
        clock: Clock,
        contracts: set[str] | None,
        quoted: pd.DataFrame,
    ) -> None:
        self._source, self._calendar, self._clock = source, calendar, clock
        self._contracts, self._quoted = contracts, pd.MultiIndex.from_frame(quoted)

    def __call__(self, gap: Gap) -> CollectedBatch:
        if gap.subject.startswith(_CHAIN):
            self._require_present(gap)
            fetched = self._source.chain(gap.subject.removeprefix(_CHAIN), gap.last)
            # Many pages under a slow rate take their time: the first may be yesterday's by now.
            self._require_present(gap)
            frame = fetched.frame
            if self._contracts is not None:
                frame = frame[frame["symbol"].isin(self._contracts)]
            return self._batch(gap, frame, fetched, gap.last)
        fetched = self._source.daily_bars(gap.subject, gap.first, gap.last)
        delivered = [day.date() for day in fetched.frame["session_date"]]
        until = answered_until(delivered, gap, self._calendar, self._clock())
        is_quoted = pd.MultiIndex.from_frame(fetched.frame[_KEY]).isin(self._quoted)
        return self._batch(gap, fetched.frame[~is_quoted], fetched, until)

    def _require_present(self, gap: Gap) -> None:
        """Refuse a chain of another day: a snapshot tells of now, and of `gap.last` no longer."""
        now = self._clock()
        if self._calendar.is_open(now) or self._calendar.last_completed(now) != gap.last:
            raise Unavailable(
                self._source.name, "chain",
                f"the session after {gap.last} has begun: its quotes are not those of {gap.last}",
            )  # fmt: skip

    def _batch(
        self, gap: Gap, frame: pd.DataFrame, fetched: FetchedFrame, until: date | None
    ) -> CollectedBatch:
        """Give the rows of the answer that are kept, as a batch."""
        now, name = self._clock(), self._source.name
        frame = frame.assign(source=name, fetched_at=pd.Timestamp(now))
        known = (
            () if until is None else (Coverage(TABLE, gap.subject, gap.first, until, name, now),)
        )
        return CollectedBatch(frame, fetched.rejected, known, answered_rows=fetched.row_count)


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
