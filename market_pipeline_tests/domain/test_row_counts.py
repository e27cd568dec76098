"""A jump in the number of rows is noticed; growth, small tables and beginnings are not."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.row_counts import EARLIER, Drift, drifts

DAYS = [date(2026, 1, 1) + timedelta(n) for n in range(30)]
LAST = DAYS[-1]


def counts(usual: int, last: int) -> dict[date, int]:
    """Give the same number of rows every day but the last."""
    return {**dict.fromkeys(DAYS[:-1], usual), LAST: last}


def test_half_and_twice_are_the_bounds() -> None:
    """Both bounds are usual still; a row beyond them is not."""
    for last, has_drifted in ((50, False), (49, True), (200, False), (201, True), (0, True)):
        found = drifts(counts(100, last), DAYS, [LAST])
        assert found == ([Drift(LAST, last, 100)] if has_drifted else []), last


def test_a_day_that_is_not_there_has_no_rows() -> None:
    """A date with no row at all has drifted, and says so."""
    rows = counts(40, 40)
    del rows[LAST]
    assert [str(each) for each in drifts(rows, DAYS, [LAST])] == ["2026-01-30: 0 rows, usually 40"]


def test_small_tables_and_beginnings_are_left_alone() -> None:
    """Three portfolios become one; four dates are no habit."""
    assert drifts(counts(3, 1), DAYS, [LAST]) == []
    assert drifts(counts(100, 1), DAYS[-5:], [LAST]) == []
    assert drifts(counts(100, 1), DAYS[-6:], [LAST]) != []


def test_a_table_that_grows_with_its_universe_is_sound() -> None:
    """Three times the symbols explain three times the rows; without rows for them they do not."""
    rows, universe = counts(100, 300), counts(50, 150)
    assert drifts(rows, DAYS, [LAST], universe) == []
    assert drifts(rows, DAYS, [LAST], counts(50, 50)) != []
    assert drifts(rows, DAYS, [LAST], {}) != []


def test_only_the_twenty_dates_before_count() -> None:
    """What was usual before them is forgotten, and what comes later is not known."""
    rows = dict.fromkeys(DAYS, 100)
    for day in DAYS[:5]:
        rows[day] = 10_000
    assert drifts(rows, DAYS, DAYS[5 + EARLIER :]) == []
    assert [each.day for each in drifts(rows, DAYS, DAYS[5:6])] == [DAYS[5]]


@given(st.lists(st.integers(60, 120), min_size=30, max_size=30))
def test_what_stays_within_its_band_never_drifts(values: list[int]) -> None:
    """Counts that differ by less than the factor of two from each other raise nothing."""
    assert drifts(dict(zip(DAYS, values, strict=True)), DAYS, DAYS) == []
