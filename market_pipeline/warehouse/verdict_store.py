"""Which dates still fail which check.

Belongs here: rows of `failed_checks`. Does not: what a verdict does to them (`domain.verdicts`).
"""

from collections.abc import Sequence
from dataclasses import astuple

import sqlalchemy as sa

from market_pipeline.domain.verdicts import FailedCheck, Judged, still_failed
from market_pipeline.warehouse.engine import Database, lock
from market_pipeline.warehouse.operation_tables import failed_checks
from market_pipeline.warehouse.values import clean_text

_c = failed_checks.c
_LONGEST = 500
_OF_A_CHECK = (
    "asset", "check_name", "first_date", "last_date", "severity", "failed_at", "told", "run_id",
)  # fmt: skip


class VerdictStore:
    """The failed checks of one warehouse. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, verdicts: Sequence[Judged]) -> None:
        """Take in verdicts on claims of one asset; write nothing where none fails or failed."""
        if not verdicts:
            return
        asset = verdicts[0].asset
        with self._database.reading() as connection:
            known = _of_asset(connection, asset)
        if not known and all(verdict.passed for verdict in verdicts):
            return
        with self._database.writing() as connection:
            lock(connection, failed_checks.name)
            known = _of_asset(connection, asset)
            for verdict in verdicts:
                before = [each for each in known if each.check == verdict.check]
                after = still_failed(before, verdict)
                if after != before:
                    _replace(connection, verdict, after)

    def failed(self) -> list[FailedCheck]:
        """Give every failure there is, by asset, check and date."""
        with self._database.reading() as connection:
            return _of_asset(connection, None)


def _of_asset(connection: sa.Connection, asset: str | None) -> list[FailedCheck]:
    query = sa.select(*(_c[name] for name in _OF_A_CHECK))
    if asset is not None:
        query = query.where(_c.asset == asset)
    ordered = query.order_by(_c.asset, _c.check_name, _c.part)
    return [FailedCheck(*row) for row in connection.execute(ordered)]


def _replace(connection: sa.Connection, of: Judged, failed: Sequence[FailedCheck]) -> None:
    this = sa.and_(_c.asset == of.asset, _c.check_name == of.check)
    connection.execute(sa.delete(failed_checks).where(this))
    rows = [
        dict(zip(_OF_A_CHECK, astuple(each), strict=True))
        | {"part": part, "told": clean_text(each.told, _LONGEST)}
        for part, each in enumerate(failed)
    ]
    if rows:
        connection.execute(sa.insert(failed_checks), rows)
