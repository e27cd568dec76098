"""The history of runs, and what a run's fetches came to.

Belongs here: rows of `batch_run_history` and questions to the log of fetches. Does not: where a run
is learned of (`automation`).
"""

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.run_history import FAILURE, RunOutcome
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.operation_tables import batch_run_history
from market_pipeline.warehouse.tables import enrichment_fetch_log
from market_pipeline.warehouse.values import clean_text

_r, _f = batch_run_history.c, enrichment_fetch_log.c
_COLUMNS = [column.name for column in batch_run_history.columns]
_LONGEST = 500


class RunStore:
    """The runs of one warehouse. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, runs: Sequence[RunOutcome]) -> None:
        """Put each run in the place of what was known of it."""
        if not runs:
            return
        rows = [dict(zip(RunOutcome.__slots__, astuple(run), strict=True)) for run in runs]
        for row in rows:
            row["error"] = None if row["error"] is None else clean_text(row["error"], _LONGEST)
        known = [run.run_id for run in runs]
        with self._database.writing() as connection:
            connection.execute(sa.delete(batch_run_history).where(_r.run_id.in_(known)))
            connection.execute(sa.insert(batch_run_history), rows)

    def known_until(self) -> datetime | None:
        """Give when the latest change was that is kept, None where none is."""
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(sa.select(sa.func.max(_r.updated_at)))
        return found

    def since(self, at: datetime) -> list[RunOutcome]:
        """Give the runs that were created or changed since an instant, oldest first."""
        query = sa.select(*(_r[name] for name in RunOutcome.__slots__))
        query = query.where(_r.updated_at >= at).order_by(_r.created_at, _r.run_id)
        with self._database.reading() as connection:
            return [RunOutcome(*row) for row in connection.execute(query)]

    def history(
        self, *, only_failed: bool = False, since: datetime | None = None, limit: int = 100
    ) -> pd.DataFrame:
        """Give runs, newest first: the columns of the table."""
        query = sa.select(batch_run_history).order_by(_r.created_at.desc(), _r.run_id).limit(limit)
        if only_failed:
            query = query.where(_r.status == FAILURE)
        if since is not None:
            query = query.where(_r.created_at >= since)
        with self._database.reading() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        return pd.DataFrame(rows, columns=_COLUMNS, dtype=object)

    def rows_of(self, run_id: str) -> dict[str, tuple[int, int]]:
        """Sum what a run's fetches inserted and updated, by asset.

        An asset all of whose fetches are from before that was kept is not among them.
        """
        counts = (
            sa.select(_f.asset, sa.func.sum(_f.rows_inserted), sa.func.sum(_f.rows_updated))
            .where(_f.run_id == run_id, _f.rows_inserted.is_not(None))
            .group_by(_f.asset)
        )
        with self._database.reading() as connection:
            return {
                asset: (int(inserted), int(updated))
                for asset, inserted, updated in connection.execute(counts)
            }

    def symbols_of(self, run_id: str) -> tuple[int, int, int] | None:
        """Count the symbols a run brought, failed and tried again; None where it asked nobody."""
        one = (
            sa.select(
                sa.func.max(sa.cast(_f.is_success, sa.Integer)).label("done"),
                sa.func.count().label("fetches"),
                sa.func.max(_f.attempts).label("attempts"),
            )
            .where(_f.run_id == run_id)
            .group_by(_f.asset, _f.subject)
            .subquery()
        )
        again = sa.or_(one.c.fetches > 1, one.c.attempts > 1)
        counts = sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(one.c.done), 0),
            sa.func.coalesce(sa.func.sum(sa.case((again, 1), else_=0)), 0),
        )
        with self._database.reading() as connection:
            total, done, retried = connection.execute(counts).one()
        return (int(done), int(total - done), int(retried)) if total else None
