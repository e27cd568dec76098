"""What every portfolio is worth in a session, and what it is made of."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS_BUT_BOOKS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.ledgers import read_ledgers
from market_pipeline.assets.snapshot_summary import portfolio_table
from market_pipeline.domain.ledger import Ledger, oldest_lapse
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import SESSIONS_BEFORE, Snapshots, snapshot_range, symbols_of
from market_pipeline.io_managers import Derived
from market_pipeline.warehouse import Warehouse

_PRICE_COLUMNS = ["session_date", "symbol", "price_usd", "source"]


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_snapshots` over the trading sessions."""

    @stored_asset(
        "portfolio_snapshots",
        group="portfolios",
        kinds={"python", "sql"},
        partitions=partitions,
        version="2",
        deps=[BOOKS_KEY, "market_data_cache", "factor_exposures", "symbol_daily_metrics"],
        automation_condition=FOLLOWS_ITS_INPUTS_BUT_BOOKS,
    )
    def portfolio_snapshots(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
    ) -> Derived:
        """Market value, cash, long, short, gross, net, P&L and return of every portfolio.

        Grain: one row a session and portfolio; its positions stand in `portfolio_positions`.
        Source: files of positions, transactions, corporate actions and market_data_cache, exact
        to the cent. Fresh: with its inputs. A position without a price is named, never silently
        zero.
        """
        with working(context) as work:
            result = value_portfolios(warehouse, calendar, work.first, work.last)
            work.report_rows(result.portfolios)
            table = dg.MetadataValue.md(portfolio_table(result.portfolios, work.last))
            work.report(portfolios=table)
            return Derived(result.portfolios, alongside={"portfolio_positions": result.positions})

    return portfolio_snapshots


def value_portfolios(
    warehouse: Warehouse, calendar: TradingCalendar, first: date, last: date
) -> Snapshots:
    """Value the portfolios as they stand in each session from `first` to `last`.

    Returns are chained from the stored snapshot before `first` where it is what would be stored
    now, else from the portfolio's start: any slicing of a backfill gives the same rows.
    """
    ledgers = read_ledgers(warehouse)
    known = _growth_before(warehouse, calendar, ledgers, first)
    chained = [each for each in ledgers if each.portfolio_id in known]
    anew = [each for each in ledgers if each.portfolio_id not in known]
    starts = [max(each.start, calendar.all_sessions[0]) for each in anew if each.start is not None]
    parts = [
        _valued(warehouse, calendar, chained, first, first, last, known),
        _valued(warehouse, calendar, anew, min([first, *starts]), first, last, None),
    ]
    return Snapshots(
        _joined([part.portfolios for part in parts], "portfolio_id"),
        _joined([part.positions for part in parts], "portfolio_id", "position_no"),
        tuple(each for part in parts for each in part.followed),
    )


def _growth_before(
    warehouse: Warehouse, calendar: TradingCalendar, ledgers: Sequence[Ledger], first: date
) -> dict[str, float]:
    """Give what a dollar had become by the session before, of those whose snapshot still holds.

    One that has not begun by then starts with one dollar.
    """
    before = calendar.previous(first)
    stored = warehouse.read("portfolio_snapshots", first=before, last=before)
    known = {
        each.portfolio_id: 1.0 for each in ledgers if each.start is None or each.start > before
    }
    told = stored[stored["growth"].notna()].to_dict("records")
    grown = {row["portfolio_id"]: row for row in told}
    begun = [each for each in ledgers if each.portfolio_id in grown]
    if not begun:
        return known
    present = _valued(warehouse, calendar, begun, before, before, before, {}).portfolios
    for row in present.to_dict("records"):
        name = row["portfolio_id"]
        if all(row[column] == grown[name][column] for column in _KEPT):
            known[name] = float(grown[name]["growth"])
    return known


_KEPT = ("equity_usd", "flows_usd", "invested_usd", "cumulative_pnl_usd", "unpriced_cost_usd")
"""What a stored snapshot must still be made of for its growth to be believed."""


def _valued(
    warehouse: Warehouse,
    calendar: TradingCalendar,
    ledgers: Sequence[Ledger],
    start: date,
    first: date,
    last: date,
    growth_before: Mapping[str, float] | None,
) -> Snapshots:
    """Value some portfolios from `first` on, with prices since well before `start`."""
    begin = _sessions_before(calendar, start, SESSIONS_BEFORE)
    prices = warehouse.read(
        "market_data_cache", first=begin, last=last, symbols=sorted(symbols_of(ledgers)),
        columns=_PRICE_COLUMNS,
    )  # fmt: skip
    lapse = oldest_lapse(ledgers)
    if lapse is not None and lapse <= last:
        early = min(_sessions_before(calendar, lapse, SESSIONS_BEFORE), begin)
        prices = _with_lapsed(warehouse, ledgers, prices, early, begin)
        begin = early
    return snapshot_range(
        ledgers, prices, sessions=calendar.sessions(begin, last), first=first, last=last,
        growth_before=growth_before,
    )  # fmt: skip


def _sessions_before(calendar: TradingCalendar, day: date, count: int) -> date:
    """Give the session `count` sessions before `day`, or the calendar's first."""
    sessions = calendar.all_sessions
    return sessions[max(bisect_left(sessions, day) - count, 0)]


def _joined(frames: Sequence[pd.DataFrame], *keys: str) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)] or list(frames[:1])
    joined = pd.concat(filled, ignore_index=True)
    return joined.sort_values(["session_date", *keys], ignore_index=True)


def _with_lapsed(
    warehouse: Warehouse, ledgers: Sequence[Ledger], prices: pd.DataFrame, first: date, end: date
) -> pd.DataFrame:
    """Add the prices before `end` of what lapsed: the last of them is what it left at."""
    lapsed = {
        series.symbol
        for ledger in ledgers
        for lot in ledger.lots
        if lot.lapses_on is not None and lot.quantity
        for series in lot.series
    }
    earlier = warehouse.read(
        "market_data_cache", first=first, last=end, symbols=sorted(lapsed), columns=_PRICE_COLUMNS
    )
    rows = pd.concat([earlier, prices], ignore_index=True)
    return rows.drop_duplicates(["session_date", "symbol"])
