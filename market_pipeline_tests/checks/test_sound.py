"""What is claimed of every asset: values of their kind, as many as usual, and of late."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from market_pipeline.warehouse.frames import length_of
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.checks.conftest import FRIDAY, MONDAY, THURSDAY, Court, said
from market_pipeline_tests.fakes import CALENDAR

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR

TABLES = {
    "company_profiles": "company_profiles", "symbol_universe": "symbol_universe",
    "fundamentals": "fundamentals", "equity_bars": "equity_bars",
    "intraday_bars": "intraday_bars", "option_quotes": "option_quotes",
    "option_contracts": "option_contracts", "option_values": "option_values",
    "market_data_cache": "market_data_cache", "factor_exposures": "symbol_factor_exposures",
    "symbol_daily_metrics": "symbol_daily_metrics", "finviz_headlines": "finviz_headlines",
    "wire_headlines": "wire_headlines", "headlines": "headlines",
    "headline_impact": "headline_impact", "portfolio_snapshots": "portfolio_snapshots",
    "portfolio_risk": "portfolio_risk", "portfolio_onboarding": "onboarding",
}  # fmt: skip
"""The table of each asset."""

OF_THEIR_KIND = [f"{asset}.{asset}_values_are_of_their_kind" for asset in TABLES]
USUAL = [
    f"{asset}.{asset}_row_count_is_usual"
    for asset, table in TABLES.items()
    if "partition" in metadata.tables[table].info and table != "onboarding"
]
REACHING = (
    "symbol_universe", "equity_bars", "market_data_cache", "factor_exposures",
    "symbol_daily_metrics", "portfolio_snapshots", "portfolio_risk",
)  # fmt: skip
CURRENT = [f"{asset}.{asset}_is_fresh" for asset in REACHING]
CLAIMED = {*OF_THEIR_KIND, *USUAL, *CURRENT}


@contextmanager
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    """Write past the code that would refuse it."""
    connection = sqlite3.connect(file)
    with connection:
        yield connection
    connection.close()


def a_text_column(table: sa.Table) -> sa.Column[str]:
    """Give the last column of a bounded text."""
    return [column for column in table.columns if length_of(column)][-1]


@pytest.mark.parametrize("asset", TABLES)
def test_a_value_its_column_does_not_allow_is_noticed(court: Court, asset: str) -> None:
    """A text longer than its column in the newest row, which SQLite itself takes."""
    table = metadata.tables[TABLES[asset]]
    column = a_text_column(table)
    court.warehouse.dispose()
    with raw(court.file) as connection:
        last = f"SELECT max(rowid) FROM {table.name}"
        changed = connection.execute(
            f"UPDATE {table.name} SET {column.name} = ? WHERE rowid = ({last})", ("x" * 6000,)
        )
        assert changed.rowcount == 1
    check = f"{asset}.{asset}_values_are_of_their_kind"
    verdict = court.judge(check)[check]
    assert (verdict.passed, verdict.severity, verdict.blocking) == (False, ERROR, False)
    assert f"{column.name} is not at most {length_of(column)} characters in 1 rows" in (
        verdict.description or ""
    )
    assert set(said(verdict)) - {"first", "last"}


def multiply(file: Path, table: sa.Table, copies: int, until: date = FRIDAY) -> None:
    """Give each of the 25 days before `until` as many rows as `copies` of the newest row."""
    day = table.info["partition"]
    name = next(c.name for c in table.primary_key if isinstance(c.type, sa.String))
    columns = [column.name for column in table.columns]
    with raw(file) as connection:
        rows = connection.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {day} DESC LIMIT 1"
        ).fetchall()
        connection.execute(f"DELETE FROM {table.name} WHERE {day} < ?", (until.isoformat(),))
        row = dict(zip(columns, rows[0], strict=True))
        marks = ", ".join("?" for _ in columns)
        for back in range(1, 26):
            for copy in range(copies):
                row[day] = (until - timedelta(days=back)).isoformat()
                row[name] = f"Z{copy}"
                connection.execute(
                    f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})",
                    list(row.values()),
                )


@pytest.mark.parametrize("check", USUAL)
def test_a_session_with_far_fewer_rows_is_noticed(court: Court, check: str) -> None:
    """Where 80 rows were usual, a handful is none; the run that made them goes on."""
    table = metadata.tables[TABLES[check.partition(".")[0]]]
    # News of the present day is not complete, and not judged.
    day = THURSDAY if table.info["partition"] == "published_date" else FRIDAY
    court.warehouse.dispose()
    multiply(court.file, table, 80, until=day)
    verdict = court.judge(check, over=day)[check]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert f"{day}: " in (verdict.description or "")
    assert "usually 80" in (verdict.description or "")


def test_a_universe_that_shrank_as_much_explains_it(court: Court) -> None:
    """Fewer prices of as many fewer symbols are no loss; the universe itself is told."""
    court.warehouse.dispose()
    multiply(court.file, metadata.tables["market_data_cache"], 80)
    multiply(court.file, metadata.tables["symbol_universe"], 80)
    cache, universe = (
        f"{asset}.{asset}_row_count_is_usual" for asset in ("market_data_cache", "symbol_universe")
    )
    verdicts = court.judge(cache, universe, over=FRIDAY)
    assert verdicts[cache].passed
    assert not verdicts[universe].passed


@pytest.mark.parametrize("asset", REACHING)
def test_rows_that_end_sessions_ago_are_noticed(court: Court, asset: str) -> None:
    """The night's session may be missing before the night; that of two sessions ago may not."""
    table = metadata.tables[TABLES[asset]]
    newest = CALENDAR.shift(CALENDAR.last_completed(court.graph.clock()), -2)
    court.warehouse.dispose()
    with raw(court.file) as connection:
        connection.execute(
            f"DELETE FROM {table.name} WHERE session_date > ?", (newest.isoformat(),)
        )
    check = f"{asset}.{asset}_is_fresh"
    verdict = court.judge(check, over=MONDAY)[check]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert said(verdict)["sessions_behind"] == 2
    assert f"the newest session is {newest}, 2 behind" in (verdict.description or "")
