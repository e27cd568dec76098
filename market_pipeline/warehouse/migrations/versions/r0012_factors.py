"""Factor definitions by version, results that name theirs, what they replaced, fuller metrics.

Results stored so far are those of the first version of the definition that bears the factor's name.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NUMBERS = ("beta", "std_error", "t_stat", "r_squared", "residual_volatility")
_FIGURES = (
    "return_mtd_pct", "return_6m_pct", "return_1y_pct", "volatility_trend_pct",
    "volatility_21d_percentile", "volatility_63d_percentile", "drawdown_1y_pct",
    "market_cap_usd", "trailing_pe", "price_to_sales", "price_to_book",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "factor_definitions",
        sa.Column("name", sa.String(24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("proxies", sa.String(400), nullable=False),
        sa.Column("window", sa.Integer(), nullable=False),
        sa.Column("min_observations", sa.Integer(), nullable=False),
        sa.Column("cap", sa.Float(53), nullable=False),
        sa.Column("penalty", sa.Float(53), nullable=False),
        sa.Column("half_life", sa.Float(53), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", "version", name="pk_factor_definitions"),
    )
    op.create_table(
        "superseded_factor_exposures",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("factor", sa.String(40), nullable=False),
        *(sa.Column(name, sa.Float(53), nullable=True) for name in _NUMBERS),
        sa.Column("observations", sa.Integer(), nullable=False),
        sa.Column("window_first_date", sa.Date(), nullable=False),
        sa.Column("quality", sa.String(20), nullable=False),
        sa.Column("method", sa.String(40), nullable=False),
        sa.Column("definition", sa.String(24), nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_date", "symbol", "factor", "definition_version",
            name="pk_superseded_factor_exposures",
        ),
    )  # fmt: skip
    op.add_column("symbol_factor_exposures", sa.Column("definition", sa.String(24), nullable=True))
    op.add_column(
        "symbol_factor_exposures", sa.Column("definition_version", sa.Integer(), nullable=True)
    )
    op.execute("UPDATE symbol_factor_exposures SET definition = factor, definition_version = 1")
    with op.batch_alter_table("symbol_factor_exposures") as changed:
        changed.alter_column("beta", existing_type=sa.Float(53), nullable=True)
        changed.alter_column("definition", existing_type=sa.String(24), nullable=False)
        changed.alter_column("definition_version", existing_type=sa.Integer(), nullable=False)
    for name in _FIGURES:
        op.add_column("symbol_daily_metrics", sa.Column(name, sa.Float(53), nullable=True))
    op.add_column("symbol_daily_metrics", sa.Column("fundamentals_date", sa.Date(), nullable=True))
    op.add_column("symbol_daily_metrics", sa.Column("sector", sa.String(120), nullable=True))
    op.add_column("symbol_daily_metrics", sa.Column("betas", sa.Text(), nullable=True))


def downgrade() -> None:
    for name in ("betas", "sector", "fundamentals_date", *reversed(_FIGURES)):
        op.drop_column("symbol_daily_metrics", name)
    op.execute("DELETE FROM symbol_factor_exposures WHERE beta IS NULL")
    with op.batch_alter_table("symbol_factor_exposures") as changed:
        changed.alter_column("beta", existing_type=sa.Float(53), nullable=False)
        changed.drop_column("definition_version")
        changed.drop_column("definition")
    op.drop_table("superseded_factor_exposures")
    op.drop_table("factor_definitions")
