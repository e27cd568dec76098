"""`show intraday`: the hours of a session, and which are not there."""

import json
from datetime import UTC, date, datetime

import pytest

from market_pipeline.domain.intraday import hours_of
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.fakes import CALENDAR, hour_frame

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)


@pytest.fixture
def hours(stored: Warehouse) -> Warehouse:
    """Store two sessions of KO, the second without its third hour."""
    for day, skipped in ((THURSDAY, ()), (FRIDAY, (2,))):
        starts = [h.starts_at for at, h in enumerate(hours_of(CALENDAR, day)) if at not in skipped]
        frame = hour_frame("KO", starts).assign(flags=None, source="yahoo")
        stored.merge(
            "intraday_bars", frame.assign(fetched_at=datetime(2026, 11, 20, 22, tzinfo=UTC))
        )
    return stored


def test_the_latest_session_is_shown_with_what_is_missing(run: Run, hours: Warehouse) -> None:
    """By New York's clock for people, with every column as JSON."""
    assert hours
    shown = run("show", "intraday", "ko")
    assert shown.exit_code == 0
    assert "hours of KO on 2026-11-20, Friday" in shown.stdout + shown.stderr
    assert "not stored (New York): 11:30" in shown.stderr
    rows = json.loads(run("show", "intraday", "KO", "-f", "json").stdout)
    assert [row["new_york_time"] for row in rows] == [
        "09:30", "10:30", "12:30", "13:30", "14:30", "15:30"
    ]  # fmt: skip
    assert rows[0]["starts_at"].startswith("2026-11-20T14:30")


def test_a_session_is_named_with_on(run: Run, hours: Warehouse) -> None:
    """`--date` is the same, as the other commands call it."""
    assert hours
    for option in ("--on", "--date"):
        shown = run("show", "intraday", "KO", option, "2026-11-19", "-f", "json")
        assert len(json.loads(shown.stdout)) == 7
        assert "not stored" not in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("PEP",), "MARKET_PIPELINE_INTRADAY_SYMBOLS"),
        (("KO", "--on", "2026-11-18"), "no hourly bars of KO on 2026-11-18"),
        (("KO", "--on", "2026-11-21"), "2026-11-21 is no"),
        (("n/o",), "is no symbol"),
    ],
)
def test_what_is_not_there_is_said(
    run: Run, hours: Warehouse, arguments: tuple[str, ...], words: str
) -> None:
    """And how it would come."""
    assert hours
    shown = run("show", "intraday", *arguments)
    assert shown.exit_code != 0
    assert words in " ".join(shown.stderr.split())


def test_the_cleanup_counts_hours_past_their_time(run: Run, hours: Warehouse) -> None:
    """A line of their own in the dry run; the run deletes so many."""
    old = hour_frame("KO", [hours_of(CALENDAR, date(2026, 1, 5))[0].starts_at])
    at = datetime(2026, 1, 5, 16, tzinfo=UTC)
    hours.merge("intraday_bars", old.assign(flags=None, source="yahoo", fetched_at=at))
    before = hours.count("intraday_bars")
    dry = json.loads(run("cleanup", "--dry-run", "--format", "json").stdout)
    planned = {row["table"]: row["rows"] for row in dry}["intraday_bars"]
    assert planned >= 1
    assert hours.count("intraday_bars") == before
    run("cleanup")
    assert hours.count("intraday_bars") == before - planned
