"""Prices: what vendors say of every stock and ETF, and the one price a symbol and session.

`equity_bars` keeps what the vendor said; `market_data_cache` judges it, together with the option
quotes, and is what everything downstream believes.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial

import dagster as dg
import pandas as pd

from market_pipeline.assets.collecting import collect, verdict
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import COLLECTION_RETRIES, Work, stored_asset, working
from market_pipeline.assets.second_opinions import OPINIONS, ask_second
from market_pipeline.assets.splits import present_universe
from market_pipeline.domain.collection import (
    Gap,
    answered_until,
    history_sessions,
    plan_gaps,
)
from market_pipeline.domain.errors import MixedPrices
from market_pipeline.domain.factor_definitions import longest_window
from market_pipeline.domain.ports import (
    ClassedPriceSource,
    Clock,
    CollectedBatch,
    Coverage,
    FetchedFrame,
    PriceSource,
)
from market_pipeline.domain.price_conventions import RAW, is_same_price
from market_pipeline.domain.price_rules import SESSIONS_BEFORE
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.quarantine import REJECTED
from market_pipeline.domain.restatements import SPLIT_BASIS, explains, impossible
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import DAILY, listed, ranks
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
        prices: dg.ResourceParam[PriceSource],
        second_prices: dg.ResourceParam[PriceSource | None],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """Daily bars of every stock and ETF of the universe, as a vendor tells them.

        Grain: one row a session and symbol, prices split-adjusted by the vendor, dividends and
        splits beside them. Source: Yahoo through yfinance, then Polygon and Alpha Vantage, in the
        order set; only what is missing is asked for, with a year of history before the first
        session. Fresh: hours after the close.
        """
        with working(context) as work:
            wanted = _wanted(symbol_universe, calendar, _history(settings))
            newcomers = warehouse.onboarding.newcomers()
            covered = warehouse.coverage(BARS)
            gaps = plan_gaps(wanted, covered, clock())
            source = _told_classes(prices, symbol_universe)
            fetch = _BarFetch(warehouse, source, calendar, clock, covered, gaps)
            report = collect(
                work, warehouse, BARS, gaps, fetch,
                source=source.name, timeframe=DAILY, concurrency=settings.vendor_concurrency,
                clock=clock,
                ranks=ranks(symbol_universe) | dict.fromkeys(newcomers, 0),
            )  # fmt: skip
            if second_prices is not None:
                answers = ask_second(
                    work, warehouse, calendar, second_prices, clock, settings.max_jump
                )
                work.report(second_opinions=answers)
            _report_rows(work, warehouse)
            work.report(**report.metadata())
            verdict(work, report, len(wanted), settings.minimum_coverage, awaited=newcomers)

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
        deps=["equity_bars", "option_quotes", "option_values"],
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
            begin = _first_underived(work, warehouse, calendar, _history(settings))
            before = calendar.shift(begin, -SESSIONS_BEFORE)
            universe = symbol_universe
            if begin < work.first:
                universe = warehouse.read("symbol_universe", first=begin, last=work.last)
            data = derive_market_data(
                warehouse.read(BARS, first=before, last=work.last),
                _completed_quotes(warehouse, before, work.last),
                present_universe(warehouse, universe),
                sessions=calendar.sessions(before, work.last),
                first=begin,
                last=work.last,
                jump_threshold=settings.max_jump,
                opinions=warehouse.read(OPINIONS, first=before, last=work.last),
            )
            is_in_range = data.frame["session_date"] >= pd.Timestamp(work.first)
            frame, history = data.frame[is_in_range], data.frame[~is_in_range]
            work.report_rows(frame)
            work.report(rows_in_doubt=len(data.quarantine))
            return Derived(
                frame, history=history, quarantine=data.quarantine, quarantine_first=begin
            )

    return market_data_cache


def _completed_quotes(warehouse: Warehouse, first: date, last: date) -> pd.DataFrame:
    """Read the quotes, and what was computed or looked up for them where the vendor left it out."""
    key, computed = ["session_date", "symbol"], ["implied_volatility", "delta", "underlying_price"]
    quotes = warehouse.read("option_quotes", first=first, last=last)
    columns = [*key, *computed, "multiplier"]
    values = warehouse.read("option_values", first=first, last=last, columns=columns)
    if quotes.empty or values.empty:
        return quotes
    known = values.set_index(key).reindex(pd.MultiIndex.from_frame(quotes[key]))
    for name in computed:
        ours = pd.Series(known[name].to_numpy(), index=quotes.index, dtype="float64")
        quotes[name] = quotes[name].astype("float64").fillna(ours)
    shares = pd.Series(known["multiplier"].to_numpy(), index=quotes.index, dtype="float64")
    quotes["multiplier"] = shares.fillna(quotes["multiplier"]).astype("int64")
    return quotes


def _history(settings: Settings) -> int:
    return history_sessions(longest_window(settings.definitions))


def _wanted(
    universe: pd.DataFrame, calendar: TradingCalendar, history: int
) -> dict[str, tuple[date, date]]:
    """Give each stock's range of sessions: those it is in the universe, and a year before."""
    stocks = listed(universe)
    spans = stocks.groupby("symbol", as_index=False).agg(
        first=("session_date", "min"), last=("session_date", "max"), priority=("priority", "min")
    )
    return {
        row["symbol"]: (
            calendar.shift(row["first"].date(), -history),
            row["last"].date(),
        )
        for row in spans.sort_values(["priority", "symbol"]).to_dict("records")
    }


def _report_rows(work: Work, warehouse: Warehouse) -> None:
    work.report_rows(
        warehouse.read(BARS, first=work.first, last=work.last, columns=["session_date", "symbol"])
    )


def _first_underived(
    work: Work, warehouse: Warehouse, calendar: TradingCalendar, history: int
) -> date:
    """Give the first session before the range whose bars are not derived, or have changed since.

    Looks at the sessions that windows reach back to, and for symbols whose bars were restated or
    moved to another split basis at all there are.
    """
    begin = calendar.shift(work.first, -history)
    is_open = _underived(warehouse, begin, calendar.previous(work.first), None, ["adj_close"])
    bounds = warehouse.bounds(BARS)
    changed = _changed_symbols(warehouse, begin)
    if bounds is not None and bounds[0] < begin and changed:
        # The vendor's adjusted close is left out: every dividend changes all of it.
        older = _underived(warehouse, bounds[0], calendar.previous(begin), changed, [])
        is_open = is_open if older is None else older
    return is_open or work.first


def _changed_symbols(warehouse: Warehouse, begin: date) -> list[str]:
    """Name the symbols whose bars before `begin` may have changed since they were derived."""
    changes = warehouse.read("bar_restatements", columns=["session_date", "symbol", "field"])
    is_early = changes["session_date"] < pd.Timestamp(begin)
    return sorted(set(changes.loc[is_early | (changes["field"] == SPLIT_BASIS), "symbol"]))


def _underived(
    warehouse: Warehouse, first: date, last: date, symbols: list[str] | None, also: list[str]
) -> date | None:
    """Give the first date in [first, last] on which a bar is not derived as it stands now.

    A derived row carries the fetch time of its bar, and its close; `also` names more columns.
    """
    key = ["session_date", "symbol"]
    columns = [*key, "fetched_at", "price_usd", *also]
    read = partial(warehouse.read, first=first, last=last, symbols=symbols)
    bars = read(BARS, columns=[*key, "fetched_at", "close", *also])
    bars = bars.rename(columns={"close": "price_usd"})
    known = read(MARKET_DATA, columns=columns)
    refused = warehouse.read(
        "quarantine", first=first, last=last, columns=["row_date", "symbol"],
        where={"asset": MARKET_DATA, "severity": REJECTED},
    ).rename(columns={"row_date": "session_date"})  # fmt: skip
    is_derived = _keys(bars, columns).isin(_keys(known, columns))
    is_refused = _keys(bars, key).isin(_keys(refused, key))
    open_days = bars.loc[~(is_derived | is_refused), "session_date"]
    return None if open_days.empty else open_days.min().date()


def _keys(frame: pd.DataFrame, columns: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[columns])


class _BarFetch:
    """Fetches one gap of one symbol; all of its history where no action explains a changed bar."""

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
        asked, replace = gap, self._must_replace(gap, fetched)
        if replace:
            known = self._covered[gap.subject]
            asked = Gap(
                gap.subject, min(gap.first, known.first_date), max(gap.last, known.last_date)
            )
            fetched = self._source.daily_bars(asked.subject, asked.first, asked.last)
        return self._batch(asked, fetched, replace=replace)

    def _must_replace(self, gap: Gap, fetched: FetchedFrame) -> bool:
        """Say whether the stored history is no longer what the answer continues.

        Bars of another source than the stored ones must show the same close in the session both
        tell of: raw ones are refused otherwise (`MixedPrices`), adjusted ones fetched as a whole.
        """
        stored = self._stored.get(gap.subject)
        if gap.overlap_date is None or stored is None or fetched.frame.empty:
            return False
        close, adj_close, source = stored
        told = fetched.frame
        at_overlap = told["session_date"] == pd.Timestamp(gap.overlap_date)
        # Nor does a bar that cannot be right say anything of what is stored.
        told = told[~(at_overlap & impossible(told))]
        if source == self._told_by(fetched):
            return not explains((close, adj_close), told, gap.overlap_date)
        fresh = told.loc[told["session_date"] == pd.Timestamp(gap.overlap_date), "close"]
        if not fresh.empty and is_same_price(close, fresh.iloc[0]):
            return False
        if fetched.convention == RAW:
            raise MixedPrices(
                self._told_by(fetched), "bars",
                f"{gap.subject}: raw prices do not continue those of {source} from "
                f"{gap.overlap_date} on",
            )  # fmt: skip
        return True

    def _told_by(self, fetched: FetchedFrame) -> str:
        return fetched.source or self._source.name

    def _batch(self, asked: Gap, fetched: FetchedFrame, *, replace: bool) -> CollectedBatch:
        now, source = self._clock(), self._told_by(fetched)
        frame = fetched.frame.assign(source=source, fetched_at=pd.Timestamp(now))
        delivered = frame["session_date"].dt.date.tolist()
        until = answered_until(delivered, asked, self._calendar, now)
        coverage = (
            (Coverage(BARS, asked.subject, asked.first, until, source, now),)
            if until is not None
            else ()
        )
        return CollectedBatch(
            frame, fetched.rejected, coverage, replace=replace,
            source=source, quota_left=fetched.quota_left,
        )  # fmt: skip


def _told_classes(source: PriceSource, universe: pd.DataFrame) -> PriceSource:
    """Tell a source that chooses by asset class what the symbols of the universe are."""
    if not isinstance(source, ClassedPriceSource):
        return source
    return source.knowing(dict(zip(universe["symbol"], universe["asset_class"], strict=True)))


def _stored_at_overlap(
    warehouse: Warehouse, gaps: list[Gap]
) -> dict[str, tuple[float, float, str]]:
    """Read stored close, adjusted close and source of each gap's overlapping session."""
    overlaps = {gap.subject: gap.overlap_date for gap in gaps if gap.overlap_date is not None}
    if not overlaps:
        return {}
    rows = warehouse.read(
        BARS, first=min(overlaps.values()), last=max(overlaps.values()), symbols=list(overlaps),
        columns=["session_date", "symbol", "close", "adj_close", "source"],
    )  # fmt: skip
    days = rows["symbol"].map({symbol: pd.Timestamp(day) for symbol, day in overlaps.items()})
    kept = rows[rows["session_date"] == days]
    return {
        row["symbol"]: (row["close"], row["adj_close"], row["source"])
        for row in kept.to_dict("records")
    }
