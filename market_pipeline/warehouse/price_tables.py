"""The tables about prices: actions, restated bars, how good prices are, and hourly bars."""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import (
    Instant,
    by_session,
    key,
    metadata,
    optional,
    required,
)

corporate_actions = sa.Table(
    "corporate_actions",
    metadata,
    key("ex_date", sa.Date),
    key("symbol", sa.String(32)),
    key("kind", sa.String(10)),  # dividend, split
    # Cash in USD a share on the split basis of the bars, or new shares for each old one.
    required("value", sa.Float(53)),
    required("source", sa.String(40)),
    required("fetched_at", Instant),
    required("first_seen_at", Instant),
    info={"partition": "ex_date"},
)

bar_restatements = by_session(
    "bar_restatements",
    key("symbol", sa.String(32)),
    key("field", sa.String(16)),  # a column of equity_bars, or split_basis
    key("seen_at", Instant),
    *optional("old_value", "new_value", kind=sa.Float(53)),
    *optional("old_source", kind=sa.String(40)),
    required("source", sa.String(40)),
    *optional("old_fetched_at", kind=Instant),
    *optional("run_id", kind=sa.String(64)),
)

price_quality = by_session(
    "price_quality",
    key("symbol", sa.String(32)),
    required("expected", sa.Integer),
    required("priced", sa.Integer),
    required("flagged", sa.Integer),
    required("rejected", sa.Integer),
    required("validation_rate", sa.Float(53)),
    required("quality_score", sa.Float(53)),
)

second_opinions = by_session(
    "second_opinions",
    key("symbol", sa.String(32)),
    key("source", sa.String(40)),
    *optional("return_1d", kind=sa.Float(53)),  # of that source's closes; NULL where it had none
    required("fetched_at", Instant),
)

intraday_bars = by_session(
    "intraday_bars",
    key("symbol", sa.String(32)),
    key("starts_at", Instant),  # of an hour of the session; the last one is half an hour
    *optional("open", "high", "low", "close", "volume", kind=sa.Float(53)),
    *optional("flags", kind=sa.String(200)),  # sorted, comma-joined: missing_open,zero_volume
    required("source", sa.String(40)),
    required("fetched_at", Instant),
)
intraday_bars.info |= {"kept_for": "intraday", "kept_by": "starts_at"}
