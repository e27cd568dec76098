"""The record of collecting and computing: coverage, fetch log, quarantine, compute notes.

Coverage is one closed date range per asset and subject: the vendor was asked for it and has
answered. Remarks written by vendors are cleaned and cut, never refused: they must not stop
the rows they explain. Everything runs inside the caller's transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.ports import (
    CollectedBatch,
    ComputeNote,
    Coverage,
    FetchLog,
    Rejected,
    WriteCounts,
)
from market_pipeline.domain.quarantine import FINDING_COLUMNS, REJECTED, quarantine_id
from market_pipeline.warehouse.engine import lock
from market_pipeline.warehouse.frames import Row, length_of, to_rows
from market_pipeline.warehouse.merge import merge_rows
from market_pipeline.warehouse.tables import (
    enrichment_compute_log,
    enrichment_fetch_log,
    fetch_coverage,
    quarantine,
)
from market_pipeline.warehouse.values import clean_text

_IDENTITY = ("asset", "symbol", "row_date", "rule", "value")

TOUCHING = timedelta(days=7)
"""Ranges this close are one: between two sessions lies at most a long weekend or a closure."""

# -- coverage ------------------------------------------------------------------------------


def read_coverage(connection: sa.Connection, asset: str) -> dict[str, Coverage]:
    """Give what is known of each subject of `asset`, in the order of subjects."""
    stored = sa.select(fetch_coverage).where(fetch_coverage.c.asset == asset)
    rows = connection.execute(stored).mappings()
    return {row["subject"]: Coverage(**row) for row in sorted(rows, key=lambda r: r["subject"])}


def joined(stored: Coverage | None, new: Coverage) -> Coverage:
    """Extend `stored` by `new` where both are of one outcome; otherwise `new` stands.

    Raises ValueError for two `ok` ranges more than `TOUCHING` apart: one range cannot tell of
    the gap, and the collector extends what is there without leaving one.
    """
    if new.first_date > new.last_date:
        raise ValueError(f"coverage of {new.asset} {new.subject}: {_range(new)} runs backwards")
    if stored is None or stored.outcome != new.outcome:
        return new
    is_apart = (
        new.first_date - stored.last_date > TOUCHING or stored.first_date - new.last_date > TOUCHING
    )
    if is_apart and new.outcome == "ok":
        raise ValueError(
            f"coverage of {new.asset} {new.subject}: {_range(new)} does not touch "
            f"{_range(stored)}, and a gap between them would look asked for"
        )
    return replace(
        new,
        first_date=min(stored.first_date, new.first_date),
        last_date=max(stored.last_date, new.last_date),
    )


def _range(coverage: Coverage) -> str:
    return f"{coverage.first_date} to {coverage.last_date}"


def write_coverage(
    connection: sa.Connection, coverage: Iterable[Coverage], *, anew: bool = False
) -> None:
    """Join `coverage` to what is stored, or with `anew` put it in its place."""
    columns = fetch_coverage.c
    for new in coverage:
        # The time of a check is no data: joining is a read and a write, so others wait here.
        lock(connection, fetch_coverage.name)
        this = sa.and_(columns.asset == new.asset, columns.subject == new.subject)
        row = connection.execute(sa.select(fetch_coverage).where(this)).mappings().one_or_none()
        stored = None if row is None else Coverage(**row)
        joint = joined(None if anew else stored, new)
        values = {column.name: getattr(joint, column.name) for column in columns}
        if stored is None:
            connection.execute(sa.insert(fetch_coverage).values(values))
        elif joint != stored:
            connection.execute(sa.update(fetch_coverage).where(this).values(values))


# -- fetch log -----------------------------------------------------------------------------


def append_log(
    connection: sa.Connection, stored: Iterable[tuple[Sequence[FetchLog], WriteCounts]]
) -> None:
    """Append one row a request, with what storing its batch changed in this transaction.

    Details are cleaned and cut to the column. Raises ValueError where several requests share
    rows that were written: whose they are is not known.
    """
    rows = []
    for entries, counts in stored:
        if len(entries) > 1 and counts.inserted + counts.updated:
            raise ValueError(
                f"{len(entries)} requests share {counts}: rows need one log entry, that of the "
                "request that brought them"
            )
        for entry in entries:
            row = {name: getattr(entry, name) for name in FetchLog.__slots__}
            if entry.error_detail is not None:
                row["error_detail"] = clean_text(entry.error_detail, 500)
            changed = {"rows_inserted": counts.inserted, "rows_updated": counts.updated}
            rows.append(row | changed)
    if rows:
        connection.execute(sa.insert(enrichment_fetch_log), rows)


# -- quarantine ----------------------------------------------------------------------------


def quarantine_rejects(connection: sa.Connection, asset: str, batch: CollectedBatch) -> None:
    """Keep the rejected rows of a batch, under its sender; ValueError where it names none."""
    if batch.rejected:
        quarantine_rejected(connection, asset, batch.rejected, *_origin(batch))


def quarantine_rejected(
    connection: sa.Connection,
    asset: str,
    rejected: Sequence[Rejected],
    source: str,
    seen_at: datetime,
) -> None:
    """Keep rejected rows of a source; one that is kept already stays as first seen."""
    if not rejected:
        return
    found = [
        (asset, row.session_date, row.symbol, row.rule, REJECTED, row.value, row.detail, source)
        for row in rejected
    ]
    rows = _quarantine_rows(connection, pd.DataFrame(found, columns=FINDING_COLUMNS), seen_at)
    merge_rows(connection, quarantine, rows, kept=[column.name for column in quarantine.columns])


def _origin(batch: CollectedBatch) -> tuple[str, datetime]:
    for entry in batch.log:
        return entry.source, entry.started_at
    for known in batch.coverage:
        return known.source, known.checked_at
    raise ValueError("a batch with rejected rows needs a log entry or coverage: who sent it, when")


def replace_quarantine(
    connection: sa.Connection,
    asset: str,
    dates: tuple[date, date],
    findings: pd.DataFrame,
    seen_at: datetime,
) -> WriteCounts:
    """Make the quarantined rows of `asset` in the closed range `dates` equal `findings`.

    `findings` has `FINDING_COLUMNS`; a finding that is kept already keeps its `seen_at`. Raises
    ValueError for one of another asset, or dated outside the range or not at all.
    """
    first, last = dates
    days = pd.to_datetime(findings["row_date"])
    inside = days.between(pd.Timestamp(first), pd.Timestamp(last))
    if not (inside & (findings["asset"] == asset)).all():
        raise ValueError(f"a finding does not belong to {asset} from {first} to {last}")
    columns = quarantine.c
    scope = sa.and_(columns.asset == asset, columns.row_date.between(first, last))
    rows = _quarantine_rows(connection, findings, seen_at)
    return merge_rows(connection, quarantine, rows, scope=scope, kept=("seen_at",))


def _quarantine_rows(
    connection: sa.Connection, findings: pd.DataFrame, seen_at: datetime
) -> list[Row]:
    """Clean the remarks, name each finding, and drop the second of two equal ones."""
    frame = findings.loc[:, list(FINDING_COLUMNS)].assign(seen_at=pd.Timestamp(seen_at))
    for name in ("symbol", "rule", "value", "detail"):
        limit = length_of(quarantine.c[name])
        frame[name] = pd.Series(
            [None if pd.isna(text) else clean_text(str(text), limit) for text in frame[name]],
            index=frame.index,
            dtype=object,
        )
    identity = zip(*(frame[name] for name in _IDENTITY), strict=True)
    frame["quarantine_id"] = [
        quarantine_id(
            asset, symbol, None if pd.isna(day) else pd.Timestamp(day).date(), rule, value
        )
        for asset, symbol, day, rule, value in identity
    ]
    unique = frame.drop_duplicates("quarantine_id")
    return to_rows(quarantine, unique, connection.dialect.name)


# -- compute notes -------------------------------------------------------------------------


def replace_notes(
    connection: sa.Connection,
    asset: str,
    first: date,
    last: date,
    notes: Sequence[ComputeNote],
    noted_at: datetime | None = None,
    about: Sequence[str] | None = None,
) -> WriteCounts:
    """Make the compute log of `asset` in [first, last] equal `notes`; reasons are cleaned.

    A note that is kept already keeps its `noted_at`; one without is never past its time. With
    `about` only notes whose subject is one of these names, or ends in `:` and one, are replaced.
    Raises ValueError for a note of another asset, outside the range, or a second one for the
    same session and subject.
    """
    for note in notes:
        if note.asset != asset or not first <= note.session_date <= last:
            raise ValueError(f"{note} does not belong to {asset} from {first} to {last}")
    columns = enrichment_compute_log.c
    frame = pd.DataFrame(
        [(n.session_date, n.asset, n.subject, n.outcome, clean_text(n.reason, 500)) for n in notes],
        columns=["session_date", "asset", "subject", "outcome", "reason"],
    ).assign(noted_at=pd.Timestamp(noted_at) if noted_at else None)
    scope = sa.and_(columns.asset == asset, columns.session_date.between(first, last))
    if about is not None:
        on_one = [columns.subject.endswith(f":{name}", autoescape=True) for name in about]
        scope &= sa.or_(columns.subject.in_(list(about)), *on_one)
    rows = to_rows(enrichment_compute_log, frame, connection.dialect.name)
    return merge_rows(connection, enrichment_compute_log, rows, scope=scope, kept=("noted_at",))
