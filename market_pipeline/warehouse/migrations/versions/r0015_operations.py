"""Overrides of flags, fences of writers, and how runs went."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _flags()
    _fences()
    _runs()


def downgrade() -> None:
    op.drop_table("batch_run_history")
    op.drop_table("write_fences")
    op.drop_table("feature_flag_overrides")


def _flags() -> None:
    op.create_table(
        "feature_flag_overrides",
        sa.Column("change_no", _NUMBER, nullable=False),
        sa.Column("flag", sa.String(length=60), nullable=False),
        sa.Column("value", sa.String(length=20), nullable=True),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("change_no", name="pk_feature_flag_overrides"),
    )
    op.create_index("ix_feature_flag_overrides_flag", "feature_flag_overrides", ["flag"])


def _fences() -> None:
    op.create_table(
        "write_fences",
        sa.Column("epoch", _NUMBER, nullable=False),
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name="pk_write_fences"),
    )
    op.create_index("ix_write_fences_asset_epoch", "write_fences", ["asset", "epoch"])


def _runs() -> None:
    op.create_table(
        "batch_run_history",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("job", sa.String(length=120), nullable=False),
        sa.Column("first_partition", sa.String(length=20), nullable=True),
        sa.Column("last_partition", sa.String(length=20), nullable=True),
        sa.Column("started_by", sa.String(length=160), nullable=False),
        sa.Column("parent_run_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("symbols_done", sa.Integer(), nullable=True),
        sa.Column("symbols_failed", sa.Integer(), nullable=True),
        sa.Column("symbols_retried", sa.Integer(), nullable=True),
        sa.Column("rows_inserted", sa.Integer(), nullable=True),
        sa.Column("rows_updated", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_batch_run_history"),
    )
    op.create_index("ix_batch_run_history_created_at", "batch_run_history", ["created_at"])
    op.create_index("ix_batch_run_history_status", "batch_run_history", ["status"])
