"""How a batch of bars meets the bars that are stored: what it changes is kept beside it.

Belongs here: reading what is stored, writing changes and corporate actions, all inside the
caller's transaction. Does not: what counts as a change (`domain.restatements`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.adjustments import DIVIDEND, SPLIT
from market_pipeline.domain.ports import CollectedBatch
from market_pipeline.domain.restatements import Reconciled, reconcile
from market_pipeline.warehouse.engine import lock
from market_pipeline.warehouse.frames import Row, to_rows
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.price_tables import bar_restatements, corporate_actions
from market_pipeline.warehouse.queries import Query, read
from market_pipeline.warehouse.tables import equity_bars, fetch_coverage


def settle(connection: sa.Connection, batch: CollectedBatch) -> tuple[CollectedBatch, int]:
    """Give the batch with the rows of `equity_bars` to store, and how many bars it restates.

    Stored bars of its symbols are brought to the split basis of the fresh ones; what changed
    besides is kept in `bar_restatements`, dividends and splits in `corporate_actions`; bars that
    stored ones refute are among its rejects. Where none are stored the batch itself comes back.
    """
    lock(connection, equity_bars.name)
    if batch.frame.empty:
        return batch, 0
    parts, refused, restated, is_first = [], list(batch.rejected), 0, True
    run_id = next((entry.run_id for entry in batch.log), None)
    for symbol, rows in batch.frame.groupby("symbol", sort=True):
        fresh = rows.sort_values("session_date", ignore_index=True)
        settled = _reconciled(connection, str(symbol), fresh, replace=batch.replace)
        if settled is None:
            parts.append(fresh)
        else:
            is_first = False
            parts.append(settled.frame)
            refused += settled.refused
            restated += settled.restated
            _keep_changes(connection, settled, run_id)
        _keep_actions(connection, parts[-1], fresh)
    if is_first:
        return batch, 0
    frame = pd.concat(parts, ignore_index=True)
    return replace(batch, frame=frame, rejected=tuple(refused)), restated


def _reconciled(
    connection: sa.Connection, symbol: str, fresh: pd.DataFrame, *, replace: bool
) -> Reconciled | None:
    """Compare with what is stored; None where nothing is."""
    span = _covered(connection, symbol)
    if span is None:
        return None
    first = max(span[0], fresh["session_date"].min().date())
    last = min(span[1], fresh["session_date"].max().date())
    if not replace:
        if first > last:
            return None
        found = reconcile(_bars(connection, symbol, first, last), fresh, replace=False)
        if not found.is_new_basis:
            return found
    return reconcile(_bars(connection, symbol), fresh, replace=replace)


def _covered(connection: sa.Connection, symbol: str) -> tuple[date, date] | None:
    """Give the range that was collected: a look at one row, where the bars would be a scan."""
    columns = fetch_coverage.c
    wanted = sa.select(columns.first_date, columns.last_date).where(
        columns.asset == equity_bars.name, columns.subject == symbol
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else (row[0], row[1])


def _bars(
    connection: sa.Connection, symbol: str, first: date | None = None, last: date | None = None
) -> pd.DataFrame:
    return read(connection, Query(equity_bars.name, first, last, [symbol]))


def _keep_changes(connection: sa.Connection, settled: Reconciled, run_id: str | None) -> None:
    if settled.changes.empty:
        return
    frame = settled.changes.assign(run_id=run_id)
    rows = to_rows(bar_restatements, frame, connection.dialect.name)
    merge_rows(connection, bar_restatements, rows)


def _keep_actions(connection: sa.Connection, stored: pd.DataFrame, fresh: pd.DataFrame) -> None:
    """Make the actions within the rows that were stored what those rows say."""
    paid, split = stored["dividend_usd"], stored["split_ratio"]
    is_paid, is_split = _is_action(paid, 0.0), _is_action(split, 1.0)
    parts = [
        stored[is_action].assign(kind=kind, value=values[is_action])
        for kind, values, is_action in ((DIVIDEND, paid, is_paid), (SPLIT, split, is_split))
        if is_action.any()
    ]
    rows: Sequence[Row] = ()
    if parts:
        found = pd.concat(parts, ignore_index=True).rename(columns={"session_date": "ex_date"})
        found = found.assign(first_seen_at=found["fetched_at"])
        names = corporate_actions.c.keys()
        rows = to_rows(corporate_actions, found[names], connection.dialect.name)
    columns = corporate_actions.c
    scope = sa.and_(
        columns.symbol == fresh["symbol"].iloc[0],
        columns.source == fresh["source"].iloc[0],
        columns.ex_date.between(
            stored["session_date"].min().date(), stored["session_date"].max().date()
        ),
    )
    merge_rows(
        connection, corporate_actions, rows, scope=scope,
        ignored=("fetched_at",), kept=("first_seen_at",),
    )  # fmt: skip


def _is_action(values: "pd.Series[float]", nothing: float) -> "pd.Series[bool]":
    return (values > 0) & np.isfinite(values) & (values != nothing)
