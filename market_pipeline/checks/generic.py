"""Claims every table makes: it is not empty, and its keys are unique."""

from collections.abc import Collection

import dagster as dg

from market_pipeline.checks.framework import Scope, Verdict, check, shown

_UNIVERSE = "symbol_universe"


def not_empty(
    asset: str,
    table: str,
    date_column: str,
    *,
    blocking: bool = False,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    every_session: bool = True,
) -> dg.AssetChecksDefinition:
    """Claim that every session of the range (or the range as a whole) has rows."""

    def judge(scope: Scope) -> Verdict:
        rows = scope.rows(table, date_column)
        held = {day.date() for day in rows[date_column]}
        expected = scope.calendar.sessions(scope.first, scope.last) if every_session else []
        empty = [day.isoformat() for day in expected if day not in held]
        passed = bool(held) and not empty
        said = f"{len(rows)} rows on {len(held)} days"
        if empty:
            said += f"; none on {shown(empty)}" + _cause(scope, asset, table, empty)
        return Verdict(passed, said, {"rows": len(rows), "empty_days": len(empty)})

    scope_word = "every session" if every_session else "the range"
    return check(
        asset, f"{asset}_is_not_empty", judge, table=table, blocking=blocking, severity=severity,
        description=f"{table} holds rows for {scope_word} that was made.",
    )  # fmt: skip


def _cause(scope: Scope, asset: str, table: str, empty: Collection[str]) -> str:
    """Say that days are empty for want of a universe, and what to do; nothing where it is there."""
    if table == _UNIVERSE:
        return ""
    held = {day.date().isoformat() for day in scope.rows(_UNIVERSE, "session_date")["session_date"]}
    lacking = [day for day in empty if day not in held]
    if not lacking:
        return ""
    return (
        f": {_UNIVERSE}, which says what to ask for, has nothing of {len(lacking)} of these days; "
        f"make both in one run (backfill --select {_UNIVERSE},{asset}), or leave --select out"
    )


def keys_are_unique(asset: str, table: str, *key: str) -> dg.AssetChecksDefinition:
    """Claim that no two rows of the range share `key`."""

    def judge(scope: Scope) -> Verdict:
        rows = scope.rows(table, *key)
        twins = rows[rows.duplicated(keep=False)]
        names = [" ".join(str(value) for value in row) for row in twins.itertuples(index=False)]
        said = f"{len(rows)} rows, {len(twins)} share a key"
        return Verdict(twins.empty, said, {"twins": shown(names)})

    return check(
        asset, f"{asset}_keys_are_unique", judge, table=table, blocking=True,
        description=f"No two rows of {table} share {', '.join(key)}.",
    )  # fmt: skip


def one_row_a_symbol(asset: str, description: str) -> dg.AssetChecksDefinition:
    """Claim that no symbol has two rows in a table of no dates."""

    def judge(scope: Scope) -> Verdict:
        symbols = scope.warehouse.read(asset, columns=["symbol"])["symbol"]
        twins = sorted(set(symbols[symbols.duplicated(keep=False)]))
        said = f"{len(symbols)} symbols, {len(twins)} more than once"
        return Verdict(not twins, said, {"twins": shown(twins)})

    return check(
        asset, f"{asset}_keys_are_unique", judge, table="symbol_universe", blocking=True,
        description=description,
    )  # fmt: skip
