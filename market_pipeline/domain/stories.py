"""Stories: when two headlines tell the same news, and when they only look alike.

Belongs here: the verdict on two titles and on two items. Does not: reading titles and their match
keys (`story_titles`), keeping stories. A doubt is a no: a story shown twice costs a glance, one
hidden behind another is lost.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.story_titles import (
    EXACT_UP_TO,
    OPENING_WORDS,
    Title,
    extra_words,
    is_binding,
    is_filler,
    is_movable,
    is_name,
    match_keys,
    one_spelling,
    read_title,
    tokens_of,
)

__all__ = [
    "StoryItem",
    "Title",
    "match_keys",
    "may_join",
    "read_title",
    "same_story",
    "tokens_of",
]

SAME_EDITION = timedelta(hours=12)

_SHORTEST_CUT = 30
_SHORTEST_SILENT_CUT = 60
_SAME = 100.0


@dataclass(frozen=True)
class StoryItem:
    """A headline with what else decides whether it joins another; `published_at` is aware."""

    title: Title
    publisher_family: str
    published_at: datetime
    symbols: frozenset[str]

    @cached_property
    def keys(self) -> frozenset[int]:
        """The keys by which it finds what it may join (`match_keys`)."""
        return match_keys(self.title, self.symbols)


def same_story(one: Title, other: Title) -> float | None:
    """Give the similarity of two titles, above 0 to 100, where they tell one story, else None.

    They do where both make the same claims (numbers, negations, directions, measures, hedges),
    one has all the words of the other and at most `extra_words` more, and what they share
    stands in the same order; or where one is the other cut short. So a word in another's place
    is another story: "Apple beats" is not "Amazon beats". Symmetric.
    """
    if one.claims == other.claims and one.is_cut == other.is_cut:
        small, large = sorted((one, other), key=lambda title: len(title.distinct))
        if _contains(large, small):
            return _likeness(one, other)
    if not one.is_cut and not other.is_cut and len(one.text) == len(other.text):
        return None
    short, long = sorted((one, other), key=lambda title: len(title.text))
    return _likeness(one, other) if _is_cut_from(short, long) else None


def may_join(one: StoryItem, other: StoryItem, window: timedelta) -> float | None:
    """Give the similarity where two items are one story, else None.

    Titles decide (`same_story`), within limits. Items more than `window` apart are two stories.
    So are items of one publisher, and titles without a rare word or number ("Stocks rise"),
    unless within 12 hours or on one New York day: columns recur. Items without a common symbol
    join only where their texts are equal. Symmetric; never a pair without a common match key.
    """
    apart = abs(one.published_at - other.published_at)
    if apart > window:
        return None
    recurs = one.publisher_family == other.publisher_family or one.title.is_generic
    if recurs and apart > SAME_EDITION and _day(one) != _day(other):
        return None
    if one.symbols.isdisjoint(other.symbols) and one.title.text != other.title.text:
        return None
    return same_story(one.title, other.title)


def _contains(large: Title, small: Title) -> bool:
    """Say whether `large` has all of `small` in its order, and little more."""
    if not large.content or not small.content:
        return bool(large.text) and large.text == small.text
    if large.distinct == small.distinct:
        agree = True
    else:
        extra = len(large.distinct) - len(small.distinct)
        agree = (
            len(small.distinct) > EXACT_UP_TO
            and extra <= extra_words(len(large.distinct))
            and small.distinct <= large.distinct
            and not _names_grow(large, small.distinct)
        )
    years_agree = not large.years or not small.years or large.years == small.years
    return agree and years_agree and _same_order(large, small)


def _names_grow(large: Title, shared: frozenset[str]) -> bool:
    """Say whether an extra word makes a shared name another one, or one firm more.

    "Samsung SDI" is not "Samsung", "Apple and Google" not "Apple"; "Apple stock" is Apple's.
    """
    words = [word for word in large.words if word != "and" and word.isalpha()]
    for one, other in pairwise(words):
        if is_name(one) and one in shared:
            if not (other in shared or other == "stock" or is_filler(other) or is_binding(other)):
                return True
        elif is_name(one) and is_name(other) and other in shared:
            return True
    return False


def _same_order(large: Title, small: Title) -> bool:
    """Say whether shared words stand in one order, so that nobody changed roles.

    A single claim word may stand elsewhere, if it passes no name: "Q3 profit beats estimates"
    is "beats Q3 profit estimates".
    """
    left = [word for word in large.content if word in small.distinct]
    right = list(small.content)
    if left == right:
        return True
    moving = [word for word in left if is_movable(word)]
    if len(moving) != 1 or right.count(moving[0]) != 1:
        return False
    before, after = left.index(moving[0]), right.index(moving[0])
    left.remove(moving[0])
    right.remove(moving[0])
    passed = left[min(before, after) : max(before, after)]
    return left == right and not any(is_name(word) for word in passed)


def _is_cut_from(short: Title, long: Title) -> bool:
    """Say whether `short` is the beginning of `long`, broken off by dots or inside a word."""
    opening = short.content[:OPENING_WORDS]
    if len(opening) < OPENING_WORDS or opening != long.content[:OPENING_WORDS]:
        return False
    if not long.text.startswith(short.text):
        return False
    rest = long.text[len(short.text) :]
    if not rest:
        return short.is_cut or long.is_cut
    if short.text[-1].isdigit() and rest[0] != " ":
        return False
    if short.is_cut:
        return len(short.text) >= _SHORTEST_CUT
    return len(short.text) >= _SHORTEST_SILENT_CUT and _breaks_off(short, rest)


def _breaks_off(short: Title, rest: str) -> bool:
    last = short.text.rpartition(" ")[2]
    if rest[0] == " ":
        return is_filler(last)
    return one_spelling(last) != one_spelling(last + rest.partition(" ")[0])


def _likeness(one: Title, other: Title) -> float:
    if one.content == other.content:
        return _SAME
    if one.text.startswith(other.text) or other.text.startswith(one.text):
        return float(fuzz.ratio(one.text, other.text))
    return float(100 * Indel.normalized_similarity(one.content, other.content))


def _day(item: StoryItem) -> object:
    return item.published_at.astimezone(NEW_YORK).date()
