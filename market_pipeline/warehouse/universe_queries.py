"""Since when, and until when, each symbol has been in the universe, as far as it is stored."""

from typing import Any

import sqlalchemy as sa

from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.warehouse.tables import fetch_coverage, symbol_universe

MEMBER_COLUMNS = (
    "symbol", "asset_class", "underlying", "exchange", "sector", "industry", "reasons", "priority",
    "timeframes", "first_seen_date", "last_seen_date", "is_active", "is_known",
)  # fmt: skip


def members(connection: sa.Connection) -> list[dict[str, Any]]:
    """Give every symbol that ever was in the universe as `MEMBER_COLUMNS`, by priority and name.

    First and last seen are sessions; what it is and why it is in stand as of the last one.
    `is_active`: it is in the newest session. `is_known`: no vendor of bars denied knowing it.
    """
    columns = symbol_universe.c
    newest = connection.scalar(sa.select(sa.func.max(columns.session_date)))
    seen = (
        sa.select(
            columns.symbol,
            sa.func.min(columns.session_date).label("first_seen_date"),
            sa.func.max(columns.session_date).label("last_seen_date"),
        )
        .group_by(columns.symbol)
        .subquery()
    )
    last = (columns.symbol == seen.c.symbol) & (columns.session_date == seen.c.last_seen_date)
    told = [columns[name] for name in MEMBER_COLUMNS[:9]]
    query = sa.select(*told, seen.c.first_seen_date, seen.c.last_seen_date).join(seen, last)
    unknown = set(
        connection.scalars(
            sa.select(fetch_coverage.c.subject).where(
                fetch_coverage.c.asset == "equity_bars", fetch_coverage.c.outcome == UNKNOWN_SYMBOL
            )
        )
    )
    rows = [
        {
            **row,
            "is_active": row["last_seen_date"] == newest,
            "is_known": row["symbol"] not in unknown,
        }
        for row in connection.execute(query).mappings()
    ]
    return sorted(rows, key=lambda row: (not row["is_active"], row["priority"], row["symbol"]))
