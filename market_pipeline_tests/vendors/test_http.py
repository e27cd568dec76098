"""The transport and a server that misbehaves: deadlines hold, errors are typed, no key leaks."""

import gzip
import logging
import multiprocessing
import threading
import time
import traceback
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    NotEntitled,
    Throttled,
    Unavailable,
    VendorError,
)
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import Redactor, Reply, VendorKey, retry_after_s
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

CANARY = "canary/KEY+7f3a91d2"
ONCE = CallPolicy(attempts=1, timeout_s=2.0)
SETTING = "MARKET_PIPELINE_TEST_KEY"


def key(place: str, text: str | None = CANARY) -> VendorKey:
    secret = SecretStr(text) if text is not None else None
    name = "auth" if place == "query" else "Authorization"
    prefix = "" if place == "query" else "Bearer "
    return VendorKey(secret, place, name, SETTING, "the paid plan", prefix=prefix)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(Answer(b"{}")) as running:
        yield running


def transport(server: Loopback, place: str = "query", **options: object) -> HttpTransport:
    options = {"policy": ONCE, "key": key(place), "max_bytes": 100_000, **options}
    return HttpTransport("vendor", server.url + "/base", **options)  # type: ignore[arg-type]  # tests mix options


def test_a_query_key_reaches_the_vendor_and_nobody_else(server: Loopback) -> None:
    """On the wire it is in the query; path, base path and the other parameters are kept."""
    assert transport(server).get("/news.ashx", {"t": "A,B"}).body == b"{}"
    (asked,) = server.asked
    assert asked.path == "/base/news.ashx"
    assert asked.query == {"t": ["A,B"], "auth": [CANARY]}


def test_a_header_key_travels_in_its_header(server: Loopback) -> None:
    """Nothing of it is in the URL."""
    transport(server, "header").get("/x")
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {CANARY}"
    assert "canary" not in asked.target


def test_a_missing_key_names_the_setting_and_asks_nothing(server: Loopback) -> None:
    """The vendor is disabled with a clear message."""
    for text in (None, "", "  ", "two words\nand a line"):
        with pytest.raises(NotEntitled, match=SETTING):
            transport(server, key=key("header", text)).get("/x")
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(hang_s=20),
        Answer(b"x" * 400, drip_s=0.05),
        Answer(gzip.compress(b"x" * 400), drip_s=0.2, headers={"Content-Encoding": "gzip"}),
    ],
    ids=["slow headers", "slow body", "slow compressed body"],
)
def test_the_deadline_cuts_whatever_is_slow(server: Loopback, answer: Answer) -> None:
    """A byte now and then keeps no call alive."""
    server.script = lambda _asked: answer
    policy = CallPolicy(attempts=1, timeout_s=0.4)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="no whole answer"):
        transport(server, policy=policy).get("/x")
    assert time.monotonic() - started < 1.5


def test_a_slow_call_holds_up_no_other(server: Loopback) -> None:
    """Callers share one I/O thread, which waits for nobody."""
    server.script = lambda asked: Answer(b"{}", hang_s=1.5 if "slow" in asked.path else 0)
    http = transport(server)
    http.get("/warm")
    slow = threading.Thread(target=http.get, args=("/slow",))
    slow.start()
    time.sleep(0.1)
    started = time.monotonic()
    http.get("/fast")
    assert time.monotonic() - started < 1
    slow.join()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(b"y" * 400, is_reset=True), Unavailable, "Error"),
        (Answer(b"short", promised=500), Unavailable, "RemoteProtocolError"),
        (
            Answer(gzip.compress(b"a,b\n" * 900)[:-12], headers={"Content-Encoding": "gzip"}),
            Unavailable,
            "stops before its end",
        ),
        (
            Answer(gzip.compress(bytes(30_000_000)), headers={"Content-Encoding": "gzip"}),
            BadPayload,
            "more than 100000 bytes",
        ),
        (Answer(b"z" * 100_001), BadPayload, "more than 100000 bytes"),
        (Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), BadPayload, "compressed"),
        (Answer(b"{}", headers={"Content-Encoding": "br"}), BadPayload, "not asked for"),
        (Answer(b'{"error": "bad key"}', 401), NotEntitled, SETTING),
        (Answer(b'{"message": "upgrade"}', 403), NotEntitled, "the paid plan"),
        (Answer(b"<html><title>Stop</title>", 403), Blocked, "'Stop'"),
        (Answer(b"slow down", 429), Throttled, "429"),
        (Answer(b"<html>", 502), Unavailable, "502"),
        (Answer(b"what?", 400), BadPayload, "what"),
        (Answer(status=301, headers={"Location": "/login"}), Blocked, "not followed"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_each_failure_is_its_own_type(
    server: Loopback, answer: Answer, error: type[VendorError], words: str
) -> None:
    """What went wrong decides what happens next, so it is told apart."""
    server.script = lambda _asked: answer
    with pytest.raises(error, match=words) as caught:
        transport(server, "header").get("/x")
    assert type(caught.value) is error


def test_nobody_listening_is_unavailable() -> None:
    """A refused connection is an outage like any other."""
    with serving(Answer()) as gone:
        pass
    with pytest.raises(Unavailable, match="ConnectError"):
        transport(gone).get("/x")


def test_404_is_left_to_the_client(server: Loopback) -> None:
    """Only the client knows whether it means an unknown symbol."""
    server.script = lambda _asked: Answer(b"gone", 404)
    assert transport(server).get("/x").status == 404


def test_a_redirect_within_the_host_is_followed_when_asked_for(server: Loopback) -> None:
    """The key goes along without ever standing in the vendor's redirect."""

    def script(asked: Asked) -> Answer:
        if asked.path == "/base/quote.ashx":
            return Answer(status=301, headers={"Location": f"/quote?t=X&auth={CANARY}"})
        return Answer(b"page")

    server.script = script
    assert transport(server, follow_same_host=True).get("/quote.ashx", {"t": "X"}).body == b"page"
    assert server.asked[1].query == {"t": ["X"], "auth": [CANARY]}


def test_a_redirect_to_another_host_is_refused(server: Loopback) -> None:
    """The key goes nowhere else, whatever the vendor says."""
    with serving(Answer(b"stolen")) as thief:
        server.script = lambda _asked: Answer(status=302, headers={"Location": thief.url + "/x"})
        with pytest.raises(Blocked, match="another host"):
            transport(server, follow_same_host=True).get("/x")
        assert thief.asked == []


def test_redirects_end(server: Loopback) -> None:
    """A loop is not followed for ever."""
    server.script = lambda _asked: Answer(status=302, headers={"Location": "/again"})
    with pytest.raises(Blocked):
        transport(server, follow_same_host=True).get("/x")
    assert len(server.asked) == 4


def test_a_429_is_tried_again_when_the_vendor_says(server: Loopback) -> None:
    """With `Retry-After` after that time, without it after a back-off."""
    answers = [
        Answer(status=429, headers={"Retry-After": "1"}),
        Answer(status=429),
        Answer(b"at last"),
    ]
    server.script = lambda _asked: answers.pop(0)
    policy = CallPolicy(attempts=3, first_wait_s=0.01)
    started = time.monotonic()
    assert transport(server, policy=policy).get("/x").body == b"at last"
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0.5"}, 0.5),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 40}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_or_ignored(headers: dict[str, str], wait_s: float | None) -> None:
    """Seconds or a date against the reply's own date; anything else is as if it were absent."""
    assert retry_after_s(headers) == wait_s


def test_an_echoed_key_is_taken_out_of_the_body(server: Loopback) -> None:
    """Some vendors repeat the key in their answer."""
    server.script = lambda _asked: Answer(f"your key {CANARY} is limited".encode())
    assert transport(server).get("/x").body == b"your key [redacted] is limited"


@pytest.mark.parametrize(
    "written",
    ["ca/n&<ary>", r"ca\/n&<ary>", r"ca/n\u0026\u003cary\u003E", "ca/n&amp;&lt;ary&gt;",
     "CA%2fN%26%3CARY%3E"],
)  # fmt: skip
def test_a_key_is_known_however_it_is_written(written: str) -> None:
    """As JSON, HTML and URLs write it: what is unescaped later must not bring it back."""
    redact = Redactor("ca/n&<ary>")
    assert redact(f"a {written} b") == "a [redacted] b"
    assert redact.body(f"a {written} b".encode()) == b"a [redacted] b"


FAULTS = [
    Answer(hang_s=20),
    Answer(b"x" * 100, is_reset=True),
    Answer(gzip.compress(b"abc")[:-4], headers={"Content-Encoding": "gzip"}),
    Answer(f"key {CANARY} unknown".encode(), 401),
    Answer(f"<html><title>{CANARY}</title>".encode(), 403),
    Answer(f"{CANARY}".encode(), 500),
    Answer(status=302, headers={"Location": f"http://elsewhere.invalid/?auth={CANARY}"}),
    Answer(b"HTTP", headers={"Content-Encoding": CANARY}),
]


@pytest.mark.parametrize("place", ["query", "header"])
@pytest.mark.parametrize("answer", FAULTS, ids=range(len(FAULTS)))
def test_the_key_is_in_no_error_and_no_log(
    server: Loopback, answer: Answer, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the message, the traceback with all its locals, the chain of causes, or any log."""
    server.script = lambda _asked: answer
    policy = CallPolicy(attempts=2, timeout_s=0.3, first_wait_s=0.01)
    http = transport(server, place, policy=policy, follow_same_host=True)
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.WARNING, logger=library)
    with capture_logs() as events, pytest.raises(VendorError) as caught:
        http.get("/x", {"t": "A"})
    # Below the frame of this test, which knows the key by right.
    frames = caught.value.__traceback__.tb_next if caught.value.__traceback__ else None
    assert frames is not None
    told = "".join(
        traceback.TracebackException(
            type(caught.value), caught.value, frames, capture_locals=True
        ).format()
    )
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    for text in (told, repr(caught.value), str(events), caplog.text):
        assert "key+7f3a" not in text.lower()
        assert "key%2b7f3a" not in text.lower()
    assert server.asked, "the request was made, so there was something to leak"


def test_a_reply_shows_no_key(server: Loopback) -> None:
    """The happy path has nothing to leak either."""
    reply = transport(server).get("/x")
    assert isinstance(reply, Reply)
    assert "canary" not in repr(reply)
    assert "canary" not in repr(key("query"))


def test_a_probe_is_one_attempt(server: Loopback) -> None:
    """A reachability check neither retries nor waits long."""
    server.script = lambda _asked: Answer(status=503)
    policy = CallPolicy(attempts=4)
    with pytest.raises(Unavailable):
        transport(server, policy=policy).probe("/x")
    assert len(server.asked) == 1


def test_a_base_url_must_be_one() -> None:
    """A setting without a scheme fails at once, not at the first call."""
    with pytest.raises(ValueError, match="base URL"):
        HttpTransport("vendor", "api.example.com", ONCE)


def test_a_closed_transport_works_again(server: Loopback) -> None:
    """Closing gives connections back; the next call opens new ones."""
    http = transport(server)
    http.get("/x")
    http.close()
    assert http.get("/x").status == 200


def test_a_forked_child_has_connections_of_its_own(server: Loopback) -> None:
    """The loop thread does not live on in a fork; the child starts its own and gets its answer."""
    http = transport(server)
    http.get("/parent")
    child = multiprocessing.get_context("fork").Process(target=http.get, args=("/child",))
    child.start()
    child.join(10)
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0
    assert [asked.path for asked in server.asked] == ["/base/parent", "/base/child"]
