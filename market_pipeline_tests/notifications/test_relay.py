"""The relay over real databases and a real receiver: told once as a rule, twice at worst."""

import os
import shutil
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from pydantic import SecretStr

from market_pipeline.domain.notices import Message, message
from market_pipeline.notifications import Notifications, relay
from market_pipeline.notifications.apprise_channel import AppriseChannel
from market_pipeline.notifications.channels import Channel
from market_pipeline.notifications.relay import LEASE, Pace
from market_pipeline.notifications.webhook import Webhook
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.notices import Notices, append
from market_pipeline_tests.receiver import Receiver, receiving
from market_pipeline_tests.warehouse.processes import run_together, start

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SURE = Pace(random=lambda: 0.999)
CANARY = "canary7f3c9token"


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def told(number: int) -> Message:
    at = AT - timedelta(hours=1) + timedelta(milliseconds=number)
    return message(f"m{number:04}", "headlines.stored", at, "live", n=number)


@pytest.fixture
def notices(warehouse: Warehouse) -> Notices:
    """Give an outbox with three messages."""
    for number in range(3):
        warehouse.notices.add(told(number))
    return warehouse.notices


@pytest.fixture
def clock() -> HandClock:
    """Give a clock that is moved by hand."""
    return HandClock(AT)


def test_every_channel_gets_every_message_in_order_once(
    notices: Notices, receiver: Receiver, clock: HandClock
) -> None:
    """Webhook and Apprise alike; then everything is finished and nothing is due."""
    channels: list[Channel] = [
        Webhook(receiver.url),
        AppriseChannel(f"json://127.0.0.1:{receiver.port}/apprise"),
    ]
    result = relay(notices, channels, clock)
    assert (result.delivered, result.failed, result.finished) == (6, 0, 3)
    hooked = [p.headers["idempotency-key"] for p in receiver.posted if p.path == "/hook"]
    assert hooked == ["m0000", "m0001", "m0002"]
    assert sum(posted.path == "/apprise" for posted in receiver.posted) == 3
    assert relay(notices, channels, clock).delivered == 0
    assert len(receiver.posted) == 6


def test_a_receiver_that_failed_is_told_again_under_the_same_id(
    notices: Notices, receiver: Receiver, clock: HandClock
) -> None:
    """500, then 200: retried when it is due, not before, and then never again."""
    receiver.status = lambda number: 500 if number == 1 else 200
    channels = [Webhook(receiver.url)]
    result = relay(notices, channels, clock, SURE)
    assert (result.delivered, result.failed, result.finished) == (2, 1, 2)
    assert result.failures == {channels[0].name: "answered 500"}
    assert relay(notices, channels, clock, SURE).delivered == 0
    clock.now += timedelta(seconds=5)
    result = relay(notices, channels, clock, SURE)
    assert (result.delivered, result.finished) == (1, 1)
    assert receiver.ids() == ["m0000", "m0001", "m0002", "m0000"]
    assert relay(notices, channels, clock, SURE).delivered == 0


def test_a_receiver_that_is_down_for_hours_loses_nothing(
    notices: Notices, receiver: Receiver, clock: HandClock
) -> None:
    """Tried at most a few times an hour, and told everything in the end."""
    receiver.status = lambda _: 503
    channels = [Webhook(receiver.url)]
    for _ in range(6 * 12):
        relay(notices, channels, clock, SURE)
        clock.now += timedelta(minutes=5)
    assert 3 * 20 < len(receiver.posted) < 3 * 40
    receiver.status = lambda _: 200
    clock.now += timedelta(minutes=15)
    assert relay(notices, channels, clock, SURE).finished == 3


def test_a_turn_ends_with_the_third_failure_in_a_row(
    warehouse: Warehouse, receiver: Receiver, clock: HandClock
) -> None:
    """A receiver that is down is not asked for all of a backlog; the rest is due at once."""
    for number in range(10):
        warehouse.notices.add(told(number))
    receiver.status = lambda _: 500
    channels = [Webhook(receiver.url)]
    result = relay(warehouse.notices, channels, clock, SURE)
    assert (result.failed, result.released, len(receiver.posted)) == (3, 7, 3)
    receiver.status = lambda _: 200
    assert relay(warehouse.notices, channels, clock, SURE).delivered == 7


def test_a_channel_that_hangs_keeps_no_other_waiting(
    notices: Notices, receiver: Receiver, clock: HandClock
) -> None:
    """The pass ends in its time, the other channel has everything, nothing is lost."""
    with receiving() as hanging:
        hanging.hang_s = 60
        channels = [Webhook(hanging.url, 0.5), Webhook(receiver.url)]
        started = time.monotonic()
        result = relay(notices, channels, clock, Pace(budget_s=0.7, random=lambda: 0.999))
        assert time.monotonic() - started < 5
        assert len(receiver.posted) == 3
        assert (result.delivered, result.failed, result.released, result.finished) == (3, 2, 1, 0)
        hanging.hang_s = 0
        clock.now += timedelta(seconds=5)
        assert relay(notices, channels, clock).finished == 3
        assert len(receiver.posted) == 3


class _Slip:
    """A channel with a fault in it."""

    name = "slip-00000000"

    def send(self, _message: Message) -> None:
        raise KeyError(CANARY)


def test_a_channels_slip_is_a_failure_and_not_quoted(
    notices: Notices, receiver: Receiver, clock: HandClock
) -> None:
    """The others go on; what it said may hold an address."""
    result = relay(notices, [_Slip(), Webhook(receiver.url)], clock)
    assert (result.delivered, result.failed) == (3, 3)
    assert CANARY not in notices.outbox().to_csv()
    assert "unexpected KeyError" in set(notices.outbox()["last_error"])


def test_settings_that_cannot_be_read_send_and_finish_nothing(
    state_dir: Path, notices: Notices, receiver: Receiver, clock: HandClock
) -> None:
    """What is to be told waits for them to be corrected; the work that tells it goes on."""
    wrong = Settings(webhook_urls=SecretStr(f"{receiver.url} {CANARY}"))
    result = Notifications(wrong, clock).relay(notices)
    assert "WEBHOOK_URLS: address 2 of 2" in str(result)
    assert CANARY not in str(result)
    assert receiver.posted == []
    right = Settings(webhook_urls=SecretStr(f"{receiver.url} {receiver.url}/2"))
    assert Notifications(right, clock).relay(notices).finished == 3
    assert len(receiver.posted) == 6


def test_no_address_stands_in_a_row_or_a_log(
    url: str, clock: HandClock, receiver: Receiver, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """After failures of every kind."""
    warehouse = Warehouse.open(url)
    warehouse.notices.add(told(0))
    receiver.status = lambda _: 500
    host = f"127.0.0.1:{receiver.port}"
    channels: list[Channel] = [
        Webhook(f"http://{CANARY}:{CANARY}@{host}/{CANARY}?{CANARY}"),
        Webhook(f"http://{CANARY}.invalid/", 0.5),
        AppriseChannel(f"json://{CANARY}:{CANARY}@{host}/{CANARY}"),
        AppriseChannel(f"nosuchservice://{CANARY}/"),
    ]
    result = relay(warehouse.notices, channels, clock)
    assert result.failed == 4
    with warehouse._database.reading() as connection:
        rows = [
            str(row)
            for table in ("outbox", "outbox_deliveries", "alerts")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
        ]
    assert len(rows) == 5
    shown = "\n".join([*rows, caplog.text, *capfd.readouterr(), str(result), repr(channels)])
    assert CANARY not in shown
    warehouse.dispose()


# -- more than one process -----------------------------------------------------------------


class RelayIn:
    """Relays to an address, in another process."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, url: str, number: int) -> None:
        warehouse = Warehouse.open(url)
        relay(warehouse.notices, [Webhook(self.address)], lambda: AT)
        warehouse.dispose()


class DieAfterSending:
    """Sends to an address and is killed before it notes that, in another process."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, url: str, ready: Event) -> None:
        hook = Webhook(self.address)

        class Dying:
            name = hook.name

            def send(self, sent: Message) -> None:
                hook.send(sent)
                ready.set()
                os.kill(os.getpid(), signal.SIGKILL)

        relay(Warehouse.open(url).notices, [Dying()], lambda: AT)


def test_two_processes_that_relay_at_once_tell_everything_once(
    url: str, receiver: Receiver
) -> None:
    """A claim is one process's; between them they tell all of it."""
    notices = Warehouse.open(url).notices
    for number in range(60):
        notices.add(told(number))
    run_together(RelayIn(receiver.url), url)
    assert sorted(receiver.ids()) == [f"m{number:04}" for number in range(60)]
    assert notices.outbox(only_pending=True).empty


def test_a_kill_between_sending_and_noting_tells_again_under_the_same_id(
    url: str, receiver: Receiver
) -> None:
    """After the lease, not before: twice at worst, and recognisably."""
    warehouse = Warehouse.open(url)
    warehouse.notices.add(told(0))
    start(DieAfterSending(receiver.url), url).join(10)
    assert receiver.ids() == ["m0000"]
    channels = [Webhook(receiver.url)]
    assert relay(warehouse.notices, channels, lambda: AT + LEASE / 2).delivered == 0
    assert relay(warehouse.notices, channels, lambda: AT + LEASE).finished == 1
    assert receiver.ids() == ["m0000", "m0000"]
    warehouse.dispose()


def test_a_thousand_messages_are_told_within_seconds(
    sqlite_template: Path, tmp_path: Path, receiver: Receiver
) -> None:
    """A backlog after an outage is gone in a pass or two; the receiver's time is in it."""
    database = Database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'warehouse.db')}")
    with database.writing() as connection:
        for number in range(1000):
            append(connection, told(number))
    # Time of the processor: other work on the machine is no matter of ours.
    started = time.process_time()
    patient = Pace(budget_s=200, lease=timedelta(minutes=9))
    result = relay(Notices(database), [Webhook(receiver.url)], lambda: AT, patient)
    took_s = time.process_time() - started
    assert (result.delivered, result.finished) == (1000, 1000)
    assert took_s < 25, took_s
    database.dispose()
