"""Failed checks as they are kept, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from market_pipeline.domain.verdicts import Judged
from market_pipeline.warehouse import Warehouse

MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def judged(
    first: date, last: date, *, passed: bool = False, check: str = "bars_hold", told: str = "no"
) -> Judged:
    return Judged("bars", check, (first, last), passed, "ERROR", told, NOON, "run")


def told(warehouse: Warehouse) -> list[tuple[str, str]]:
    return [(failed.check, failed.dates) for failed in warehouse.verdicts.failed()]


def test_a_date_is_right_again_once_it_is_judged_again(warehouse: Warehouse) -> None:
    """Of one check the others know nothing, and hostile words are storable."""
    week = judged(MONDAY, FRIDAY, told="\x00" + "x" * 999 + "\ud800")
    warehouse.verdicts.keep([week, judged(FRIDAY, FRIDAY, check="keys_are_unique")])
    assert warehouse.verdicts.failed()[0].told == "\ufffd" + "x" * 499
    wednesday = date(2026, 11, 18)
    warehouse.verdicts.keep([judged(wednesday, wednesday, passed=True)])
    assert told(warehouse) == [
        ("bars_hold", "2026-11-16 to 2026-11-17"), ("bars_hold", "2026-11-19 to 2026-11-20"),
        ("keys_are_unique", "2026-11-20"),
    ]  # fmt: skip
    warehouse.verdicts.keep([judged(MONDAY, FRIDAY, passed=True)])
    assert told(warehouse) == [("keys_are_unique", "2026-11-20")]


def test_where_all_holds_nothing_is_written(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual case costs one question."""

    def never(*_: object) -> None:
        raise AssertionError("a transaction that writes")

    monkeypatch.setattr(type(warehouse._database), "writing", never)
    warehouse.verdicts.keep([judged(MONDAY, FRIDAY, passed=True)])
    warehouse.verdicts.keep([])
    assert told(warehouse) == []


def test_runs_at_once_lose_no_verdict(warehouse: Warehouse) -> None:
    """Each of eight dates fails, judged by a thread of its own."""
    days = [MONDAY + timedelta(n) for n in range(8)]
    keep: Callable[[date], None] = lambda day: warehouse.verdicts.keep([judged(day, day)])  # noqa: E731
    with ThreadPoolExecutor(len(days)) as threads:
        list(threads.map(keep, days))
    assert [dates for _, dates in told(warehouse)] == [str(day) for day in days]
