"""The outbox and the alerts on either dialect: with what they tell of, opened once, never lost."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from market_pipeline.domain.alert_rules import SCHEDULER, CollectionOutcome
from market_pipeline.domain.alerts import Alert
from market_pipeline.domain.notices import ALERT_CLOSED, ALERT_OPENED, Delivery, Message, message
from market_pipeline.warehouse import Warehouse, news_tables
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.notices import Notices, append
from market_pipeline_tests.warehouse.processes import run_together

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
A, B = "webhook-aaaaaaaa", "slack-bbbbbbbb"


def told(number: int, after_s: float = 0) -> Message:
    at = AT + timedelta(seconds=number + after_s)
    return message(f"m{number:04}", "headlines.stored", at, "live", n=number)


def alert(key: str = "scheduler:headline", since: datetime = AT) -> Alert:
    return SCHEDULER.alert(key, "Silent <b>\x1b", "no beat\0 \ud800 came", since, "daemon")


@pytest.fixture
def notices(warehouse: Warehouse) -> Notices:
    """Give the notices of an empty warehouse."""
    return warehouse.notices


def claimed(notices: Notices, at: datetime = AT + LEASE, channel: str = A) -> list[Delivery]:
    return notices.claim(channel, at, limit=10, lease=LEASE)


def ids(found: list[Delivery]) -> list[str]:
    return [delivery.message.message_id for delivery in found]


def test_a_message_stands_and_falls_with_its_transaction(url: str) -> None:
    """Rolled back with what it tells of; appended twice it is one; read back as it was."""
    database = Database(url)

    def fall() -> None:
        with database.writing() as connection:
            append(connection, told(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fall()
    notices = Notices(database)
    assert notices.pending([A], AT + LEASE) == []
    with database.writing() as connection:
        assert append(connection, told(1))
        assert not append(connection, told(1))
    assert notices.pending([A, B], AT + LEASE) == [(told(1), A), (told(1), B)]
    database.dispose()


def test_claims_are_in_order_bounded_and_leased(notices: Notices) -> None:
    """Oldest first; claimed is not due for anyone until the lease is over, then again."""
    for number in (2, 0, 1, 3):
        notices.add(told(number))
    at = AT + LEASE
    assert ids(notices.claim(A, at, limit=3, lease=LEASE)) == ["m0000", "m0001", "m0002"]
    assert ids(claimed(notices, at)) == ["m0003"]
    assert claimed(notices, at + LEASE - timedelta(microseconds=1)) == []
    again = claimed(notices, at + LEASE)
    assert ids(again) == ["m0000", "m0001", "m0002", "m0003"]
    assert {delivery.attempts for delivery in again} == {2}
    assert ids(claimed(notices, at, B)) == ["m0000", "m0001", "m0002", "m0003"]


def test_a_failure_is_dated_and_a_delivery_is_for_good(notices: Notices) -> None:
    """Failed: due again when it says. Delivered: never again, nor undone by a late failure."""
    notices.add(told(0))
    (first,) = claimed(notices)
    notices.failed(first, "answered 500 \0 \ud800" + "x" * 600, AT + 3 * LEASE)
    assert claimed(notices, AT + 2 * LEASE) == []
    (second,) = claimed(notices, AT + 3 * LEASE)
    notices.failed(first, "from a process that was slow", AT)  # its claim is over
    assert claimed(notices, AT + 3 * LEASE) == []
    notices.delivered(second, AT + 3 * LEASE)
    notices.failed(second, "late", AT)
    assert claimed(notices, AT + 9 * LEASE) == []
    row = notices.outbox().iloc[0]
    assert (row["attempts"], row["delivered_at"], row["last_error"]) == (2, AT + 3 * LEASE, None)


def test_what_is_released_is_due_at_once_and_not_counted(notices: Notices) -> None:
    """A turn that ended early leaves the message as it was."""
    notices.add(told(0))
    found = claimed(notices)
    notices.release(found, AT + LEASE)
    assert [delivery.attempts for delivery in claimed(notices)] == [1]


def test_a_message_is_finished_once_every_configured_channel_has_it(notices: Notices) -> None:
    """A channel that is gone does not hold it open, one that waits does."""
    notices.add(told(0))
    (for_a,), (for_b,) = claimed(notices, channel=A), claimed(notices, channel=B)
    assert notices.finish([A, B], AT) == 0
    notices.delivered(for_a, AT)
    assert notices.finish([A, B], AT) == 0
    notices.failed(for_b, "gone", AT + LEASE)
    assert notices.finish([A], AT) == 1
    assert notices.pending([A, B, "new-00000000"], AT + 9 * LEASE) == []
    assert notices.finish([A], AT) == 0


def test_without_a_channel_a_message_waits_an_hour_for_one(notices: Notices) -> None:
    """Then it is finished with no delivery."""
    notices.add(told(0))
    assert notices.finish([], AT + timedelta(minutes=59)) == 0
    assert notices.finish([], AT + timedelta(minutes=60)) == 1
    row = notices.outbox().iloc[0]
    assert row["finished_at"] == AT + timedelta(minutes=60)
    assert row["channel"] is None


def test_only_what_is_finished_is_forgotten(notices: Notices) -> None:
    """However old, a message that waits stays."""
    for number in range(3):
        notices.add(told(number))
    first, second, _ = claimed(notices)
    notices.delivered(first, AT)
    notices.finish([A], AT)
    notices.delivered(second, AT)
    notices.finish([A], AT + LEASE)
    assert notices.forget_finished(AT + LEASE) == 1
    assert sorted(set(notices.outbox()["message_id"])) == ["m0001", "m0002"]
    assert list(notices.outbox(only_pending=True)["message_id"]) == ["m0002"]
    assert len(notices.outbox()) == 2


# -- alerts --------------------------------------------------------------------------------


def topics(notices: Notices) -> list[str]:
    return [m.topic for m, _ in notices.pending([A], AT + timedelta(days=9))]


def test_an_alert_opens_once_and_closes_once(notices: Notices) -> None:
    """However often it is raised and cleared: one row, two messages, every sighting counted."""
    assert not notices.clear_alert("scheduler:headline", AT, "fine")
    raised = [notices.raise_alert(alert(), AT + n * LEASE) for n in range(4)]
    assert raised == [True, False, False, False]
    (row,) = notices.open_alerts().to_dict("records")
    assert (row["occurrences"], row["last_seen_at"]) == (4, AT + 3 * LEASE)
    assert row["title"] == "Silent ‹b›"
    assert "market-pipeline watchdog" in row["body"]
    end = AT + 4 * LEASE
    cleared = [notices.clear_alert("scheduler:headline", end, "beats") for _ in range(3)]
    assert cleared == [True, False, False]
    assert notices.open_alerts().empty
    assert topics(notices) == [ALERT_OPENED, ALERT_CLOSED]
    closing = notices.pending([A], AT + timedelta(days=9))[1][0].payload
    assert (closing["since"], closing["occurrences"]) == ("2026-11-24T15:00:00Z", 4)
    assert notices.raise_alert(alert(), AT + timedelta(hours=1))
    assert list(notices.alert_history()["closed_at"]) == [None, end]
    assert list(notices.alert_history(1)["closed_at"]) == [None]


def test_alerts_of_other_keys_are_others(notices: Notices) -> None:
    """Clearing one leaves the other open."""
    notices.raise_alert(alert("collection:a"), AT)
    notices.raise_alert(alert("collection:b"), AT)
    assert notices.clear_alert("collection:a", AT, "")
    assert list(notices.open_alerts()["alert_key"]) == ["collection:b"]


def test_an_alert_says_which_kind_of_data_it_is_about(warehouse: Warehouse) -> None:
    """A drill in the sandbox does not look like the real thing."""
    warehouse.claim_data_kind("sandbox")
    warehouse.notices.raise_alert(alert(), AT)
    ((found, _),) = warehouse.notices.pending([A], AT)
    assert found.payload["data_kind"] == "sandbox"


def _raise_all(url: str, number: int) -> None:
    notices = Warehouse.open(url).notices
    for turn in range(20):
        at = AT + timedelta(minutes=turn, microseconds=number)
        notices.raise_alert(alert(f"collection:{turn}"), at)


def test_two_processes_open_one_alert(url: str) -> None:
    """Of any that both raise at once: one row, one message."""
    run_together(_raise_all, url)
    notices = Warehouse.open(url).notices
    assert len(notices.open_alerts()) == 20
    assert len(notices.alert_history()) == 20
    assert topics(notices) == [ALERT_OPENED] * 20


def _claim_all(url: str, number: int) -> None:
    database = Database(url)
    notices = Notices(database)
    while found := notices.claim(A, AT + timedelta(hours=1), limit=7, lease=LEASE):
        for delivery in found:
            assert delivery.attempts == 1
            notices.failed(delivery, f"by {number}", AT + timedelta(hours=2))
    database.dispose()


def test_processes_that_claim_at_once_share_what_is_due(url: str) -> None:
    """Each message is claimed by one of them."""
    notices = Warehouse.open(url).notices
    for number in range(100):
        notices.add(told(number))
    run_together(_claim_all, url, processes=3)
    assert set(notices.outbox()["attempts"]) == {1}
    assert len(notices.outbox(limit=1000)) == 100


def test_recorded_collections_are_read_as_they_were_written(url: str) -> None:
    """Since an instant, oldest first."""
    database = Database(url)
    rows = [
        {
            "asset": "wire_headlines", "portfolio_id": "growth", "source": "tiingo",
            "started_at": AT + n * LEASE, "duration_ms": 12.5, "is_success": n == 2,
            "is_failover": False, "item_count": 0, "new_item_count": 0,
            "error_kind": None if n == 2 else "blocked", "error_message": None, "run_id": "r",
        }
        for n in (2, 1, 0)
    ]  # fmt: skip
    with database.writing() as connection:
        connection.execute(sa.insert(news_tables.collection_events), rows)
    found = Notices(database).collection_outcomes(AT + LEASE)
    assert found == [
        CollectionOutcome("wire_headlines", "growth", "r", "tiingo", AT + n * LEASE, 12.5,
                          n == 2, False, None if n == 2 else "blocked")
        for n in (1, 2)
    ]  # fmt: skip
    database.dispose()
