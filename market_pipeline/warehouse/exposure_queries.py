"""Questions about many exposures that the database answers where they are: how many, and which
cannot be right."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from market_pipeline.warehouse.factor_tables import factor_definitions, symbol_factor_exposures


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many exposures there are, whose beta no fit can give, and how many R squared none can."""

    rows: int
    symbols: tuple[str, ...]
    betas: int
    r_squared: int


def out_of_bounds(
    connection: sa.Connection,
    first: date,
    last: date,
    *,
    uncapped: str,
    unmeasured: str,
    slack: float,
) -> Bounds:
    """Look for betas beyond their cap, missing ones, and R squared outside [0, 1].

    Betas of the method `uncapped` may be as large as they like; those of quality `unmeasured` may
    be missing. `slack` is by how much R squared may leave its bounds.
    """
    table, defined = symbol_factor_exposures.c, factor_definitions.c
    same = (defined.name == table.definition) & (defined.version == table.definition_version)
    joined = symbol_factor_exposures.outerjoin(factor_definitions, same)
    is_beyond = (sa.func.abs(table.beta) > defined.cap) & (table.method != uncapped)
    is_missing = table.beta.is_(None) & (table.quality != unmeasured)
    is_bad = sa.or_(is_beyond, is_missing)
    is_outside = ~table.r_squared.between(-slack, 1 + slack)
    within = table.session_date.between(first, last)
    rows, betas, outside = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.sum(sa.case((is_bad, 1), else_=0)),
            sa.func.sum(sa.case((is_outside, 1), else_=0)),
        )
        .select_from(joined)
        .where(within)
    ).one()
    symbols = sa.select(table.symbol).select_from(joined).where(within, is_bad).distinct()
    named = connection.scalars(symbols).all() if betas else []
    return Bounds(int(rows), tuple(sorted(named)), int(betas or 0), int(outside or 0))


def measured(
    connection: sa.Connection, first: date, last: date, methods: Collection[str]
) -> dict[tuple[date, str], int]:
    """Count the symbols that each definition measured by one of `methods`, by session and name."""
    table = symbol_factor_exposures.c
    counts = (
        sa.select(table.session_date, table.definition, sa.func.count(table.symbol.distinct()))
        .where(table.session_date.between(first, last), table.method.in_(sorted(methods)))
        .group_by(table.session_date, table.definition)
    )
    return {(day, name): count for day, name, count in connection.execute(counts)}
