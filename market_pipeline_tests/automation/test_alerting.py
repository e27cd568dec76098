"""The sensor `notices`: alerts from recorded collections, and what is due goes out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from market_pipeline.assets.collection_alerts import judge_collections
from market_pipeline.automation import alerting
from market_pipeline.domain.notices import Outbox, RelayResult
from market_pipeline.notifications import relay
from market_pipeline.notifications.webhook import Webhook
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse, news_tables
from market_pipeline.warehouse.engine import Database
from market_pipeline_tests.fakes import CALENDAR
from market_pipeline_tests.receiver import Receiver, receiving

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOURCES = {"finviz_headlines": ("finviz_export", "finviz_page"), "wire_headlines": ("tiingo",)}


@dataclass
class Alerting:
    """The sensor over a warehouse in which collections are recorded, and a receiver."""

    warehouse: Warehouse
    database: Database
    receiver: Receiver
    now: datetime = START
    said: list[str] = field(default_factory=list)

    def relay(self, outbox: Outbox) -> RelayResult:
        """Act as the notifier."""
        return relay(outbox, [Webhook(self.receiver.url)], lambda: self.now)

    def tick(self) -> str:
        """Evaluate the sensor once more."""
        resources = {
            "warehouse": self.warehouse, "notifier": self, "clock": lambda: self.now,
            "calendar": CALENDAR, "settings": current_settings(),
        }  # fmt: skip
        sensor = alerting.notices(dg.DefaultSensorStatus.STOPPED)
        skipped = sensor(dg.build_sensor_context(resources=resources))
        assert isinstance(skipped, dg.SkipReason)
        self.said.append(str(skipped.skip_message))
        return self.said[-1]

    def judge(self) -> None:
        """Do what a tick does, without Dagster's work around it."""
        self.said += judge_collections(self.warehouse.notices, self.now)
        self.relay(self.warehouse.notices)

    def collect(self, asset: str, at: float, kind: str | None) -> None:
        """Record a collection of two portfolios, `at` minutes after the start."""
        rows = [
            {
                "asset": asset, "portfolio_id": portfolio, "source": source,
                "started_at": START + at * MINUTE, "duration_ms": 900.0,
                "is_success": kind is None, "is_failover": False, "item_count": 0,
                "new_item_count": 0, "error_kind": kind, "run_id": f"{asset}{at}",
            }
            for portfolio in ("growth", "income")
            for source in SOURCES[asset]
        ]  # fmt: skip
        with self.database.writing() as connection:
            connection.execute(sa.insert(news_tables.collection_events), rows)

    def told(self) -> list[tuple[str, str]]:
        """Give topic and key of every alert that arrived."""
        return [(p.json["topic"], p.json["alert_key"]) for p in self.receiver.posted]


@pytest.fixture
def box(warehouse: Warehouse, tmp_path: Path) -> Iterator[Alerting]:
    """Give the sensor over an empty warehouse."""
    database = Database(f"sqlite:///{tmp_path / 'warehouse.db'}")
    with receiving() as receiver:
        yield Alerting(warehouse, database, receiver)
    database.dispose()


def test_a_tick_without_anything_says_so(box: Alerting) -> None:
    """The reason is what an operator reads in the UI."""
    assert box.tick() == "no alert opened or closed; outbox: nothing due"


def test_an_outage_is_told_once_within_five_minutes_and_its_end_once(box: Alerting) -> None:
    """Half an hour of both sources down, judged every 15 s: one alert, one recovery."""
    for minute in range(0, 45, 5):
        box.collect("finviz_headlines", minute, "unavailable" if minute < 30 else None)
        box.collect("wire_headlines", minute, None)
        for quarter in range(20):
            box.now = START + (minute + 0.02 + quarter / 4) * MINUTE
            box.judge()
    key = "collection:finviz_headlines"
    assert box.told() == [("alert.opened", key), ("alert.closed", key)]
    opened, closed = box.receiver.posted
    third_failed_at = START + 10 * MINUTE
    assert timedelta(0) < datetime.fromisoformat(opened.json["created_at"]) - third_failed_at
    assert datetime.fromisoformat(opened.json["created_at"]) - third_failed_at < 5 * MINUTE
    assert datetime.fromisoformat(closed.json["created_at"]) - START < 31 * MINUTE
    assert box.said == [f"alert {key} opened", f"alert {key} closed"]
    assert box.warehouse.notices.open_alerts().empty


def test_what_a_run_left_is_looked_for_often_enough() -> None:
    """A notice is out within 30 s of its commit, the daemon's own few seconds included."""
    sensor = alerting.notices(dg.DefaultSensorStatus.STOPPED)
    assert (sensor.minimum_interval_seconds or 0) <= 15


def test_a_receiver_that_fails_shows_in_the_reason(box: Alerting) -> None:
    """And the alert is told once it is back."""
    for minute in (0, 5, 10):
        box.collect("wire_headlines", minute, "throttled")
    box.receiver.status = lambda number: 500 if number == 1 else 200
    box.now = START + 11 * MINUTE
    said = box.tick()
    assert "alert collection:wire_headlines opened" in said
    assert "0 delivered, 1 failed; webhook-" in said
    assert "answered 500" in said
    box.now += timedelta(seconds=15)
    assert "1 delivered" in box.tick()
    ids = box.receiver.ids()
    assert len(ids) == 2
    assert ids[0] == ids[1]
