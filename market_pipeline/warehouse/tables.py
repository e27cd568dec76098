"""Every table of the warehouse, as SQLAlchemy Core.

Columns carry their unit in the name (`_usd`, `_pct`, `_ms`); instants end in `_at` (UTC),
session dates in `_date`. Money is exact (`Exact`), statistics are floats. Partitioned tables
name their partition column in `info["partition"]`; the date comes first in the primary key
because ranges of dates are what is written and read.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from market_pipeline.warehouse.values import canonical

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    }
)


class Exact(TypeDecorator[Decimal]):
    """A Decimal that survives both dialects: NUMERIC(28, 10) on PostgreSQL, TEXT on SQLite.

    SQLite has no exact number type; its text form keeps every digit. Equal numbers have one text
    (`values.canonical`), so equality may be asked in SQL; arithmetic and order belong to Python.
    """

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Numeric(28, 10))
        return dialect.type_descriptor(sa.String(40))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        exact = canonical(value)
        return exact if dialect.name == "postgresql" else format(exact, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else canonical(Decimal(value))


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime: TIMESTAMPTZ on PostgreSQL, ISO-8601 text ending in Z on SQLite."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime cannot be stored: {value.isoformat()}")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            value = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return value.astimezone(UTC)  # type: ignore[no-any-return]  # sqlite text or psycopg datetime


def _key(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, nullable=False)


def _required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(*names: str, kind: Any) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def _by_session(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name, metadata, _key("session_date", sa.Date), *columns, info={"partition": "session_date"}
    )


# -- what people own -----------------------------------------------------------------------

portfolios = sa.Table(
    "portfolios",
    metadata,
    _key("portfolio_id", sa.String(64)),
    _required("name", sa.String(200)),
    _required("source_file", sa.String(400)),
    _required("content_hash", sa.String(64)),
    _required("as_of_date", sa.Date),
    _required("imported_at", Instant),
)

positions = sa.Table(
    "positions",
    metadata,
    _key("portfolio_id", sa.String(64)),
    _key("position_no", sa.Integer),
    _required("symbol", sa.String(32)),
    _required("asset_class", sa.String(16)),  # stock, option, private, cash
    _required("quantity", Exact),
    _required("entry_price_usd", Exact),
    _required("entry_date", sa.Date),
    _required("multiplier", sa.Integer),
    *_optional("subtype", kind=sa.String(64)),
    *_optional("underlying", kind=sa.String(32)),
    *_optional("strike_usd", kind=Exact),
    *_optional("expiration_date", kind=sa.Date),
    *_optional("option_type", kind=sa.String(4)),
    *_optional("exit_date", kind=sa.Date),
    *_optional("exit_price_usd", kind=Exact),
)

watchlist = sa.Table(
    "watchlist", metadata, _key("symbol", sa.String(32)), _required("added_at", Instant)
)

# -- the universe and the market -----------------------------------------------------------

symbol_universe = _by_session(
    "symbol_universe",
    _key("symbol", sa.String(32)),
    _required("asset_class", sa.String(16)),  # stock, option, private
    *_optional("underlying", kind=sa.String(32)),
    _required(
        "reasons", sa.String(200)
    ),  # sorted, comma-joined: factor_proxy,held,underlying,watched
    _required("priority", sa.Integer),  # 1 first
)

equity_bars = _by_session(
    "equity_bars",
    _key("symbol", sa.String(32)),
    *_optional("open", "high", "low", "close", "adj_close", "volume", kind=sa.Float(53)),
    _required("dividend_usd", sa.Float(53)),
    _required("split_ratio", sa.Float(53)),
    _required("source", sa.String(40)),
    _required("fetched_at", Instant),
)

option_quotes = _by_session(
    "option_quotes",
    _key("symbol", sa.String(32)),
    _required("underlying", sa.String(32)),
    _required("expiration_date", sa.Date),
    _required("option_type", sa.String(4)),
    _required("strike_usd", sa.Float(53)),
    _required("multiplier", sa.Integer),
    *_optional(
        "bid", "ask", "last", "volume", "open_interest", "implied_volatility",
        "delta", "gamma", "theta", "vega", "underlying_price", kind=sa.Float(53),
    ),
    _required("quote_kind", sa.String(12)),
    _required("source", sa.String(40)),
    _required("fetched_at", Instant),
)  # fmt: skip

market_data_cache = _by_session(
    "market_data_cache",
    _key("symbol", sa.String(32)),
    _required("asset_class", sa.String(16)),
    _required(
        "price_usd", sa.Float(53)
    ),  # what a unit is valued at: close, or mid or last of an option
    _required("price_kind", sa.String(8)),  # close, mid, last
    *_optional("open", "high", "low", "adj_close", "volume", kind=sa.Float(53)),
    _required("dividend_usd", sa.Float(53)),
    _required("split_ratio", sa.Float(53)),
    *_optional(
        "return_1d", kind=sa.Float(53)
    ),  # price return from the session before; NULL without one
    _required("multiplier", sa.Integer),
    *_optional("delta", kind=sa.Float(53)),
    *_optional(
        "flags", kind=sa.String(200)
    ),  # sorted, comma-joined: missing_open,unexplained_jump,...
    _required("source", sa.String(40)),
    _required("fetched_at", Instant),
)

# -- news ----------------------------------------------------------------------------------

finviz_headlines = sa.Table(
    "finviz_headlines",
    metadata,
    _key("published_date", sa.Date),  # New York day
    _key("item_hash", sa.String(32)),
    _required("headline", sa.String(500)),
    _required("publisher", sa.String(200)),
    _required("url", sa.String(2000)),
    _required("symbols", sa.String(400)),  # sorted, comma-joined
    _required("category", sa.String(40)),
    _required("published_at", Instant),
    _required("source", sa.String(40)),  # finviz_export, finviz_page, with :sandbox
    _required("fetched_at", Instant),
    info={"partition": "published_date"},
)

headlines = sa.Table(
    "headlines",
    metadata,
    _key("published_date", sa.Date),
    _key("headline_hash", sa.String(32)),
    _required("headline", sa.String(500)),
    _required("normalized_headline", sa.String(500)),
    _required("publisher", sa.String(200)),
    _required("url", sa.String(2000)),
    _required("symbols", sa.String(400)),
    _required("published_at", Instant),
    _required("first_seen_at", Instant),
    _required("session_date", sa.Date),  # the session in which it meets prices
    _required("source", sa.String(40)),
    _required("source_count", sa.Integer),
    info={"partition": "published_date"},
)

# -- statistics ----------------------------------------------------------------------------

symbol_factor_exposures = _by_session(
    "symbol_factor_exposures",
    _key("symbol", sa.String(32)),
    _key("factor", sa.String(40)),
    _required("beta", sa.Float(53)),
    *_optional("std_error", "t_stat", "r_squared", "residual_volatility", kind=sa.Float(53)),
    _required("observations", sa.Integer),
    _required("window_first_date", sa.Date),
    _required("quality", sa.String(20)),  # full_history, limited_history, capped
    _required("method", sa.String(40)),
)

symbol_daily_metrics = _by_session(
    "symbol_daily_metrics",
    _key("symbol", sa.String(32)),
    _required("price_usd", sa.Float(53)),
    *_optional(
        "return_1d_pct", "return_1w_pct", "return_1m_pct", "return_3m_pct", "return_ytd_pct",
        "volatility_21d_pct", "volatility_63d_pct", "drawdown_63d_pct",
        "average_volume_21d", "beta_market", "beta_interest_rate", kind=sa.Float(53),
    ),
    _required("observations", sa.Integer),
    _required("quality_score", sa.Float(53)),
)  # fmt: skip

# -- portfolios ----------------------------------------------------------------------------

portfolio_snapshots = _by_session(
    "portfolio_snapshots",
    _key("portfolio_id", sa.String(64)),
    _required("market_value_usd", Exact),  # net value of all positions but cash
    _required("cash_usd", Exact),
    _required("equity_usd", Exact),  # market value plus cash
    _required("long_usd", Exact),
    _required("short_usd", Exact),  # absolute value
    _required("gross_usd", Exact),
    _required("net_usd", Exact),
    *_optional("daily_pnl_usd", kind=Exact),
    _required("flows_usd", Exact),  # value of positions entered less proceeds of those left
    _required("gap_usd", Exact),  # value that came or went because a price did
    *_optional("daily_return_pct", kind=sa.Float(53)),
    _required("position_count", sa.Integer),
    _required("stale_count", sa.Integer),
    _required("unpriced_count", sa.Integer),
    _required("stale_symbols", sa.Text),  # sorted, comma-joined
    _required("unpriced_symbols", sa.Text),
)

portfolio_positions = _by_session(
    "portfolio_positions",
    _key("portfolio_id", sa.String(64)),
    _key("position_no", sa.Integer),
    _required("symbol", sa.String(32)),
    _required("asset_class", sa.String(16)),
    _required("quantity", Exact),
    _required("multiplier", sa.Integer),
    *_optional("price_usd", kind=Exact),
    *_optional("price_date", kind=sa.Date),
    *_optional("market_value_usd", kind=Exact),
    *_optional("daily_pnl_usd", kind=Exact),
    *_optional("unrealised_pnl_usd", kind=Exact),
    _required("status", sa.String(10)),  # priced, stale, unpriced, manual
    *_optional("source", kind=sa.String(40)),
)

# -- the record of the work ----------------------------------------------------------------

fetch_coverage = sa.Table(
    "fetch_coverage",
    metadata,
    _key("asset", sa.String(40)),
    _key("subject", sa.String(32)),
    _required("first_date", sa.Date),
    _required("last_date", sa.Date),
    _required("source", sa.String(40)),
    _required("outcome", sa.String(20)),
    _required("checked_at", Instant),
)

enrichment_fetch_log = sa.Table(
    "enrichment_fetch_log",
    metadata,
    sa.Column("fetch_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    _required("asset", sa.String(40)),
    _required("subject", sa.String(32)),
    _required("source", sa.String(40)),
    _required("started_at", Instant),
    _required("response_ms", sa.Float(53)),
    _required("is_success", sa.Boolean),
    _required("rows", sa.Integer),
    _required("attempts", sa.Integer),
    *_optional("error_kind", kind=sa.String(40)),
    *_optional("error_detail", kind=sa.String(500)),
    *_optional("run_id", kind=sa.String(64)),
)

enrichment_compute_log = _by_session(
    "enrichment_compute_log",
    _key("asset", sa.String(40)),
    _key("subject", sa.String(40)),
    _required("outcome", sa.String(30)),
    _required("reason", sa.String(500)),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    _key("asset", sa.String(40)),
    _key("quarantine_id", sa.String(32)),  # hash of subject, date, rule and value
    *_optional("row_date", kind=sa.Date),
    *_optional("symbol", kind=sa.String(32)),
    _required("rule", sa.String(40)),
    _required("severity", sa.String(10)),  # rejected (row not used) or flagged (row used, marked)
    _required("value", sa.String(500)),
    _required("detail", sa.String(500)),
    _required("source", sa.String(40)),
    _required("seen_at", Instant),
    sa.Index(None, "asset", "row_date"),
    info={"partition": "row_date"},
)

warehouse_meta = sa.Table(
    "warehouse_meta", metadata, _key("key", sa.String(40)), _required("value", sa.String(200))
)
