"""Which dates still fail: by ranges what it is date by date."""

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
    """A date fails where the last verdict on it failed, since no later than that, told as then."""
    failed: list[FailedCheck] = []
    model: dict[date, tuple[bool, int]] = {}
    for at, (first, last, passed) in enumerate(drawn):
        failed = still_failed(failed, judged(first, last, at, passed=passed))
        model.update({day(n): (passed, at) for n in range(first, last + 1)})
    found = {
        each.first + timedelta(n): each
        for each in failed
        if each.first and each.last
        for n in range((each.last - each.first).days + 1)
    }
    expected = {when: at for when, (passed, at) in model.items() if not passed}
    assert found.keys() == expected.keys()
    assert all(found[when].run_id == f"run{at}" for when, at in expected.items())
    assert all(
        found[when].failed_at <= NOON + timedelta(minutes=at) for when, at in expected.items()
    )
    assert sum((e.last - e.first).days + 1 for e in failed if e.first and e.last) == len(found)
    assert failed == sorted(failed, key=lambda each: str(each.first))


def test_a_failure_that_goes_on_is_as_old_as_it_was() -> None:
    """Told in the newest words, of the newest run."""
    before = still_failed([], judged(0, 4, 0, passed=False))
    (again,) = still_failed(before, judged(3, 6, 9, passed=False))[1:]
    assert (again.failed_at, again.told, again.dates) == (
        NOON, "said at 9", "2026-11-19 to 2026-11-22",
    )  # fmt: skip


def test_of_the_present_the_last_verdict_holds() -> None:
    """Whatever dates were made; and one of dates takes its place."""
    present = Judged("news", "fresh", None, False, "ERROR", "20 minutes", NOON, "run")
    (failed,) = still_failed([], present)
    assert (failed.first, failed.dates) == (None, "the present")
    assert still_failed([failed], judged(0, 0, 1, passed=True)) == []
