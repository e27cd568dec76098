"""Snapshots that were made from another past than is told now: a corrected file, a late dividend.

Each row keeps a digest of what it was made from, so that nothing needs to be noted when a file is
imported. Does not belong here: restated prices (`outdated`), or when it is made anew (`catch_up`).
"""

from collections.abc import Mapping
from datetime import date

from market_pipeline.assets.ledgers import read_ledgers
from market_pipeline.domain.ledger import Ledger
from market_pipeline.domain.made_from import MadeFrom, made_from
from market_pipeline.domain.option_splits import series_on
from market_pipeline.domain.refreshing import SNAPSHOTS, Found
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.input_changes import pasts_stored

UNIVERSE, HELD = "symbol_universe", "held"


def corrected(warehouse: Warehouse) -> Found:
    """Name the snapshots by session of which a portfolio was made from what is no longer told.

    Where it holds what the stored universe of the session does not name as held, that is to be made
    anew, too: by it prices are collected, and restated ones answered. Rows without a digest are
    left as they are.
    """
    ledgers = {each.portfolio_id: each for each in read_ledgers(warehouse)}
    pasts = {name: made_from(ledger) for name, ledger in ledgers.items()}
    days = _days_of_others(warehouse, pasts)
    if not days:
        return {}
    rows = warehouse.read(
        UNIVERSE, first=min(days), last=max(days), columns=["session_date", "symbol", "reasons"]
    )
    listed: dict[date, set[str]] = {}
    for instant, symbol, reasons in rows.itertuples(index=False):
        if HELD in reasons.split(","):
            listed.setdefault(instant.date(), set()).add(symbol)
    return {
        day: {UNIVERSE if _held(ledgers, names, day) - listed.get(day, set()) else SNAPSHOTS}
        for day, names in sorted(days.items())
    }


def _days_of_others(warehouse: Warehouse, pasts: Mapping[str, MadeFrom]) -> dict[date, set[str]]:
    """Give the portfolios by session whose digest is another now; rows are read where some are."""
    spans = [
        (first, last)
        for name, digest, first, last in warehouse.ask(pasts_stored)
        if name in pasts and {pasts[name].on(first), pasts[name].on(last)} != {digest}
    ]
    found: dict[date, set[str]] = {}
    if not spans:
        return found
    rows = warehouse.read(
        SNAPSHOTS, first=min(first for first, _ in spans), last=max(last for _, last in spans),
        columns=["session_date", "portfolio_id", "made_from"],
    ).dropna()  # fmt: skip
    for instant, name, digest in rows.itertuples(index=False):
        if name in pasts and pasts[name].on(instant.date()) != digest:
            found.setdefault(instant.date(), set()).add(name)
    return found


def _held(ledgers: Mapping[str, Ledger], names: set[str], day: date) -> set[str]:
    """Name what some portfolios hold at the end of `day` that has a price of the market."""
    return {
        series_on(lot.series, day).symbol
        for name in names
        for lot in ledgers[name].lots
        if not lot.values and lot.entry_date <= day and (lot.left_on is None or lot.left_on > day)
    }
