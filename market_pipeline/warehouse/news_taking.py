"""Collected items on their way into stories: which were taken, and since when some wait.

Everything runs inside the caller's transaction. Does not belong here: making the stories
(`news_joining`, `news_writing`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.tellings import Telling
from market_pipeline.warehouse import queries
from market_pipeline.warehouse.collection import quarantine_rejected
from market_pipeline.warehouse.membership import among, grouped_by_day
from market_pipeline.warehouse.news_tables import finviz_headlines, wire_headlines
from market_pipeline.warehouse.tables import warehouse_meta

TAKEN_AT = "headlines_taken_at"
"""Remembers an instant before which all that had been collected was taken."""

_COLLECTED = (finviz_headlines, wire_headlines)


@dataclass(frozen=True, slots=True)
class Read:
    """A collected row as it was read: where it stands, and what it said then."""

    table: str
    day: date
    item_hash: str
    said: tuple[str, str]


def rows_read(tellings: Iterable[Telling], *others: pd.DataFrame) -> list[Read]:
    """Name the rows behind tellings, and those of frames no story is made of."""
    read = [Read(t.table, t.published_date, t.item_hash, t.said) for t in tellings]
    names = ("table", "published_date", "item_hash", "symbols", "description")
    for frame in others:
        read += [
            Read(table, day.date(), item_hash, (symbols, description))
            for table, day, item_hash, symbols, description in zip(
                *(frame[name] for name in names), strict=True
            )
        ]
    return read


def mark_taken(connection: sa.Connection, rows: Iterable[Read], version: str) -> None:
    """Note which rows were taken, save one that has come to say more since it was read."""
    by_table: dict[str, dict[tuple[date, str], tuple[str, str]]] = {}
    for row in rows:
        by_table.setdefault(row.table, {})[row.day, row.item_hash] = row.said
    for name in sorted(by_table):
        table, read = queries.table_named(name), by_table[name]
        for day, hashes in grouped_by_day(read):
            this = (table.c.published_date == day, among(connection, table.c.item_hash, hashes))
            said = sa.select(table.c.item_hash, table.c.symbols, table.c.description).where(*this)
            as_read = [
                row.item_hash
                for row in connection.execute(said)
                if (row.symbols, row.description) == read[day, row.item_hash]
            ]
            taken = (table.c.published_date == day, among(connection, table.c.item_hash, as_read))
            connection.execute(sa.update(table).where(*taken).values(taken_as=version))


def quarantine_refused(connection: sa.Connection, rows: pd.DataFrame, at: datetime) -> int:
    """Keep rows no story can be made of in quarantine, each under its rule and its source.

    `rows` are `domain.tellings.Reading.refused`; gives how many there are.
    """
    for (table, source), refused in rows.groupby(["table", "source"]):
        rejected = [
            Rejected(None, day.date(), rule, value, detail)
            for day, rule, value, detail in zip(
                *(refused[name] for name in ("published_date", "rule", "value", "detail")),
                strict=True,
            )
        ]
        quarantine_rejected(connection, str(table), rejected, str(source), at)
    return len(rows)


def waiting_since(connection: sa.Connection, today: date) -> datetime | None:
    """Give since when items of days until `today` wait to be taken, None where none does.

    An item that has come to say more waits anew: not longer than since all was last taken.
    """
    first: list[datetime] = []
    for table in _COLLECTED:
        earliest = sa.func.min(table.c.fetched_at, type_=table.c.fetched_at.type)
        waits = (table.c.taken_as.is_(None), table.c.published_date <= today)
        found: datetime | None = connection.scalar(sa.select(earliest).where(*waits))
        first += [] if found is None else [found]
    if not first:
        return None
    kept = sa.select(warehouse_meta.c.value).where(warehouse_meta.c.key == TAKEN_AT)
    taken_at: str | None = connection.scalar(kept)
    if taken_at is None:
        return min(first)
    return max(min(first), datetime.fromisoformat(taken_at).astimezone(UTC))
