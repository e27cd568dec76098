"""Finding the story each telling tells, inside the transaction that stores it.

Only tellings under the lock of `headlines` come here, so what is looked up cannot change before
it is written. Memory holds one batch and its candidates, however much is stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import sqlalchemy as sa

from market_pipeline.domain.publishers import publisher_family
from market_pipeline.domain.stories import StoryItem, may_join
from market_pipeline.domain.story_titles import match_keys, read_title
from market_pipeline.domain.tellings import Telling, joined_symbols
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
    """A story as this batch changes it: new with its first telling, or stored and joined.

    `symbols` are those it has after the batch, `match_keys` those to be stored beside the ones
    it has.
    """

    key: StoryKey
    first: Telling | None
    symbols: frozenset[str]
    match_keys: set[int] = field(default_factory=set)
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
    index = _Index(timedelta(days=window_days))
    named = ((t.published_date, t.headline_hash) for t in fresh)
    index.load(connection, {*known.values(), *named, *index.met(connection, fresh)})
    stories: dict[StoryKey, Story] = {}
    for telling in tellings:
        key = known.get((telling.published_date, telling.item_hash))
        is_known, similarity = key is not None, SAME
        if key is None:
            key, similarity = index.story_of(telling)
        if key is None:
            key = (telling.published_date, telling.headline_hash)
            stories[key] = Story(key, telling, telling.item.symbols)
            stories[key].match_keys.update(index.add(key, telling.item))
        else:
            symbols = index.symbols_of(key)
            story = stories.setdefault(key, Story(key, None, symbols))
            story.match_keys.update(index.widen(key, joined_symbols(symbols, telling.symbols)))
            story.symbols = index.symbols_of(key)
        if is_known:
            stories[key].again.append(telling)
        else:
            stories[key].tellings.append((telling, similarity))
    return stories


class _Index:
    """The stories a batch may join: those stored that share a match key, and its own new ones."""

    def __init__(self, window: timedelta) -> None:
        self._window = window
        self._items: dict[StoryKey, StoryItem] = {}
        self._by_match: dict[int, list[StoryKey]] = {}

    def met(self, connection: sa.Connection, tellings: Sequence[Telling]) -> set[StoryKey]:
        """Find the stored stories that share a match key with a telling, within the window."""
        if not tellings:
            return set()
        wanted = {key for telling in tellings for key in telling.item.keys}
        days = [telling.published_date for telling in tellings]
        columns = headline_match_keys.c
        rows = connection.execute(
            sa.select(columns.match_key, columns.published_date, columns.headline_hash).where(
                among(connection, columns.match_key, wanted),
                columns.published_date.between(min(days) - self._window, max(days) + self._window),
            )
        )
        found: set[StoryKey] = set()
        for match, day, name in rows:
            found.add((day, name))
            self._by_match.setdefault(match, []).append((day, name))
        return found

    def load(self, connection: sa.Connection, stories: Iterable[StoryKey]) -> None:
        """Read those of `stories` that are stored."""
        self._items.update(_items_of(connection, stories))

    def add(self, key: StoryKey, item: StoryItem) -> frozenset[int]:
        """Know a story this batch begins; give its match keys."""
        self._items[key] = item
        return self._found_by(key, item.keys)

    def symbols_of(self, key: StoryKey) -> frozenset[str]:
        """Give the symbols a story has by now."""
        if key not in self._items:
            raise LookupError(f"story {key} has tellings and no headline")
        return self._items[key].symbols

    def widen(self, key: StoryKey, symbols: frozenset[str]) -> frozenset[int]:
        """Let a story be about `symbols`; give the match keys it has from that on."""
        item = self._items[key]
        new = symbols - item.symbols
        if not new:
            return frozenset()
        self._items[key] = replace(item, symbols=symbols)
        return self._found_by(key, match_keys(item.title, new))

    def _found_by(self, key: StoryKey, keys: frozenset[int]) -> frozenset[int]:
        for match in keys:
            self._by_match.setdefault(match, []).append(key)
        return keys

    def story_of(self, telling: Telling) -> tuple[StoryKey | None, float]:
        """Give the story it joins and how alike they are; None where it is the first of one."""
        own = (telling.published_date, telling.headline_hash)
        if own in self._items:
            return own, SAME
        met = {key for match in telling.item.keys for key in self._by_match.get(match, ())}
        best: tuple[float, StoryKey] | None = None
        for key in sorted(met):  # of equals the earliest
            if abs(key[0] - own[0]) > self._window:
                continue
            likeness = may_join(telling.item, self._items[key], self._window)
            if likeness is not None and (best is None or likeness > best[0]):
                best = (likeness, key)
        return (None, SAME) if best is None else (best[1], best[0])


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
