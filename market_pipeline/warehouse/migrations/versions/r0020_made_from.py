"""Snapshots keep a digest of what they were made from.

Rows from before have none: nothing is chained from them, and making a session anew fills it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("portfolio_snapshots", sa.Column("made_from", sa.String(32), nullable=True))


def downgrade() -> None:
    op.drop_column("portfolio_snapshots", "made_from")
