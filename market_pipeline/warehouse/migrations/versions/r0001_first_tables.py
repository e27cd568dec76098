"""The first tables: books, universe, market data, news, statistics, snapshots, records."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.tables import Exact, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portfolios",
        sa.Column("portfolio_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("source_file", sa.String(400), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("imported_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", name="pk_portfolios"),
    )
    op.create_table(
        "positions",
        sa.Column("portfolio_id", sa.String(64), nullable=False),
        sa.Column("position_no", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("asset_class", sa.String(16), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("entry_price_usd", Exact(), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("subtype", sa.String(64)),
        sa.Column("underlying", sa.String(32)),
        sa.Column("strike_usd", Exact()),
        sa.Column("expiration_date", sa.Date()),
        sa.Column("option_type", sa.String(4)),
        sa.Column("exit_date", sa.Date()),
        sa.Column("exit_price_usd", Exact()),
        sa.PrimaryKeyConstraint("portfolio_id", "position_no", name="pk_positions"),
    )
    op.create_table(
        "watchlist",
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name="pk_watchlist"),
    )
    op.create_table(
        "symbol_universe",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("asset_class", sa.String(16), nullable=False),
        sa.Column("underlying", sa.String(32)),
        sa.Column("reasons", sa.String(200), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_symbol_universe"),
    )
    op.create_table(
        "equity_bars",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("open", sa.Float(53)),
        sa.Column("high", sa.Float(53)),
        sa.Column("low", sa.Float(53)),
        sa.Column("close", sa.Float(53)),
        sa.Column("adj_close", sa.Float(53)),
        sa.Column("volume", sa.Float(53)),
        sa.Column("dividend_usd", sa.Float(53), nullable=False),
        sa.Column("split_ratio", sa.Float(53), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_equity_bars"),
    )
    op.create_table(
        "option_quotes",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("underlying", sa.String(32), nullable=False),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("option_type", sa.String(4), nullable=False),
        sa.Column("strike_usd", sa.Float(53), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("bid", sa.Float(53)),
        sa.Column("ask", sa.Float(53)),
        sa.Column("last", sa.Float(53)),
        sa.Column("volume", sa.Float(53)),
        sa.Column("open_interest", sa.Float(53)),
        sa.Column("implied_volatility", sa.Float(53)),
        sa.Column("delta", sa.Float(53)),
        sa.Column("gamma", sa.Float(53)),
        sa.Column("theta", sa.Float(53)),
        sa.Column("vega", sa.Float(53)),
        sa.Column("underlying_price", sa.Float(53)),
        sa.Column("quote_kind", sa.String(12), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_option_quotes"),
    )
    op.create_table(
        "market_data_cache",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("asset_class", sa.String(16), nullable=False),
        sa.Column("price_usd", sa.Float(53), nullable=False),
        sa.Column("price_kind", sa.String(8), nullable=False),
        sa.Column("open", sa.Float(53)),
        sa.Column("high", sa.Float(53)),
        sa.Column("low", sa.Float(53)),
        sa.Column("adj_close", sa.Float(53)),
        sa.Column("volume", sa.Float(53)),
        sa.Column("dividend_usd", sa.Float(53), nullable=False),
        sa.Column("split_ratio", sa.Float(53), nullable=False),
        sa.Column("return_1d", sa.Float(53)),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("delta", sa.Float(53)),
        sa.Column("flags", sa.String(200)),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_market_data_cache"),
    )
    op.create_table(
        "finviz_headlines",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("item_hash", sa.String(32), nullable=False),
        sa.Column("headline", sa.String(500), nullable=False),
        sa.Column("publisher", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("symbols", sa.String(400), nullable=False),
        sa.Column("category", sa.String(40), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("published_date", "item_hash", name="pk_finviz_headlines"),
    )
    op.create_table(
        "headlines",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("headline_hash", sa.String(32), nullable=False),
        sa.Column("headline", sa.String(500), nullable=False),
        sa.Column("normalized_headline", sa.String(500), nullable=False),
        sa.Column("publisher", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("symbols", sa.String(400), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("source_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("published_date", "headline_hash", name="pk_headlines"),
    )
    op.create_table(
        "symbol_factor_exposures",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("factor", sa.String(40), nullable=False),
        sa.Column("beta", sa.Float(53), nullable=False),
        sa.Column("std_error", sa.Float(53)),
        sa.Column("t_stat", sa.Float(53)),
        sa.Column("r_squared", sa.Float(53)),
        sa.Column("residual_volatility", sa.Float(53)),
        sa.Column("observations", sa.Integer(), nullable=False),
        sa.Column("window_first_date", sa.Date(), nullable=False),
        sa.Column("quality", sa.String(20), nullable=False),
        sa.Column("method", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_date", "symbol", "factor", name="pk_symbol_factor_exposures"
        ),
    )
    op.create_table(
        "symbol_daily_metrics",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("price_usd", sa.Float(53), nullable=False),
        sa.Column("return_1d_pct", sa.Float(53)),
        sa.Column("return_1w_pct", sa.Float(53)),
        sa.Column("return_1m_pct", sa.Float(53)),
        sa.Column("return_3m_pct", sa.Float(53)),
        sa.Column("return_ytd_pct", sa.Float(53)),
        sa.Column("volatility_21d_pct", sa.Float(53)),
        sa.Column("volatility_63d_pct", sa.Float(53)),
        sa.Column("drawdown_63d_pct", sa.Float(53)),
        sa.Column("average_volume_21d", sa.Float(53)),
        sa.Column("beta_market", sa.Float(53)),
        sa.Column("beta_interest_rate", sa.Float(53)),
        sa.Column("observations", sa.Integer(), nullable=False),
        sa.Column("quality_score", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_symbol_daily_metrics"),
    )
    op.create_table(
        "portfolio_snapshots",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("portfolio_id", sa.String(64), nullable=False),
        sa.Column("market_value_usd", Exact(), nullable=False),
        sa.Column("cash_usd", Exact(), nullable=False),
        sa.Column("equity_usd", Exact(), nullable=False),
        sa.Column("long_usd", Exact(), nullable=False),
        sa.Column("short_usd", Exact(), nullable=False),
        sa.Column("gross_usd", Exact(), nullable=False),
        sa.Column("net_usd", Exact(), nullable=False),
        sa.Column("daily_pnl_usd", Exact()),
        sa.Column("flows_usd", Exact(), nullable=False),
        sa.Column("gap_usd", Exact(), nullable=False),
        sa.Column("daily_return_pct", sa.Float(53)),
        sa.Column("position_count", sa.Integer(), nullable=False),
        sa.Column("stale_count", sa.Integer(), nullable=False),
        sa.Column("unpriced_count", sa.Integer(), nullable=False),
        sa.Column("stale_symbols", sa.Text(), nullable=False),
        sa.Column("unpriced_symbols", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "portfolio_id", name="pk_portfolio_snapshots"),
    )
    op.create_table(
        "portfolio_positions",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("portfolio_id", sa.String(64), nullable=False),
        sa.Column("position_no", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("asset_class", sa.String(16), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("price_usd", Exact()),
        sa.Column("price_date", sa.Date()),
        sa.Column("market_value_usd", Exact()),
        sa.Column("daily_pnl_usd", Exact()),
        sa.Column("unrealised_pnl_usd", Exact()),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("source", sa.String(40)),
        sa.PrimaryKeyConstraint(
            "session_date", "portfolio_id", "position_no", name="pk_portfolio_positions"
        ),
    )
    op.create_table(
        "fetch_coverage",
        sa.Column("asset", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("checked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("asset", "subject", name="pk_fetch_coverage"),
    )
    op.create_table(
        "enrichment_fetch_log",
        sa.Column("fetch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("response_ms", sa.Float(53), nullable=False),
        sa.Column("is_success", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_kind", sa.String(40)),
        sa.Column("error_detail", sa.String(500)),
        sa.Column("run_id", sa.String(64)),
        sa.PrimaryKeyConstraint("fetch_id", name="pk_enrichment_fetch_log"),
    )
    op.create_table(
        "enrichment_compute_log",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("asset", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(30), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_date", "asset", "subject", name="pk_enrichment_compute_log"
        ),
    )
    op.create_table(
        "quarantine",
        sa.Column("asset", sa.String(40), nullable=False),
        sa.Column("quarantine_id", sa.String(32), nullable=False),
        sa.Column("row_date", sa.Date()),
        sa.Column("symbol", sa.String(32)),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("value", sa.String(500), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("asset", "quarantine_id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_asset_row_date", "quarantine", ["asset", "row_date"])
    op.create_table(
        "warehouse_meta",
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_warehouse_meta"),
    )


def downgrade() -> None:
    for table in (
        "warehouse_meta",
        "quarantine",
        "enrichment_compute_log",
        "enrichment_fetch_log",
        "fetch_coverage",
        "portfolio_positions",
        "portfolio_snapshots",
        "symbol_daily_metrics",
        "symbol_factor_exposures",
        "headlines",
        "finviz_headlines",
        "market_data_cache",
        "option_quotes",
        "equity_bars",
        "symbol_universe",
        "watchlist",
        "positions",
        "portfolios",
    ):
        op.drop_table(table)
