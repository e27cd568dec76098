"""When the exchange trades: sessions, holidays, half days, opening and closing instants.

Belongs here: questions about dates that need only the rules of the exchange. Does not: partitions
(Dagster's view of the same dates), schedules, the present time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from market_pipeline.domain.errors import InputError, NotASession
from market_pipeline.domain.xnys_closures import CLOSURES, EARLY_CLOSES, FIRST_YEAR, LAST_YEAR

NEW_YORK = ZoneInfo("America/New_York")

OPEN_TIME = time(9, 30)
CLOSE_TIME = time(16, 0)
EARLY_CLOSE_TIME = time(13, 0)
PRE_MARKET_TIME = time(4, 0)
AFTER_HOURS_END = time(20, 0)
EARLY_AFTER_HOURS_END = time(17, 0)

REACH = f"{FIRST_YEAR} to {LAST_YEAR}"
"""The years the calendar knows, in words."""

_SATURDAY = 5


@dataclass(frozen=True)
class TradingCalendar:
    """The sessions of XNYS between 2005 and 2031, extra closures taken out.

    Dates are New York dates; instants are aware and in UTC. Every method that takes a date
    outside those years raises `InputError`.
    """

    all_sessions: tuple[date, ...]
    closures: frozenset[date]
    half_days: frozenset[date]

    @classmethod
    def xnys(cls, extra_closures: Iterable[date] = ()) -> "TradingCalendar":
        """Build the exchange's calendar; `extra_closures` are days it closed unforeseen."""
        return _build(tuple(sorted(set(extra_closures))))

    def is_session(self, day: date) -> bool:
        """Say whether the exchange trades on `day`."""
        self._check(day)
        at = bisect_left(self.all_sessions, day)
        return at < len(self.all_sessions) and self.all_sessions[at] == day

    def sessions(self, first: date, last: date) -> list[date]:
        """List the sessions from `first` to `last`, both included."""
        self._check(first, last)
        lower, upper = bisect_left(self.all_sessions, first), bisect_right(self.all_sessions, last)
        return list(self.all_sessions[lower:upper])

    def previous(self, day: date) -> date:
        """Give the last session strictly before `day`."""
        return self.shift(day, -1)

    def next(self, day: date) -> date:
        """Give the first session strictly after `day`."""
        return self.shift(day, 1)

    def shift(self, day: date, count: int) -> date:
        """Give the session `count` sessions after `day` (before it, where negative).

        A `day` that is no session counts from the gap in which it lies; `count` 0 is an error.
        """
        if count == 0:
            raise ValueError("shift by 0 sessions is undefined for a day that is no session")
        self._check(day)
        if count > 0:
            at = bisect_right(self.all_sessions, day) + count - 1
        else:
            at = bisect_left(self.all_sessions, day) + count
        if not 0 <= at < len(self.all_sessions):
            raise InputError(f"the calendar ends before {count:+d} sessions from {day}")
        return self.all_sessions[at]

    def session_on_or_after(self, day: date) -> date:
        """Give `day` itself where it is a session, else the next one."""
        return day if self.is_session(day) else self.next(day)

    def session_on_or_before(self, day: date) -> date:
        """Give `day` itself where it is a session, else the one before."""
        return day if self.is_session(day) else self.previous(day)

    def nearest(self, day: date) -> tuple[date | None, date | None]:
        """Give the sessions before and after `day`, None beyond the calendar's ends."""
        self._check(day)
        lower = bisect_left(self.all_sessions, day)
        upper = bisect_right(self.all_sessions, day)
        before = self.all_sessions[lower - 1] if lower > 0 else None
        after = self.all_sessions[upper] if upper < len(self.all_sessions) else None
        return before, after

    def require_session(self, day: date) -> date:
        """Give `day` back, or raise `NotASession` naming the nearest ones and the reason."""
        if self.is_session(day):
            return day
        before, after = self.nearest(day)
        raise NotASession(day, before, after, self.why_closed(day))

    def why_closed(self, day: date) -> str:
        """Say in words why `day` is no session."""
        if day.weekday() >= _SATURDAY:
            return f"a {day:%A}"
        return "the exchange is closed that day"

    def is_half_day(self, day: date) -> bool:
        """Say whether the session of `day` ends at 13:00 New York time."""
        return day in self.half_days

    def open_at(self, day: date) -> datetime:
        """Give the opening instant of a session."""
        return _instant(self.require_session(day), OPEN_TIME)

    def close_at(self, day: date) -> datetime:
        """Give the closing instant of a session, half days included."""
        closing = EARLY_CLOSE_TIME if self.is_half_day(day) else CLOSE_TIME
        return _instant(self.require_session(day), closing)

    def is_open(self, now: datetime) -> bool:
        """Say whether the regular session is running at `now`."""
        day = now.astimezone(NEW_YORK).date()
        return self.is_session(day) and self.open_at(day) <= now < self.close_at(day)

    def market_session(self, instant: datetime) -> str:
        """Name the part of the trading day an instant falls in, by New York time.

        `pre` from 04:00 to the open, `regular` to the close, `after` to 20:00 (17:00 on half
        days), `closed` otherwise; each begins with its first instant. A naive instant raises
        ValueError.
        """
        if instant.tzinfo is None:
            raise ValueError(f"a market session needs an aware instant, not {instant.isoformat()}")
        day = instant.astimezone(NEW_YORK).date()
        if not self.is_session(day):
            return "closed"
        last = EARLY_AFTER_HOURS_END if self.is_half_day(day) else AFTER_HOURS_END
        if not _instant(day, PRE_MARKET_TIME) <= instant < _instant(day, last):
            return "closed"
        if instant < self.open_at(day):
            return "pre"
        return "regular" if instant < self.close_at(day) else "after"

    def last_completed(self, now: datetime) -> date:
        """Give the last session whose close is not after `now`."""
        day = self.session_on_or_before(now.astimezone(NEW_YORK).date())
        return day if self.close_at(day) <= now else self.previous(day)

    def session_meeting(self, published_at: datetime) -> date:
        """Give the session in which news of `published_at` first meets regular prices.

        News after a session's close, on a weekend or on a holiday belongs to the next session.
        """
        day = published_at.astimezone(NEW_YORK).date()
        if self.is_session(day) and published_at < self.close_at(day):
            return day
        return self.next(day)

    def holds(self, instant: datetime) -> bool:
        """Say whether `session_meeting` knows an answer for an aware `instant`."""
        first, end = self._ends
        return first <= instant < end

    def why_outside(self, instant: datetime) -> str:
        """Say in words why the calendar does not hold `instant`."""
        return f"{instant.isoformat()} meets no session of the calendar ({REACH})"

    @cached_property
    def _ends(self) -> tuple[datetime, datetime]:
        return _instant(date(FIRST_YEAR, 1, 1), time()), self.close_at(self.all_sessions[-1])

    def _check(self, *days: date) -> None:
        for day in days:
            if not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise InputError(f"{day.isoformat()} is outside the calendar ({REACH})")


def _instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=NEW_YORK).astimezone(UTC)


@lru_cache(maxsize=8)
def _build(extra_closures: tuple[date, ...]) -> TradingCalendar:
    closures = frozenset(date.fromisoformat(text) for text in CLOSURES) | set(extra_closures)
    half_days = frozenset(date.fromisoformat(text) for text in EARLY_CLOSES) - closures
    first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    sessions = tuple(d for d in days if d.weekday() < _SATURDAY and d not in closures)
    return TradingCalendar(sessions, closures, half_days)
