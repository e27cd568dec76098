"""Corporate actions, the record of bars that vendors restated, and the quality of prices.

Actions of bars that are stored already are filled from them.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FILL = """
    INSERT INTO corporate_actions
        (ex_date, symbol, kind, value, source, fetched_at, first_seen_at)
    SELECT session_date, symbol, '{kind}', {column}, source, fetched_at, fetched_at
    FROM equity_bars WHERE {column} > 0 AND {column} <> {nothing}
"""


def upgrade() -> None:
    op.create_table(
        "corporate_actions",
        sa.Column("ex_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("ex_date", "symbol", "kind", name="pk_corporate_actions"),
        info={"partition": "ex_date"},
    )
    op.create_table(
        "bar_restatements",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=16), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("old_value", sa.Float(precision=53), nullable=True),
        sa.Column("new_value", sa.Float(precision=53), nullable=True),
        sa.Column("old_source", sa.String(length=40), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("old_fetched_at", Instant(), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint(
            "session_date", "symbol", "field", "seen_at", name="pk_bar_restatements"
        ),
        info={"partition": "session_date"},
    )
    op.create_table(
        "price_quality",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("priced", sa.Integer(), nullable=False),
        sa.Column("flagged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("validation_rate", sa.Float(precision=53), nullable=False),
        sa.Column("quality_score", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", name="pk_price_quality"),
        info={"partition": "session_date"},
    )
    op.create_table(
        "second_opinions",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("return_1d", sa.Float(precision=53), nullable=True),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session_date", "symbol", "source", name="pk_second_opinions"),
        info={"partition": "session_date"},
    )
    op.add_column("enrichment_compute_log", sa.Column("noted_at", Instant(), nullable=True))
    op.execute(_FILL.format(kind="dividend", column="dividend_usd", nothing=0))
    op.execute(_FILL.format(kind="split", column="split_ratio", nothing=1))


def downgrade() -> None:
    op.drop_column("enrichment_compute_log", "noted_at")
    for table in ("second_opinions", "price_quality", "bar_restatements", "corporate_actions"):
        op.drop_table(table)
