"""Onboardings of imported files, and the symbols they brought."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "onboarding",
        sa.Column("portfolio_id", sa.String(length=64), nullable=False),
        sa.Column("source_file", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("imported_at", Instant(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.Column("failed_at", Instant(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("portfolio_id", "source_file", name="pk_onboarding"),
    )
    op.create_table(
        "onboarding_symbols",
        sa.Column("portfolio_id", sa.String(length=64), nullable=False),
        sa.Column("source_file", sa.String(length=400), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "portfolio_id", "source_file", "symbol", name="pk_onboarding_symbols"
        ),
    )


def downgrade() -> None:
    op.drop_table("onboarding_symbols")
    op.drop_table("onboarding")
