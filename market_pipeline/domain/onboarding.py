"""Onboarding: how far an imported file is on its way to a snapshot, step by step.

What is remembered is little: which symbols a file brought, which of them were new, and what its
runs came to. How each step stands follows from what is stored of the symbols. Pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from market_pipeline.domain.books import Book
from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.jobs import (
    COMPLETED,
    DEFERRED,
    FAILED,
    IN_PROGRESS,
    PENDING,
    RETRY,
    Job,
)
from market_pipeline.domain.ports import Coverage
from market_pipeline.domain.transactions import TransactionFile
from market_pipeline.domain.universe import build_universe, listed

PROCESSING = "processing"
STATES = (PENDING, PROCESSING, COMPLETED, FAILED)

IMPORTED, SYMBOLS, HISTORY = "imported", "symbols", "history"
PROFILES, FACTORS, SNAPSHOT = "profiles", "factors", "snapshot"
STEPS = (IMPORTED, SYMBOLS, HISTORY, PROFILES, FACTORS, SNAPSHOT)
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Onboarding:
    """A file as imported last, and what its runs came to so far.

    `asked_at` is when it was imported, or asked for again; `session_date` is the session its latest
    run makes; `attempts` counts the runs that took it.
    """

    portfolio_id: str
    source_file: str
    kind: str
    content_hash: str
    imported_at: datetime
    asked_at: datetime
    session_date: date | None = None
    run_id: str | None = None
    attempts: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    reason: str | None = None
    known: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Give how it stands: one of `STATES`."""
        if self.completed_at is not None:
            return COMPLETED
        if self.failed_at is not None:
            return FAILED
        return PENDING if self.run_id is None else PROCESSING

    @property
    def symbols(self) -> tuple[str, ...]:
        """Its symbols, new and known, in order."""
        return tuple(sorted({*self.known, *self.new}))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a step stands for one symbol, or for a file as a whole."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the warehouse holds of the symbols of an onboarding, for its session.

    `bars` and `profiles` with the jobs that collect them; `exposed` are the symbols with factor
    exposures, `noted` those without, with the reason; None for a universe not made yet.
    """

    bars: Mapping[str, Coverage]
    bar_jobs: Mapping[str, Job]
    profiles: Mapping[str, Coverage]
    profile_jobs: Mapping[str, Job]
    exposed: Collection[str]
    noted: Mapping[str, str]
    universe: Collection[str] | None
    has_snapshot: bool
    unpriced: Sequence[str] = ()


def symbols_of(file: Book | TransactionFile, day: date) -> list[str]:
    """Name the listed symbols that a file needs on `day`: held or traded, and of options theirs.

    Private holdings and cash are nothing a vendor could be asked about.
    """
    books = [file] if isinstance(file, Book) else []
    done = file.transactions if isinstance(file, TransactionFile) else ()
    return sorted(set(listed(build_universe(books, (), (), [day], transactions=done))["symbol"]))


def history_of(symbol: str, session: date, stored: Stored) -> Standing:
    """Say how the prices of a symbol stand, up to the session."""
    known, job = stored.bars.get(symbol), stored.bar_jobs.get(symbol)
    if known is not None and known.outcome == UNKNOWN_SYMBOL:
        return Standing(FAILED, _unknown(job))
    if known is not None and known.last_date >= session:
        return Standing(COMPLETED)
    if stored.universe is not None and symbol not in stored.universe:
        return Standing(PENDING, f"not in the universe of {session}: it matters later")
    if known is not None and job is not None and job.status == COMPLETED:
        return Standing(COMPLETED, f"the vendor told of it until {known.last_date} so far")
    return _by_job(job)


def profile_of(symbol: str, stored: Stored) -> Standing:
    """Say whether it is known what a symbol is."""
    known, job = stored.profiles.get(symbol), stored.profile_jobs.get(symbol)
    if known is None:
        return _by_job(job)
    return Standing(FAILED, _unknown(job)) if known.outcome == UNKNOWN_SYMBOL else _DONE


def factors_of(symbol: str, session: date, stored: Stored) -> Standing:
    """Say whether a symbol has exposures in the session; without prices it never will."""
    if symbol in stored.exposed:
        return _DONE
    if symbol in stored.noted:
        return Standing(FAILED, stored.noted[symbol])
    history = history_of(symbol, session, stored)
    return Standing(FAILED, "no prices") if history.state == FAILED else Standing(PENDING)


def steps_of(one: Onboarding, session: date, stored: Stored) -> dict[str, tuple[Standing, int]]:
    """Give each of `STEPS` with how it stands, and for how many symbols it is done."""
    every: dict[str, Callable[[str], Standing]] = {
        HISTORY: lambda symbol: history_of(symbol, session, stored),
        PROFILES: lambda symbol: profile_of(symbol, stored),
        FACTORS: lambda symbol: factors_of(symbol, session, stored),
    }
    told = f"{len(one.new)} new, {len(one.known)} known"
    found = {
        IMPORTED: (_DONE, len(one.symbols)),
        SYMBOLS: (Standing(COMPLETED, told), len(one.symbols)),
    }
    for step, judge in every.items():
        standings = {symbol: judge(symbol) for symbol in one.symbols}
        done = sum(standing.state == COMPLETED for standing in standings.values())
        found[step] = (_together(standings, one.state), done)
    found[SNAPSHOT] = (_snapshot(one, stored), 0)
    return found


_DONE = Standing(COMPLETED)


def _snapshot(one: Onboarding, stored: Stored) -> Standing:
    if one.state == FAILED:
        return Standing(FAILED, one.reason or "")
    if one.state == COMPLETED and not stored.has_snapshot:
        return Standing(FAILED, f"the snapshot of {one.session_date} is gone")
    unpriced = f"without a price: {_some(stored.unpriced)}" if stored.unpriced else ""
    return Standing(one.state, unpriced if one.state == COMPLETED else "")


def _together(standings: Mapping[str, Standing], whole: str) -> Standing:
    """Say how a step stands for all symbols: a failed one holds up no other, and is named."""
    states = {standing.state for standing in standings.values()}
    failed = {s: each.reason for s, each in standings.items() if each.state == FAILED}
    reason = ""
    if failed:
        first = next(iter(failed))
        reason = f"failed: {_some(failed)} ({failed[first]})"
    if PROCESSING in states or (PENDING in states and len(states) > 1 and whole == PROCESSING):
        return Standing(PROCESSING, reason)
    if PENDING in states:
        waits = next(each.reason for each in standings.values() if each.state == PENDING)
        return Standing(PENDING, reason or waits)
    return Standing(FAILED if states == {FAILED} else COMPLETED, reason)


def _by_job(job: Job | None) -> Standing:
    if job is None or job.status == PENDING:
        return Standing(PENDING)
    if job.status in (IN_PROGRESS, RETRY):
        return Standing(PROCESSING, job.last_error or "")
    if job.status == DEFERRED:
        return Standing(PENDING, job.last_error or "the day's requests are used up")
    return Standing(FAILED, job.last_error or "the vendor told nothing of it")


def _unknown(job: Job | None) -> str:
    detail = f" ({job.last_error})" if job is not None and job.last_error else ""
    return f"no vendor knows it{detail}"


def _some(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
