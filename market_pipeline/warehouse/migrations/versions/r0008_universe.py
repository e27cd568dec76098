"""The universe says what a symbol is; fundamentals, former watches, generations of what is read.

Stored sessions of the universe keep NULL in the new columns until they are made again.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FIGURES = (
    "market_cap", "trailing_pe", "forward_pe", "price_to_sales", "price_to_book",
    "shares_outstanding", "trailing_eps", "forward_eps", "total_revenue", "beta",
    "dividend_yield_pct", "profit_margin_pct",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("company_profiles", sa.Column("asset_class", sa.String(16), nullable=True))
    op.add_column("company_profiles", sa.Column("exchange", sa.String(20), nullable=True))
    op.add_column("symbol_universe", sa.Column("exchange", sa.String(20), nullable=True))
    op.add_column("symbol_universe", sa.Column("sector", sa.String(120), nullable=True))
    op.add_column("symbol_universe", sa.Column("industry", sa.String(120), nullable=True))
    op.add_column("symbol_universe", sa.Column("timeframes", sa.String(20), nullable=True))
    op.create_table(
        "fundamentals",
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(8), nullable=True),
        *(sa.Column(name, sa.Float(53), nullable=True) for name in _FIGURES),
        sa.Column("next_earnings_date", sa.Date(), nullable=True),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("as_of_date", "symbol", name="pk_fundamentals"),
    )
    op.create_table(
        "read_generations",
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("generation", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_read_generations"),
    )
    op.create_table(
        "watch_spells",
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "first_date", name="pk_watch_spells"),
    )


def downgrade() -> None:
    for table in ("watch_spells", "read_generations", "fundamentals"):
        op.drop_table(table)
    for column in ("timeframes", "industry", "sector", "exchange"):
        op.drop_column("symbol_universe", column)
    for column in ("exchange", "asset_class"):
        op.drop_column("company_profiles", column)
