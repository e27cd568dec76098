"""Option quotes completed with computed values, named as such."""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBERS = ("bid", "ask", "last", "volume", "open_interest", "price_usd")
_VALUES = ("implied_volatility", "delta", "gamma", "theta", "vega", "underlying_price")


def upgrade() -> None:
    op.create_table(
        "option_values",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("underlying", sa.String(length=32), nullable=False),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("option_type", sa.String(length=4), nullable=False),
        sa.Column("strike_usd", sa.Float(precision=53), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Float(precision=53), nullable=True) for name in _NUMBERS),
        sa.Column("price_kind", sa.String(length=8), nullable=False),
        *(sa.Column(name, sa.Float(precision=53), nullable=True) for name in _VALUES),
        sa.Column("rate", sa.Float(precision=53), nullable=False),
        sa.Column("dividend_yield", sa.Float(precision=53), nullable=False),
        sa.Column("computed", sa.String(length=100), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_option_values"),
    )


def downgrade() -> None:
    op.drop_table("option_values")
