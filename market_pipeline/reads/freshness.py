"""When news is stale: market time that went by without a successful collection.

Headlines are collected in market hours, so that nothing is owed at night and over a weekend: then
what counts is whether the session that ended was followed to its end.
"""

from datetime import datetime, timedelta

from market_pipeline.domain.sessions import TradingCalendar

FRESH_FOR = timedelta(minutes=15)
"""Age of a collection beyond which its news is stale in market hours, unless settings differ."""


def is_stale(
    as_of: datetime | None, now: datetime, calendar: TradingCalendar, fresh_for: timedelta
) -> bool:
    """Say whether news collected at `as_of` is older than is allowed at `now`.

    In a session at most `fresh_for`; in its first `fresh_for` and outside of sessions, the last
    collection must lie no more than `fresh_for` before the close of the session before.
    """
    if as_of is None:
        return True
    due = now - fresh_for
    if not calendar.is_open(due):
        due = calendar.close_at(calendar.last_completed(due)) - fresh_for
    return as_of < due
