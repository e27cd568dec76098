"""The tables of the warehouse, as SQLAlchemy Core; those of the news stand in `news_tables`,
those of what happened to prices in `price_tables`, of options in `option_tables`, of factors in
`factor_tables`, of the jobs in `job_tables`, of onboarding in `onboarding_tables`, of operations in
`operation_tables`, of valued portfolios in `portfolio_tables`, of their risk in `risk_tables`.

Columns carry their unit in the name (`_usd`, `_pct`, `_ms`); instants end in `_at` (UTC),
session dates in `_date`. Money is exact (`Exact`), statistics are floats. Partitioned tables
name their partition column in `info["partition"]`; the date comes first in the primary key
because ranges of dates are what is written and read.
"""

import sqlalchemy as sa

from market_pipeline.warehouse import (
    company_tables,
    factor_tables,
    job_tables,
    news_tables,
    onboarding_tables,
    operation_tables,
    option_tables,
    portfolio_tables,
    price_tables,
    risk_tables,
)
from market_pipeline.warehouse.columns import (
    Exact,
    Instant,
    by_session,
    key,
    metadata,
    optional,
    required,
)

__all__ = [
    "Exact",
    "Instant",
    "company_tables",
    "factor_tables",
    "job_tables",
    "metadata",
    "news_tables",
    "onboarding_tables",
    "operation_tables",
    "option_tables",
    "portfolio_tables",
    "price_tables",
    "risk_tables",
]

# -- what people own -----------------------------------------------------------------------

portfolios = sa.Table(
    "portfolios",
    metadata,
    key("portfolio_id", sa.String(64)),
    required("name", sa.String(200)),
    required("source_file", sa.String(400)),
    required("content_hash", sa.String(64)),
    required("as_of_date", sa.Date),
    required("imported_at", Instant),
)

positions = sa.Table(
    "positions",
    metadata,
    key("portfolio_id", sa.String(64)),
    key("position_no", sa.Integer),
    required("symbol", sa.String(32)),
    required("asset_class", sa.String(16)),  # stock, option, private, cash
    required("quantity", Exact),
    required("entry_price_usd", Exact),
    required("entry_date", sa.Date),
    required("multiplier", sa.Integer),
    *optional("subtype", kind=sa.String(64)),
    *optional("underlying", kind=sa.String(32)),
    *optional("strike_usd", kind=Exact),
    *optional("expiration_date", kind=sa.Date),
    *optional("option_type", kind=sa.String(4)),
    *optional("exit_date", kind=sa.Date),
    *optional("exit_price_usd", kind=Exact),
)

transaction_files = sa.Table(
    "transaction_files",
    metadata,
    key("portfolio_id", sa.String(64)),
    key("source_file", sa.String(400)),
    required("content_hash", sa.String(64)),
    required("imported_at", Instant),
)

transactions = sa.Table(
    "transactions",
    metadata,
    key("portfolio_id", sa.String(64)),
    key("source_file", sa.String(400)),
    key("transaction_no", sa.Integer),  # place within the file: equal rows are kept apart
    required("trade_date", sa.Date),
    required("type", sa.String(16)),  # buy, sell, short, cover, deposit, ... (domain.transactions)
    *optional("symbol", kind=sa.String(32)),
    *optional("asset_class", kind=sa.String(16)),  # stock, option
    required("quantity", Exact),
    *optional("price_usd", kind=Exact),
    required("fees_usd", Exact),
    required("amount_usd", Exact),  # what came into cash, fees included; negative: went out
    required("multiplier", sa.Integer),
    *optional("underlying", kind=sa.String(32)),
    *optional("strike_usd", kind=Exact),
    *optional("expiration_date", kind=sa.Date),
    *optional("option_type", kind=sa.String(4)),
    required("currency", sa.String(3)),
    *optional("note", kind=sa.String(200)),
    *optional("lot_date", kind=sa.Date),  # purchase date of the lot a sale chose
    sa.Index(None, "trade_date"),
)

manual_values = sa.Table(
    "manual_values",
    metadata,
    key("portfolio_id", sa.String(64)),
    key("symbol", sa.String(32)),
    key("entry_date", sa.Date),
    key("since_date", sa.Date),  # of the file that stated it; the first counts since the entry
    required("value_usd", Exact),  # of a unit
)

watchlist = sa.Table(
    "watchlist", metadata, key("symbol", sa.String(32)), required("added_at", Instant)
)

watch_spells = sa.Table(
    "watch_spells",
    metadata,
    key("symbol", sa.String(32)),
    key("first_date", sa.Date),  # New York days on which it was watched and is no longer
    required("last_date", sa.Date),
)

# -- the universe and the market -----------------------------------------------------------

symbol_universe = by_session(
    "symbol_universe",
    key("symbol", sa.String(32)),
    required("asset_class", sa.String(16)),  # stock, etf, index, option, private
    *optional("underlying", kind=sa.String(32)),
    *optional("exchange", kind=sa.String(20)),  # MIC where known
    *optional("sector", "industry", kind=sa.String(120)),
    required(
        "reasons", sa.String(200)
    ),  # sorted, comma-joined: factor_proxy,held,underlying,watched
    required("priority", sa.Integer),  # 1 first
    *optional("timeframes", kind=sa.String(20)),  # 1d or 1d,1h; NULL: no vendor is asked
)

equity_bars = by_session(
    "equity_bars",
    key("symbol", sa.String(32)),
    *optional("open", "high", "low", "close", "adj_close", "volume", kind=sa.Float(53)),
    required("dividend_usd", sa.Float(53)),
    required("split_ratio", sa.Float(53)),
    required("source", sa.String(40)),
    required("fetched_at", Instant),
)

market_data_cache = by_session(
    "market_data_cache",
    key("symbol", sa.String(32)),
    required("asset_class", sa.String(16)),
    required(
        "price_usd", sa.Float(53)
    ),  # what a unit is valued at: close, or mid or last of an option
    required("price_kind", sa.String(8)),  # close, mid, last
    *optional("open", "high", "low", "adj_close", "volume", kind=sa.Float(53)),
    required("dividend_usd", sa.Float(53)),
    required("split_ratio", sa.Float(53)),
    *optional(
        "return_1d", kind=sa.Float(53)
    ),  # price return from the session before; NULL without one
    required("multiplier", sa.Integer),
    *optional("delta", kind=sa.Float(53)),
    *optional(
        "flags", kind=sa.String(200)
    ),  # sorted, comma-joined: missing_open,unexplained_jump,...
    required("source", sa.String(40)),
    required("fetched_at", Instant),
)

# -- statistics ----------------------------------------------------------------------------

symbol_daily_metrics = by_session(
    "symbol_daily_metrics",
    key("symbol", sa.String(32)),
    required("price_usd", sa.Float(53)),
    *optional(
        "return_1d_pct", "return_1w_pct", "return_mtd_pct", "return_1m_pct", "return_3m_pct",
        "return_6m_pct", "return_ytd_pct", "return_1y_pct", "volatility_21d_pct",
        "volatility_63d_pct", "volatility_trend_pct", "volatility_21d_percentile",
        "volatility_63d_percentile", "drawdown_63d_pct", "drawdown_1y_pct", "average_volume_21d",
        "market_cap_usd", "trailing_pe", "price_to_sales", "price_to_book",
        kind=sa.Float(53),
    ),
    *optional("fundamentals_date", kind=sa.Date),  # as of when size and ratios were told
    *optional("sector", kind=sa.String(120)),
    *optional("beta_market", "beta_interest_rate", kind=sa.Float(53)),
    *optional("betas", kind=sa.Text),  # JSON: every factor's beta by name, six digits
    required("observations", sa.Integer),
    required("quality_score", sa.Float(53)),
)  # fmt: skip

# -- the record of the work ----------------------------------------------------------------

fetch_coverage = sa.Table(
    "fetch_coverage",
    metadata,
    key("asset", sa.String(40)),
    key("subject", sa.String(32)),
    required("first_date", sa.Date),
    required("last_date", sa.Date),
    required("source", sa.String(40)),
    required("outcome", sa.String(20)),
    required("checked_at", Instant),
)

enrichment_fetch_log = sa.Table(
    "enrichment_fetch_log",
    metadata,
    sa.Column("fetch_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    required("asset", sa.String(40)),
    required("subject", sa.String(32)),
    required("source", sa.String(40)),
    required("started_at", Instant),
    required("response_ms", sa.Float(53)),
    required("is_success", sa.Boolean),
    required("rows_fetched", sa.Integer),  # rows of the answer, refused ones included
    required("attempts", sa.Integer),
    *optional("error_kind", kind=sa.String(40)),
    *optional("error_detail", kind=sa.String(500)),
    *optional("run_id", kind=sa.String(64)),
    *optional("quota_left", kind=sa.Integer),  # requests left to the source that day
    sa.Column("timeframe", sa.String(12), nullable=False, server_default="snapshot"),  # 1d, 1h, ...
    # What storing the answer changed, as the database counted it; NULL: from before it was kept.
    *optional("rows_inserted", "rows_updated", kind=sa.Integer),
    info={"kept_for": "log", "kept_by": "started_at"},
)

enrichment_compute_log = by_session(
    "enrichment_compute_log",
    key("asset", sa.String(40)),
    key("subject", sa.String(40)),
    required("outcome", sa.String(30)),
    required("reason", sa.String(500)),
    *optional("noted_at", kind=Instant),  # when it was first noted
)
enrichment_compute_log.info |= {"kept_for": "log", "kept_by": "noted_at"}

quarantine = sa.Table(
    "quarantine",
    metadata,
    key("asset", sa.String(40)),
    key("quarantine_id", sa.String(32)),  # hash of subject, date, rule and value
    *optional("row_date", kind=sa.Date),
    *optional("symbol", kind=sa.String(32)),
    required("rule", sa.String(40)),
    required("severity", sa.String(10)),  # rejected (row not used) or flagged (row used, marked)
    required("value", sa.String(500)),
    required("detail", sa.String(500)),
    required("source", sa.String(40)),
    required("seen_at", Instant),
    sa.Index(None, "asset", "row_date"),
    info={"partition": "row_date"},
)

warehouse_meta = sa.Table(
    "warehouse_meta", metadata, key("key", sa.String(40)), required("value", sa.String(200))
)
