"""Collecting news portfolio by portfolio: some at once, each by one process at a time.

A lock keeps two processes from asking twice; the warehouse's fence keeps a holder whose lock has
expired from writing. What a source failed to give is on record and stops nothing else.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from market_pipeline.assets.framework import Work
from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import FencedOff
from market_pipeline.domain.freshness import oldest_kept
from market_pipeline.domain.headlines import without_old
from market_pipeline.domain.news import NewsCollector, NewsQuery
from market_pipeline.domain.ports import Clock, Coordination, Lease, WriteCounts
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.source_order import SlowSources
from market_pipeline.domain.universe import build_universe, listed
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.news_store import CollectedFor

WATCHLIST = "watchlist"
"""The name under which watched symbols are collected, beside the portfolios."""

LOCK_TTL_S = 30.0
"""How long a lock outlives a process that was killed; the living renew it."""

_OVERLAP = timedelta(hours=1)
_LONGEST_LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What collecting for one portfolio came to: `busy`, `fenced_off`, `failed` or `delivered`.

    `too_old` counts items left out, for they are older than news is kept.
    """

    portfolio_id: str
    state: str
    counts: WriteCounts = field(default_factory=WriteCounts)
    items: int = 0
    rejected: int = 0
    too_old: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Desk:
    """What collecting needs: who is asked, where rows and locks are, and the rules."""

    asset: str
    collector: NewsCollector
    warehouse: Warehouse
    coordination: Coordination
    settings: Settings
    clock: Clock


def lock_name(asset: str, portfolio_id: str) -> str:
    """Name the lock of a portfolio's collection; the wire's is another than Finviz's."""
    of_asset = "" if asset == "finviz_headlines" else f":{asset}"
    return f"ingestion:portfolio:{portfolio_id}{of_asset}:lock"


def portfolio_symbols(
    books: Sequence[Book],
    watched: Sequence[str],
    calendar: TradingCalendar,
    now: datetime,
    whole: Sequence[str] = (),
) -> dict[str, tuple[str, ...]]:
    """Give the stocks each portfolio asks about, underlyings of options included.

    As of the last session. A symbol of several is asked once, for the first that holds it, save
    for portfolios in `whole`, which a source knows by themselves. Those left with none are out.
    """
    session = calendar.last_completed(now)
    asked: set[str] = set()
    plan: dict[str, tuple[str, ...]] = {}
    held_by: dict[str, list[Book]] = {}
    for book in books:
        held_by.setdefault(book.portfolio_id, []).append(book)
    portfolios = [(name, held, ()) for name, held in held_by.items()]
    for name, held, seen in [*portfolios, (WATCHLIST, [], tuple(watched))]:
        universe = build_universe(held, seen, (), [session])
        stocks = sorted(listed(universe)["symbol"])
        mine = tuple(s for s in stocks if name in whole or s not in asked)
        asked.update(mine)
        if mine:
            plan[name] = mine
    return plan


def collect_portfolios(
    work: Work, desk: Desk, plan: Mapping[str, tuple[str, ...]]
) -> list[Outcome]:
    """Collect for every portfolio of `plan`, a bounded number at once; nothing is raised for a
    source that failed.

    A source that cost this run time is asked last for the portfolios that are still to come, so
    that one time-out is waited for and not one a portfolio.
    """
    slow = SlowSources(desk.settings.news_timeout_s)
    delivered = desk.warehouse.news.last_delivered(desk.asset)
    bound = desk.settings.news_portfolio_concurrency
    with ThreadPoolExecutor(max_workers=bound, thread_name_prefix="news") as pool:
        running = [
            # Each thread logs under the run, asset and partition of this one.
            pool.submit(
                copy_context().run,
                _collect_one,
                work,
                desk,
                slow,
                name,
                plan[name],
                delivered.get(name),
            )
            for name in sorted(plan)
        ]
        return [future.result() for future in running]


def _collect_one(
    work: Work,
    desk: Desk,
    slow: SlowSources,
    name: str,
    symbols: tuple[str, ...],
    delivered_at: datetime | None,
) -> Outcome:
    with _held(desk, lock_name(desk.asset, name)) as lease:
        if lease is None:
            work.log.info("portfolio_busy", portfolio=name, lock=lock_name(desk.asset, name))
            return Outcome(name, "busy")
        since = _since(desk, delivered_at)
        collection = desk.collector.collect(NewsQuery(symbols, since, name), slow.names)
        slow.note(collection.attempts)
        retention = timedelta(days=desk.settings.headline_retention_days)
        collection, too_old = without_old(collection, oldest_kept(desk.clock(), retention))
        collected = CollectedFor(desk.asset, name, work.run_id, lease)
        try:
            counts = desk.warehouse.news.commit_collection(collected, collection, desk.clock())
        except FencedOff as late:
            work.log.warning("collection_fenced_off", portfolio=name, detail=str(late))
            return Outcome(name, "fenced_off", error=str(late))
    items, rejected = len(collection.news.items), len(collection.news.rejected)
    error = collection.error
    if error is not None:
        work.log.warning(
            "collection_failed", portfolio=name, vendor=error.vendor, kind=error.kind,
            detail=error.detail,
        )  # fmt: skip
        return Outcome(name, "failed", counts, items, rejected, too_old, str(error))
    return Outcome(name, "delivered", counts, items, rejected, too_old)


def _since(desk: Desk, delivered_at: datetime | None) -> datetime:
    """Look back some days, and after an outage to before it."""
    now = desk.clock()
    usual = now - timedelta(days=desk.settings.news_look_back_days)
    if delivered_at is None:
        return usual
    return max(min(usual, delivered_at - _OVERLAP), now - _LONGEST_LOOK_BACK)


@contextmanager
def _held(desk: Desk, name: str) -> Iterator[Lease | None]:
    """Hold the lock `name`, renewed while the body runs; None where another process holds it."""
    owner = f"{os.getpid()}:{uuid4().hex}"
    lease = desk.coordination.acquire_lease(name, owner, LOCK_TTL_S)
    if lease is None:
        yield None
        return
    done = threading.Event()
    renewing = threading.Thread(
        target=copy_context().run, args=(_renew, desk.coordination, lease, done), daemon=True
    )
    renewing.start()
    try:
        yield lease
    finally:
        done.set()
        renewing.join()
        desk.coordination.release_lease(lease)


def _renew(coordination: Coordination, lease: Lease, done: threading.Event) -> None:
    held: Lease | None = lease
    # A lock that was lost is not taken again: the fence decides who writes.
    while held is not None and not done.wait(LOCK_TTL_S / 3):
        held = coordination.renew_lease(held, LOCK_TTL_S)
