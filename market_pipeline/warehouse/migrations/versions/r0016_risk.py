"""The risk of portfolios: exposures to factors, stress, value at risk."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_LOSSES = tuple(
    f"{kind}_{measure}_{level}_usd"
    for kind in ("historical", "factor")
    for measure in ("var", "es")
    for level in (95, 99)
)


def upgrade() -> None:
    _risk()
    _positions()
    _portfolios()
    _stress()


def downgrade() -> None:
    op.drop_table("portfolio_stress")
    op.drop_table("portfolio_factor_exposures")
    op.drop_table("position_factor_exposures")
    op.drop_table("portfolio_risk")


def _risk() -> None:
    op.create_table(
        "portfolio_risk",
        *_key(),
        *_numbers("delta_usd", "gamma_usd", "vega_usd", "theta_usd", nullable=False),
        sa.Column("options_without_greeks", sa.Integer(), nullable=False),
        *_numbers("beta_market"),
        sa.Column("sector_weights", sa.Text(), nullable=False),
        *_numbers("factor_volatility_usd", "specific_volatility_usd", *_LOSSES),
        sa.Column("scenario_days", sa.Integer(), nullable=False),
        *_numbers("historical_covered_pct", "factor_covered_pct"),
        sa.Column("uncovered_symbols", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "portfolio_id", name="pk_portfolio_risk"),
    )


def _positions() -> None:
    op.create_table(
        "position_factor_exposures",
        *_key(),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("asset_class", sa.String(length=16), nullable=False),
        sa.Column("factor", sa.String(length=40), nullable=False),
        sa.Column("moves_with", sa.String(length=32), nullable=False),
        *_numbers("base_usd", "beta", "exposure_usd", nullable=False),
        *_numbers("risk_share"),
        sa.Column("quality", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_date", "portfolio_id", "symbol", "asset_class", "factor",
            name="pk_position_factor_exposures",
        ),
    )  # fmt: skip


def _portfolios() -> None:
    op.create_table(
        "portfolio_factor_exposures",
        *_key(),
        sa.Column("factor", sa.String(length=40), nullable=False),
        *_numbers("beta"),
        *_numbers("exposure_usd", nullable=False),
        *_numbers("risk_share", "covered_pct"),
        sa.Column("quality", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_date", "portfolio_id", "factor", name="pk_portfolio_factor_exposures"
        ),
    )


def _stress() -> None:
    op.create_table(
        "portfolio_stress",
        *_key(),
        sa.Column("scenario", sa.String(length=60), nullable=False),
        sa.Column("factor", sa.String(length=40), nullable=False),
        *_numbers("shock_pct", "pnl_usd", nullable=False),
        *_numbers("covered_pct"),
        sa.PrimaryKeyConstraint(
            "session_date", "portfolio_id", "scenario", name="pk_portfolio_stress"
        ),
    )


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("portfolio_id", sa.String(length=64), nullable=False),
    ]


def _numbers(*names: str, nullable: bool = True) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float(53), nullable=nullable) for name in names]
