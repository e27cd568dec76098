"""The table of jobs: how the collection of each subject stands, readable while it runs.

Belongs here: the table alone; `jobs` writes it, `show jobs` reads it.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import Instant, key, metadata, optional, required

collection_jobs = sa.Table(
    "collection_jobs",
    metadata,
    key("asset", sa.String(40)),
    key("subject", sa.String(32)),
    required("status", sa.String(12)),  # pending, in_progress, retry, completed, failed, deferred
    required("attempts", sa.Integer),
    *optional("last_error", kind=sa.String(500)),
    *optional("started_at", "completed_at", "due_at", kind=Instant),
    *optional("deferred_since", kind=Instant),  # when first, of all times since it was answered
    *optional("run_id", kind=sa.String(64)),
)
