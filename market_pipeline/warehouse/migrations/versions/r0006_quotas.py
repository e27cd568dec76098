"""Jobs of collecting, and what was left of a daily quota after each fetch."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "collection_jobs",
        sa.Column("asset", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("asset", "subject", name="pk_collection_jobs"),
    )
    op.add_column("enrichment_fetch_log", sa.Column("quota_left", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("enrichment_fetch_log", "quota_left")
    op.drop_table("collection_jobs")
