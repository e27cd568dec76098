"""Are the hourly bars there, and do they make up their session's daily bar?

Neither claim blocks: nothing is derived from hourly bars.
"""

from datetime import timedelta

import dagster as dg

from market_pipeline.assets.intraday import TABLE
from market_pipeline.assets.universe import universe_of
from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import sound
from market_pipeline.domain.adjustments import SPLIT
from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.intraday import (
    disagreements,
    hours_over,
    on_present_basis,
    wanted_hours,
)
from market_pipeline.domain.sessions import NEW_YORK

_GRACE = timedelta(minutes=30)
"""How long an hour may be over before its bar is missed: the next collection is due by then."""


def _complete(scope: Scope) -> Verdict:
    sessions = scope.calendar.sessions(scope.first, scope.last)
    universe = universe_of(scope.warehouse, scope.settings, sessions)
    kept = timedelta(days=scope.settings.intraday_retention_days)
    due_at = scope.now - _GRACE
    wanted = wanted_hours(universe, scope.calendar, due_at, kept)
    known = scope.warehouse.coverage(TABLE)
    unknown = {s for s in wanted if s in known and known[s].outcome == UNKNOWN_SYMBOL}
    rows = scope.rows(TABLE, "session_date", "symbol", "starts_at")
    stored = set(zip(rows["symbol"], rows["starts_at"], strict=True))
    due = [
        (symbol, hour.starts_at)
        for symbol, (first, last) in wanted.items()
        if symbol not in unknown
        for day in scope.calendar.sessions(first, last)
        for hour in hours_over(scope.calendar, day, due_at)
    ]
    missing = [f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M} {s}" for s, at in due
               if (s, at) not in stored]  # fmt: skip
    return Verdict(
        not missing, f"{len(due) - len(missing)} of {len(due)} hours of {len(wanted)} symbols",
        {"missing": shown(missing), "unknown_symbols": shown(sorted(unknown))},
    )  # fmt: skip


def _agree(scope: Scope) -> Verdict:
    bars, daily = scope.rows(TABLE), scope.rows("equity_bars")
    splits = scope.warehouse.read("corporate_actions", where={"kind": SPLIT})
    found = disagreements(on_present_basis(bars, splits), daily, scope.calendar)
    said = f"{len(found)} sessions of a symbol differ from their daily bar"
    return Verdict(not found, said, {"different": shown(found)})


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of hourly bars."""
    return [
        sound(TABLE, TABLE, "session_date", "symbol", "starts_at"),
        check(
            TABLE, "hours_are_complete", _complete, severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Every chosen symbol has a bar of each hour of a session that was over half an "
                "hour ago; an hour without a trade has none."
            ),
        ),
        check(
            TABLE, "hours_make_up_the_day", _agree, severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Where all hours of a session and its daily bar are there, open, high, low and "
                "close agree within 1 %, and the hours' volume is no larger by 5 %."
            ),
        ),
    ]  # fmt: skip
