"""Which assets a run was to make: what makes up for one that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch_run_history", sa.Column("assets", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("batch_run_history", "assets")
