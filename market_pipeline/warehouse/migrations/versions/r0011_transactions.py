"""Transactions of portfolios, and the files that stated them."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Exact, Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transaction_files",
        sa.Column("portfolio_id", sa.String(length=64), nullable=False),
        sa.Column("source_file", sa.String(length=400), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("imported_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", "source_file", name="pk_transaction_files"),
    )
    op.create_table(
        "transactions",
        sa.Column("portfolio_id", sa.String(length=64), nullable=False),
        sa.Column("source_file", sa.String(length=400), nullable=False),
        sa.Column("transaction_no", sa.Integer(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=True),
        sa.Column("asset_class", sa.String(length=16), nullable=True),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("price_usd", Exact(), nullable=True),
        sa.Column("fees_usd", Exact(), nullable=False),
        sa.Column("amount_usd", Exact(), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("underlying", sa.String(length=32), nullable=True),
        sa.Column("strike_usd", Exact(), nullable=True),
        sa.Column("expiration_date", sa.Date(), nullable=True),
        sa.Column("option_type", sa.String(length=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint(
            "portfolio_id", "source_file", "transaction_no", name="pk_transactions"
        ),
    )
    op.create_index("ix_transactions_trade_date", "transactions", ["trade_date"])


def downgrade() -> None:
    op.drop_table("transactions")
    op.drop_table("transaction_files")
