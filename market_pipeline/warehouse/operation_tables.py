"""The tables of operations: flags, who may write what, how runs went, and what checks failed.

Belongs here: the tables alone; `flag_store`, `fences`, `run_store` and `verdict_store` read and
write them.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import Instant, key, metadata, optional, required

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

feature_flag_overrides = sa.Table(
    "feature_flag_overrides",
    metadata,
    sa.Column("change_no", _Number, primary_key=True),
    required("flag", sa.String(60)),
    *optional("value", kind=sa.String(20)),  # NULL: the override was taken back
    required("changed_at", Instant),
    required("changed_by", sa.String(80)),
    required("reason", sa.String(300)),
    sa.Index(None, "flag"),
)

write_fences = sa.Table(
    "write_fences",
    metadata,
    sa.Column("epoch", _Number, primary_key=True),  # grows: the newest holder is the greatest
    required("asset", sa.String(60)),
    required("first_date", sa.Date),
    required("last_date", sa.Date),
    required("run_id", sa.String(64)),
    sa.Index(None, "asset", "epoch"),
)

batch_run_history = sa.Table(
    "batch_run_history",
    metadata,
    key("run_id", sa.String(64)),
    required("job", sa.String(120)),
    *optional("first_partition", "last_partition", kind=sa.String(20)),
    required("started_by", sa.String(160)),  # schedule:NAME, sensor:NAME, backfill:ID, retry, ...
    *optional("parent_run_id", kind=sa.String(64)),  # of which it is a retry
    required("status", sa.String(20)),  # started, success, failure, canceled, ...
    required("is_final", sa.Boolean),  # whether no retry of it is to come
    required("created_at", Instant),
    *optional("started_at", "ended_at", kind=Instant),
    *optional(
        "symbols_done", "symbols_failed", "symbols_retried", "rows_inserted", "rows_updated",
        kind=sa.Integer,
    ),
    *optional("error", kind=sa.String(500)),
    required("updated_at", Instant),
    *optional("assets", kind=sa.Text),  # which it was to make, with commas
    sa.Index(None, "created_at"),
    sa.Index(None, "status"),
)  # fmt: skip

failed_checks = sa.Table(
    "failed_checks",
    metadata,
    key("asset", sa.String(60)),
    key("check_name", sa.String(120)),
    key("part", sa.Integer),  # of several ranges of dates, in their order
    *optional("first_date", "last_date", kind=sa.Date),  # NULL: it is about the present
    required("severity", sa.String(8)),  # ERROR, WARN
    required("failed_at", Instant),  # since when
    required("told", sa.String(500)),
    required("run_id", sa.String(64)),
)
