"""Since when inputs are as they are: bars that changed or came, stories that were added, files.

A bar keeps its fetch time while a vendor repeats what it said, so that a newer one is a change.
"""

import hashlib
from datetime import date, datetime, timedelta

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.lots import PRICED, STALE, UNPRICED
from market_pipeline.domain.restatements import SPLIT_BASIS
from market_pipeline.warehouse.frames import raw, to_frame
from market_pipeline.warehouse.news_tables import headlines
from market_pipeline.warehouse.portfolio_tables import portfolio_positions, portfolio_snapshots
from market_pipeline.warehouse.price_tables import bar_restatements, corporate_actions
from market_pipeline.warehouse.tables import (
    equity_bars,
    fetch_coverage,
    portfolios,
    transaction_files,
)

_NEARBY = timedelta(days=14)
"""Five sessions lie within these, whatever is closed."""


def bars_checked_at(connection: sa.Connection) -> datetime | None:
    """Give when a vendor was last heard about bars; None where none ever was."""
    columns = fetch_coverage.c
    newest = sa.select(sa.func.max(columns.checked_at)).where(columns.asset == equity_bars.name)
    found: datetime | None = connection.scalar(newest)
    return found


def bars_changed_after(connection: sa.Connection, instant: datetime) -> pd.DataFrame:
    """Give session_date, symbol and changed_at of bars that came, changed or went after `instant`.

    A split's new basis is none of them: what it does to returns is nothing.
    """
    bars, changes = equity_bars.c, bar_restatements.c
    came = [bars.session_date, bars.symbol, bars.fetched_at]
    changed = [changes.session_date, changes.symbol, changes.seen_at]
    dialect, names = connection.dialect.name, ["session_date", "symbol", "changed_at"]
    parts = []
    for columns, condition in (
        (came, bars.fetched_at > instant),
        (changed, sa.and_(changes.seen_at > instant, changes.field != SPLIT_BASIS)),
    ):
        wanted = sa.select(*(raw(column, dialect) for column in columns)).where(condition)
        rows = connection.execute(wanted).fetchall()
        parts.append(to_frame(columns, rows, dialect).set_axis(names, axis=1))
    filled = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(filled, ignore_index=True)


def priced_since(connection: sa.Connection, first: date, last: date) -> set[tuple[date, date]]:
    """Give pairs of sessions: one with a position valued at an old price or at none, in which it
    might have been valued at that of an earlier session, by now stored in [`first`, `last`].
    """
    columns = portfolio_positions.c
    one = [columns[name] for name in ("portfolio_id", "position_no", "symbol")]
    old = sa.select(columns.session_date, columns.price_date, *one).where(
        columns.session_date.between(first, last + _NEARBY),
        columns.status.in_((STALE, UNPRICED)),
    )
    waiting: dict[tuple[object, ...], list[tuple[date, date | None]]] = {}
    for day, priced_on, *position in connection.execute(old):
        waiting.setdefault(tuple(position), []).append((day, priced_on))
    if not waiting:
        return set()
    known = sa.select(columns.session_date, *one).where(
        columns.session_date.between(first, last), columns.status == PRICED,
        columns.symbol.in_(sorted({str(symbol) for *_, symbol in waiting})),
    )  # fmt: skip
    return {
        (day, earlier)
        for earlier, *position in connection.execute(known)
        for day, priced_on in waiting.get(tuple(position), ())
        if earlier < day and (priced_on is None or priced_on < earlier)
    }


def stories_added_after(connection: sa.Connection, instant: datetime) -> dict[date, float]:
    """Give when the last story that came after `instant` did, in epoch seconds, by its session."""
    columns = headlines.c
    newest = (
        sa.select(columns.session_date, sa.func.max(columns.ingested_at))
        .where(columns.ingested_at > instant)
        .group_by(columns.session_date)
    )
    return {day: at.timestamp() for day, at in connection.execute(newest)}


def pasts_told(connection: sa.Connection) -> str:
    """Name the state of what snapshots are made from beside prices: it changes with any of it."""
    books, files, actions = portfolios.c, transaction_files.c, corporate_actions.c
    queries = (
        sa.select(books.portfolio_id, books.content_hash, books.as_of_date, books.imported_at),
        sa.select(files.portfolio_id, files.source_file, files.content_hash, files.imported_at),
        sa.select(sa.func.count(), sa.func.max(actions.fetched_at), sa.func.max(actions.ex_date)),
    )
    told = [sorted(map(repr, map(tuple, connection.execute(query)))) for query in queries]
    return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()


def pasts_stored(connection: sa.Connection) -> list[tuple[str, str, date, date]]:
    """Give the digests that snapshots bear: portfolio, digest, first and last session with it."""
    columns = portfolio_snapshots.c
    day = columns.session_date
    query = (
        sa.select(columns.portfolio_id, columns.made_from, sa.func.min(day), sa.func.max(day))
        .where(columns.made_from.is_not(None))
        .group_by(columns.portfolio_id, columns.made_from)
    )
    return [(name, digest, first, last) for name, digest, first, last in connection.execute(query)]
