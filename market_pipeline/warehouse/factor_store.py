"""Definitions of factors by version, and their results: what is replaced is kept.

Does not compute, nor know where definitions come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.factor_definitions import FactorDefinition
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse.engine import Database, lock
from market_pipeline.warehouse.factor_tables import (
    factor_definitions,
    superseded_factor_exposures,
    symbol_factor_exposures,
)
from market_pipeline.warehouse.frames import Row, to_rows
from market_pipeline.warehouse.generations import note_change
from market_pipeline.warehouse.merge import merge_rows


class FactorStore:
    """The definitions in force, and the results of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle_definitions(
        self, definitions: Sequence[FactorDefinition], at: datetime
    ) -> tuple[FactorDefinition, ...]:
        """Make `definitions` the active ones; give them with the version each is of its name.

        One that is as its name's newest version keeps that; any other is a new version. What is not
        among them is switched off. Equal definitions write nothing.
        """
        with self._database.writing() as connection:
            return _settle(connection, definitions, at)

    def replace_exposures(
        self, frame: pd.DataFrame, first: date, last: date, versions: Mapping[str, int]
    ) -> WriteCounts:
        """Make the results of the definitions in `versions` dated in [first, last] equal `frame`.

        Results of other definitions stay as they are; those of another version of these move to
        `superseded_factor_exposures`. Raises ValueError for a row outside the range or of another
        definition or version, and as `Warehouse.replace_range` does.
        """
        rows = to_rows(symbol_factor_exposures, frame, self._database.dialect)
        dates = pd.to_datetime(frame["session_date"])
        told = zip(frame["definition"], frame["definition_version"], strict=True)
        strangers = sorted(set(told) - set(versions.items()))
        if strangers or not dates.between(pd.Timestamp(first), pd.Timestamp(last)).all():
            raise ValueError(
                f"the frame has exposures outside {first} to {last}, or of other definitions than "
                f"those replaced: {', '.join(f'{name} {version}' for name, version in strangers)}"
            )
        with self._database.writing() as connection:
            counts = _replace(connection, rows, first, last, versions)
            note_change(connection, symbol_factor_exposures.name, counts)
        return counts


def _settle(
    connection: sa.Connection, definitions: Sequence[FactorDefinition], at: datetime
) -> tuple[FactorDefinition, ...]:
    lock(connection, factor_definitions.name)
    newest = {name: rows[-1] for name, rows in _stored(connection).items()}
    settled = []
    for definition in definitions:
        known = newest.get(definition.name)
        if known is not None and known[0] == definition:
            settled.append(known[0])
            continue
        version = 1 if known is None else known[0].version + 1
        settled.append(replace(definition, version=version))
    _end_others(connection, settled, at)
    _begin(connection, settled, newest, at)
    return tuple(settled)


def _stored(connection: sa.Connection) -> dict[str, list[tuple[FactorDefinition, bool]]]:
    """Read every version of each definition, oldest first, and whether it is active."""
    columns = factor_definitions.c
    query = sa.select(factor_definitions).order_by(columns.name, columns.version)
    found: dict[str, list[tuple[FactorDefinition, bool]]] = {}
    for row in connection.execute(query).mappings():
        definition = FactorDefinition(
            row["name"], tuple(row["proxies"].split(",")), row["window"], row["min_observations"],
            row["cap"], row["method"], row["kind"], row["penalty"], row["half_life"],
            row["version"],
        )  # fmt: skip
        found.setdefault(row["name"], []).append((definition, row["is_active"]))
    return found


def _end_others(
    connection: sa.Connection, settled: Sequence[FactorDefinition], at: datetime
) -> None:
    columns = factor_definitions.c
    active = sa.select(columns.name, columns.version).where(columns.is_active)
    kept = {(each.name, each.version) for each in settled}
    for name, version in connection.execute(active).all():
        if (name, version) not in kept:
            this = (columns.name == name) & (columns.version == version)
            ended = sa.update(factor_definitions).where(this).values(is_active=False, ended_at=at)
            connection.execute(ended)


def _begin(
    connection: sa.Connection,
    settled: Sequence[FactorDefinition],
    newest: Mapping[str, tuple[FactorDefinition, bool]],
    at: datetime,
) -> None:
    columns = factor_definitions.c
    for each in settled:
        known = newest.get(each.name)
        if known is None or known[0].version != each.version:
            values = {
                "name": each.name, "version": each.version, "kind": each.kind,
                "method": each.method, "proxies": ",".join(each.proxies), "window": each.window,
                "min_observations": each.min_observations, "cap": each.cap,
                "penalty": each.penalty, "half_life": each.half_life, "is_active": True,
                "created_at": at, "ended_at": None,
            }  # fmt: skip
            connection.execute(sa.insert(factor_definitions).values(values))
        elif not known[1]:
            this = (columns.name == each.name) & (columns.version == each.version)
            again = sa.update(factor_definitions).where(this).values(is_active=True, ended_at=None)
            connection.execute(again)


def _replace(
    connection: sa.Connection,
    rows: Sequence[Row],
    first: date,
    last: date,
    versions: Mapping[str, int],
) -> WriteCounts:
    table = symbol_factor_exposures
    lock(connection, superseded_factor_exposures.name)
    lock(connection, table.name)
    columns = table.c
    scope = columns.session_date.between(first, last) & columns.definition.in_(sorted(versions))
    is_older = [
        sa.and_(columns.definition == name, columns.definition_version != version)
        for name, version in sorted(versions.items())
    ]
    _keep(connection, sa.and_(columns.session_date.between(first, last), sa.or_(*is_older)))
    return merge_rows(connection, table, rows, scope=scope)


def _keep(connection: sa.Connection, scope: sa.ColumnElement[bool]) -> None:
    """Copy the results in `scope`; a copy of the same version made earlier gives way."""
    table, kept = symbol_factor_exposures, superseded_factor_exposures
    keys = [column.name for column in kept.primary_key]
    same = sa.and_(*(kept.c[name] == table.c[name] for name in keys), scope)
    connection.execute(sa.delete(kept).where(sa.exists().where(same)))
    names = [column.name for column in kept.columns]
    chosen = sa.select(*(table.c[name] for name in names)).where(scope)
    connection.execute(sa.insert(kept).from_select(names, chosen))
