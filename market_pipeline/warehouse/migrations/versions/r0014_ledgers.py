"""Lots chosen by sales, manual values over time, and P&L in its parts.

Snapshots made before keep NULL in the new columns: zeros would be numbers nobody computed. The
value a private holding has now is the first of its history, in force since its entry.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Exact

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COUNTS = ("long_count", "short_count")
_SNAPSHOT = (
    "dividends_usd", "interest_usd", "fees_usd", "invested_usd", "unpriced_cost_usd",
    "realised_pnl_usd", "unrealised_pnl_usd", "cumulative_pnl_usd",
)  # fmt: skip
_STATISTICS = (
    "growth", "twr_pct", "mwr_pct", "volatility_21d_pct", "volatility_63d_pct", "herfindahl",
    "effective_positions", "top_3_weight_pct", "top_10_weight_pct", "completeness_pct",
)  # fmt: skip
_POSITION = (
    "cost_usd", "flows_usd", "gap_usd", "dividends_usd", "fees_usd", "realised_pnl_usd",
)  # fmt: skip
_FIRST_VALUES = """
    INSERT INTO manual_values (portfolio_id, symbol, entry_date, since_date, value_usd)
    SELECT portfolio_id, symbol, entry_date, entry_date, MIN(entry_price_usd) FROM positions
    WHERE asset_class = 'private'
    GROUP BY portfolio_id, symbol, entry_date HAVING COUNT(*) = 1
"""


def upgrade() -> None:
    op.add_column("transactions", sa.Column("lot_date", sa.Date(), nullable=True))
    op.create_table(
        "manual_values",
        sa.Column("portfolio_id", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("since_date", sa.Date(), nullable=False),
        sa.Column("value_usd", Exact(), nullable=False),
        sa.PrimaryKeyConstraint(
            "portfolio_id", "symbol", "entry_date", "since_date", name="pk_manual_values"
        ),
    )
    op.execute(_FIRST_VALUES)
    for name in _COUNTS:
        op.add_column("portfolio_snapshots", sa.Column(name, sa.Integer(), nullable=True))
    for name in _SNAPSHOT:
        op.add_column("portfolio_snapshots", sa.Column(name, Exact(), nullable=True))
    for name in _STATISTICS:
        op.add_column("portfolio_snapshots", sa.Column(name, sa.Float(53), nullable=True))
    for name in _POSITION:
        op.add_column("portfolio_positions", sa.Column(name, Exact(), nullable=True))


def downgrade() -> None:
    for name in reversed(_POSITION):
        op.drop_column("portfolio_positions", name)
    for name in reversed((*_COUNTS, *_SNAPSHOT, *_STATISTICS)):
        op.drop_column("portfolio_snapshots", name)
    op.drop_table("manual_values")
    op.drop_column("transactions", "lot_date")
