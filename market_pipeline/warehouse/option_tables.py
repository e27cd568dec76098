"""The tables about options: contracts as they are listed, quotes, and quotes completed.

Declared like the tables of `tables`. `option_contracts` has one row a contract, of whatever date.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import (
    Instant,
    by_session,
    key,
    metadata,
    optional,
    required,
)

option_contracts = sa.Table(
    "option_contracts",
    metadata,
    key("symbol", sa.String(32)),  # compact OCC
    required("underlying", sa.String(32)),  # the stock, of adjusted contracts too
    required("option_type", sa.String(4)),
    required("strike_usd", sa.Float(53)),
    required("expiration_date", sa.Date),
    *optional("exercise_style", kind=sa.String(20)),
    required("multiplier", sa.Integer),  # shares a contract
    required("contract_kind", sa.String(10)),  # standard, mini, adjusted
    required("recognised_by", sa.String(60)),
    *optional("primary_exchange", kind=sa.String(20)),
    required("first_seen_date", sa.Date),  # sessions as of which the vendor named it
    required("last_seen_date", sa.Date),
    required("source", sa.String(40)),
    required("fetched_at", Instant),
    sa.Index(None, "underlying"),
)

option_quotes = by_session(
    "option_quotes",
    key("symbol", sa.String(32)),
    required("underlying", sa.String(32)),
    required("expiration_date", sa.Date),
    required("option_type", sa.String(4)),
    required("strike_usd", sa.Float(53)),
    required("multiplier", sa.Integer),
    *optional(
        "bid", "ask", "last", "volume", "open_interest", "implied_volatility",
        "delta", "gamma", "theta", "vega", "underlying_price", kind=sa.Float(53),
    ),
    required("quote_kind", sa.String(12)),
    *optional("quoted_at", kind=Instant),  # when bid and ask were; NULL where not told
    required("is_stale", sa.Boolean),  # a price in it is of another session, or of no known one
    required("source", sa.String(40)),
    required("fetched_at", Instant),
)  # fmt: skip

option_values = by_session(
    "option_values",
    key("symbol", sa.String(32)),
    required("underlying", sa.String(32)),
    required("expiration_date", sa.Date),
    required("option_type", sa.String(4)),
    required("strike_usd", sa.Float(53)),
    required("multiplier", sa.Integer),
    *optional("bid", "ask", "last", "volume", "open_interest", "price_usd", kind=sa.Float(53)),
    required("price_kind", sa.String(8)),  # mid, last
    *optional("quoted_at", kind=Instant),
    *optional("flags", kind=sa.String(200)),  # stale_quote
    *optional(
        "implied_volatility", "delta", "gamma", "theta", "vega", "underlying_price",
        kind=sa.Float(53),
    ),
    required("rate", sa.Float(53)),
    required("dividend_yield", sa.Float(53)),
    *optional("computed", kind=sa.String(100)),  # comma-joined names of the values that are ours
    required("source", sa.String(40)),
    required("fetched_at", Instant),
)  # fmt: skip
