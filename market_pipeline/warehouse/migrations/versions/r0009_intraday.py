"""Hourly bars of chosen symbols."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NUMBERS = ("open", "high", "low", "close", "volume")


def upgrade() -> None:
    op.create_table(
        "intraday_bars",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        *(sa.Column(name, sa.Float(precision=53), nullable=True) for name in _NUMBERS),
        sa.Column("flags", sa.String(length=200), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", "starts_at", name="pk_intraday_bars"),
    )


def downgrade() -> None:
    op.drop_table("intraday_bars")
