"""Hourly bars: the hours of a session, what is missing of them, what is refused."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.collection import Gap
from market_pipeline.domain.intraday import (
    INTRADAY_COLUMNS,
    disagreements,
    hours_of,
    hours_over,
    judge,
    on_present_basis,
    plan_hours,
    wanted_hours,
)
from market_pipeline.domain.ports import Coverage
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar

CALENDAR = TradingCalendar.xnys()
MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
HALF_DAY = date(2026, 11, 27)
SESSIONS = CALENDAR.sessions(date(2020, 1, 2), date(2028, 12, 29))
KEPT = timedelta(days=60)


def ny(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """Give an instant by New York's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=NEW_YORK)


def bars(*rows: tuple[datetime, float], symbol: str = "KO") -> pd.DataFrame:
    """Make hourly bars around a close."""
    frame = pd.DataFrame(
        [(at.astimezone(NEW_YORK).date(), symbol, at, c, c + 1, c - 1, c, 100.0) for at, c in rows],
        columns=list(INTRADAY_COLUMNS),
    )
    kinds = {"session_date": "datetime64[s]", "symbol": "str"}
    frame["starts_at"] = pd.to_datetime(frame["starts_at"], utc=True)
    return frame.astype(kinds)


def whole(day: date, close: float = 50.0) -> pd.DataFrame:
    """Make every hour of a session."""
    return bars(*((hour.starts_at, close) for hour in hours_of(CALENDAR, day)))


def refused(frame: pd.DataFrame, asked_at: datetime) -> list[str]:
    return [row.rule for row in judge(frame, CALENDAR, asked_at).rejected]


# -- hours ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "starts", "last_end"),
    [
        (FRIDAY, ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"], "16:00"),
        (HALF_DAY, ["09:30", "10:30", "11:30", "12:30"], "13:00"),
        (date(2026, 3, 9), ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"],
         "16:00"),  # the first session of summer time
    ],
)  # fmt: skip
def test_a_session_has_the_hours_of_new_york(day: date, starts: list[str], last_end: str) -> None:
    """Seven, four on a half day; the last is half an hour, and summer time moves none of them."""
    hours = hours_of(CALENDAR, day)
    assert [f"{hour.starts_at.astimezone(NEW_YORK):%H:%M}" for hour in hours] == starts
    assert f"{hours[-1].ends_at.astimezone(NEW_YORK):%H:%M}" == last_end
    assert hours[-1].ends_at - hours[-1].starts_at == timedelta(minutes=30)


def test_summer_time_moves_the_instants() -> None:
    """The same hour is an hour earlier in UTC from one session to the next."""
    friday, monday = (hours_of(CALENDAR, day)[0].starts_at
                      for day in (date(2026, 3, 6), date(2026, 3, 9)))  # fmt: skip
    assert (friday, monday) == (
        datetime(2026, 3, 6, 14, 30, tzinfo=UTC), datetime(2026, 3, 9, 13, 30, tzinfo=UTC)
    )  # fmt: skip


@given(st.sampled_from(SESSIONS))
def test_hours_part_a_session_without_gap(day: date) -> None:
    """Law: from open to close, each begins where the one before ends."""
    hours = hours_of(CALENDAR, day)
    assert hours[0].starts_at == CALENDAR.open_at(day)
    assert hours[-1].ends_at == CALENDAR.close_at(day)
    assert all(a.ends_at == b.starts_at for a, b in pairwise(hours))


# -- the plan ------------------------------------------------------------------------------


def planned(
    now: datetime,
    *,
    wanted: tuple[date, date],
    covered: tuple[date, date] | None = None,
    stored: dict[date, datetime] | None = None,
    outcome: str = "ok",
) -> list[tuple[datetime, datetime]]:
    """Plan for one symbol; give the spans asked for."""
    known = {}
    if covered is not None:
        known["KO"] = Coverage("intraday_bars", "KO", *covered, "yahoo", now, outcome)
    newest = {("KO", day): at for day, at in (stored or {}).items()}
    gaps = plan_hours({"KO": wanted}, known, newest, CALENDAR, now)
    return [(gap.begins_at, gap.ends_at) for gap in gaps]


THURSDAY = date(2026, 11, 19)
UNTIL_THURSDAY = (MONDAY, THURSDAY)


def test_only_the_hours_that_are_over_are_asked_for() -> None:
    """From the last one stored on; what is forming is left for the next hour."""
    now = ny(FRIDAY, 12, 35)
    week = (MONDAY, FRIDAY)
    assert planned(now, wanted=week) == [(ny(MONDAY, 9, 30), ny(FRIDAY, 12, 30))]
    assert planned(now, wanted=week, covered=UNTIL_THURSDAY) == [
        (ny(FRIDAY, 9, 30), ny(FRIDAY, 12, 30))
    ]
    stored = {FRIDAY: ny(FRIDAY, 10, 30)}
    assert planned(now, wanted=week, covered=UNTIL_THURSDAY, stored=stored) == [
        (ny(FRIDAY, 11, 30), ny(FRIDAY, 12, 30))
    ]


def test_nothing_missing_is_no_request() -> None:
    """Between two hours, and after a session that is answered, nobody is asked."""
    stored = {FRIDAY: ny(FRIDAY, 11, 30)}
    week = (MONDAY, FRIDAY)
    for minute in range(30, 60):
        now = ny(FRIDAY, 12, minute)
        assert planned(now, wanted=week, covered=UNTIL_THURSDAY, stored=stored) == []
    assert planned(ny(FRIDAY, 16, 5), wanted=week, covered=week) == []


def test_an_hour_without_a_trade_is_answered_by_a_later_one() -> None:
    """A vendor that told of 11:30 has nothing of 10:30; silence at the end is asked again."""
    stored = {FRIDAY: ny(FRIDAY, 9, 30)}
    asked = planned(ny(FRIDAY, 11, 35), wanted=(FRIDAY, FRIDAY), stored=stored)
    assert asked == [(ny(FRIDAY, 10, 30), ny(FRIDAY, 11, 30))]
    stored = {FRIDAY: ny(FRIDAY, 11, 30)}
    assert planned(ny(FRIDAY, 12, 35), wanted=(FRIDAY, FRIDAY), stored=stored) == []


def test_earlier_sessions_are_asked_for_up_to_the_known_ones() -> None:
    """A range that grows into the past asks for that part only."""
    asked = planned(ny(FRIDAY, 17), wanted=(date(2026, 11, 10), FRIDAY), covered=(MONDAY, FRIDAY))
    assert asked == [(ny(date(2026, 11, 10), 9, 30), ny(date(2026, 11, 13), 16))]


def test_an_unknown_symbol_is_left_alone_for_a_day() -> None:
    """As with daily bars."""
    asked = planned(
        ny(FRIDAY, 12), wanted=(FRIDAY, FRIDAY), covered=(FRIDAY, FRIDAY),
        outcome="unknown_symbol",
    )  # fmt: skip
    assert asked == []


def test_a_gap_says_its_sessions_too() -> None:
    """Coverage is kept by session; the request by instant."""
    (gap,) = plan_hours({"KO": (FRIDAY, FRIDAY)}, {}, {}, CALENDAR, ny(FRIDAY, 10, 35))
    assert isinstance(gap, Gap)
    assert (gap.subject, gap.first, gap.last) == ("KO", FRIDAY, FRIDAY)


def universe(*rows: tuple[date, str, str, str | None, int]) -> pd.DataFrame:
    frame = pd.DataFrame(
        rows, columns=["session_date", "symbol", "asset_class", "timeframes", "priority"]
    )
    return frame.astype({"session_date": "datetime64[s]", "timeframes": "str"})


def test_only_chosen_listed_symbols_are_wanted() -> None:
    """Neither a private holding nor an option nor what has daily bars only; the held first."""
    found = wanted_hours(
        universe(
            (FRIDAY, "WATCHED", "stock", "1d,1h", 3), (FRIDAY, "HELD", "etf", "1d,1h", 1),
            (FRIDAY, "DAILY", "stock", "1d", 1), (FRIDAY, "SECRET", "private", None, 1),
            (FRIDAY, "SECRET2", "private", "1d,1h", 1),
        ),
        CALENDAR, ny(FRIDAY, 10, 35), KEPT,
    )  # fmt: skip
    assert found == {"HELD": (FRIDAY, FRIDAY), "WATCHED": (FRIDAY, FRIDAY)}


def test_what_would_be_forgotten_and_what_has_not_begun_is_not_wanted() -> None:
    """Sessions past the retention, or without an hour that is over, are left out."""
    old, young = date(2026, 9, 18), date(2026, 9, 24)
    rows = universe(*((day, "KO", "stock", "1d,1h", 1) for day in (old, young, FRIDAY)))
    assert wanted_hours(rows, CALENDAR, ny(FRIDAY, 10, 29), KEPT) == {"KO": (young, young)}
    assert wanted_hours(rows, CALENDAR, ny(FRIDAY, 10, 30), KEPT) == {"KO": (young, FRIDAY)}


# -- the verdict ---------------------------------------------------------------------------


def test_a_bar_still_forming_is_refused_until_its_hour_is_over() -> None:
    """By the instant of asking; of one hour there is one refusal, whatever its prices were."""
    frame = bars((ny(FRIDAY, 9, 30), 50.0), (ny(FRIDAY, 10, 30), 51.0))
    judged = judge(frame, CALENDAR, ny(FRIDAY, 11, 29, 59))
    assert judged.frame["close"].tolist() == [50.0]
    (forming,) = judged.rejected
    assert (forming.rule, forming.session_date) == ("not_over_yet", FRIDAY)
    assert forming.value == "starts_at=2026-11-20T15:30:00+00:00"
    assert len(judge(frame, CALENDAR, ny(FRIDAY, 11, 30)).frame) == 2


@pytest.mark.parametrize("day", [FRIDAY, HALF_DAY])
def test_the_last_bar_of_a_session_is_over_at_its_close(day: date) -> None:
    """Half an hour long by nature, at 16:00 or 13:00."""
    frame, close = whole(day), CALENDAR.close_at(day)
    assert refused(frame, close) == []
    assert refused(frame, close - timedelta(seconds=1)) == ["not_over_yet"]


def test_the_live_row_is_no_bar_and_no_fault() -> None:
    """Yahoo appends the price of the moment: off the hours, at the end, without a word kept."""
    frame = pd.concat([whole(FRIDAY), bars((ny(FRIDAY, 16, 0, 2), 55.0))])
    judged = judge(frame, CALENDAR, ny(FRIDAY, 16, 5))
    assert (len(judged.frame), judged.rejected) == (7, ())
    within = bars((ny(FRIDAY, 9, 30), 50.0), (ny(FRIDAY, 10, 47, 12), 51.0))
    assert judge(within, CALENDAR, ny(FRIDAY, 10, 50)).frame["close"].tolist() == [50.0]


def test_rows_off_the_hours_and_off_the_sessions_are_refused() -> None:
    """A bar from before the open, after a half day's close, or of a Saturday."""
    early = bars((ny(FRIDAY, 9, 0), 50.0), (ny(FRIDAY, 9, 30), 50.0))
    assert refused(early, ny(FRIDAY, 17)) == ["off_the_hour"]
    late = pd.concat([bars((ny(HALF_DAY, 13, 30), 50.0)), whole(date(2026, 11, 30))])
    assert refused(late, ny(date(2026, 11, 30), 17)) == ["off_the_hour"]
    saturday = bars((ny(date(2026, 11, 21), 10, 30), 50.0))
    assert "not_a_session" in refused(saturday, ny(date(2026, 11, 21), 17))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("close", -1.0, "bad_price"),
        ("high", 10.0, "high_below_low"),
        ("close", 80.0, "close_outside_range"),
        ("open", 80.0, "open_outside_range"),
        ("volume", -5.0, "negative_volume"),
    ],
)
def test_hours_are_held_to_the_rules_of_daily_bars(column: str, value: float, rule: str) -> None:
    """The refused bar is named by its start; the others stay."""
    frame = whole(FRIDAY)
    frame.loc[2, column] = value
    judged = judge(frame, CALENDAR, ny(FRIDAY, 17))
    assert rule in [row.rule for row in judged.rejected]
    assert all(row.value.startswith("starts_at=2026-11-20T16:30") for row in judged.rejected)
    assert len(judged.frame) == 6


def test_a_second_bar_of_an_hour_is_refused() -> None:
    """The first is kept."""
    frame = bars((ny(FRIDAY, 9, 30), 50.0), (ny(FRIDAY, 9, 30), 50.5), (ny(FRIDAY, 10, 30), 51.0))
    judged = judge(frame, CALENDAR, ny(FRIDAY, 17))
    assert judged.frame["close"].tolist() == [50.0, 51.0]
    assert [row.rule for row in judged.rejected] == ["duplicate_row"]


def test_doubts_are_flagged_and_kept() -> None:
    """An hour without a trade that carries a close, and one without an open."""
    frame = whole(FRIDAY)
    frame.loc[0, "volume"], frame.loc[1, "open"] = 0.0, float("nan")
    flags = judge(frame, CALENDAR, ny(FRIDAY, 17)).frame["flags"]
    assert flags.tolist()[:2] == ["zero_volume", "missing_open"]
    assert flags[2:].isna().all()


def test_no_bars_are_judged_as_none() -> None:
    """An empty answer gives an empty frame with its flags."""
    judged = judge(bars(), CALENDAR, ny(FRIDAY, 17))
    assert (len(judged.frame), judged.rejected) == (0, ())
    assert "flags" in judged.frame


@given(st.integers(0, 7 * 60), st.sampled_from([FRIDAY, HALF_DAY, date(2026, 3, 9)]))
def test_a_bar_is_kept_exactly_when_its_hour_is_over(minutes: int, day: date) -> None:
    """Law: what is planned at an instant is what is kept of a whole session at that instant."""
    now = CALENDAR.open_at(day) + timedelta(minutes=minutes)
    kept = judge(whole(day), CALENDAR, now).frame["starts_at"].tolist()
    assert kept == [hour.starts_at for hour in hours_over(CALENDAR, day, now)]


# -- beside the daily bar ------------------------------------------------------------------


def daily(day: date, **changes: float) -> pd.DataFrame:
    row = {"session_date": pd.Timestamp(day), "symbol": "KO", "open": 50.0, "high": 51.0,
           "low": 49.0, "close": 50.0, "volume": 700.0} | changes  # fmt: skip
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"close": 50.4, "volume": 900.0}, []),  # an auction, which hours do not know
        ({"close": 52.0}, ["2026-11-20 KO (close)"]),
        ({"high": 60.0, "low": 40.0}, ["2026-11-20 KO (high, low)"]),
        ({"volume": 600.0}, ["2026-11-20 KO (volume)"]),
    ],
)
def test_hours_that_do_not_make_up_the_day_are_named(
    changes: dict[str, float], said: list[str]
) -> None:
    """Prices within one percent; a volume may be smaller than the day's, never larger."""
    assert disagreements(whole(FRIDAY), daily(FRIDAY, **changes), CALENDAR) == said


def test_a_session_with_an_hour_missing_is_not_compared() -> None:
    """Whoever lacks the hour of the high cannot have it."""
    assert disagreements(whole(FRIDAY)[1:], daily(FRIDAY, close=90.0), CALENDAR) == []
    assert disagreements(whole(FRIDAY), daily(FRIDAY, close=90.0)[:0], CALENDAR) == []


def test_hours_fetched_before_a_split_are_brought_to_its_basis() -> None:
    """Those fetched on the ex-date and after are on it already; another symbol is left alone."""
    splits = pd.DataFrame(
        {"ex_date": [pd.Timestamp(FRIDAY)], "symbol": ["KO"], "value": [2.0], "kind": "split"}
    )
    told = pd.concat([whole(THURSDAY), whole(FRIDAY)], ignore_index=True)
    for fetched_at, expected in ((ny(THURSDAY, 17), 25.0), (ny(FRIDAY, 10, 35), 50.0)):
        found = on_present_basis(told.assign(fetched_at=pd.Timestamp(fetched_at)), splits)
        assert set(found["close"]) == {expected}
        assert set(found["volume"]) == {100.0 * 50.0 / expected}
    other = told.assign(symbol="PEP", fetched_at=pd.Timestamp(ny(THURSDAY, 17)))
    assert set(on_present_basis(other, splits)["close"]) == {50.0}
