"""The latest price of symbols for a person, through the symbol cache.

Belongs here: which answers are asked for, as rows. Does not: how they are kept (`reads`) or printed
(`cli`).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from market_pipeline.coordination import open_coordination
from market_pipeline.domain.ports import Clock
from market_pipeline.operations.news import age
from market_pipeline.operations.opening import open_to_look
from market_pipeline.operations.show import canonical_symbol
from market_pipeline.reads import CacheStatus, KindStats, SymbolReads, SymbolState
from market_pipeline.settings import Settings
from market_pipeline.warehouse.universe_queries import MEMBER_COLUMNS, members

PRICE_COLUMNS = (
    "symbol", "session_date", "price_usd", "price_kind", "return_1d_pct", "flags", "source",
    "fetched_at",
)  # fmt: skip
"""Followed by a column `beta_<factor>` for each factor that any of the symbols was measured by."""


STATUS_COLUMNS = (
    "is_ready", "entries", "filled_at", "age_s", "hits", "misses", "hit_share",
)  # fmt: skip
"""`is_ready`: every symbol is kept as the database has it; `age_s` since the last filling."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Latest prices as `PRICE_COLUMNS`, in the order asked for, and the symbols without one."""

    frame: pd.DataFrame
    missing: tuple[str, ...]
    data_kind: str | None


@contextmanager
def opened(settings: Settings, clock: Clock) -> Iterator[tuple[SymbolReads, str | None]]:
    """Open the symbol cache over the warehouse as it is; give it with the kind of its data.

    Raises NothingStored where there is no warehouse yet.
    """
    warehouse = open_to_look(settings)
    reads = SymbolReads(
        warehouse, open_coordination(settings.redis_address, settings.state_dir, clock), clock
    )
    try:
        yield reads, warehouse.meta_get("data_kind")
    finally:
        reads.close()
        warehouse.dispose()


def prices_of(settings: Settings, clock: Clock, texts: Sequence[str]) -> Prices:
    """Give the latest price of each symbol once; InputError for what is no symbol."""
    symbols = _symbols(texts)
    with opened(settings, clock) as (reads, data_kind):
        return _told({symbol: reads.latest(symbol) for symbol in symbols}, data_kind)


def watched_prices(
    settings: Settings, clock: Clock, texts: Sequence[str], every_s: float
) -> Iterator[tuple[Prices, str]]:
    """Give prices and the cache's readiness now, and again after each change, for ever.

    The cache is filled in the background meanwhile, for all processes that share it. A price is
    looked at every `every_s` seconds. Raises as `prices_of` does.
    """
    symbols = _symbols(texts)
    with opened(settings, clock) as (reads, data_kind):
        reads.start(every_s)
        shown: dict[str, SymbolState | None] | None = None
        while True:
            found = {symbol: reads.latest(symbol) for symbol in symbols}
            if found != shown:
                yield _told(found, data_kind), readiness(reads.status(), clock())
            shown = found
            time.sleep(every_s)


def _symbols(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(canonical_symbol(text) for text in texts))


def _told(found: Mapping[str, SymbolState | None], data_kind: str | None) -> Prices:
    states = [state for state in found.values() if state is not None]
    missing = tuple(symbol for symbol, state in found.items() if state is None)
    return Prices(prices_frame(states), missing, data_kind)


def prices_frame(states: Sequence[SymbolState]) -> pd.DataFrame:
    """Write states as rows of `PRICE_COLUMNS` and a beta for each factor."""
    factors = sorted({exposure.factor for state in states for exposure in state.exposures})
    rows = []
    for state in states:
        betas = {exposure.factor: exposure.beta for exposure in state.exposures}
        row = {name: getattr(state, name) for name in PRICE_COLUMNS}
        rows.append(row | {f"beta_{factor}": betas.get(factor) for factor in factors})
    columns = [*PRICE_COLUMNS, *(f"beta_{factor}" for factor in factors)]
    return pd.DataFrame(rows, columns=columns)


def fill(settings: Settings, clock: Clock) -> int:
    """Keep the latest state of every symbol; give how many."""
    with opened(settings, clock) as (reads, _):
        return reads.fill()


def symbol_stats(settings: Settings, clock: Clock) -> tuple[KindStats, str]:
    """Give hits and misses of the symbol cache, and a sentence on its readiness."""
    with opened(settings, clock) as (reads, _):
        return reads.stats(), readiness(reads.status(), clock())


def cache_status(settings: Settings, clock: Clock) -> tuple[pd.DataFrame, str]:
    """Give the cache's standing as one row of `STATUS_COLUMNS`, and in words."""
    with opened(settings, clock) as (reads, _):
        status, counted, now = reads.status(), reads.stats(), clock()
    age_s = None if status.filled_at is None else (now - status.filled_at).total_seconds()
    row = (
        status.is_ready, status.entries, status.filled_at, age_s, counted.hits, counted.misses,
        counted.hit_share,
    )  # fmt: skip
    return pd.DataFrame([row], columns=list(STATUS_COLUMNS), dtype=object), readiness(status, now)


def readiness(status: CacheStatus, now: datetime) -> str:
    """Say whether all symbols are kept, how many were, and how long ago."""
    if status.filled_at is None:
        return "symbols: not ready, never filled; the database answers"
    told = f"{status.entries} kept {age(status.filled_at, now)} ago"
    if status.is_ready:
        return f"symbols: ready, {told}"
    return f"symbols: not ready, rows changed since; {told}, the database answers for the rest"


def members_of(settings: Settings, *, only_active: bool) -> tuple[pd.DataFrame, str | None]:
    """Give every symbol of the universe with first and last session, and the kind of data.

    Active ones first, by priority. Raises NothingStored where there is no warehouse yet.
    """
    warehouse = open_to_look(settings)
    try:
        rows = warehouse.ask(members)
        frame = pd.DataFrame(rows, columns=list(MEMBER_COLUMNS))
        kind = warehouse.meta_get("data_kind")
    finally:
        warehouse.dispose()
    return (frame[frame["is_active"].astype(bool)] if only_active else frame), kind
