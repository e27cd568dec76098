"""Stories count the publishers that tell them; they counted items, an article once a path.

Rows change, no table does. The count follows the rule of `count_tellers` in this version.
"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from market_pipeline.domain.headlines import count_tellers

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_stories = sa.table(
    "headlines",
    sa.column("published_date", sa.Date()),
    sa.column("headline_hash", sa.String()),
    sa.column("source_count", sa.Integer()),
)
_items = sa.table(
    "headline_sources",
    sa.column("story_date", sa.Date()),
    sa.column("headline_hash", sa.String()),
    sa.column("publisher", sa.String()),
)
_OF_STORY = sa.and_(
    _items.c.story_date == _stories.c.published_date,
    _items.c.headline_hash == _stories.c.headline_hash,
)


def upgrade() -> None:
    connection = op.get_bind()
    # A story of one item has one teller already.
    told = (
        sa.select(_items.c.story_date, _items.c.headline_hash, _items.c.publisher)
        .join(_stories, _OF_STORY)
        .where(_stories.c.source_count > 1)
        .distinct()
    )
    publishers = defaultdict(set)
    for row in connection.execute(told):
        publishers[row.story_date, row.headline_hash].add(row.publisher)
    changed = [
        {"day": day, "name": name, "tellers": count_tellers(names)}
        for (day, name), names in publishers.items()
    ]
    if changed:
        this = sa.and_(
            _stories.c.published_date == sa.bindparam("day", type_=sa.Date()),
            _stories.c.headline_hash == sa.bindparam("name"),
        )
        tellers = sa.bindparam("tellers", type_=sa.Integer())
        connection.execute(sa.update(_stories).where(this).values(source_count=tellers), changed)


def downgrade() -> None:
    items = sa.select(sa.func.count()).select_from(_items).where(_OF_STORY).scalar_subquery()
    op.get_bind().execute(sa.update(_stories).values(source_count=items))
