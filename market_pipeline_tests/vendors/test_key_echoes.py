"""A vendor that echoes the key wherever an answer has room: it is in no error and in no log."""

from collections.abc import Callable, Iterator

import pytest
import structlog
from pydantic import SecretStr

from market_pipeline.domain.errors import VendorError
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import VendorKey
from market_pipeline_tests.vendors.loopback import Answer, Loopback, serving

KEY = "CanaryKey7f3a9b2c4d5e6f708192a3b4c5d6e7f8"
FOREIGN = ("evil.example", "127.0.0.1:1")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(Answer()) as running:
        yield running


def asked(server: Loopback, place: str, *, follow: bool) -> tuple[str, str]:
    """Ask once with the key; give what the error says, and what was logged."""
    key = VendorKey(SecretStr(KEY), place, "apikey", "SETTING", "a plan")
    http = HttpTransport(
        "vendor", server.url, CallPolicy(attempts=1), key=key, follow_same_host=follow
    )
    with structlog.testing.capture_logs() as logs, pytest.raises(VendorError) as caught:
        http.get("/x", {"symbol": "KO"})
    http.close()
    error = caught.value
    chained = [repr(each) for each in (error.__cause__, error.__context__) if each is not None]
    return " ".join([str(error), repr(error), *chained]), repr(logs)


def pieces() -> list[str]:
    """Every run of ten characters of the key, in lower case: half a key is a key to guess."""
    return [KEY[at : at + 10].lower() for at in range(len(KEY) - 9)]


ECHOES: dict[str, Callable[[int], Answer]] = {
    "an error body": lambda n: Answer(b"." * n + KEY.encode(), 400),
    "a refusal": lambda n: Answer(b'{"error":"' + b"." * n + KEY.encode() + b'"}', 403),
    "a page": lambda n: Answer(b"<html><title>" + b"." * n + KEY.encode() + b"</title>", 500),
    "a redirect's host": lambda n: Answer(
        status=302, headers={"Location": f"https://{'a.' * (n // 2)}{KEY}.evil.example/"}
    ),
    "a redirect's path": lambda n: Answer(
        status=302, headers={"Location": f"https://evil.example/{'a' * n}{KEY}?apikey={KEY}"}
    ),
    "a redirect that is no address": lambda n: Answer(
        status=302, headers={"Location": f"http://[{'a' * n}{KEY}"}
    ),
    "Retry-After": lambda n: Answer(b"slow", 429, {"Retry-After": "9" * n + KEY}),
    "the encoding": lambda n: Answer(b"x", 200, {"Content-Encoding": "g" * n + KEY}),
    "the type": lambda n: Answer(b"no", 500, {"Content-Type": "text/" + "h" * n + KEY}),
    "a header that is none": lambda n: Answer(b"", 200, {"Content-Length": "9" * n + KEY}),
}


@pytest.mark.parametrize("place", ["query", "header"])
@pytest.mark.parametrize("name", ECHOES)
@pytest.mark.parametrize("before", [0, 40, 130, 150])
def test_no_part_of_an_echoed_key_is_told(
    server: Loopback, name: str, place: str, before: int
) -> None:
    """Wherever the text is cut: what is left of the key there is not told either."""
    server.script = lambda _asked: ECHOES[name](before)
    said, logged = asked(server, place, follow=True)
    for piece in pieces():
        assert piece not in said.lower()
        assert piece not in logged.lower()
