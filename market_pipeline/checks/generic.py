"""What is claimed of every asset, judged in one step: that its rows are there, each once, of the
kind their table promises, as many as usual, and of late.

Belongs here: claims that need not know what an asset means. Those that do stand with its noun.
"""

from collections.abc import Callable, Collection
from datetime import date, timedelta

import dagster as dg

from market_pipeline.checks.framework import Claim, Scope, Verdict, claims, shown
from market_pipeline.domain.row_counts import EARLIER, USUAL, USUAL_OF_NEWS, drifts
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.warehouse import row_counts, value_rules

UNIVERSE = "symbol_universe"
WARN = dg.AssetCheckSeverity.WARN
SESSIONS_BEHIND = 1
"""How old the newest session may be: after the close the last one is due only at night."""

_LOOK_BACK = timedelta(weeks=10)
"""Twenty days without a session lie within these."""

Due = Callable[[Scope], date | None]
"""The newest session of which rows are due, None: of none."""


def sound(
    asset: str,
    table: str,
    *key: str,
    rows: dg.AssetCheckSeverity | None = None,
    rows_block: bool = False,
    by_session: bool = True,
    is_news: bool = False,
    due: Due | None = None,
) -> dg.AssetChecksDefinition:
    """Make the checks of a dated table whose `key` is unique.

    `rows` is how grave it is when a session has none (None: it may), `by_session` whether its dates
    are sessions (else New York days), `is_news` that a rise of rows says nothing, `due` the session
    to which it should reach (None: another check says how fresh it is).
    """
    stated = [keys_are_unique(asset, table, *key), _of_its_kind(asset, table)]
    if rows is not None:
        there = _rows_are_there(asset, table, rows, every_session=by_session, blocking=rows_block)
        stated.append(there)
    stated.append(_usual_count(asset, table, by_session=by_session, is_news=is_news))
    if due is not None:
        stated.append(_fresh(asset, table, due))
    return claims(asset, stated, table=table, step=f"{asset}_is_sound")


def sound_undated(asset: str, table: str, *key: str, span_of: str) -> dg.AssetChecksDefinition:
    """Make the checks of a table of no dates, asked in the scope of the table `span_of`."""
    unique = keys_are_unique(asset, table, *key, is_dated=False)
    stated = [unique, _of_its_kind(asset, table, is_dated=False)]
    return claims(asset, stated, table=span_of, step=f"{asset}_is_sound")


def keys_are_unique(asset: str, table: str, *key: str, is_dated: bool = True) -> Claim:
    """Claim that no two rows, of the range where they are dated, share `key`."""

    def judge(scope: Scope) -> Verdict:
        span = (scope.first, scope.last) if is_dated else None
        rows, sharing, names = scope.warehouse.ask(
            lambda connection: row_counts.twins(connection, table, key, span)
        )
        return Verdict(not sharing, f"{rows} rows, {sharing} share a key", {"twins": shown(names)})

    return Claim(
        f"{asset}_keys_are_unique", f"No two rows of {table} share {', '.join(key)}.", judge,
        blocking=True, is_dated=is_dated,
    )  # fmt: skip


def _of_its_kind(asset: str, table: str, *, is_dated: bool = True) -> Claim:
    def judge(scope: Scope) -> Verdict:
        span = (scope.first, scope.last) if is_dated else (None, None)
        found = scope.warehouse.ask(lambda connection: value_rules.broken(connection, table, *span))
        return Verdict(
            not found, "; ".join(map(str, found)) or "every value is of its kind",
            {f"{each.column}: {each.rule}": shown(list(each.keys)) for each in found},
        )  # fmt: skip

    return Claim(
        f"{asset}_values_are_of_their_kind",
        f"Every value of {table} has the type, length, bounds and choice its column allows.",
        judge,
        is_dated=is_dated,
    )


def _rows_are_there(
    asset: str, table: str, severity: dg.AssetCheckSeverity, *, every_session: bool, blocking: bool
) -> Claim:
    def judge(scope: Scope) -> Verdict:
        rows = _counts(scope, table, scope.first)
        expected = scope.calendar.sessions(scope.first, scope.last) if every_session else []
        empty = [day.isoformat() for day in expected if day not in rows]
        said = f"{sum(rows.values())} rows on {len(rows)} days"
        if empty:
            said += f"; none on {shown(empty)}" + _cause(scope, asset, table, empty)
        evidence = {"rows": sum(rows.values()), "empty_days": len(empty)}
        return Verdict(bool(rows) and not empty, said, evidence)

    scope_word = "every session" if every_session else "the range"
    return Claim(
        f"{asset}_is_not_empty", f"{table} holds rows for {scope_word} that was made.", judge,
        blocking, severity,
    )  # fmt: skip


def _cause(scope: Scope, asset: str, table: str, empty: Collection[str]) -> str:
    """Say that days are empty for want of a universe, and what to do; nothing where it is there."""
    if table == UNIVERSE:
        return ""
    held = {day.isoformat() for day in _counts(scope, UNIVERSE, scope.first)}
    lacking = [day for day in empty if day not in held]
    if not lacking:
        return ""
    return (
        f": {UNIVERSE}, which says what to ask for, has nothing of {len(lacking)} of these days; "
        f"make both in one run (backfill --select {UNIVERSE},{asset}), or leave --select out"
    )


def _usual_count(asset: str, table: str, *, by_session: bool, is_news: bool) -> Claim:
    band = USUAL_OF_NEWS if is_news else USUAL

    def judge(scope: Scope) -> Verdict:
        alike = [_sessions(scope)] if by_session else _days_of_news(scope)
        start = min((days[0] for days, _ in alike), default=scope.first)
        rows = _counts(scope, table, start)
        scale = _counts(scope, UNIVERSE, start) if by_session and table != UNIVERSE else None
        found = [each for days, judged in alike for each in drifts(rows, days, judged, scale, band)]
        count = sum(len(judged) for _, judged in alike)
        said = "; ".join(map(str, found[:EARLIER])) or f"{count} dates with about as many as usual"
        return Verdict(not found, said, {"dates": count, "drifted": len(found)})

    bounds = "under a fifth of" if is_news else "under half or over twice"
    excuse = ", unless the universe has grown or shrunk as much" if by_session else ""
    like = "sessions before it" if by_session else "days before it that were sessions too, or none"
    claimed = (
        f"No date that is over has {bounds} the rows of the median of {EARLIER} {like}{excuse}."
    )
    return Claim(f"{asset}_row_count_is_usual", claimed, judge, severity=WARN)


def _fresh(asset: str, table: str, due: Due) -> Claim:
    def judge(scope: Scope) -> Verdict:
        wanted = due(scope)
        if wanted is None:
            return Verdict(True, "no session is due")
        newest = scope.warehouse.ask(
            lambda connection: row_counts.newest(connection, table, wanted)
        )
        if newest is None:
            return Verdict(False, f"nothing is there, and {wanted} is due")
        behind = len(scope.calendar.sessions(newest, wanted)) - 1
        said = f"the newest session is {newest}, {behind} behind {wanted}"
        return Verdict(behind <= SESSIONS_BEHIND, said, {"sessions_behind": behind})

    return Claim(
        f"{asset}_is_fresh",
        f"{table} reaches to the last session that is over, or to the one before it.",
        judge, severity=WARN,
    )  # fmt: skip


def last_session(scope: Scope) -> date:
    """Every session that is over is due."""
    return scope.calendar.last_completed(scope.now)


def _counts(scope: Scope, table: str, first: date) -> dict[date, int]:
    return dict(
        scope.warehouse.ask(
            lambda connection: row_counts.by_day(connection, table, first, scope.last)
        )
    )


def _sessions(scope: Scope) -> tuple[list[date], list[date]]:
    """Give the sessions to look at, earlier ones first, and those to judge."""
    judged = scope.calendar.sessions(scope.first, scope.last)
    before = scope.calendar.previous(scope.first)
    return [
        *scope.calendar.sessions(scope.calendar.shift(before, 1 - EARLIER), before),
        *judged,
    ], judged


def _days_of_news(scope: Scope) -> list[tuple[list[date], list[date]]]:
    """Give the same of the days with a session, and of those without: a Sunday has little news.

    The present day is not over, and not judged.
    """
    today = scope.now.astimezone(NEW_YORK).date()
    start = scope.first - _LOOK_BACK
    days = [start + timedelta(n) for n in range((min(scope.last, today) - start).days + 1)]
    over = [day for day in days if day < today]
    of_session = set(scope.calendar.sessions(start, scope.last))
    groups = [[day for day in over if (day in of_session) is kind] for kind in (True, False)]
    return [(group, [day for day in group if day >= scope.first]) for group in groups if group]
