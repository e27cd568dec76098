"""What is known of the companies and funds behind symbols, and which state of it readers saw.

Declared like the tables of `tables`. `fundamentals` is dated by the session it speaks of.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import Instant, key, metadata, optional, required

company_profiles = sa.Table(
    "company_profiles",
    metadata,
    key("symbol", sa.String(32)),
    required("company_name", sa.String(200)),
    *optional("asset_class", kind=sa.String(16)),  # stock, etf, index; NULL where no source said
    *optional("exchange", kind=sa.String(20)),  # MIC where known, else the source's own code
    *optional("sector", "industry", kind=sa.String(120)),
    required("source", sa.String(40)),
    required("fetched_at", Instant),
)

fundamentals = sa.Table(
    "fundamentals",
    metadata,
    key("as_of_date", sa.Date),  # the last completed session when it was told
    key("symbol", sa.String(32)),
    *optional("currency", kind=sa.String(8)),
    *optional(
        "market_cap", "trailing_pe", "forward_pe", "price_to_sales", "price_to_book",
        "shares_outstanding", "trailing_eps", "forward_eps", "total_revenue", "beta",
        "dividend_yield_pct", "profit_margin_pct", kind=sa.Float(53),
    ),
    *optional("next_earnings_date", kind=sa.Date),
    required("source", sa.String(40)),
    required("fetched_at", Instant),
    info={"partition": "as_of_date"},
)  # fmt: skip

read_generations = sa.Table(
    "read_generations",
    metadata,
    key("subject", sa.String(40)),
    required("generation", sa.String(32)),  # another one after every commit that changed a row
)
