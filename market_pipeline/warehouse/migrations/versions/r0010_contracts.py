"""Reference data of option contracts; when a quote was made; since when a job is deferred.

Quotes stored before keep no time: whether they were stale is not known, and they are not called so.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "option_contracts",
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("underlying", sa.String(32), nullable=False),
        sa.Column("option_type", sa.String(4), nullable=False),
        sa.Column("strike_usd", sa.Float(53), nullable=False),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("exercise_style", sa.String(20), nullable=True),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("contract_kind", sa.String(10), nullable=False),
        sa.Column("recognised_by", sa.String(60), nullable=False),
        sa.Column("primary_exchange", sa.String(20), nullable=True),
        sa.Column("first_seen_date", sa.Date(), nullable=False),
        sa.Column("last_seen_date", sa.Date(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name="pk_option_contracts"),
    )
    op.create_index("ix_option_contracts_underlying", "option_contracts", ["underlying"])
    op.add_column("option_quotes", sa.Column("quoted_at", Instant(), nullable=True))
    op.add_column(
        "option_quotes",
        sa.Column("is_stale", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("option_values", sa.Column("quoted_at", Instant(), nullable=True))
    op.add_column("option_values", sa.Column("flags", sa.String(200), nullable=True))
    op.add_column("collection_jobs", sa.Column("deferred_since", Instant(), nullable=True))


def downgrade() -> None:
    op.drop_column("collection_jobs", "deferred_since")
    for column in ("flags", "quoted_at"):
        op.drop_column("option_values", column)
    for column in ("is_stale", "quoted_at"):
        op.drop_column("option_quotes", column)
    op.drop_table("option_contracts")
