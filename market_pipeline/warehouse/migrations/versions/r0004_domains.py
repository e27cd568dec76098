"""A publisher and its own domain are one teller: stories that count both are counted again.

Rows change, no table does. The count follows the rule of `count_tellers` in this version.
"""

from alembic import op

from market_pipeline.warehouse.migrations.tellers import count_again

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_again(op.get_bind())


def downgrade() -> None:
    """Leave the counts: the rule before is not in this version, and no table differs."""
