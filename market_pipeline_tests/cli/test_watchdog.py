"""The watchdog, `alerts` and `outbox` as an operator types them, over real channels."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_pipeline.cli import edge
from market_pipeline.cli import notices as notices_cli
from market_pipeline.cli import watchdog as watchdog_cli
from market_pipeline.coordination import open_coordination
from market_pipeline.domain.alert_rules import HEARTBEAT_KEY
from market_pipeline.settings import forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.receiver import Receiver, receiving

OPEN = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
CANARY = "canary7f3c9token"


class Post:
    """A machine with a heartbeat, a clock, a warehouse and a channel."""

    def __init__(
        self, run: Run, state_dir: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.run, self.state_dir, self.receiver = run, state_dir, receiver
        self.now, self.monkeypatch = OPEN, monkeypatch
        for module in (edge, notices_cli, watchdog_cli):
            monkeypatch.setattr(module, "utc_now", lambda: self.now)
        self.set(WEBHOOK_URLS=f"{receiver.url}?token={CANARY}")

    def set(self, **values: str) -> None:
        """Change the environment the commands see."""
        for name, value in values.items():
            self.monkeypatch.setenv(f"MARKET_PIPELINE_{name}", value)
        forget_settings()

    def beat(self, minutes_ago: float) -> None:
        """Leave a heartbeat as the scheduler does."""
        at = self.now - timedelta(minutes=minutes_ago)
        self.keep(at.isoformat())

    def keep(self, text: str) -> None:
        """Put any text in the heartbeat's place."""
        open_coordination(None, self.state_dir, lambda: self.now).put(HEARTBEAT_KEY, text)

    def watch(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Run the watchdog; give its exit code and what it printed."""
        shown = self.run("watchdog", "--format", "json", *options)
        assert CANARY not in shown.output
        (row,) = json.loads(shown.stdout)
        return shown.exit_code, row

    def told(self) -> list[tuple[str, str]]:
        """Give topic and key of every alert that arrived."""
        return [(p.json["topic"], p.json["alert_key"]) for p in self.receiver.posted]

    def store(self) -> Warehouse:
        """Make the warehouse."""
        warehouse = Warehouse.open(f"sqlite:///{self.state_dir / 'warehouse.db'}")
        warehouse.upgrade()
        return warehouse


@pytest.fixture
def post(run: Run, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Give the machine, its warehouse not made yet."""
    with receiving() as receiver:
        yield Post(run, state_dir, receiver, monkeypatch)


SILENT, WAREHOUSE = "scheduler:headline", "warehouse:unreachable"


def test_a_beat_that_is_fresh_is_healthy(post: Post) -> None:
    """Exit code 0, and nobody is told."""
    post.store()
    post.beat(minutes_ago=5)
    code, row = post.watch()
    assert (code, row["state"], row["age_s"]) == (0, "healthy", 300.0)
    assert post.told() == []


def test_silence_is_told_once_and_recovery_once(post: Post) -> None:
    """However often cron runs it: 1, one alert; then 0, one recovery."""
    post.store()
    post.beat(minutes_ago=16)
    for _ in range(3):
        code, row = post.watch()
        assert (code, row["state"]) == (1, "silent")
        post.now += timedelta(minutes=5)
    assert post.told() == [("alert.opened", SILENT)]
    shown = post.run("alerts")
    assert SILENT in shown.stdout
    post.beat(minutes_ago=1)
    assert [post.watch()[0] for _ in range(3)] == [0, 0, 0]
    assert post.told() == [("alert.opened", SILENT), ("alert.closed", SILENT)]
    assert "no alert is open" in post.run("alerts").stderr
    (closed,) = json.loads(post.run("alerts", "--all", "--format", "json").stdout)
    assert (closed["alert_key"], closed["occurrences"]) == (SILENT, 3)


def test_max_silence_sets_the_limit(post: Post) -> None:
    """In minutes, in and outside market hours."""
    post.store()
    post.beat(minutes_ago=5)
    assert post.watch("--max-silence", "4")[0] == 1
    assert post.watch("--max-silence", "6")[0] == 0


def test_no_heartbeat_at_all_cannot_be_judged_unless_one_is_expected(post: Post) -> None:
    """A scheduler that was never started is not silent; where it should run it is."""
    code, row = post.watch()
    assert (code, row["state"]) == (2, "unknown")
    assert "--expected" in row["detail"]
    assert post.told() == []
    post.store()
    assert post.watch("--expected")[0] == 1
    assert post.told() == [("alert.opened", SILENT)]


def test_a_heartbeat_that_is_no_instant_cannot_be_judged(post: Post) -> None:
    """2, and what is wrong with it."""
    post.keep("yesterday\x1b")
    code, row = post.watch()
    assert code == 2
    assert "no ISO-8601 instant" in row["detail"]


@pytest.mark.parametrize("broken", ["file", "server"])
def test_without_the_warehouse_the_channels_are_told_directly(post: Post, broken: str) -> None:
    """Once an hour under one id, both troubles; and that they are over, once."""
    file = post.state_dir / "warehouse.db"
    if broken == "file":
        post.state_dir.mkdir(parents=True)
        file.write_bytes(b"no database" * 1000)
    else:
        post.set(DATABASE_URL=f"postgresql+psycopg://u:{CANARY}@127.0.0.1:1/none")
    post.beat(minutes_ago=20)
    assert [post.watch()[0] for _ in range(3)] == [1, 1, 1]
    once = [("alert.opened", SILENT), ("alert.opened", WAREHOUSE)]
    assert post.told() == once
    post.now += timedelta(minutes=61)
    assert post.watch()[0] == 1
    assert post.told() == once * 2
    assert post.receiver.ids()[:2] == post.receiver.ids()[2:]
    post.beat(minutes_ago=0)
    assert post.watch()[0] == 2
    assert post.told()[4:] == [("alert.closed", SILENT)]
    file.unlink(missing_ok=True)
    post.set(DATABASE_URL="")
    post.store()
    assert [post.watch()[0] for _ in range(2)] == [0, 0]
    assert post.told()[5:] == [("alert.closed", WAREHOUSE)]


AWAY = "postgresql+psycopg://u@127.0.0.1:1/none"


def ids_of(post: Post, key: str) -> list[tuple[str, str]]:
    """Give topic and id of every message on an alert that arrived."""
    return [
        (p.json["topic"], p.json["id"]) for p in post.receiver.posted if p.json["alert_key"] == key
    ]


def test_a_silence_that_the_outbox_told_keeps_its_id_when_the_database_goes(post: Post) -> None:
    """Not told again within the hour, then under the same id, and its end once."""
    post.store()
    post.beat(minutes_ago=20)
    assert post.watch()[0] == 1
    ((_, first),) = ids_of(post, SILENT)
    post.set(DATABASE_URL=AWAY)
    for minutes in (5, 50):
        post.now += timedelta(minutes=minutes)
        assert post.watch()[0] == 1
        assert ids_of(post, SILENT) == [("alert.opened", first)]
    post.now += timedelta(minutes=10)
    assert post.watch()[0] == 1
    assert ids_of(post, SILENT) == [("alert.opened", first)] * 2
    post.set(DATABASE_URL="")
    post.now += timedelta(minutes=5)
    assert post.watch()[0] == 1
    post.beat(minutes_ago=0)
    assert [post.watch()[0] for _ in range(2)] == [0, 0]
    assert [topic for topic, _ in ids_of(post, SILENT)] == ["alert.opened"] * 2 + ["alert.closed"]


def test_a_silence_told_directly_goes_on_in_the_outbox_under_its_id(post: Post) -> None:
    """The warehouse records it from its beginning and tells nobody again who was told."""
    post.set(DATABASE_URL=AWAY)
    post.beat(minutes_ago=20)
    began = post.now - timedelta(minutes=20)
    assert post.watch()[0] == 1
    ((_, first),) = ids_of(post, SILENT)
    post.set(DATABASE_URL="")
    notices = post.store().notices
    post.now += timedelta(minutes=5)
    assert post.watch()[0] == 1
    assert ids_of(post, SILENT) == [("alert.opened", first)]
    assert notices.opened_at(SILENT) == began
    assert list(notices.takers(first).values()) == [post.now - timedelta(minutes=5)]
    post.beat(minutes_ago=0)
    assert [post.watch()[0] for _ in range(2)] == [0, 0]
    assert [topic for topic, _ in ids_of(post, SILENT)] == ["alert.opened", "alert.closed"]


def test_an_end_told_directly_is_not_told_again_by_the_outbox(post: Post) -> None:
    """The alert that stayed open in the warehouse is closed there under the id that was told, and
    a silence after that is another one."""
    notices = post.store().notices
    post.beat(minutes_ago=20)
    assert post.watch()[0] == 1
    post.set(DATABASE_URL=AWAY)
    post.now += timedelta(minutes=1)
    post.beat(minutes_ago=0)
    assert [post.watch()[0] for _ in range(2)] == [2, 2]
    told = ["alert.opened", "alert.closed"]
    assert [topic for topic, _ in ids_of(post, SILENT)] == told
    post.now += timedelta(minutes=20)
    assert post.watch()[0] == 1
    post.set(DATABASE_URL="")
    assert post.watch()[0] == 1
    assert [topic for topic, _ in ids_of(post, SILENT)] == [*told, "alert.opened"]
    assert notices.alert_history()["closed_at"].isna().tolist() == [True, False]
    post.beat(minutes_ago=0)
    assert post.watch()[0] == 0
    every = ids_of(post, SILENT)
    assert [topic for topic, _ in every] == told * 2
    assert len({told_id for _, told_id in every}) == 4


def test_a_channel_that_the_outbox_could_not_reach_is_told_directly(post: Post) -> None:
    """Under the id of the outbox: what nobody took is not yet told."""
    post.store()
    post.receiver.status = lambda number: 500 if number == 1 else 200
    post.beat(minutes_ago=20)
    assert post.watch()[0] == 1
    post.set(DATABASE_URL=AWAY)
    assert post.watch()[0] == 1
    first, second = ids_of(post, SILENT)
    assert first == second


@pytest.mark.parametrize("expected", [(), ("--expected",)])
def test_an_unreachable_database_is_named_with_the_drivers_reason(
    post: Post, expected: tuple[str, ...]
) -> None:
    """Host, port and name, no user and no password, in one line; the heartbeat alone is no 0."""
    url = f"postgresql+psycopg://operator:{CANARY}@127.0.0.1:1/books?password={CANARY}2"
    post.set(DATABASE_URL=url)
    post.beat(minutes_ago=1)
    shown = post.run("watchdog", "--format", "json", *expected)
    (row,) = json.loads(shown.stdout)
    assert (shown.exit_code, row["state"]) == (2, "healthy")
    (line,) = [line for line in shown.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: the warehouse at 127.0.0.1:1/books does not answer: ")
    assert "refused" in line
    assert line.removeprefix("error: ") in row["told"]
    assert CANARY not in shown.output
    assert "operator" not in shown.output


def test_a_database_file_that_is_none_is_named(post: Post) -> None:
    """With its path, and what SQLite says of it."""
    file = post.state_dir / "warehouse.db"
    post.state_dir.mkdir(parents=True)
    file.write_bytes(b"no database" * 1000)
    post.beat(minutes_ago=1)
    shown = post.run("watchdog")
    assert shown.exit_code == 2
    assert f"error: the warehouse at {file} does not answer: " in shown.stderr
    assert "not a database" in shown.stderr


def test_a_wrong_address_does_not_keep_the_alert_from_being_recorded(post: Post) -> None:
    """It is said, by the place of the address, and told when that is corrected."""
    post.store()
    post.set(WEBHOOK_URLS=f"nonsense{CANARY}")
    post.beat(minutes_ago=20)
    code, row = post.watch()
    assert code == 1
    assert "WEBHOOK_URLS: address 1 of 1" in row["told"]
    post.set(WEBHOOK_URLS=post.receiver.url)
    assert post.run("outbox", "deliver").exit_code == 0
    assert post.told() == [("alert.opened", SILENT)]


def test_the_outbox_shows_what_waits_and_delivers_it(post: Post) -> None:
    """Failed: 1 and why, without the address. Delivered: 0, and nothing waits."""
    post.store()
    post.receiver.status = lambda number: 500 if number == 1 else 200
    post.beat(minutes_ago=20)
    assert post.watch()[0] == 1
    (row,) = json.loads(post.run("outbox", "--pending", "--format", "json").stdout)
    assert (row["attempts"], row["last_error"]) == (1, "answered 500")
    assert row["channel"].startswith("webhook-")
    post.now += timedelta(minutes=1)
    shown = post.run("outbox", "deliver")
    assert (shown.exit_code, shown.stdout) == (0, "1 delivered, 0 failed\n")
    assert "no message waits" in post.run("outbox", "--pending").stderr
    assert len(json.loads(post.run("outbox", "--format", "json").stdout)) == 1


def test_delivering_to_nobody_is_refused(post: Post) -> None:
    """It names the settings to set."""
    post.store()
    post.set(WEBHOOK_URLS="")
    shown = post.run("outbox", "deliver")
    assert shown.exit_code == 2
    assert "MARKET_PIPELINE_WEBHOOK_URLS" in shown.stderr
