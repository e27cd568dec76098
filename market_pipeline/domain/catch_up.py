"""What an outage left out, and which of it is asked for next: pure functions over dates.

Belongs here: how much at once, how often again, when it is given up. Does not: what is there
already or what runs (`automation`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import pairwise, takewhile

AGAIN_AFTER = (
    timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), *(timedelta(days=1),) * 4
)  # fmt: skip
"""How long after each attempt that left a date missing it is asked for again; then no more."""

TOLD_AFTER = 3
"""Attempts at a date that came to nothing before a person is told, and what was waited for is gone
on without."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Dates without a gap, first to last, and the assets to be made for all of them."""

    first: date
    last: date
    assets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a date was asked for in vain, and when that was last seen.

    `went_on`: what matters most was asked for without what it waits for.
    """

    times: int
    at: datetime
    went_on: bool = False

    @property
    def is_given_up(self) -> bool:
        """Whether it is not asked for by itself any more."""
        return self.times > len(AGAIN_AFTER)

    def is_due(self, now: datetime) -> bool:
        """Say whether it may be asked for again."""
        return not self.is_given_up and now >= self.at + AGAIN_AFTER[self.times - 1]


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered between two looks: where the watch begins, what was asked, what failed.

    `since` is the first date that is looked at; every one before it is settled, or never was ours.
    `seen` is the instant up to which all that follows from changed inputs was made anew, `pasts`
    the name of what files and corporate actions told when every snapshot was made from that.
    """

    since: date
    asked: tuple[date, date] | None = None
    tried: Mapping[date, Tried] = field(default_factory=dict)
    seen: datetime | None = None
    pasts: str = ""


def noted(memory: Memory, missing: Iterable[date], now: datetime) -> Memory:
    """Note, once nothing runs any more, which dates that were asked for are still missing."""
    still = set(missing)
    tried = {day: known for day, known in memory.tried.items() if day in still}
    if memory.asked is not None:
        first, last = memory.asked
        for day in still:
            if first <= day <= last:
                known = tried.get(day, Tried(0, now))
                tried[day] = replace(known, times=known.times + 1, at=now)
    return replace(memory, asked=None, tried=tried)


def to_go_on_with(waiting: Iterable[date], tried: Mapping[date, Tried]) -> date | None:
    """Give the oldest of the `waiting` dates that was tried often enough, and not gone on with."""
    return next(
        (
            day
            for day in sorted(waiting)
            if day in tried and tried[day].times >= TOLD_AFTER and not tried[day].went_on
        ),
        None,
    )


def next_stretch(
    due: Sequence[date],
    missing: Mapping[date, frozenset[str]],
    tried: Mapping[date, Tried],
    now: datetime,
    most: int,
) -> Stretch | None:
    """Give what to ask for next: the oldest of `missing` that may be asked for, and what follows.

    `due` are all dates that should be there, rising; `missing` has the assets that a date lacks. At
    most `most` neighbours that lack the same are one stretch. A date that was tried in vain goes
    alone, so that one that cannot be made takes no other along, and after those that were not
    tried: hundreds that cannot be made hold up no other.
    """
    ready = [d for d in due if d in missing and (d not in tried or tried[d].is_due(now))]
    if not ready:
        return None
    fresh = [day for day in ready if day not in tried][:most]
    if not fresh:
        return Stretch(ready[0], ready[0], missing[ready[0]])
    first = fresh[0]
    place = {day: at for at, day in enumerate(due)}
    joined = takewhile(
        lambda pair: place[pair[1]] == place[pair[0]] + 1 and missing[pair[1]] == missing[first],
        pairwise(fresh),
    )
    last = max((after for _, after in joined), default=first)
    return Stretch(first, last, missing[first])


def settled(due: Sequence[date], missing: Iterable[date], kept: int) -> date:
    """Give the date from which to look next time: the oldest missing one, `kept` dates at least."""
    recent = due[max(len(due) - kept, 0)]
    return min([*missing, recent])


def with_all_below(
    assets: Iterable[str], children: Mapping[str, Iterable[str]], among: Iterable[str]
) -> frozenset[str]:
    """Add to `assets` those `among` which are made from them, directly or not."""
    wanted, found, open_ = set(among), set(assets), list(assets)
    while open_:
        fresh = (set(children.get(open_.pop(), ())) & wanted) - found
        found |= fresh
        open_ += fresh
    return frozenset(found)
