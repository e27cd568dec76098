"""Questions about the newest price and exposures of symbols, each of one moment."""

from collections.abc import Sequence
from datetime import date, timedelta

import sqlalchemy as sa

from market_pipeline.warehouse.factor_tables import symbol_factor_exposures
from market_pipeline.warehouse.membership import among
from market_pipeline.warehouse.tables import market_data_cache

PRICE_DAYS = 30
"""A symbol whose last price is older than the newest of all by more than this has none."""

_PRICE = (
    "session_date", "symbol", "asset_class", "price_usd", "price_kind", "return_1d", "flags",
    "source", "fetched_at",
)  # fmt: skip
_EXPOSURE = ("session_date", "symbol", "factor", "beta", "r_squared", "observations", "quality")


def newest_session(connection: sa.Connection) -> date | None:
    """Give the last session with any price."""
    newest: date | None = connection.scalar(
        sa.select(sa.func.max(market_data_cache.c.session_date))
    )
    return newest


def newest_prices(
    connection: sa.Connection, symbols: Sequence[str] | None = None
) -> list[sa.RowMapping]:
    """Give the newest recent price of each symbol asked for (None: of all), by symbol."""
    return _newest(connection, market_data_cache, _PRICE, ("symbol",), symbols)


def newest_exposures(
    connection: sa.Connection, symbols: Sequence[str] | None = None
) -> list[sa.RowMapping]:
    """Give each symbol's recent exposures of the last session it has any, by symbol and factor."""
    order = ("symbol", "factor")
    return _newest(connection, symbol_factor_exposures, _EXPOSURE, order, symbols)


def _newest(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    order: Sequence[str],
    symbols: Sequence[str] | None,
) -> list[sa.RowMapping]:
    columns = table.c
    newest = newest_session(connection)
    if newest is None:
        return []
    recent = columns.session_date >= newest - timedelta(days=PRICE_DAYS)
    if symbols is not None:
        recent &= among(connection, columns.symbol, list(symbols))
    last = (
        sa.select(columns.symbol, sa.func.max(columns.session_date).label("session_date"))
        .where(recent)
        .group_by(columns.symbol)
        .subquery()
    )
    same = (columns.symbol == last.c.symbol) & (columns.session_date == last.c.session_date)
    query = sa.select(*(columns[name] for name in names)).join(last, same)
    return list(connection.execute(query.order_by(*(columns[n] for n in order))).mappings())
