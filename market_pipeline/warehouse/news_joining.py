"""Finding the story each telling tells, inside the transaction that stores it.

Only tellings under the lock of `headlines` come here, so what is looked up cannot change before
it is written. Memory holds one batch and its candidates, however much is stored.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import sqlalchemy as sa

from market_pipeline.domain.headlines import publisher_family
from market_pipeline.domain.stories import StoryItem, may_join
from market_pipeline.domain.story_titles import read_title
from market_pipeline.domain.tellings import Telling
from market_pipeline.warehouse.membership import among, grouped_by_day
from market_pipeline.warehouse.news_tables import (
    headline_match_keys,
    headline_sources,
    headlines,
)

StoryKey = tuple[date, str]
"""A story's published_date and headline_hash."""

SAME = 100.0
"""The similarity of a telling to a story of its own name."""


@dataclass(slots=True)
class Story:
    """A story as this batch changes it: new with its first telling, or stored and joined."""

    key: StoryKey
    first: Telling | None
    tellings: list[tuple[Telling, float]] = field(default_factory=list)
    again: list[Telling] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        """Whether it is not stored yet."""
        return self.first is not None


def known_items(
    connection: sa.Connection, tellings: Sequence[Telling]
) -> dict[tuple[date, str], StoryKey]:
    """Give the story of each telling that is part of one already, by date and item hash."""
    columns = headline_sources.c
    found: dict[tuple[date, str], StoryKey] = {}
    for day, hashes in grouped_by_day((t.published_date, t.item_hash) for t in tellings):
        rows = connection.execute(
            sa.select(columns.item_hash, columns.story_date, columns.headline_hash).where(
                columns.published_date == day, among(connection, columns.item_hash, hashes)
            )
        )
        found |= {(day, row.item_hash): (row.story_date, row.headline_hash) for row in rows}
    return found


def join_stories(
    connection: sa.Connection, tellings: Sequence[Telling], window_days: int
) -> dict[StoryKey, Story]:
    """Give the stories that `tellings`, first seen first, make or change.

    A telling that is part of a story already stays there; one named like a story joins it; one
    much like a story within `window_days` joins the most alike; any other is a new story.
    """
    known = known_items(connection, tellings)
    fresh = [t for t in tellings if (t.published_date, t.item_hash) not in known]
    index = _Index(window_days)
    index.add_named(_stored_names(connection, fresh))
    index.add_candidates(connection, fresh)
    stories: dict[StoryKey, Story] = {}
    for telling in tellings:
        at_home = known.get((telling.published_date, telling.item_hash))
        if at_home is not None:
            stories.setdefault(at_home, Story(at_home, None)).again.append(telling)
            continue
        key, similarity = index.story_of(telling)
        if key is None:
            key, similarity = (telling.published_date, telling.headline_hash), SAME
            stories[key] = Story(key, telling)
            index.add_new(key, telling)
        stories.setdefault(key, Story(key, None)).tellings.append((telling, similarity))
    return stories


def _stored_names(connection: sa.Connection, tellings: Sequence[Telling]) -> Iterator[StoryKey]:
    columns = headlines.c
    for day, hashes in grouped_by_day((t.published_date, t.headline_hash) for t in tellings):
        named = among(connection, columns.headline_hash, hashes)
        rows = connection.scalars(
            sa.select(columns.headline_hash).where(columns.published_date == day, named)
        )
        yield from ((day, name) for name in rows)


class _Index:
    """The stories a batch may join: those stored that share a match key, and its own new ones."""

    def __init__(self, window_days: int) -> None:
        self._window = timedelta(days=window_days)
        self._named: set[StoryKey] = set()
        self._items: dict[StoryKey, StoryItem] = {}
        self._by_match: dict[int, list[StoryKey]] = {}

    def add_named(self, stories: Iterable[StoryKey]) -> None:
        """Know stored stories by their name."""
        self._named.update(stories)

    def add_candidates(self, connection: sa.Connection, tellings: Sequence[Telling]) -> None:
        """Load the stored stories that share a match key with a telling, within the window."""
        if not tellings:
            return
        wanted = {key for telling in tellings for key in telling.item.title.keys}
        days = [telling.published_date for telling in tellings]
        columns = headline_match_keys.c
        rows = connection.execute(
            sa.select(columns.match_key, columns.published_date, columns.headline_hash).where(
                among(connection, columns.match_key, wanted),
                columns.published_date.between(min(days) - self._window, max(days) + self._window),
            )
        ).all()
        for match, day, name in rows:
            self._by_match.setdefault(match, []).append((day, name))
        self._items |= dict(_items_of(connection, self._possible(connection, tellings)))

    def _possible(
        self, connection: sa.Connection, tellings: Sequence[Telling]
    ) -> Iterator[StoryKey]:
        """Give the stories met that `may_join` could accept, by what is cheap to know of them.

        A story without a common symbol must have the telling's text, and so all of its keys.
        """
        met = [self._shared_keys(telling) for telling in tellings]
        symbols = dict(_symbols_of(connection, {key for shared in met for key in shared}))
        for telling, shared in zip(tellings, met, strict=True):
            own, all_keys = telling.item.symbols, len(telling.item.title.keys)
            for key, count in shared.items():
                theirs = symbols.get(key, ())
                if count == all_keys or not own or not own.isdisjoint(theirs):
                    yield key

    def _shared_keys(self, telling: Telling) -> Counter[StoryKey]:
        """Count the match keys each story met shares with a telling."""
        by_match = self._by_match
        return Counter(key for match in telling.item.title.keys for key in by_match.get(match, ()))

    def add_new(self, key: StoryKey, telling: Telling) -> None:
        """Know a story this batch begins."""
        self._named.add(key)
        self._items[key] = telling.item
        for match in telling.item.title.keys:
            self._by_match.setdefault(match, []).append(key)

    def story_of(self, telling: Telling) -> tuple[StoryKey | None, float]:
        """Give the story it joins and how alike they are; None where it is a new one."""
        own = (telling.published_date, telling.headline_hash)
        if own in self._named:
            return own, SAME
        met = {key for match in telling.item.title.keys for key in self._by_match.get(match, ())}
        best: tuple[float, StoryKey] | None = None
        for key in sorted(met & self._items.keys()):  # of equals the earliest
            if abs(key[0] - own[0]) > self._window:
                continue
            likeness = may_join(telling.item, self._items[key], self._window)
            if likeness is not None and (best is None or likeness > best[0]):
                best = (likeness, key)
        return (None, 0.0) if best is None else (best[1], best[0])


def _symbols_of(
    connection: sa.Connection, stories: Iterable[StoryKey]
) -> Iterator[tuple[StoryKey, list[str]]]:
    columns = headlines.c
    for day, hashes in grouped_by_day(stories):
        named = among(connection, columns.headline_hash, hashes)
        chosen = sa.select(columns.headline_hash, columns.symbols)
        for name, symbols in connection.execute(chosen.where(columns.published_date == day, named)):
            yield (day, name), symbols.split(",")


def _items_of(
    connection: sa.Connection, stories: Iterable[StoryKey]
) -> Iterator[tuple[StoryKey, StoryItem]]:
    columns = headlines.c
    chosen = (columns.headline_hash, columns.headline, columns.publisher, columns.published_at,
              columns.symbols)  # fmt: skip
    for day, hashes in grouped_by_day(stories):
        named = among(connection, columns.headline_hash, hashes)
        rows = connection.execute(sa.select(*chosen).where(columns.published_date == day, named))
        for row in rows:
            item = StoryItem(
                read_title(row.headline), publisher_family(row.publisher), row.published_at,
                frozenset(row.symbols.split(",")),
            )  # fmt: skip
            yield (day, row.headline_hash), item
