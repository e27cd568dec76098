"""The rules of alerts, as tables and laws."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from market_pipeline.domain.alert_rules import (
    CollectionOutcome,
    collection_alert,
    scheduler_alert,
    ticks,
    waiting_alert,
)
from market_pipeline.domain.alerts import Clear, Raise

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def attempt(
    at: float,
    kind: str | None = None,
    *,
    run: str | None = "",
    portfolio: str = "growth",
    source: str = "tiingo",
) -> CollectionOutcome:
    """One attempt `at` minutes after the start, by default in a run of its own."""
    return CollectionOutcome(
        "wire_headlines", portfolio, f"run-{at}" if run == "" else run, source,
        START + at * MINUTE, 1500.0, kind is None, error_kind=kind,
    )  # fmt: skip


def both_down(at: float, run: str | None = "") -> list[CollectionOutcome]:
    run = f"run-{at}" if run == "" else run
    return [
        attempt(at, "unavailable", run=run),
        attempt(at + 0.1, "throttled", run=run, source="finnhub"),
    ]


def verdict(events: Sequence[CollectionOutcome], now: float) -> str:
    found = collection_alert(events, START + now * MINUTE)
    return type(found).__name__.replace("NoneType", "-")


THREE = both_down(0) + both_down(5) + both_down(10)

CASES = [
    ("nothing was collected", [], 11, "-"),
    ("one failed", both_down(0), 1, "-"),
    ("two failed", both_down(0) + both_down(5), 6, "-"),
    ("three failed", THREE, 11, "Raise"),
    ("three failed, the last just now: its run may go on", THREE, 10.3, "-"),
    ("three failed over 16 minutes", both_down(0) + both_down(8) + both_down(16), 17, "-"),
    ("four, the newest three in time", both_down(-20) + THREE, 11, "Raise"),
    ("three failed long ago", THREE, 40, "-"),
    ("two, a success, one", [*both_down(0), attempt(5), *both_down(10)], 11, "-"),
    ("a success after", [*THREE, attempt(15)], 15.1, "Clear"),
    ("the second source delivered", [*THREE, attempt(15, "blocked", run="r"),
     attempt(15.1, run="r", source="finnhub")], 15.2, "Clear"),
    ("an empty answer is an answer", [*THREE, attempt(15, "empty")], 15.1, "Clear"),
    ("one of two portfolios delivered", [*THREE, attempt(15, "blocked", run="r"),
     attempt(15.1, run="r", portfolio="income")], 15.2, "Clear"),
    ("a run under way after three", [*THREE, attempt(15, "blocked")], 15.1, "Raise"),
    ("retries of one run are one",
     both_down(0, "r") + both_down(3, "r") + both_down(6, "r"), 8, "-"),
    ("portfolios of one run are one", [attempt(n / 10, "blocked", run="r", portfolio=f"p{n}")
     for n in range(9)], 3, "-"),
    ("without runs a repeated question is another collection",
     both_down(0, None) + both_down(5, None) + both_down(10, None), 11, "Raise"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "now", "wanted"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_collection_rule(events: list[CollectionOutcome], now: float, wanted: str) -> None:
    """Three ticks in a row that failed for everyone, within a quarter of an hour."""
    assert verdict(events, now) == wanted
    assert verdict(events[::-1], now) == wanted


def test_an_alert_says_what_a_person_needs() -> None:
    """What, since when, which source, what it means, where to look, which section."""
    found = collection_alert(THREE, START + 11 * MINUTE)
    assert isinstance(found, Raise)
    alert = found.alert
    assert alert.key == "collection:wire_headlines"
    assert alert.since == START
    assert "finnhub (throttled), tiingo (unavailable)" in alert.happened
    assert "3 collections in a row" in alert.happened
    assert "finnhub, tiingo" in alert.subject
    assert alert.command == "market-pipeline doctor"
    assert alert.runbook == "docs/runbook.md#collection-failing"
    assert "stale" in alert.meaning


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.integers(1, 9)), max_size=10))
@hypothesis_settings(max_examples=60, deadline=None)
def test_an_alert_opens_once_and_closes_once_however_often_it_is_judged(
    history: list[tuple[bool, int, int]],
) -> None:
    """Judged every quarter of a minute over any history: openings and closings alternate, an
    opening follows three failures in a row, and a success leaves nothing open."""
    events: list[CollectionOutcome] = []
    is_open, changes, failed_in_a_row, at = False, [], 0, 0.0
    for number, (is_delivered, books, pause) in enumerate(history):
        at += pause
        kind = None if is_delivered else "unavailable"
        events += [attempt(at, kind, run=f"r{number}", portfolio=f"p{n}") for n in range(books)]
        failed_in_a_row = 0 if is_delivered else failed_in_a_row + 1
        for quarter in range(4 * pause):
            seen = collection_alert(events, START + (at + 0.05 + quarter / 4) * MINUTE)
            if isinstance(seen, Raise) and not is_open:
                is_open = True
                changes.append("open")
                assert failed_in_a_row >= 3
            if isinstance(seen, Clear) and is_open:
                is_open = False
                changes.append("close")
                assert is_delivered
        assert not (is_delivered and is_open)
    assert changes == ["open", "close"] * (len(changes) // 2) + ["open"] * (len(changes) % 2)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.integers(0, 3))))
def test_ticks_keep_every_attempt_once(drawn: list[tuple[int, int, int]]) -> None:
    """Grouping loses and doubles nothing, and gives the newest last."""
    events = [
        attempt(at, run=None if run == 0 else f"r{run}", portfolio=f"p{book}")
        for at, run, book in drawn
    ]
    found = ticks(events)
    kept = [event for tick in found for event in tick.attempts]
    assert sorted(map(repr, kept)) == sorted(map(repr, events))
    assert [tick.ended_at for tick in found] == sorted(tick.ended_at for tick in found)


OPENED = START
SCHEDULER_CASES = [
    ("in hours, 15 min old", 15, 60, None, "Clear"),
    ("in hours, older", 15.1, 60, None, "Raise"),
    ("outside, 75 min old", 75, None, None, "Clear"),
    ("outside, older", 75.1, None, None, "Raise"),
    ("just opened, the slow beat before", 60, 14, None, "Clear"),
    ("opened a while ago, nothing since", 60, 16, None, "Raise"),
    ("just opened, silent for long", 80, 1, None, "Raise"),
    ("never, not expected", None, 60, False, "-"),
    ("never, expected", None, None, True, "Raise"),
    ("from a clock ahead", -5, 60, None, "Clear"),
]


@pytest.mark.parametrize(
    ("age", "open_for", "expected", "wanted"),
    [c[1:] for c in SCHEDULER_CASES],
    ids=[c[0] for c in SCHEDULER_CASES],
)
def test_the_scheduler_rule(
    age: float | None, open_for: float | None, expected: bool | None, wanted: str
) -> None:
    """A quarter of an hour in market hours, an hour and a quarter outside."""
    now = START + timedelta(days=1)
    found = scheduler_alert(
        None if age is None else now - age * MINUTE,
        now,
        None if open_for is None else now - open_for * MINUTE,
        is_expected=bool(expected),
    )
    assert type(found).__name__.replace("NoneType", "-") == wanted


def test_a_run_that_is_over_need_not_settle() -> None:
    """Its failure counts at once; that of another run, which may go on, does not."""
    now = START + 10.2 * MINUTE
    assert collection_alert(THREE, now) is None
    assert isinstance(collection_alert(THREE, now, {"run-10"}), Raise)
    assert collection_alert(THREE, now, {"run-5"}) is None
    under_way = [*THREE, attempt(10.15, "blocked", run="other")]
    assert isinstance(collection_alert(under_way, now, {"run-10"}), Raise)


WAITING_CASES = [
    ("nothing waits", None, attempt(5), "Clear"),
    ("within the limit", 15, attempt(5), "-"),
    ("beyond it, and collected again since", 15.1, attempt(5), "Raise"),
    ("an empty answer is an answer", 15.1, attempt(5, "empty"), "Raise"),
    ("beyond it, and nothing delivered since", 60, attempt(5, "blocked"), "-"),
    ("beyond it, and nobody asked since", 60, None, "-"),
]


@pytest.mark.parametrize(
    ("waits_for", "event", "wanted"),
    [c[1:] for c in WAITING_CASES],
    ids=[c[0] for c in WAITING_CASES],
)
def test_the_rule_on_items_that_wait(
    waits_for: float | None, event: CollectionOutcome | None, wanted: str
) -> None:
    """Longer than news may be old, although collecting went on."""
    now = START + 20 * MINUTE
    since = None if waits_for is None else now - waits_for * MINUTE
    found = waiting_alert(since, now, 15 * MINUTE, [event] if event else [])
    assert type(found).__name__.replace("NoneType", "-") == wanted
