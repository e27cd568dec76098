"""What is missing: the plan of requests that fills it, from what is already known.

One request covers a subject's whole range. A range known to be answered is never asked again,
save the last days, where a vendor may still be late. Pure: dates in, plan out.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from market_pipeline.domain.ports import Coverage
from market_pipeline.domain.sessions import TradingCalendar

LATE_SESSIONS = 5
"""How long a vendor may owe a session before its silence counts as an answer."""

UNKNOWN_SYMBOL = "unknown_symbol"
ASK_AGAIN_AFTER = timedelta(days=1)
LONGEST_REST = timedelta(days=7)
"""How long "no such symbol" stands before it is asked again: at first a day, for what is listed
today is known tomorrow; then as long as it has been said by now, up to a week. Each asking costs
every source of the order a request, of a free plan's 25 a day."""

SNAPSHOT = "snapshot"
"""Timeframe of what a vendor tells as it is now: chains, companies, figures, listed contracts."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A closed range of dates to ask a vendor for, about one subject.

    `overlap_date` is a session inside the range that is already stored: where its price has
    changed, the vendor restated the past and the stored history must be replaced.
    """

    subject: str
    first: date
    last: date
    overlap_date: date | None = None


def plan_gaps(
    wanted: Mapping[str, tuple[date, date]], covered: Mapping[str, Coverage], now: datetime
) -> list[Gap]:
    """List what to ask for, subjects in the order of `wanted` (their priority).

    `wanted` gives each subject's closed range of sessions, `covered` what is known. A range that
    grows at one end asks for that end and one stored session more, at both ends for everything.
    """
    gaps = (
        _gap(subject, first, last, covered.get(subject), now)
        for subject, (first, last) in wanted.items()
    )
    return [gap for gap in gaps if gap is not None]


def _gap(
    subject: str, first: date, last: date, known: Coverage | None, now: datetime
) -> Gap | None:
    if known is None:
        return Gap(subject, first, last)
    if known.outcome == UNKNOWN_SYMBOL:
        is_stale = now - known.checked_at >= rest_of(known)
        return Gap(subject, first, last) if is_stale else None
    is_early, is_late = first < known.first_date, last > known.last_date
    if is_early and is_late:
        return Gap(subject, first, last, overlap_date=known.last_date)
    if is_early:
        return Gap(subject, first, known.first_date, overlap_date=known.first_date)
    if is_late:
        return Gap(subject, known.last_date, last, overlap_date=known.last_date)
    return None


def rest_of(unknown: Coverage) -> timedelta:
    """Give how long a symbol is left alone that was unknown from `first_date` to `last_date`."""
    return min(max(ASK_AGAIN_AFTER, unknown.last_date - unknown.first_date), LONGEST_REST)


def due_again(
    subjects: Iterable[str], asked: Mapping[str, Coverage], now: datetime, every: timedelta
) -> list[str]:
    """List the subjects to ask about, in their order: new ones, and those asked `every` ago.

    A subject that no source knew is asked about as seldom; one that failed is still new.
    """
    return [
        subject
        for subject in subjects
        if (known := asked.get(subject)) is None or now - known.checked_at >= every
    ]


def answered_until(
    delivered: Iterable[date], asked: Gap, calendar: TradingCalendar, now: datetime
) -> date | None:
    """Give the last date of `asked` that counts as answered, None where nothing does.

    Silence about a session counts as an answer once the session is `LATE_SESSIONS` old: until
    then the vendor may be late and is asked again. What is stored (the overlap) stays answered.
    """
    settled = calendar.shift(calendar.last_completed(now), -LATE_SESSIONS)
    last_delivered = max(delivered, default=None)
    candidates = (last_delivered, asked.overlap_date, min(settled, asked.last))
    until = max(day for day in candidates if day is not None)
    return min(until, asked.last) if until >= asked.first else None


HISTORY_SESSIONS = 316
"""Sessions of prices kept before the first one asked for: a year of volatilities over 63 sessions,
so that the first date of a backfill is as good as its last."""


def history_sessions(longest_window: int) -> int:
    """Give the sessions of prices kept before the first one asked for, by the longest window.

    Its first return needs the price before it; the daily metrics need `HISTORY_SESSIONS`.
    """
    return max(HISTORY_SESSIONS, longest_window)


RESTATEMENT_TOLERANCE = 1e-4
"""Relative difference of a stored and a fresh price beyond which a vendor restated the past.
Yahoo's adjusted closes wobble in their seventh digit; the smallest dividends move them by more."""


def is_restated(stored: Iterable[float], fresh: Iterable[float]) -> bool:
    """Say whether prices of one bar, as stored and as fetched again, differ beyond noise.

    A value missing on either side is no evidence.
    """
    return any(
        abs(now - before) > RESTATEMENT_TOLERANCE * abs(before)
        for before, now in zip(stored, fresh, strict=True)
        if before == before and now == now  # NaN is unequal to itself  # noqa: PLR0124
    )


def tolerated_missing(expected: int, minimum_coverage: float) -> int:
    """Give how many of `expected` symbols may lack an answer without stopping the rest.

    The share beyond `minimum_coverage`; one in any case where there are several, for one failing
    symbol of a small book must not hide the prices of the others.
    """
    share = math.floor(expected * (1 - minimum_coverage) + 1e-9)
    return max(share, 1 if expected > 1 else 0)
