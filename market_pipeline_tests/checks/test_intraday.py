"""The checks of hourly bars, on hours that are right and on hours that are not."""

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.settings import forget_settings
from market_pipeline_tests.checks.conftest import FRIDAY, THURSDAY, WEEK, Court, said

COMPLETE = "intraday_bars.hours_are_complete"
AGREE = "intraday_bars.hours_make_up_the_day"
UNIQUE = "intraday_bars.intraday_bars_keys_are_unique"
TABLE = "intraday_bars"


@pytest.fixture
def hours(court: Court, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Court:
    """Give the filled warehouse, which has a week's hours of KO, with KO chosen."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_INTRADAY_SYMBOLS", "KO")
    forget_settings()
    return court


def test_hours_that_are_right_pass(hours: Court) -> None:
    """None of the claims stops a run: nothing is derived from hours."""
    verdicts = hours.judge(COMPLETE, AGREE, UNIQUE)
    assert {name: each.passed for name, each in verdicts.items()} == {
        COMPLETE: True, AGREE: True, UNIQUE: True,
    }  # fmt: skip
    assert verdicts[COMPLETE].severity == dg.AssetCheckSeverity.WARN
    assert verdicts[COMPLETE].description == "35 of 35 hours of 1 symbols"


def test_an_hour_that_is_not_there_is_named(hours: Court) -> None:
    """By its start in New York; such a session is not compared with its day."""
    hours.edit(TABLE, lambda rows: rows.drop(index=30))
    verdicts = hours.judge(COMPLETE, AGREE)
    assert not verdicts[COMPLETE].passed
    assert said(verdicts[COMPLETE])["missing"] == "2026-11-20 11:30 KO"
    assert verdicts[AGREE].passed


def test_an_hour_is_not_missed_before_it_was_due(hours: Court) -> None:
    """Half an hour after its end, while the session goes on."""
    hours.edit(TABLE, lambda rows: rows.drop(index=range(30, 35)))
    for minute, passed in ((59, True), (0, False)):
        hour = 12 if minute == 59 else 13
        hours.graph.clock.now = datetime(2026, 11, 20, hour, minute, tzinfo=NEW_YORK)
        assert hours.judge(COMPLETE)[COMPLETE].passed is passed


def test_hours_of_another_price_are_told(hours: Court) -> None:
    """The session, the symbol and what differs."""

    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        is_last = rows["session_date"] == pd.Timestamp(THURSDAY)
        return rows.assign(volume=rows["volume"].where(~is_last, rows["volume"] * 2))

    hours.edit(TABLE, spoil)
    verdict = hours.judge(AGREE)[AGREE]
    assert not verdict.passed
    assert said(verdict)["different"] == "2026-11-19 KO (volume)"


def test_a_split_after_the_hours_were_fetched_is_no_difference(hours: Court) -> None:
    """Daily bars move at once, hours are brought to their basis when they are read."""
    ex_date = FRIDAY + timedelta(days=3)
    hours.edit("equity_bars", lambda rows: rows.assign(
        **{name: rows[name] / 2 for name in ("open", "high", "low", "close")},
        volume=rows["volume"] * 2,
    ))  # fmt: skip
    assert not hours.judge(AGREE)[AGREE].passed
    now = pd.Timestamp(hours.graph.clock.now)
    action = {"ex_date": ex_date, "symbol": "KO", "kind": "split", "value": 2.0, "source": "yahoo"}
    hours.warehouse.merge(
        "corporate_actions", pd.DataFrame([action | {"fetched_at": now, "first_seen_at": now}])
    )
    assert hours.judge(AGREE, over=WEEK)[AGREE].passed
