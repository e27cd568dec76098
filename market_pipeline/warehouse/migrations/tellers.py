"""Counting anew who tells each stored story: what revisions do when the rule has changed."""

from collections import defaultdict

import sqlalchemy as sa

from market_pipeline.domain.publishers import count_tellers

stories = sa.table(
    "headlines",
    sa.column("published_date", sa.Date()),
    sa.column("headline_hash", sa.String()),
    sa.column("source_count", sa.Integer()),
)
items = sa.table(
    "headline_sources",
    sa.column("story_date", sa.Date()),
    sa.column("headline_hash", sa.String()),
    sa.column("publisher", sa.String()),
)
OF_STORY = sa.and_(
    items.c.story_date == stories.c.published_date,
    items.c.headline_hash == stories.c.headline_hash,
)


def count_again(connection: sa.Connection) -> None:
    """Make the count of every story that of `count_tellers` in this version."""
    # A story counted as told by one, all of whose items name one publisher, is right already.
    others = items.alias()
    is_told_otherwise = sa.exists().where(
        others.c.story_date == items.c.story_date,
        others.c.headline_hash == items.c.headline_hash,
        others.c.publisher != items.c.publisher,
    )
    told = (
        sa.select(items.c.story_date, items.c.headline_hash, items.c.publisher)
        .join(stories, OF_STORY)
        .where(sa.or_(stories.c.source_count > 1, is_told_otherwise))
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
            stories.c.published_date == sa.bindparam("day", type_=sa.Date()),
            stories.c.headline_hash == sa.bindparam("name"),
        )
        tellers = sa.bindparam("tellers", type_=sa.Integer())
        connection.execute(sa.update(stories).where(this).values(source_count=tellers), changed)
