"""Which state of the market's rows a reader saw: a name that changes with every change of them.

It is written in the transaction that changes rows, so it is never older or newer than they are: an
answer kept under the present name is an answer of the present rows, whoever crashed in between.
"""

from uuid import uuid4

import sqlalchemy as sa

from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse.company_tables import read_generations
from market_pipeline.warehouse.engine import lock

MARKET = "market"
_TABLES = frozenset({"market_data_cache", "symbol_factor_exposures", "symbol_daily_metrics"})
_NEVER = "0"


def note_change(connection: sa.Connection, table_name: str, counts: WriteCounts) -> None:
    """Give the market another generation where `counts` says that rows of it changed.

    The last statement of a transaction: writers of different tables wait for each other here.
    """
    if table_name not in _TABLES or not counts.changed:
        return
    lock(connection, read_generations.name)
    columns, fresh = read_generations.c, uuid4().hex
    this = columns.subject == MARKET
    changed = sa.update(read_generations).where(this).values(generation=fresh)
    if not connection.execute(changed).rowcount:
        row = {"subject": MARKET, "generation": fresh}
        connection.execute(sa.insert(read_generations).values(row))


def market_generation(connection: sa.Connection) -> str:
    """Give the generation of the market's rows that this connection sees."""
    columns = read_generations.c
    query = sa.select(columns.generation).where(columns.subject == MARKET)
    return connection.scalar(query) or _NEVER
