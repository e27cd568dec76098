"""What is past its time goes, by kind and instant; a dry run says the same and deletes nothing."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.ports import CollectedBatch, ComputeNote
from market_pipeline.warehouse.columns import Instant
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.retention import INTRADAY, LOG, forget_expired
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import AT, bars, covered, day, fetched

BEFORE = {INTRADAY: AT - timedelta(days=60), LOG: AT - timedelta(days=90)}


def note(number: int) -> ComputeNote:
    """Make a compute note of a session."""
    return ComputeNote("made", day(number), "AAPL", "none", "too few prices")


def fill(warehouse: Warehouse) -> None:
    """Store a fetch and a note long past, just inside the time, and of today."""
    for number, age in enumerate((91, 89, 0)):
        at = AT - timedelta(days=age)
        batch = CollectedBatch(
            bars({(number, "AAPL"): 1.0}), coverage=(covered(0, number),),
            log=(fetched(started_at=at),),
        )  # fmt: skip
        warehouse.commit_batch("equity_bars", batch)
        warehouse.replace_notes("made", day(number), day(number), [note(number)], at)
    warehouse.replace_notes("undated", day(0), day(0), [])
    for age in (61, 59):
        at = AT - timedelta(days=age)
        warehouse.merge("intraday_bars", hour_at(at))


def hour_at(at: datetime, close: float = 10.0) -> pd.DataFrame:
    """Make the hourly bar that begins at an instant."""
    row = {"session_date": at.date(), "symbol": "AAPL", "starts_at": at, "open": 10.0}
    row |= {"high": 10.5, "low": 9.5, "close": close, "volume": 100.0, "flags": None}
    return pd.DataFrame([row | {"source": "yahoo", "fetched_at": AT}])


def test_logs_past_their_time_go_and_daily_bars_stay(warehouse: Warehouse) -> None:
    """The dry run counts what the run then deletes; a second run finds nothing."""
    fill(warehouse)
    expected = {"enrichment_compute_log": 1, "enrichment_fetch_log": 1, "intraday_bars": 1}
    assert warehouse.forget_expired(BEFORE, is_dry_run=True) == expected
    assert warehouse.count("enrichment_fetch_log") == 3
    assert warehouse.forget_expired(BEFORE) == expected
    assert warehouse.forget_expired(BEFORE) == dict.fromkeys(expected, 0)
    assert warehouse.count("enrichment_fetch_log") == 2
    assert warehouse.read("enrichment_compute_log")["session_date"].dt.date.tolist() == [
        day(1), day(2)
    ]  # fmt: skip
    assert warehouse.count("equity_bars") == 3
    assert warehouse.read("intraday_bars")["starts_at"].tolist() == [AT - timedelta(days=59)]


def test_an_hour_is_one_row_whatever_asked_for_it_again(warehouse: Warehouse) -> None:
    """Its instant comes back exactly; equal bars stay as they came, other values replace."""
    at = datetime(2024, 5, 31, 19, 30, tzinfo=UTC)
    assert warehouse.merge("intraday_bars", hour_at(at)).inserted == 1
    later = hour_at(at).assign(fetched_at=AT + timedelta(hours=1))
    assert warehouse.merge("intraday_bars", later).changed == 0
    (row,) = warehouse.read("intraday_bars").to_dict("records")
    assert (row["starts_at"], row["fetched_at"]) == (pd.Timestamp(at), pd.Timestamp(AT))
    assert warehouse.merge("intraday_bars", hour_at(at, 10.2)).updated == 1
    assert warehouse.read("intraday_bars")["close"].tolist() == [10.2]


def test_a_note_made_again_keeps_its_age(warehouse: Warehouse) -> None:
    """An old session's note that a backfill made today is young; made again it is not younger."""
    warehouse.replace_notes("made", day(0), day(0), [note(0)], AT)
    warehouse.replace_notes("made", day(0), day(0), [note(0)], AT + timedelta(days=200))
    assert warehouse.read("enrichment_compute_log")["noted_at"].tolist() == [AT]
    assert warehouse.forget_expired(BEFORE)["enrichment_compute_log"] == 0


def test_a_table_of_intraday_bars_is_kept_for_its_own_time(fresh_url: str) -> None:
    """Any table that says it holds intraday bars is cleaned up by the column it names."""
    table = sa.Table(
        "hourly_bars", sa.MetaData(), sa.Column("started_at", Instant, primary_key=True),
        info={"kept_for": INTRADAY, "kept_by": "started_at"},
    )  # fmt: skip
    kept_for_good = sa.Table("daily", sa.MetaData(), sa.Column("started_at", Instant))
    Warehouse.open(fresh_url).upgrade()
    database = Database(fresh_url)
    stamps: list[datetime] = [AT - timedelta(days=age) for age in (61, 59)]
    with database.writing() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), [{"started_at": at} for at in stamps])
        for is_dry_run in (True, False):
            found = forget_expired(
                connection, [table, kept_for_good], BEFORE, is_dry_run=is_dry_run
            )
            assert found == {"hourly_bars": 1}
        assert connection.scalars(sa.select(table.c.started_at)).all() == stamps[1:]
    database.dispose()
