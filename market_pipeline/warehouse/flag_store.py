"""Overrides of flags: every change with who, when and why, none of them ever changed again.

Belongs here: reading and appending them. Does not: what a flag means (`domain.flags`).
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from market_pipeline.domain.flags import Override
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.operation_tables import feature_flag_overrides
from market_pipeline.warehouse.values import clean_text

_c = feature_flag_overrides.c
LONGEST_NAME, LONGEST_REASON = 80, 300


class FlagStore:
    """The overrides of one warehouse. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(self, change: Override) -> None:
        """Append a change; it holds from now on."""
        row = {
            "flag": change.flag, "value": change.value, "changed_at": change.changed_at,
            "changed_by": clean_text(change.changed_by, LONGEST_NAME),
            "reason": clean_text(change.reason, LONGEST_REASON),
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(sa.insert(feature_flag_overrides), [row])

    def overrides(self) -> Mapping[str, Override]:
        """Give the latest change of each flag that has an override now."""
        latest = sa.select(sa.func.max(_c.change_no)).group_by(_c.flag)
        rows = self._read(sa.select(*_SAID).where(_c.change_no.in_(latest)))
        return {row.flag: row for row in rows if row.value is not None}

    def history(self, flag: str | None = None, limit: int = 100) -> list[Override]:
        """Give changes, newest first, of one flag or of all."""
        query = sa.select(*_SAID).order_by(_c.change_no.desc()).limit(limit)
        return self._read(query if flag is None else query.where(_c.flag == flag))

    def _read(self, query: sa.Select[Any]) -> list[Override]:
        with self._database.reading() as connection:
            return [Override(*row) for row in connection.execute(query)]


_SAID = tuple(_c[name] for name in Override.__slots__)
