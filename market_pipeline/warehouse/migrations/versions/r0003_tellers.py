"""Stories count the publishers that tell them; they counted items, an article once a path.

Rows change, no table does. The count follows the rule of `count_tellers` in this version.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.migrations.tellers import OF_STORY, count_again, items, stories

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    count_again(op.get_bind())


def downgrade() -> None:
    told = sa.select(sa.func.count()).select_from(items).where(OF_STORY).scalar_subquery()
    op.get_bind().execute(sa.update(stories).values(source_count=told))
