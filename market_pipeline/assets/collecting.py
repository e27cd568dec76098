"""How a collected asset collects: gap by gap, committed as they arrive, failures recorded.

Belongs here: the loop over a plan and the verdict at its end. Does not: a vendor, a table's
meaning, or how one request is retried (`vendors`).
"""

import contextvars
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime

import dagster as dg
import pandas as pd

from market_pipeline.assets.framework import COLLECTION_RETRIES, Work
from market_pipeline.domain.collection import UNKNOWN_SYMBOL, Gap, tolerated_missing
from market_pipeline.domain.errors import NotEntitled, QuotaEnded, UnknownSymbol, VendorError
from market_pipeline.domain.jobs import COMPLETED, DEFERRED, FAILED, IN_PROGRESS, RETRY, Job
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage, FetchLog, WriteCounts
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.logs import bound
from market_pipeline.warehouse import Warehouse, tables

_PROGRESS_EVERY_S = 2.0
_SHOWN_NAMES = 50
_TOGETHER = 25
"""How many answers one transaction may store: while it is under way, others arrive."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A gap, what came of it, its job, and after how many milliseconds it came."""

    gap: Gap
    outcome: CollectedBatch | VendorError
    job: Job
    took_ms: float

    @property
    def began_at(self) -> datetime:
        """When it was asked for."""
        assert self.job.started_at is not None  # noqa: S101 - a job that was begun has it
        return self.job.started_at


@dataclass
class Report:
    """What a collection did: subjects by outcome, rows written, rows rejected."""

    planned: int
    counts: WriteCounts = field(default_factory=WriteCounts)
    answered: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: dict[str, VendorError] = field(default_factory=dict)
    deferred: dict[str, QuotaEnded] = field(default_factory=dict)
    rejected: int = 0
    quota_left: dict[str, int] = field(default_factory=dict)

    @property
    def due_at(self) -> datetime | None:
        """When the first of the deferred subjects may be asked for again, as far as known."""
        return min((e.resets_at for e in self.deferred.values() if e.resets_at), default=None)

    def metadata(self) -> dict[str, object]:
        """Give the report as Dagster metadata."""
        return {
            "requests_planned": self.planned,
            "subjects_answered": len(self.answered),
            "unknown_symbols": ", ".join(sorted(self.unknown)[:_SHOWN_NAMES]),
            "failed_symbols": ", ".join(sorted(self.failed)[:_SHOWN_NAMES]),
            "subjects_deferred": len(self.deferred),
            "deferred_symbols": ", ".join(list(self.deferred)[:_SHOWN_NAMES]),
            "deferred_until": self.due_at.isoformat() if self.due_at else "",
            "quota_left": ", ".join(f"{k}: {v}" for k, v in sorted(self.quota_left.items())),
            "rows_inserted": self.counts.inserted,
            "rows_updated": self.counts.updated,
            "rows_deleted": self.counts.deleted,
            "bars_restated": self.counts.restated,
            "rows_rejected": self.rejected,
        }


def collect(
    work: Work,
    warehouse: Warehouse,
    table: str,
    gaps: Sequence[Gap],
    fetch: Callable[[Gap], CollectedBatch],
    *,
    source: str,
    timeframe: str,
    concurrency: int,
    clock: Clock,
    ranks: Mapping[str, int] | None = None,
) -> Report:
    """Fetch every gap, at most `concurrency` at once, committing batches as they arrive.

    What arrived while a transaction was under way is stored by the next. A subject that fails is
    logged, kept in the fetch log and never stops the rest. Gaps of one of the `ranks` are done
    before the next rank begins: what is left of a day's quota goes to the first. What a used-up
    quota leaves over is deferred, and said so.
    """
    report = Report(planned=len(gaps))
    desk = _Desk(work, warehouse, table, source, timeframe, clock, report)
    warehouse.plan_jobs(table, [gap.subject for gap in gaps], work.run_id)
    shown_at = time.monotonic()
    done = 0
    for arrived in _by_rank(gaps, ranks or {}, desk, fetch, concurrency):
        batches = [desk.settled(fetched) for fetched in arrived]
        report.counts += _committed(warehouse, table, batches)
        report.rejected += sum(len(batch.rejected) for batch in batches)
        done += len(batches)
        if time.monotonic() - shown_at > _PROGRESS_EVERY_S:
            shown_at = time.monotonic()
            work.tell(f"{table}: {done} of {len(gaps)} subjects from {source}")
    if report.deferred:
        until = f"until {report.due_at:%Y-%m-%d %H:%M %Z}" if report.due_at else "for a day"
        work.tell(
            f"{table}: {len(report.deferred)} subjects deferred {until}, for the day's requests "
            f"are used up: {', '.join(list(report.deferred)[:_SHOWN_NAMES])}"
        )
    return report


def _committed(warehouse: Warehouse, table: str, batches: Sequence[CollectedBatch]) -> WriteCounts:
    """Store batches together; where one is refused, each by itself, so that it takes none along."""
    try:
        return warehouse.commit_batches(table, batches)
    except ValueError:
        if len(batches) == 1:
            raise
    counts = WriteCounts()
    refused: ValueError | None = None
    for batch in batches:
        try:
            counts += warehouse.commit_batch(table, batch)
        except ValueError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return counts


def _by_rank(
    gaps: Sequence[Gap],
    ranks: Mapping[str, int],
    desk: "_Desk",
    fetch: Callable[[Gap], CollectedBatch],
    concurrency: int,
) -> Iterator[list[Fetched]]:
    for rank in sorted({ranks.get(gap.subject, 0) for gap in gaps}):
        same = [gap for gap in gaps if ranks.get(gap.subject, 0) == rank]
        yield from _fetched(same, desk, fetch, concurrency)


def _fetched(
    gaps: Sequence[Gap],
    desk: "_Desk",
    fetch: Callable[[Gap], CollectedBatch],
    concurrency: int,
) -> Iterator[list[Fetched]]:
    """Yield gaps with their batch or their error as they come, in no fixed order."""
    pool = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="collect")
    try:
        waiting: set[Future[Fetched]] = {
            pool.submit(contextvars.copy_context().run, _timed, gap, desk, fetch) for gap in gaps
        }
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            arrived = [future.result() for future in done if future.exception() is None]
            for at in range(0, len(arrived), _TOGETHER):
                yield arrived[at : at + _TOGETHER]
            for future in done:
                future.result()  # what is no vendor's error ends the collection
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _timed(gap: Gap, desk: "_Desk", fetch: Callable[[Gap], CollectedBatch]) -> Fetched:
    job, start = desk.begun(gap), time.monotonic()
    outcome: CollectedBatch | VendorError
    with bound(symbol=gap.subject):
        try:
            outcome = fetch(gap)
        except VendorError as error:
            outcome = error
    return Fetched(gap, outcome, job, (time.monotonic() - start) * 1000)


@dataclass(frozen=True)
class _Desk:
    """Where one collection writes down what became of each gap."""

    work: Work
    warehouse: Warehouse
    table: str
    source: str
    timeframe: str
    clock: Clock
    report: Report

    def begun(self, gap: Gap) -> Job:
        """Note that a gap is being asked for."""
        job = Job(
            self.table, gap.subject, IN_PROGRESS, started_at=self.clock(), run_id=self.work.run_id
        )
        return replace(job, attempts=self.warehouse.begin_job(job))

    def settled(self, fetched: Fetched) -> CollectedBatch:
        """Turn an outcome into what is committed: rows, log and job, or those of a failure."""
        outcome = fetched.outcome
        if isinstance(outcome, VendorError):
            batch, status = CollectedBatch(no_rows(self.table)), self._failed(fetched.gap, outcome)
            if isinstance(outcome, UnknownSymbol):
                batch = replace(batch, coverage=(self._unknown(fetched),))
            if isinstance(outcome, QuotaEnded):
                batch = replace(batch, source=outcome.vendor, quota_left=0)
        else:
            batch, status = outcome, COMPLETED
            self.report.answered.append(fetched.gap.subject)
        if batch.quota_left is not None:
            self.report.quota_left[batch.source or self.source] = batch.quota_left
        return replace(batch, log=(self._entry(fetched, batch),), job=self._job(fetched, status))

    def _failed(self, gap: Gap, error: VendorError) -> str:
        """Report and log a failure; give how the job stands after it."""
        log = self.work.log
        if isinstance(error, UnknownSymbol):
            self.report.unknown.append(gap.subject)
            log.warning("symbol_unknown", symbol=gap.subject, vendor=error.vendor)
            return FAILED
        if isinstance(error, QuotaEnded):
            self.report.deferred[gap.subject] = error
            log.info("fetch_deferred", symbol=gap.subject, vendor=error.vendor)
            return DEFERRED
        self.report.failed[gap.subject] = error
        log.warning(
            "fetch_failed", symbol=gap.subject, vendor=error.vendor, kind=error.kind,
            detail=error.detail,
        )  # fmt: skip
        return FAILED if is_last_try(self.work) or isinstance(error, NotEntitled) else RETRY

    def _unknown(self, fetched: Fetched) -> Coverage:
        at = fetched.began_at
        day, subject = at.astimezone(NEW_YORK).date(), fetched.gap.subject
        return Coverage(self.table, subject, day, day, self.source, at, UNKNOWN_SYMBOL)

    def _job(self, fetched: Fetched, status: str) -> Job:
        outcome = fetched.outcome
        error = outcome if isinstance(outcome, VendorError) else None
        return replace(
            fetched.job,
            status=status,
            last_error=None if error is None else f"{error.kind}: {error}",
            completed_at=self.clock() if status in (COMPLETED, FAILED) else None,
            due_at=error.resets_at if isinstance(error, QuotaEnded) else None,
        )

    def _entry(self, fetched: Fetched, batch: CollectedBatch) -> FetchLog:
        outcome = fetched.outcome
        error = outcome if isinstance(outcome, VendorError) else None
        return FetchLog(
            asset=self.table, subject=fetched.gap.subject, source=batch.source or self.source,
            started_at=fetched.began_at, response_ms=fetched.took_ms, is_success=error is None,
            timeframe=self.timeframe, rows_fetched=batch.rows_fetched,
            attempts=fetched.job.attempts, error_kind=error.kind if error else None,
            error_detail=error.detail[:500] if error else None,
            run_id=self.work.run_id, quota_left=batch.quota_left,
        )  # fmt: skip


def no_rows(table: str) -> pd.DataFrame:
    """Give the frame of a batch that brought nothing."""
    return pd.DataFrame(columns=tables.metadata.tables[table].columns.keys())


def is_last_try(work: Work) -> bool:
    """Say whether the step will not be tried again in this run."""
    return bool(work.context.retry_number >= COLLECTION_RETRIES.max_retries)


def verdict(
    work: Work,
    report: Report,
    wanted: int,
    minimum_coverage: float,
    awaited: Collection[str] = (),
) -> None:
    """Fail the asset where too few of the `wanted` subjects are answered, now or before.

    Symbols no vendor knows are reported, not counted: asking again would not find them. Nor are
    those deferred, whose turn comes with the next day's requests. Below the share asked for the
    step is tried again; on the last try `tolerated_missing` decides. So it is while one of the
    `awaited` failed, for what is below waits for them. A vendor that refuses for want of a key
    or plan is not asked again.
    """
    asked, failed = wanted - len(report.unknown) - len(report.deferred), len(report.failed)
    is_enough = asked - failed >= minimum_coverage * asked
    owed = sorted(
        symbol
        for symbol, error in report.failed.items()
        if symbol in awaited and not isinstance(error, NotEntitled)
    )
    if not failed or (is_enough and (not owed or is_last_try(work))):
        if owed:
            work.tell(f"going on without new symbols: {', '.join(owed[:_SHOWN_NAMES])}")
        return
    if is_last_try(work) and failed <= tolerated_missing(asked, minimum_coverage):
        work.log.warning("going_on_without", symbols=sorted(report.failed))
        return
    names = ", ".join(sorted(report.failed)[:10])
    example = next(iter(report.failed.values()))
    is_final = all(isinstance(error, NotEntitled) for error in report.failed.values())
    raise dg.Failure(
        description=(
            f"{len(report.failed)} of {asked} subjects could not be fetched ({names}); "
            f"for example {example}. What did arrive is stored; a retry asks for the rest only."
        ),
        metadata={"failed_symbols": names},
        allow_retries=not is_final,
    )
