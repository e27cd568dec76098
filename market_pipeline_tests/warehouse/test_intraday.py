"""Hourly bars in the warehouse, on either dialect: one transaction an answer, instants exact."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from market_pipeline.domain.ports import CollectedBatch, Coverage, FetchLog, Rejected
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.fakes import hour_frame

TABLE = "intraday_bars"
AT = datetime(2026, 3, 9, 20, 5, tzinfo=UTC)
WINTER, SUMMER = datetime(2026, 3, 6, 14, 30, tzinfo=UTC), datetime(2026, 3, 9, 13, 30, tzinfo=UTC)


def answer(*starts: datetime, **changes: Any) -> CollectedBatch:
    """Make what one request brought: bars, a refused one, coverage and log."""
    frame = hour_frame("KO", starts).assign(flags=None, source="yahoo", fetched_at=AT)
    refused = Rejected("KO", date(2026, 3, 9), "not_over_yet", "starts_at=later", "still forming")
    known = Coverage(TABLE, "KO", date(2026, 3, 6), date(2026, 3, 9), "yahoo", AT)
    log = FetchLog(TABLE, "KO", "yahoo", AT, 3.0, True, timeframe="1h", rows_fetched=len(frame))
    return CollectedBatch(frame.assign(**changes), (refused,), (known,), (log,))


def test_an_answer_is_stored_whole(warehouse: Warehouse) -> None:
    """Bars of both sides of the change to summer time, refusal, coverage and log; then nothing."""
    batch = answer(WINTER, SUMMER)
    assert warehouse.commit_batch(TABLE, batch).inserted == 2
    rows = warehouse.read(TABLE)
    assert rows["starts_at"].tolist() == [WINTER, SUMMER]
    assert str(rows["starts_at"].dtype) == "datetime64[us, UTC]"
    assert warehouse.read("quarantine")["asset"].tolist() == [TABLE]
    assert warehouse.coverage(TABLE)["KO"].last_date == date(2026, 3, 9)
    assert warehouse.commit_batch(TABLE, batch).changed == 0
    assert warehouse.bounds(TABLE) == (date(2026, 3, 6), date(2026, 3, 9))


def test_an_answer_that_does_not_fit_leaves_nothing(warehouse: Warehouse) -> None:
    """Two bars of one hour are refused, and with them coverage, refusal and log."""
    with pytest.raises(ValueError, match="two rows with the key"):
        warehouse.commit_batch(TABLE, answer(WINTER, WINTER))
    naive = [pd.Timestamp(WINTER).tz_localize(None).to_pydatetime()]
    with pytest.raises(ValueError, match="no instant with a time zone"):
        warehouse.commit_batch(TABLE, answer(WINTER, starts_at=naive))
    assert warehouse.count(TABLE) == 0
    assert warehouse.coverage(TABLE) == {}
    assert warehouse.count("quarantine") == warehouse.count("enrichment_fetch_log") == 0


def test_hours_are_forgotten_by_their_start(warehouse: Warehouse) -> None:
    """What began before the instant goes, what began at it stays."""
    warehouse.commit_batch(TABLE, answer(WINTER, WINTER + timedelta(hours=1), SUMMER))
    before = {"intraday": WINTER + timedelta(hours=1), "log": WINTER}
    assert warehouse.forget_expired(before, is_dry_run=True)[TABLE] == 1
    assert warehouse.count(TABLE) == 3
    assert warehouse.forget_expired(before)[TABLE] == 1
    assert warehouse.read(TABLE)["starts_at"].tolist() == [WINTER + timedelta(hours=1), SUMMER]
