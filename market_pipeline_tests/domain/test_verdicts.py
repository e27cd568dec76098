"""Which dates still fail: by ranges what it is date by date."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.verdicts import FailedCheck, Judged, still_failed

MONDAY = date(2026, 11, 16)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def day(number: int) -> date:
    return MONDAY + timedelta(number)


def judged(first: int, last: int, at: int, *, passed: bool) -> Judged:
    """Make a verdict on dates, `at` minutes after noon."""
    return Judged(
        "bars", "bars_hold", (day(first), day(last)), passed, "ERROR", f"said at {at}",
        NOON + timedelta(minutes=at), f"run{at}",
    )  # fmt: skip


VERDICTS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()).map(
        lambda drawn: (min(drawn[:2]), max(drawn[:2]), drawn[2])
    ),
    max_size=12,
)


@given(VERDICTS)
def test_ranges_say_what_each_date_was_last_judged(drawn: list[tuple[int, int, bool]]) -> None:
    """A date fails where the last verdict on it failed, since it last passed, told as then."""
    failed: list[FailedCheck] = []
    model: dict[date, tuple[int, int]] = {}  # since which verdict, and which was the last
    for at, (first, last, passed) in enumerate(drawn):
        failed = still_failed(failed, judged(first, last, at, passed=passed))
        for n in range(first, last + 1):
            since = model.pop(day(n), (at, at))[0]
            if not passed:
                model[day(n)] = (since, at)
    found = {
        each.first + timedelta(n): (each.failed_at, each.run_id)
        for each in failed
        if each.first and each.last
        for n in range((each.last - each.first).days + 1)
    }
    assert found == {
        when: (NOON + timedelta(minutes=since), f"run{at}") for when, (since, at) in model.items()
    }
    assert sum((e.last - e.first).days + 1 for e in failed if e.first and e.last) == len(found)
    assert failed == sorted(failed, key=lambda each: str(each.first))


def test_a_failure_that_goes_on_is_as_old_as_it_was() -> None:
    """Told in the newest words, of the newest run; its other dates are new."""
    before = still_failed([], judged(0, 4, 0, passed=False))
    again = still_failed(before, judged(3, 6, 9, passed=False))
    assert [(each.dates, each.told, (each.failed_at - NOON).seconds // 60) for each in again] == [
        ("2026-11-16 to 2026-11-18", "said at 0", 0), ("2026-11-19 to 2026-11-20", "said at 9", 0),
        ("2026-11-21 to 2026-11-22", "said at 9", 9),
    ]  # fmt: skip


def test_of_the_present_the_last_verdict_holds() -> None:
    """Whatever dates were made; and one of dates takes its place."""
    present = Judged("news", "fresh", None, False, "ERROR", "20 minutes", NOON, "run")
    (failed,) = still_failed([], present)
    assert (failed.first, failed.dates) == (None, "the present")
    assert still_failed([failed], judged(0, 0, 1, passed=True)) == []


def test_that_there_is_no_row_at_all_forgets_no_date() -> None:
    """It goes with the next verdict on dates; they stay until they are judged themselves."""
    dated = still_failed([], judged(0, 0, 0, passed=False))
    nothing = replace(judged(0, 0, 1, passed=False), span=None)
    both = still_failed(dated, nothing)
    assert [each.dates for each in both] == ["the present", "2026-11-16"]
    assert still_failed(both, judged(4, 4, 2, passed=True)) == dated
