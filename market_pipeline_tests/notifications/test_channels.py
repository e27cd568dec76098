"""Channels over a real socket: what they send, when they give up, and that no address shows."""

import json
import logging
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from market_pipeline.domain.alert_rules import SCHEDULER
from market_pipeline.domain.alerts import opened_message
from market_pipeline.domain.errors import ConfigurationError, DeliveryFailed
from market_pipeline.domain.notices import message
from market_pipeline.logs import Redaction
from market_pipeline.notifications import channels_of
from market_pipeline.notifications.apprise_channel import AppriseChannel
from market_pipeline.notifications.channels import Channel
from market_pipeline.notifications.webhook import Webhook
from market_pipeline.settings import Settings
from market_pipeline_tests.receiver import Receiver

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MESSAGE = message("id-1", "headlines.stored", AT, "live", symbols=["AAPL"])
CANARY = "canary7f3c9token"


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Capture every line of every library, down to the least."""
    with caplog.at_level(1):
        for name in ("httpx", "httpcore", "apprise", "urllib3", "anyio"):
            logging.getLogger(name).setLevel(1)
        yield caplog
    for name in ("httpx", "httpcore", "apprise", "urllib3", "anyio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def failure_of(channel: Channel) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        channel.send(MESSAGE)
    return caught.value


# -- webhook -------------------------------------------------------------------------------


def test_a_webhook_gets_the_payload_and_the_id_as_idempotency_key(receiver: Receiver) -> None:
    """JSON, to the path and query of the address, with its credentials."""
    Webhook(receiver.url.replace("//", "//user:pass@") + "?token=x").send(MESSAGE)
    (posted,) = receiver.posted
    assert posted.path == "/hook?token=x"
    assert posted.json == dict(MESSAGE.payload)
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["idempotency-key"] == "id-1"
    assert posted.headers["x-market-pipeline-topic"] == "headlines.stored"
    assert posted.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("status", [200, 202, 204, 301, 307, 400, 404, 500, 503])
def test_only_2xx_is_taken_and_no_redirect_followed(receiver: Receiver, status: int) -> None:
    """A redirect would carry the message to where nobody configured it to go."""
    receiver.status, receiver.headers = (lambda _: status), {"Location": receiver.url + "/other"}
    if status < 300:
        Webhook(receiver.url).send(MESSAGE)
    else:
        assert failure_of(Webhook(receiver.url)).detail == f"answered {status}"
    assert len(receiver.posted) == 1


@pytest.mark.parametrize(
    ("header", "wanted"), [("120", 120.0), ("-1", None), ("soon", None), ("9" * 5000, None)]
)
def test_a_receivers_retry_after_is_read(
    receiver: Receiver, header: str, wanted: float | None
) -> None:
    """Whole seconds; anything else is no wish."""
    receiver.status, receiver.headers = (lambda _: 429), {"Retry-After": header}
    assert failure_of(Webhook(receiver.url)).retry_after_s == wanted


def test_a_receiver_that_hangs_is_left_at_the_deadline(receiver: Receiver) -> None:
    """Before its answer."""
    receiver.hang_s = 30
    started = time.monotonic()
    assert failure_of(Webhook(receiver.url, 0.3)).detail == "no answer within 0.3 s"
    assert time.monotonic() - started < 3


def test_a_body_that_drips_holds_nothing_up(receiver: Receiver) -> None:
    """The status says it all: the body is not waited for."""
    receiver.drip_s = 5
    started = time.monotonic()
    Webhook(receiver.url).send(MESSAGE)
    assert time.monotonic() - started < 4


def test_a_receiver_that_is_not_there(receiver: Receiver) -> None:
    """Is a failure like any other."""
    receiver.stop()
    assert "could not be reached" in failure_of(Webhook(receiver.url)).detail


# -- Apprise -------------------------------------------------------------------------------


def apprise_url(receiver: Receiver, rest: str = "") -> str:
    return f"json://127.0.0.1:{receiver.port}/{rest}"


def test_apprise_tells_in_words(receiver: Receiver) -> None:
    """An alert with its severity, what to do, and the id; a notice as information."""
    alert = SCHEDULER.alert("k", "Silent", "no beat", AT, "daemon")
    channel = AppriseChannel(apprise_url(receiver))
    channel.send(opened_message(alert, AT, "live"))
    channel.send(MESSAGE)
    told, notice = (json.loads(posted.body) for posted in receiver.posted)
    assert (told["type"], told["title"]) == ("failure", "CRITICAL: Silent")
    assert "look closer: market-pipeline watchdog" in told["message"]
    assert "runbook: docs/runbook.md#scheduler-silent" in told["message"]
    assert "(may arrive twice)" in told["message"]
    assert (notice["type"], notice["title"]) == ("info", "? new stories: AAPL")


def test_apprises_failure_keeps_the_status_alone(receiver: Receiver) -> None:
    """Nothing of what Apprise or the receiver wrote."""
    receiver.status = lambda _: 503
    assert failure_of(AppriseChannel(apprise_url(receiver))).detail == "answered 503"
    receiver.stop()
    said = failure_of(AppriseChannel(apprise_url(receiver))).detail
    assert said == "Apprise could not deliver"


@pytest.mark.parametrize("how", ["hang_s", "drip_s"])
def test_an_apprise_receiver_that_hangs_is_left_at_the_deadline(
    receiver: Receiver, how: str
) -> None:
    """Before its answer, or byte by byte, which Apprise's own time-outs do not see."""
    setattr(receiver, how, 1.0 if how == "drip_s" else 30.0)
    started = time.monotonic()
    assert failure_of(AppriseChannel(apprise_url(receiver), 1.5)).detail == "no answer within 1.5 s"
    assert time.monotonic() - started < 6


def test_an_address_apprise_does_not_understand(receiver: Receiver) -> None:
    """Fails when it is used, without being repeated."""
    said = str(failure_of(AppriseChannel(f"nosuchservice://{CANARY}/{CANARY}")))
    assert "does not understand" in said
    assert CANARY not in said


# -- addresses -----------------------------------------------------------------------------


def of(webhooks: str | None = None, apprise: str | None = None) -> list[Channel]:
    return channels_of(
        Settings(
            webhook_urls=SecretStr(webhooks) if webhooks else None,
            apprise_urls=SecretStr(apprise) if apprise else None,
        )
    )


def test_each_address_is_a_channel_with_a_name_of_its_own(state_dir: object) -> None:
    """Blank-separated, the same twice is one; the name tells the kind and nothing else."""
    found = of(
        f"https://h.example/{CANARY} \n https://h.example/other https://h.example/{CANARY}",
        f"slack://{CANARY}/b/c mailto://u:p@mail.example",
    )
    names = [channel.name for channel in found]
    assert [name.rpartition("-")[0] for name in names] == ["webhook", "webhook", "slack", "mailto"]
    assert len(set(names)) == 4
    assert all(len(name.rpartition("-")[2]) == 8 for name in names)
    assert CANARY not in repr(found)
    assert of() == []


@pytest.mark.parametrize(
    ("webhooks", "apprise", "said"),
    [
        (f"https://h/a {CANARY}", None, "WEBHOOK_URLS: address 2 of 2 is no http"),
        (f"ftp://{CANARY}/", None, "WEBHOOK_URLS: address 1 of 1"),
        (f"https:///{CANARY}", None, "WEBHOOK_URLS: address 1 of 1"),
        (f"https://h:{CANARY}/", None, "WEBHOOK_URLS: address 1 of 1"),
        (f"https://h/\x00{CANARY}", None, "WEBHOOK_URLS: address 1 of 1"),
        (None, f"{CANARY}", "APPRISE_URLS: address 1 of 1 is no address in Apprise's form"),
        (None, f"slack://a {CANARY}://", "APPRISE_URLS: address 2 of 2"),
        (f"{CANARY}", f"{CANARY}", "APPRISE_URLS: address 1 of 1"),
    ],
)
def test_an_address_that_cannot_be_one_is_named_by_its_place(
    state_dir: object, webhooks: str | None, apprise: str | None, said: str
) -> None:
    """And never repeated, in the message or behind it."""
    with pytest.raises(ConfigurationError) as caught:
        of(webhooks, apprise)
    assert said in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert f"/{CANARY}" not in shown


def test_no_secret_of_an_address_shows_anywhere(
    receiver: Receiver,
    everything_logged: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not in errors, their causes, what libraries log at any level, or the output."""
    host = f"127.0.0.1:{receiver.port}"
    secret = f"{CANARY}user:{CANARY}pw@{host}/{CANARY}path"
    made: list[Channel] = [
        Webhook(f"http://{secret}?t={CANARY}q", 0.5),
        Webhook(f"http://{CANARY}.invalid/{CANARY}", 0.5),
        AppriseChannel(f"json://{secret}?+X-Token={CANARY}q"),
        AppriseChannel(f"slack://{CANARY}/{CANARY}"),
    ]
    receiver.status = lambda _: 500
    shown = ""
    for channel in made:
        error = failure_of(channel)
        shown += "".join(traceback.format_exception(error)) + repr(error) + repr(channel)
        assert error.__cause__ is None
        assert error.__context__ is None
    receiver.stop()
    for channel in (made[0], made[2]):
        shown += "".join(traceback.format_exception(failure_of(channel)))
    shown += everything_logged.text + "".join(capfd.readouterr())
    assert CANARY not in shown


def test_settings_redact_every_part_of_an_address(state_dir: object) -> None:
    """Whole, and in its parts, decoded too; hosts, and words in a path, may be shown."""
    settings = Settings(
        webhook_urls=SecretStr(
            f"https://us:p%20w{CANARY}@hooks.example.com/api/{CANARY}1?sig={CANARY}2"
        ),
        apprise_urls=SecretStr(f"slack://{CANARY}3/x/{CANARY}4/#chan sns://AK{CANARY}/S+{CANARY}/"),
    )
    redact = Redaction(settings.secrets()).text
    for text in (
        f"{CANARY}1", f"{CANARY}2", f"{CANARY}3", f"{CANARY}4", f"p w{CANARY}", f"AK{CANARY}",
        f"p%20w{CANARY}", f"S+{CANARY}", f"https://h/{CANARY}3/x/{CANARY}4",
    ):  # fmt: skip
        assert CANARY not in redact(f"error at {text} here"), text
    plain = "could not reach hooks.example.com/api from us"
    assert redact(plain) == plain
