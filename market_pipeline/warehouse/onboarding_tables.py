"""The tables of onboarding: which file brought which symbols, and what its runs came to.

Belongs here: the tables alone; `onboarding` writes them. How far a symbol is stands in what is
stored of it (coverage, jobs, exposures), never here.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import Instant, key, metadata, optional, required

onboarding = sa.Table(
    "onboarding",
    metadata,
    key("portfolio_id", sa.String(64)),
    key("source_file", sa.String(400)),
    required("kind", sa.String(12)),  # positions, transactions
    required("content_hash", sa.String(64)),
    required("imported_at", Instant),
    required("asked_at", Instant),  # imported, or asked for again
    *optional("session_date", kind=sa.Date),  # which its latest run makes
    *optional("run_id", kind=sa.String(64)),  # of the latest run that took it
    required("attempts", sa.Integer),  # runs that took it
    *optional("started_at", "completed_at", "failed_at", kind=Instant),
    *optional("reason", kind=sa.String(500)),
    info={"partition": "session_date"},
)

onboarding_symbols = sa.Table(
    "onboarding_symbols",
    metadata,
    key("portfolio_id", sa.String(64)),
    key("source_file", sa.String(400)),
    key("symbol", sa.String(32)),
    required("is_new", sa.Boolean),  # nothing was stored of its prices at the import
)
