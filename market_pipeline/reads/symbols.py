"""The latest price and exposures of a symbol: from memory, from what processes share, or computed.

A kept answer carries the generation that its rows' transaction gave the market
(`warehouse.generations`), and counts only while that is the present one: one small question to the
database a read, and no answer is ever older than the database. Safe to share between threads.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

import sqlalchemy as sa
import structlog
from pydantic import ConfigDict, TypeAdapter, ValidationError

from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.reads.cache import Kind, KindStats, count, number
from market_pipeline.warehouse import Warehouse, generations, market_queries

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_LONGEST_S = 24 * 3600.0
"""Room, not truth: what the generation outdated need not stand for ever."""
_MOST_KEPT = 20_000
_COUNTED_AT_ONCE = 32
_FILLED = "symbols:filled"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a symbol moves with a factor, measured in `session_date`."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    factor: str
    session_date: date
    beta: float | None
    r_squared: float | None
    observations: int
    quality: str


@dataclass(frozen=True, slots=True)
class SymbolState:
    """The newest recent price of a symbol, and its exposures of the last session with any."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    symbol: str
    session_date: date
    asset_class: str
    price_usd: float
    price_kind: str
    return_1d_pct: float | None
    flags: str | None
    source: str
    fetched_at: datetime
    exposures: tuple[Exposure, ...]


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """How the cache stands: `is_ready` once all symbols of the present generation are kept.

    `filled_at` and `entries` tell of the last filling, in this process or another; None before.
    """

    is_ready: bool
    entries: int | None
    filled_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Filling:
    """The last filling, as processes tell each other of it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    generation: str
    entries: int
    filled_at: datetime


SYMBOL: Kind[SymbolState | None] = Kind("symbol", "symbol:latest:{}", SymbolState | None)
_FILLINGS = TypeAdapter(_Filling)


class SymbolReads:
    """Answers on symbols, written as the tables write them."""

    def __init__(self, warehouse: Warehouse, coordination: Coordination, clock: Clock) -> None:
        self._warehouse, self._coordination, self._clock = warehouse, coordination, clock
        self._kept: OrderedDict[str, tuple[str, SymbolState | None]] = OrderedDict()
        self._hits = self._misses = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._filler: threading.Thread | None = None

    def latest(self, symbol: str) -> SymbolState | None:
        """Give the newest price and exposures of `symbol`; None without a recent price.

        While nothing is kept the database answers. Its errors pass.
        """
        generation = self._warehouse.ask(generations.market_generation)
        with self._lock:
            kept = self._kept.get(symbol)
        if kept is not None and kept[0] == generation:
            self._count(is_hit=True)
            return kept[1]
        text = self._coordination.get(SYMBOL.key(symbol))
        shared = None if text is None else SYMBOL.read(text, generation)
        if shared is not None:
            self._count(is_hit=True)
            self._remember(generation, {symbol: shared[0]})
            return shared[0]
        self._count(is_hit=False)
        generation, found = self._warehouse.ask(lambda c: _states(c, [symbol]))
        self._keep(generation, {symbol: found.get(symbol)})
        return found.get(symbol)

    def fill(self) -> int:
        """Keep the answers on all symbols with a recent price; give how many."""
        generation, found = self._warehouse.ask(lambda c: _states(c, None))
        self._keep(generation, found)
        filling = _Filling(generation, len(found), self._clock())
        told = _FILLINGS.dump_json(filling).decode()
        self._coordination.put(_FILLED, told, _LONGEST_S)
        return len(found)

    def start(self, every_s: float = 15.0) -> None:
        """Fill in the background now, and again within `every_s` of each change, until `close`.

        Where the database fails this is logged and tried again; reads go to it meanwhile.
        """
        if self._filler is None:
            self._filler = threading.Thread(
                target=self._go_on_filling, args=(every_s,), name="symbol-cache", daemon=True
            )
            self._filler.start()

    def close(self) -> None:
        """End the background filling and tell what was counted."""
        self._ended.set()
        if self._filler is not None:
            self._filler.join()
        self._tell_counts()

    def status(self) -> CacheStatus:
        """Say whether all symbols are kept, how many were, and since when."""
        filling = self._filling()
        if filling is None:
            return CacheStatus(is_ready=False, entries=None, filled_at=None)
        is_ready = filling.generation == self._warehouse.ask(generations.market_generation)
        return CacheStatus(is_ready, filling.entries, filling.filled_at)

    def stats(self) -> KindStats:
        """Give hits and misses of all processes since counting began."""
        self._tell_counts()
        hits, misses = (
            number(self._coordination.get(f"cache:{name}:{SYMBOL.name}"))
            for name in ("hits", "misses")
        )
        return KindStats(SYMBOL.name, hits, misses)

    def _go_on_filling(self, every_s: float) -> None:
        filled: str | None = None
        while not self._ended.is_set():
            try:
                generation = self._warehouse.ask(generations.market_generation)
                if generation != filled:
                    self.fill()
                    # A change in between makes this one look old, and the next round fills again.
                    filled = generation
            except sa.exc.SQLAlchemyError as error:
                log.warning("symbol_cache_not_filled", problem=type(error).__name__)
            self._ended.wait(every_s)

    def _filling(self) -> _Filling | None:
        text = self._coordination.get(_FILLED)
        try:
            return None if text is None else _FILLINGS.validate_json(text, strict=True)
        except ValidationError:  # of another version, or not ours
            return None

    def _keep(self, generation: str, answers: Mapping[str, SymbolState | None]) -> None:
        self._remember(generation, answers)
        for symbol, answer in answers.items():
            written = SYMBOL.written(answer, generation)
            self._coordination.put(SYMBOL.key(symbol), written, _LONGEST_S)

    def _remember(self, generation: str, answers: Mapping[str, SymbolState | None]) -> None:
        with self._lock:
            for symbol, answer in answers.items():
                self._kept[symbol] = (generation, answer)
                self._kept.move_to_end(symbol)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)

    def _count(self, *, is_hit: bool) -> None:
        with self._lock:
            self._hits += is_hit
            self._misses += not is_hit
            is_enough = self._hits + self._misses >= _COUNTED_AT_ONCE
        if is_enough:
            self._tell_counts()

    def _tell_counts(self) -> None:
        with self._lock:
            hits, self._hits = self._hits, 0
            misses, self._misses = self._misses, 0
        for name, counted in (("hits", hits), ("misses", misses)):
            if counted:
                count(self._coordination, f"cache:{name}:{SYMBOL.name}", counted)


def _states(
    connection: sa.Connection, symbols: Sequence[str] | None
) -> tuple[str, dict[str, SymbolState]]:
    """Read states by symbol, and the generation they are of: one transaction, one moment."""
    generation = generations.market_generation(connection)
    exposures: dict[str, list[Exposure]] = {}
    for row in market_queries.newest_exposures(connection, symbols):
        exposures.setdefault(row["symbol"], []).append(_exposure(row))
    return generation, {
        row["symbol"]: _state(row, tuple(exposures.get(row["symbol"], ())))
        for row in market_queries.newest_prices(connection, symbols)
    }


def _exposure(row: Mapping[Any, Any]) -> Exposure:
    return Exposure(
        row["factor"], row["session_date"], row["beta"], row["r_squared"], row["observations"],
        row["quality"],
    )  # fmt: skip


def _state(row: Mapping[Any, Any], exposures: tuple[Exposure, ...]) -> SymbolState:
    return SymbolState(
        symbol=row["symbol"],
        session_date=row["session_date"],
        asset_class=row["asset_class"],
        price_usd=row["price_usd"],
        price_kind=row["price_kind"],
        return_1d_pct=None if row["return_1d"] is None else 100 * row["return_1d"],
        flags=row["flags"],
        source=row["source"],
        fetched_at=row["fetched_at"],
        exposures=exposures,
    )
