"""How a collected asset collects: gap by gap, each committed as it arrives, failures recorded.

Belongs here: the loop over a plan and the verdict at its end. Does not: a vendor, a table's
meaning, or how one request is retried (`vendors`).
"""

import contextvars
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime

import dagster as dg
import pandas as pd

from market_pipeline.assets.framework import COLLECTION_RETRIES, Work
from market_pipeline.domain.collection import UNKNOWN_SYMBOL, Gap, tolerated_missing
from market_pipeline.domain.errors import NotEntitled, UnknownSymbol, VendorError
from market_pipeline.domain.ports import (
    Clock,
    CollectedBatch,
    Coverage,
    FetchLog,
    WriteCounts,
)
from market_pipeline.logs import bound
from market_pipeline.warehouse import Warehouse, tables

_PROGRESS_EVERY_S = 2.0
_SHOWN_NAMES = 50


@dataclass(frozen=True, slots=True)
class Fetched:
    """A gap, what came of it, when it was asked for, and after how many milliseconds it came."""

    gap: Gap
    outcome: CollectedBatch | VendorError
    began_at: datetime
    took_ms: float


@dataclass
class Report:
    """What a collection did: subjects by outcome, rows written, rows rejected."""

    planned: int
    counts: WriteCounts = field(default_factory=WriteCounts)
    answered: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: dict[str, VendorError] = field(default_factory=dict)
    rejected: int = 0

    def metadata(self) -> dict[str, object]:
        """Give the report as Dagster metadata."""
        return {
            "requests_planned": self.planned,
            "subjects_answered": len(self.answered),
            "unknown_symbols": ", ".join(sorted(self.unknown)[:_SHOWN_NAMES]),
            "failed_symbols": ", ".join(sorted(self.failed)[:_SHOWN_NAMES]),
            "rows_inserted": self.counts.inserted,
            "rows_updated": self.counts.updated,
            "rows_deleted": self.counts.deleted,
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
    concurrency: int,
    clock: Clock,
) -> Report:
    """Fetch every gap, at most `concurrency` at once, committing each batch as it arrives.

    A subject that fails is logged, kept in the fetch log and never stops the rest.
    """
    report = Report(planned=len(gaps))
    shown_at = time.monotonic()
    for done, fetched in enumerate(_fetched(gaps, fetch, concurrency, clock), 1):
        batch = _settled(work, table, fetched, source, report)
        report.counts += warehouse.commit_batch(table, batch)
        report.rejected += len(batch.rejected)
        if time.monotonic() - shown_at > _PROGRESS_EVERY_S:
            shown_at = time.monotonic()
            work.tell(f"{table}: {done} of {len(gaps)} subjects from {source}")
    return report


def _fetched(
    gaps: Sequence[Gap],
    fetch: Callable[[Gap], CollectedBatch],
    concurrency: int,
    clock: Clock,
) -> Iterator[Fetched]:
    """Yield each gap with its batch or its error as they come, in no fixed order."""
    pool = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="collect")
    try:
        futures: list[Future[Fetched]] = [
            pool.submit(contextvars.copy_context().run, _timed, gap, fetch, clock) for gap in gaps
        ]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _timed(gap: Gap, fetch: Callable[[Gap], CollectedBatch], clock: Clock) -> Fetched:
    began, start = clock(), time.monotonic()
    outcome: CollectedBatch | VendorError
    with bound(symbol=gap.subject):
        try:
            outcome = fetch(gap)
        except VendorError as error:
            outcome = error
    return Fetched(gap, outcome, began, (time.monotonic() - start) * 1000)


def _settled(
    work: Work, table: str, fetched: Fetched, source: str, report: Report
) -> CollectedBatch:
    """Turn an outcome into what is committed: rows and log, or the log of a failure."""
    gap, outcome = fetched.gap, fetched.outcome
    error = outcome if isinstance(outcome, VendorError) else None
    batch = CollectedBatch(no_rows(table)) if isinstance(outcome, VendorError) else outcome
    if error is None:
        report.answered.append(gap.subject)
    elif isinstance(error, UnknownSymbol):
        report.unknown.append(gap.subject)
        known = (gap.subject, gap.first, gap.last, source, fetched.began_at, UNKNOWN_SYMBOL)
        batch = replace(batch, coverage=(Coverage(table, *known),))
        work.log.warning("symbol_unknown", symbol=gap.subject, vendor=error.vendor)
    else:
        report.failed[gap.subject] = error
        work.log.warning(
            "fetch_failed", symbol=gap.subject, vendor=error.vendor, kind=error.kind,
            detail=error.detail,
        )  # fmt: skip
    entry = FetchLog(
        asset=table, subject=gap.subject, source=source, started_at=fetched.began_at,
        response_ms=fetched.took_ms, is_success=error is None, rows=len(batch.frame),
        error_kind=error.kind if error else None,
        error_detail=error.detail[:500] if error else None, run_id=work.run_id,
    )  # fmt: skip
    return replace(batch, log=(entry,))


def no_rows(table: str) -> pd.DataFrame:
    """Give the frame of a batch that brought nothing."""
    return pd.DataFrame(columns=tables.metadata.tables[table].columns.keys())


def verdict(work: Work, report: Report, wanted: int, minimum_coverage: float) -> None:
    """Fail the asset where too few of the `wanted` subjects are answered, now or before.

    Symbols no vendor knows are reported, not counted: asking again would not find them. Below the
    share asked for the step is tried again; on the last try `tolerated_missing` decides. A vendor
    that refuses for want of a key or plan is not asked again.
    """
    asked, failed = wanted - len(report.unknown), len(report.failed)
    is_last_try = work.context.retry_number >= COLLECTION_RETRIES.max_retries
    is_enough = asked - failed >= minimum_coverage * asked
    if not failed or is_enough:
        return
    if is_last_try and failed <= tolerated_missing(asked, minimum_coverage):
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
