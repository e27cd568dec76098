"""What is asked for after an outage: all of it, oldest first, bounded, and not for ever."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.catch_up import (
    AGAIN_AFTER,
    Memory,
    Stretch,
    Tried,
    next_stretch,
    noted,
    settled,
    with_all_below,
)
from market_pipeline_tests.fakes import CALENDAR

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DUE = CALENDAR.sessions(date(2026, 10, 26), date(2026, 11, 25))
ALL, SOME = frozenset({"bars", "factors"}), frozenset({"factors"})


def test_neighbours_that_lack_the_same_are_one_stretch() -> None:
    """Over weekends, and no longer than is allowed."""
    missing = dict.fromkeys(DUE[3:10], ALL)
    assert next_stretch(DUE, missing, {}, NOW, 20) == Stretch(DUE[3], DUE[9], ALL)
    assert next_stretch(DUE, missing, {}, NOW, 2) == Stretch(DUE[3], DUE[4], ALL)
    assert next_stretch(DUE, missing | {DUE[5]: SOME}, {}, NOW, 20) == Stretch(DUE[3], DUE[4], ALL)
    del missing[DUE[4]]
    assert next_stretch(DUE, missing, {}, NOW, 20) == Stretch(DUE[3], DUE[3], ALL)


def test_a_date_that_was_tried_goes_alone_and_holds_up_none() -> None:
    """Those never asked for go first, also once its turn has come: many of it are no queue."""
    missing = dict.fromkeys(DUE[3:6], ALL)
    tried = {DUE[3]: Tried(1, NOW)}
    later = NOW + AGAIN_AFTER[0]
    for now in (NOW, later):
        assert next_stretch(DUE, missing, tried, now, 20) == Stretch(DUE[4], DUE[5], ALL)
    tried = dict.fromkeys(DUE[3:6], Tried(1, NOW))
    assert next_stretch(DUE, missing, tried, NOW, 20) is None
    assert next_stretch(DUE, missing, tried, later, 20) == Stretch(DUE[3], DUE[3], ALL)


def test_it_is_given_up_after_the_last_wait() -> None:
    """Attempts are bounded, and lie further apart each time."""
    missing, day, now, asked_at = {DUE[0]: ALL}, DUE[0], NOW, []
    memory = Memory(day)
    for _ in range(14 * 24 * 6):
        memory = noted(memory, missing, now)
        if next_stretch(DUE, missing, memory.tried, now, 20) is not None:
            asked_at.append(now - NOW)
            memory = Memory(day, (day, day), memory.tried)
        now += timedelta(minutes=10)
    assert len(asked_at) == 1 + len(AGAIN_AFTER)
    waits = [after - before for before, after in pairwise(asked_at)]
    assert waits == sorted(waits)
    assert memory.tried[day].is_given_up


def test_what_is_there_is_forgotten() -> None:
    """A date that was made, by whomever, has a clean record."""
    memory = Memory(DUE[0], (DUE[0], DUE[2]), {DUE[0]: Tried(2, NOW)})
    assert noted(memory, [DUE[1], DUE[5]], NOW) == Memory(DUE[0], None, {DUE[1]: Tried(1, NOW)})


def test_the_watch_goes_on_from_what_is_missing() -> None:
    """And looks at the last dates once more, whatever."""
    assert settled(DUE, [DUE[2], DUE[9]], 5) == DUE[2]
    assert settled(DUE, [], 5) == DUE[-5]
    assert settled(DUE, [], 500) == DUE[0]


def test_what_hangs_on_an_asset_is_made_with_it() -> None:
    """Within the job, and through everything between."""
    children = {"bars": ["cache"], "cache": ["factors", "other"], "factors": ["bars"]}
    assert with_all_below(["bars"], children, ["bars", "cache", "factors"]) == {
        "bars", "cache", "factors"
    }  # fmt: skip
    assert with_all_below(["factors"], {}, ["bars"]) == {"factors"}


@given(
    lacking=st.dictionaries(st.sampled_from(DUE), st.sampled_from([ALL, SOME])),
    most=st.integers(1, 7),
)
def test_all_that_is_missing_is_asked_for_once_and_oldest_first(
    lacking: dict[date, frozenset[str]], most: int
) -> None:
    """By stretches that hold nothing else, in as few steps as there are dates at most."""
    left, asked = dict(lacking), []
    while (found := next_stretch(DUE, left, {}, NOW, most)) is not None:
        days = [day for day in DUE if found.first <= day <= found.last]
        assert len(days) <= most
        assert all(left.pop(day) == found.assets for day in days)
        asked += days
    assert asked == sorted(lacking)


@pytest.mark.parametrize("times", range(1, 10))
def test_every_number_of_attempts_has_an_answer(times: int) -> None:
    """A wait, or the end of it."""
    tried = Tried(times, NOW)
    assert tried.is_due(NOW + timedelta(days=400)) is not tried.is_given_up
