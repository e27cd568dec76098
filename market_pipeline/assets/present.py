"""What can be asked of the present only: one commit a subject, and failures that stop nothing.

Belongs here: how companies and option contracts are collected. Does not: what is due, or a table.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from market_pipeline.assets.collecting import collect
from market_pipeline.assets.framework import Work
from market_pipeline.domain.collection import SNAPSHOT, Gap
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage, Rejected
from market_pipeline.warehouse import Warehouse


def todays_batch(
    asset: str,
    frame: pd.DataFrame,
    gap: Gap,
    source: str,
    asked: Mapping[str, Coverage],
    clock: Clock,
    rejected: tuple[Rejected, ...] = (),
    answered_rows: int | None = None,
) -> CollectedBatch:
    """Put rows with the note that their subject was asked about today."""
    known = asked.get(gap.subject)
    # What is told is of the present: the days since the last asking count as asked for.
    first = gap.first if known is None else min(known.first_date, gap.first)
    coverage = Coverage(asset, gap.subject, first, gap.last, source, clock())
    return CollectedBatch(frame, rejected, (coverage,), answered_rows=answered_rows)


def collect_or_pass(
    work: Work,
    warehouse: Warehouse,
    table: str,
    due: Sequence[Gap],
    fetch: Callable[[Gap], CollectedBatch],
    *,
    source: str,
    concurrency: int,
    clock: Clock,
    ranks: Mapping[str, int] | None = None,
) -> None:
    """Ask for what is due, each committed by itself; failures are told and stop nothing."""
    report = collect(
        work, warehouse, table, due, fetch,
        source=source, timeframe=SNAPSHOT, concurrency=concurrency, clock=clock, ranks=ranks,
    )  # fmt: skip
    work.report(**report.metadata())
    if report.failed:
        example = next(iter(report.failed.values()))
        work.tell(
            f"{table}: {len(report.failed)} of {len(due)} subjects could not be asked about, "
            f"for example {example}; the next run asks for them again"
        )
