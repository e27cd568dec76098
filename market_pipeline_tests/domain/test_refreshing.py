"""What a changed bar, a broken chain or a late story leaves out of date: no more, no less."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.refreshing import (
    EXPOSURES,
    IMPACT,
    SNAPSHOTS,
    Reach,
    after_broken_chain,
    after_changed_bars,
    after_late_stories,
    after_moved_betas,
    before_their_betas,
    is_open,
)
from market_pipeline_tests.fakes import CALENDAR

DAYS = CALENDAR.sessions(date(2026, 11, 2), date(2026, 11, 13))
EVENING = [datetime(day.year, day.month, day.day, 22, tzinfo=UTC).timestamp() for day in DAYS]
REACH = {"cache": Reach(2), "options": Reach(9, "underlying")}


def changed(*rows: tuple[date, str, datetime]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["session_date", "symbol", "changed_at"])
    frame["session_date"] = pd.to_datetime(frame["session_date"]).astype(DATE_DTYPE)
    return frame.assign(changed_at=pd.to_datetime(frame["changed_at"], utc=True))


def universe(reasons: str = "held", days: list[date] = DAYS) -> pd.DataFrame:
    frame = pd.DataFrame({"session_date": days, "symbol": "KO", "reasons": reasons})
    return frame.assign(session_date=pd.to_datetime(frame["session_date"]).astype(DATE_DTYPE))


def made(*names: str) -> dict[str, dict[date, float]]:
    return {name: dict(zip(DAYS, EVENING, strict=True)) for name in names}


def at(place: int, hour: int = 23) -> datetime:
    return datetime.combine(DAYS[place], datetime.min.time(), UTC).replace(hour=hour)


def test_a_changed_bar_concerns_the_sessions_that_read_it_and_were_made_before() -> None:
    """From its own on, as far as the asset reads, and none that was made since."""
    found = after_changed_bars(
        changed((DAYS[3], "KO", at(4))), universe(), made("cache"), REACH, DAYS
    )
    assert found == {DAYS[3]: {"cache"}, DAYS[4]: {"cache"}}
    later = after_changed_bars(
        changed((DAYS[3], "KO", at(9))), universe(), made("cache"), REACH, DAYS
    )
    assert later == {day: {"cache"} for day in DAYS[3:6]}


def test_a_bar_that_was_there_in_time_concerns_nothing() -> None:
    """Neither the session's own bars nor the history of a symbol that came with it."""
    changes = changed((DAYS[0], "KO", at(5, 21)), (DAYS[5], "KO", at(5, 21)))
    new = universe(days=DAYS[5:])
    assert after_changed_bars(changes, new, made("cache"), {"cache": Reach(300)}, DAYS) == {}


def test_only_what_is_in_the_universe_for_the_reason_counts() -> None:
    """An option's underlying reaches its values; a stock that is merely held does not."""
    changes = changed((DAYS[0], "KO", at(9)))
    assert "options" not in after_changed_bars(
        changes, universe(), made("options"), REACH, DAYS
    ).get(DAYS[0], set())
    found = after_changed_bars(changes, universe("held,underlying"), made("options"), REACH, DAYS)
    assert found == {day: {"options"} for day in DAYS}


def test_changes_that_all_was_made_after_are_left_out_early() -> None:
    """What is open was changed after its session or a later one was made."""
    changes = changed((DAYS[3], "KO", at(3, 21)), (DAYS[3], "KO", at(4)), (DAYS[9], "KO", at(9)))
    assert is_open(changes, made("cache"), DAYS).tolist() == [False, True, True]
    assert not is_open(changes, {}, DAYS).any()


def snapshots(growth: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "session_date": DAYS, "portfolio_id": "small", "growth": growth,
            "daily_return_pct": 1.0, "equity_usd": 100.0 + np.arange(10.0), "daily_pnl_usd": 1.0,
            "flows_usd": 0.0, "gap_usd": 0.0,
        }
    )  # fmt: skip
    return frame.assign(session_date=pd.to_datetime(frame["session_date"]).astype(DATE_DTYPE))


def test_growth_that_goes_on_from_another_value_is_chained_anew() -> None:
    """From the break on, up to the first snapshot that was made after it; once, whatever it is."""
    chained = list(1.01 ** np.arange(10))
    broken = [1.5 * value if place < 5 else value for place, value in enumerate(chained)]
    times = made(SNAPSHOTS)
    assert after_broken_chain(snapshots(broken), times, DAYS) == {}
    times[SNAPSHOTS] |= dict.fromkeys(DAYS[:5], EVENING[7])
    assert after_broken_chain(snapshots(chained), times, DAYS) == {}
    found = after_broken_chain(snapshots(broken), times, DAYS)
    assert found == {day: {SNAPSHOTS} for day in DAYS[5:7]}


def test_an_amount_that_goes_on_from_another_is_made_anew() -> None:
    """Where a price came back no return tells of it, and growth goes on as it was."""
    times = made(SNAPSHOTS)
    times[SNAPSHOTS] |= dict.fromkeys(DAYS[:5], EVENING[7])
    kept = snapshots(list(1.01 ** np.arange(10)))
    kept["equity_usd"] += np.where(kept.index < 5, 50.0, 0.0)
    assert after_broken_chain(kept, times, DAYS) == {day: {SNAPSHOTS} for day in DAYS[5:7]}


def test_a_late_story_waits_for_the_runs_that_take_it_in_anyway() -> None:
    """A session's impact is made with each of the six after it; then a story comes too late."""
    times = made(IMPACT)
    told = {DAYS[3]: at(9).timestamp(), DAYS[4]: at(9).timestamp(), DAYS[0]: at(5, 21).timestamp()}
    assert after_late_stories(told, times, DAYS) == {DAYS[3]: {IMPACT}}
    assert after_late_stories(told, {}, DAYS) == {}


def betas(days: list[date], beta: float) -> pd.DataFrame:
    frame = pd.DataFrame({"session_date": days, "symbol": "KO", "beta": beta})
    return frame.assign(session_date=pd.to_datetime(frame["session_date"]).astype(DATE_DTYPE))


def test_news_met_a_beta_that_has_moved_since() -> None:
    """Of the session before, measured anew after all runs of the impact; not an equal one."""
    times = made(IMPACT, EXPOSURES)
    assert before_their_betas(times, DAYS) == []
    times[EXPOSURES] |= {DAYS[2]: at(7).timestamp(), DAYS[8]: at(9).timestamp()}
    assert before_their_betas(times, DAYS) == [DAYS[9]]
    kept = betas(DAYS, 1.0)
    assert after_moved_betas(kept, betas([DAYS[8]], 1.1), [DAYS[9]], DAYS) == {DAYS[9]: {IMPACT}}
    assert after_moved_betas(kept, betas([DAYS[8]], 1.0), [DAYS[9]], DAYS) == {}
