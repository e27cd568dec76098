"""Which dates of an asset fail which check."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failed_checks",
        sa.Column("asset", sa.String(60), nullable=False),
        sa.Column("check_name", sa.String(120), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=True),
        sa.Column("last_date", sa.Date(), nullable=True),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("failed_at", Instant(), nullable=False),
        sa.Column("told", sa.String(500), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("asset", "check_name", "part", name="pk_failed_checks"),
    )


def downgrade() -> None:
    op.drop_table("failed_checks")
