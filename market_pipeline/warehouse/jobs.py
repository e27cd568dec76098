"""How the collection of each subject stands: written as it goes on, in the caller's transaction.

A job belongs to the newest run that planned it. What a killed run left `in_progress` is planned
anew by the next, for its subject is still missing. `deferred_since` outlives runs: it is when the
first of a row of deferrals was, and goes once the subject is answered.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from market_pipeline.domain.jobs import COMPLETED, DEFERRED, PENDING, Job
from market_pipeline.warehouse.frames import length_of
from market_pipeline.warehouse.job_tables import collection_jobs
from market_pipeline.warehouse.values import clean_text


def plan(connection: sa.Connection, asset: str, subjects: Sequence[str], run_id: str) -> None:
    """Make the jobs of `subjects` pending; tries that this run has made already stay counted."""
    columns = collection_jobs.c
    known = {
        row.subject: row.attempts
        for row in connection.execute(
            sa.select(columns.subject, columns.attempts).where(
                columns.asset == asset, columns.run_id == run_id
            )
        )
    }
    for subject in dict.fromkeys(subjects):
        store(connection, Job(asset, subject, PENDING, known.get(subject, 0), run_id=run_id))


def store(connection: sa.Connection, job: Job) -> None:
    """Put a job in the place of the one its asset and subject had."""
    columns = collection_jobs.c
    names = [column.name for column in columns if column.name != "deferred_since"]
    values: dict[str, Any] = {name: getattr(job, name) for name in names}
    if job.status == COMPLETED:
        values["deferred_since"] = None
    if job.status == DEFERRED:
        values["deferred_since"] = _first_deferred(connection, job)
    if job.last_error is not None:
        values["last_error"] = clean_text(job.last_error, length_of(columns.last_error) or 500)
    this = sa.and_(columns.asset == job.asset, columns.subject == job.subject)
    if not connection.execute(sa.update(collection_jobs).where(this).values(values)).rowcount:
        connection.execute(sa.insert(collection_jobs).values(values))


def _first_deferred(connection: sa.Connection, job: Job) -> datetime | None:
    """Give when the subject was deferred first, of all times since it was answered."""
    columns = collection_jobs.c
    this = sa.and_(columns.asset == job.asset, columns.subject == job.subject)
    known: datetime | None = connection.scalar(sa.select(columns.deferred_since).where(this))
    return known or job.started_at


def begin(connection: sa.Connection, job: Job) -> int:
    """Store a job that is being worked on now, and give the number of its try in this run."""
    columns = collection_jobs.c
    this = sa.and_(columns.asset == job.asset, columns.subject == job.subject)
    tries = sa.func.coalesce(columns.attempts, 0) + 1
    changed = {"status": job.status, "attempts": tries, "started_at": job.started_at}
    begun = sa.update(collection_jobs).where(this).values(changed).returning(columns.attempts)
    return connection.scalar(begun) or 1
