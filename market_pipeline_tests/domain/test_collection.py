"""What is asked for, when silence is an answer, when the past has changed, what may be missing."""

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from market_pipeline.domain.collection import (
    ASK_AGAIN_AFTER,
    LATE_SESSIONS,
    RESTATEMENT_TOLERANCE,
    Gap,
    answered_until,
    is_restated,
    plan_gaps,
    tolerated_missing,
)
from market_pipeline.domain.ports import Coverage
from market_pipeline.warehouse.collection import joined
from market_pipeline_tests.fakes import CALENDAR

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""An evening: Friday 2026-11-20 is complete, and five sessions before it is the 13th."""
LAST, SETTLED = date(2026, 11, 20), date(2026, 11, 13)


def day(number: int) -> date:
    """Give a date of November 2026."""
    return date(2026, 11, number)


def known(
    first: int, last: int, outcome: str = "ok", checked_at: datetime = NOW, subject: str = "KO"
) -> Coverage:
    """Make coverage by days of November."""
    return Coverage("equity_bars", subject, day(first), day(last), "fake", checked_at, outcome)


# -- plan_gaps -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "covered", "expected"),
    [
        ((2, 20), None, Gap("KO", day(2), day(20))),
        ((2, 20), known(2, 20), None),
        ((5, 10), known(2, 20), None),
        ((5, 5), known(5, 5), None),
        ((2, 20), known(2, 13), Gap("KO", day(13), day(20), day(13))),
        ((10, 20), known(2, 13), Gap("KO", day(13), day(20), day(13))),
        ((18, 20), known(2, 13), Gap("KO", day(13), day(20), day(13))),
        ((2, 13), known(9, 13), Gap("KO", day(2), day(9), day(9))),
        ((2, 4), known(9, 13), Gap("KO", day(2), day(9), day(9))),
        ((2, 20), known(9, 13), Gap("KO", day(2), day(20), day(13))),
    ],
    ids=[
        "nothing known", "all known", "inside", "one day", "grows at the end", "overlaps the end",
        "beyond a hole", "grows at the start", "before a hole", "grows at both ends",
    ],
)  # fmt: skip
def test_what_is_asked_for(
    wanted: tuple[int, int], covered: Coverage | None, expected: Gap | None
) -> None:
    """One request at most, from or up to what is known, with one stored session in it."""
    asked = plan_gaps(
        {"KO": (day(wanted[0]), day(wanted[1]))}, {"KO": covered} if covered else {}, NOW
    )
    assert asked == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("age", "is_asked"),
    [
        (timedelta(0), False),
        (ASK_AGAIN_AFTER - timedelta(microseconds=1), False),
        (ASK_AGAIN_AFTER, True),
        (timedelta(days=400), True),
    ],
)
def test_an_unknown_symbol_rests_for_a_day(age: timedelta, is_asked: bool) -> None:
    """Then all of its range is asked for, whatever it was asked for before."""
    rested = known(9, 9, "unknown_symbol", NOW - age)
    asked = plan_gaps({"KO": (day(2), day(20))}, {"KO": rested}, NOW)
    assert asked == ([Gap("KO", day(2), day(20))] if is_asked else [])


def test_what_stays_unknown_is_asked_about_less_and_less_often() -> None:
    """Over 60 days of a run a day: twelve askings and not sixty."""
    coverage: dict[str, Coverage] = {}
    asked_on = []
    for days in range(60):
        now = NOW + timedelta(days=days)
        if plan_gaps({"KO": (day(2), day(20))}, coverage, now):
            asked_on.append(days)
            today = now.date()
            first = coverage["KO"].first_date if coverage else today
            coverage = {"KO": Coverage("bars", "KO", first, today, "v", now, "unknown_symbol")}
    assert asked_on == [0, 1, 2, 4, 8, 15, 22, 29, 36, 43, 50, 57]


def test_priority_is_the_order_of_asking() -> None:
    """Subjects come in the order in which they are wanted; others' coverage asks for nothing."""
    wanted = {name: (day(2), day(20)) for name in ("SPY", "AAPL", "ZZZ", "KO")}
    covered = {"AAPL": known(2, 20, subject="AAPL"), "GONE": known(2, 3, subject="GONE")}
    assert [gap.subject for gap in plan_gaps(wanted, covered, NOW)] == ["SPY", "ZZZ", "KO"]


DAYS = st.dates(date(2026, 1, 2), date(2026, 12, 31))
RANGES = st.tuples(DAYS, DAYS).map(lambda pair: (min(pair), max(pair)))


def coverage_of(span: tuple[date, date]) -> Coverage:
    """Make an answered range."""
    return Coverage("equity_bars", "KO", *span, "fake", NOW)


@given(wanted=RANGES, covered=RANGES)
def test_asked_and_known_together_hold_all_that_is_wanted(
    wanted: tuple[date, date], covered: tuple[date, date]
) -> None:
    """And they are one range without a hole, so that one row can tell of it."""
    gaps = plan_gaps({"KO": wanted}, {"KO": coverage_of(covered)}, NOW)
    assert len(gaps) <= 1
    first, last = covered
    for gap in gaps:
        assert gap.first <= gap.last
        assert gap.first <= last, "a hole before what is asked"
        assert gap.last >= first, "a hole after what is asked"
        first, last = min(first, gap.first), max(last, gap.last)
    assert first <= wanted[0]
    assert wanted[1] <= last


@given(wanted=RANGES, covered=RANGES)
def test_nothing_is_asked_exactly_where_all_is_known(
    wanted: tuple[date, date], covered: tuple[date, date]
) -> None:
    """A request costs; there is none where the answer is stored, and one where it is not."""
    is_inside = covered[0] <= wanted[0] and wanted[1] <= covered[1]
    assert (plan_gaps({"KO": wanted}, {"KO": coverage_of(covered)}, NOW) == []) is is_inside


@given(wanted=RANGES, covered=RANGES)
def test_the_overlap_is_stored_and_asked_for(
    wanted: tuple[date, date], covered: tuple[date, date]
) -> None:
    """The day on which a restatement shows lies in both ranges."""
    for gap in plan_gaps({"KO": wanted}, {"KO": coverage_of(covered)}, NOW):
        assert gap.overlap_date is not None
        assert gap.first <= gap.overlap_date <= gap.last
        assert covered[0] <= gap.overlap_date <= covered[1]


@given(wanted=RANGES, covered=RANGES)
def test_asking_once_is_enough(wanted: tuple[date, date], covered: tuple[date, date]) -> None:
    """Once the plan is answered, the same wish plans nothing."""
    gaps = plan_gaps({"KO": wanted}, {"KO": coverage_of(covered)}, NOW)
    assume(gaps)
    together = (min(covered[0], gaps[0].first), max(covered[1], gaps[0].last))
    assert plan_gaps({"KO": wanted}, {"KO": coverage_of(together)}, NOW) == []


# -- answered_until ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivered", "asked", "until"),
    [
        ((16, 20), (2, 20), day(20)),
        ((16, 19), (2, 20), day(19)),
        ((3,), (2, 20), SETTLED),
        ((), (2, 20), SETTLED),
        ((), (2, 10), day(10)),
        ((3,), (2, 10), day(10)),
        ((), (16, 20), None),
        ((16,), (16, 20), day(16)),
        ((), (13, 20), SETTLED),
        ((24,), (2, 20), day(20)),
        ((12,), (16, 20), None),
    ],
    ids=[
        "all there", "the last is late", "silence since long ago", "a silent vendor, long ago",
        "all of it is old", "the rest is old", "silent about the last days", "partly there",
        "silent from the settled day", "more than asked", "an older day than asked",
    ],
)  # fmt: skip
def test_how_far_an_answer_reaches(
    delivered: tuple[int, ...], asked: tuple[int, int], until: date | None
) -> None:
    """What came counts, and so does silence about sessions five sessions old."""
    gap = Gap("KO", day(asked[0]), day(asked[1]))
    assert answered_until([day(n) for n in delivered], gap, CALENDAR, NOW) == until


@given(asked=RANGES, delivered=st.lists(DAYS, max_size=5))
def test_an_answer_lies_within_the_question(
    asked: tuple[date, date], delivered: list[date]
) -> None:
    """Never beyond what was asked for, and never behind what was delivered of it."""
    gap = Gap("KO", *asked)
    until = answered_until(delivered, gap, CALENDAR, NOW)
    inside = [each for each in delivered if asked[0] <= each <= asked[1]]
    if until is not None:
        assert asked[0] <= until <= asked[1]
        assert not inside or until >= max(inside)
    else:
        assert not inside


@given(asked=RANGES, delivered=st.lists(DAYS, max_size=5), later=st.integers(0, 60))
def test_time_only_settles(asked: tuple[date, date], delivered: list[date], later: int) -> None:
    """What counts as answered today counts as answered later."""
    gap = Gap("KO", *asked)
    now = answered_until(delivered, gap, CALENDAR, NOW)
    then = answered_until(delivered, gap, CALENDAR, NOW + timedelta(days=later))
    assert now is None or (then is not None and then >= now)


@given(asked=RANGES)
def test_a_session_is_owed_for_five_sessions(asked: tuple[date, date]) -> None:
    """Silence about any of the last five completed sessions leaves it open."""
    until = answered_until((), Gap("KO", *asked), CALENDAR, NOW)
    open_days = CALENDAR.sessions(SETTLED + timedelta(days=1), LAST)
    assert len(open_days) == LATE_SESSIONS
    assert until is None or until not in open_days


def test_what_is_stored_stays_answered() -> None:
    """A vendor that falls silent about a day it told of before makes no hole behind it."""
    over_new_year = datetime(2027, 1, 5, 1, 0, tzinfo=UTC)
    stored, first = date(2027, 1, 4), date(2026, 12, 1)
    gap = Gap("KO", first, stored, overlap_date=stored)
    assert answered_until((), gap, CALENDAR, over_new_year) == stored


@given(wanted=RANGES, covered=RANGES, delivered=st.lists(DAYS, max_size=5))
def test_every_answer_joins_what_is_known(
    wanted: tuple[date, date], covered: tuple[date, date], delivered: list[date]
) -> None:
    """Whatever the vendor sends of a plan, coverage stays one range, and never shrinks."""
    stored = coverage_of(covered)
    for gap in plan_gaps({"KO": wanted}, {"KO": stored}, NOW):
        until = answered_until(delivered, gap, CALENDAR, NOW)
        if until is not None:
            joint = joined(stored, coverage_of((gap.first, until)))
            assert joint.first_date <= covered[0]
            assert joint.last_date >= covered[1]


# -- is_restated ---------------------------------------------------------------------------

NAN = math.nan


@pytest.mark.parametrize(
    ("stored", "fresh", "expected"),
    [
        ((100.0, 98.0), (100.0, 98.0), False),
        ((100.0, 98.0), (100.0, 98.0 * (1 + 0.9e-4)), False),
        ((100.0, 98.0), (100.0, 98.0 * (1 - 1.1e-4)), True),
        ((100.0, 98.0), (50.0, 49.0), True),
        ((100.0, 98.0), (100.0, 97.5), True),
        ((NAN, 98.0), (100.0, 98.0), False),
        ((100.0, NAN), (100.0, 98.0), False),
        ((100.0, 98.0), (NAN, NAN), False),
        ((NAN, 98.0), (100.0, 49.0), True),
        ((0.0, 0.0), (0.0, 0.0), False),
        ((0.0, 1.0), (0.5, 1.0), True),
        ((), (), False),
    ],
    ids=[
        "equal", "noise", "beyond noise", "a split", "a dividend", "stored close missing",
        "stored adjusted missing", "fresh missing", "one missing, one changed", "zeros",
        "from zero", "nothing",
    ],
)  # fmt: skip
def test_when_the_past_has_changed(
    stored: tuple[float, ...], fresh: tuple[float, ...], expected: bool
) -> None:
    """Any of the prices differs by more than noise; a missing one is no evidence."""
    assert is_restated(stored, fresh) is expected


PRICES = st.floats(0.01, 1e6)


@given(prices=st.tuples(PRICES, PRICES), ratio=st.sampled_from([2.0, 3.0, 0.5, 0.1, 1.5, 20.0]))
def test_every_split_is_seen_and_every_equal_bar_is_not(
    prices: tuple[float, float], ratio: float
) -> None:
    """A split moves prices by far more than noise, whichever way."""
    assert is_restated(prices, [price / ratio for price in prices])
    assert not is_restated(prices, prices)


@given(price=PRICES, share=st.floats(-1.0, 1.0))
def test_noise_below_the_tolerance_is_no_restatement(price: float, share: float) -> None:
    """Yahoo's adjusted closes wobble; a year of history is not fetched again for that."""
    assert not is_restated([price], [price * (1 + share * RESTATEMENT_TOLERANCE * 0.99)])


def test_prices_of_different_bars_are_not_compared() -> None:
    """One price against two is a mistake of ours."""
    with pytest.raises(ValueError, match=r"shorter|longer"):
        is_restated([1.0, 2.0], [1.0])


# -- tolerated_missing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "coverage", "tolerated"),
    [
        (0, 0.95, 0), (1, 0.95, 0), (2, 0.95, 1), (19, 0.95, 1), (20, 0.95, 1), (39, 0.95, 1),
        (40, 0.95, 2), (100, 0.95, 5), (500, 0.95, 25), (100, 0.9, 10), (10, 0.5, 5),
        (1000, 1.0, 1), (1, 0.01, 0),
    ],
)  # fmt: skip
def test_how_many_may_be_missing(expected: int, coverage: float, tolerated: int) -> None:
    """The share beyond the coverage asked for; one where there are several; never the only one."""
    assert tolerated_missing(expected, coverage) == tolerated


@given(expected=st.integers(0, 5000), percent=st.integers(1, 100))
def test_the_rest_meets_the_coverage(expected: int, percent: int) -> None:
    """With so many missing the share still holds, save for the one of a small book."""
    missing = tolerated_missing(expected, percent / 100)
    assert 0 <= missing <= max(expected - 1, 0)
    assert missing <= 1 or 100 * (expected - missing) >= percent * expected
    one_more = missing + 1
    assert 100 * (expected - one_more) < percent * expected or expected <= 1
