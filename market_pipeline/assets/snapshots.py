"""What every portfolio is worth in a session, and what it is made of."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS_BUT_BOOKS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.ledgers import read_ledgers
from market_pipeline.assets.snapshot_summary import portfolio_table
from market_pipeline.domain.carried import PRICES_BEFORE, RETURNS_BEFORE, Carried, carry_range
from market_pipeline.domain.date_blocks import date_blocks
from market_pipeline.domain.ledger import Ledger, held_counts, oldest_lapse, symbols_of
from market_pipeline.domain.made_from import made_from
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import Snapshots, snapshot_range
from market_pipeline.io_managers import Derived
from market_pipeline.warehouse import Warehouse

BLOCK_POSITIONS = 200_000
"""So many positions, each of a session, are valued at once, at some two kilobytes each. In shorter
blocks it is following each lot anew that takes the time."""

_PRICE_COLUMNS = ["session_date", "symbol", "price_usd", "source"]


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_snapshots` over the trading sessions."""

    @stored_asset(
        "portfolio_snapshots",
        group="portfolios",
        kinds={"python", "sql"},
        partitions=partitions,
        version="3",
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
            valuing = Valuing(warehouse, calendar, work.first)
            blocks = valuing.blocks(work.last)
            days, stored = [], WriteCounts()
            for first, last in blocks:
                result = valuing.value(first, last)
                days.append(result.portfolios[["session_date"]])
                if last != work.last:
                    stored += warehouse.replace_ranges(_tables(result), first, last)
            work.report_rows(pd.concat(days))
            table = dg.MetadataValue.md(portfolio_table(result.portfolios, work.last))
            work.report(portfolios=table, blocks=len(blocks))
            tables = _tables(result)
            return Derived(
                tables.pop("portfolio_snapshots"), alongside=tables, first=blocks[-1][0],
                stored=stored,
            )  # fmt: skip

    return portfolio_snapshots


def _tables(result: Snapshots) -> dict[str, pd.DataFrame]:
    return {"portfolio_snapshots": result.portfolios, "portfolio_positions": result.positions}


class Valuing:
    """The portfolios as they stand, valued block by block of sessions, one after the other.

    Each block begins where the one before it ended; between them only what a session needs of those
    before it is kept. However a range is cut, and whether in one run or in many, its rows are
    the same.
    """

    def __init__(self, warehouse: Warehouse, calendar: TradingCalendar, first: date) -> None:
        """Carry every portfolio to the session before `first`.

        Returns are chained from the stored snapshot of it where that was made from the same past
        and is what would be stored now, else from the portfolio's start.
        """
        self._warehouse, self._calendar, self._first = warehouse, calendar, first
        before = calendar.previous(first)
        ledgers = read_ledgers(warehouse)
        begun = [each for each in ledgers if each.start is not None and each.start <= before]
        chained = self._chained(begun, before)
        anew = [each for each in begun if each.portfolio_id not in chained]
        carried = chained | self._from_the_start(anew, before)
        self._carried = [carried.get(each.portfolio_id, Carried(each)) for each in ledgers]

    def blocks(self, last: date) -> list[tuple[date, date]]:
        """Part the sessions up to `last` into blocks with `BLOCK_POSITIONS` each, or one session.

        Each is to be stored whole before the next is begun: what is held in memory does not grow
        with the range, and a session is complete or absent all the same.
        """
        ledgers = [each.ledger for each in self._carried]
        held = held_counts(ledgers, self._calendar.sessions(self._first, last))
        return date_blocks(self._first, last, held, BLOCK_POSITIONS)

    def value(self, first: date, last: date) -> Snapshots:
        """Value the portfolios in the next sessions, which are those from `first` to `last`."""
        ledgers = [each.ledger for each in self._carried]
        prices, sessions = self._market(ledgers, first, last)
        result = snapshot_range(
            ledgers, prices, sessions=sessions, first=first,
            before={each.ledger.portfolio_id: each for each in self._carried},
        )  # fmt: skip
        self._carried = list(result.carried)
        return result

    def _chained(self, ledgers: Sequence[Ledger], day: date) -> dict[str, Carried]:
        """Carry the portfolios whose stored snapshot of `day` still holds to its end."""
        stored = self._warehouse.read("portfolio_snapshots", first=day, last=day)
        told = {
            row["portfolio_id"]: row for row in stored[stored["growth"].notna()].to_dict("records")
        }
        known = [
            Carried(each)
            for each in ledgers
            if each.portfolio_id in told
            and told[each.portfolio_id]["made_from"] == made_from(each).on(day)
        ]
        if not known:
            return {}
        first = _sessions_before(self._calendar, day, RETURNS_BEFORE - 1)
        found = {}
        for each in self._carry(known, first, day):
            name = each.ledger.portfolio_id
            if all(told[name][column] == amount for column, amount in each.ends.items()):
                found[name] = replace(each, growth=float(told[name]["growth"]))
        return found

    def _from_the_start(self, ledgers: Sequence[Ledger], day: date) -> dict[str, Carried]:
        """Carry portfolios from where they start to the end of `day`."""
        starts = [each.start for each in ledgers if each.start is not None]
        if not starts:
            return {}
        carried = [Carried(each) for each in ledgers]
        start = max(min(starts), self._calendar.all_sessions[0])
        # One portfolio is followed at a time, all its lots: the largest bounds a block.
        largest = max(len(each.lots) for each in ledgers)
        held = ((session, largest) for session in self._calendar.sessions(start, day))
        for first, last in date_blocks(start, day, held, BLOCK_POSITIONS):
            carried = self._carry(carried, first, last)
        return {each.ledger.portfolio_id: each for each in carried}

    def _carry(self, carried: Sequence[Carried], first: date, last: date) -> list[Carried]:
        prices, sessions = self._market([each.ledger for each in carried], first, last)
        return carry_range(carried, prices, sessions=sessions, first=first)

    def _market(
        self, ledgers: Sequence[Ledger], first: date, last: date
    ) -> tuple[pd.DataFrame, Sequence[date]]:
        """Read prices from well before `first`, and before each lapse that is not settled."""
        begin = early = _sessions_before(self._calendar, first, PRICES_BEFORE)
        prices = self._warehouse.read(
            "market_data_cache", first=begin, last=last, symbols=sorted(symbols_of(ledgers)),
            columns=_PRICE_COLUMNS,
        )  # fmt: skip
        lapse = oldest_lapse(ledgers)
        if lapse is not None and lapse <= last:
            early = min(_sessions_before(self._calendar, lapse, PRICES_BEFORE), begin)
        if early < begin:
            prices = _with_lapsed(self._warehouse, ledgers, prices, early, begin)
        return prices, self._calendar.sessions(early, last)


def _sessions_before(calendar: TradingCalendar, day: date, count: int) -> date:
    """Give the session `count` sessions before `day`, or the calendar's first."""
    sessions = calendar.all_sessions
    return sessions[max(bisect_left(sessions, day) - count, 0)]


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
