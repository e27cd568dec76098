"""A webhook: the message's payload posted as JSON to an http(s) address.

2xx means taken. Redirects are not followed, the answer's body is not read, and the address, which
may hold a token, goes nowhere but into the request.
"""

import json
import logging
import ssl
from functools import cache, partial
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx

from market_pipeline.domain.errors import DeliveryFailed
from market_pipeline.domain.notices import Message
from market_pipeline.notifications.channels import channel_name
from market_pipeline.notifications.deadline import within

DEADLINE_S = 5.0
_RESOLVING_S = 0.5
_MOST_RETRY_AFTER_DIGITS = 6


class Webhook:
    """Posts to one address. Synchronous and thread-safe."""

    def __init__(self, url: str, deadline_s: float = DEADLINE_S) -> None:
        """Read the address; raise ValueError, which does not repeat it, where it cannot be one."""
        self._url = _read(url)
        self.name, self._deadline_s = channel_name("webhook", url), deadline_s
        for library in ("httpx", "httpcore"):
            # Below WARNING they log the address of every request.
            logging.getLogger(library).setLevel(logging.WARNING)

    def __repr__(self) -> str:
        return f"Webhook({self.name})"

    def check(self) -> None:
        """Do nothing: the address was read when this was made."""

    def send(self, message: Message) -> None:
        """Post the message; raise DeliveryFailed where it is not taken within the deadline."""
        answers: list[tuple[int, float | None]] = []
        # The thread's limit is behind the other one: a name that does not resolve, for instance,
        # is waited for even after the exchange is cancelled.
        failure = within(
            self._deadline_s + _RESOLVING_S,
            partial(anyio.run, self._exchange, message, answers),
        )
        if failure is not None:
            # Raised anew, not from it: the library's error carries the request and its address.
            raise DeliveryFailed(self.name, _told(failure, self._deadline_s))
        status, retry_after_s = answers[0]
        if not 200 <= status < 300:
            raise DeliveryFailed(self.name, f"answered {status}", retry_after_s)

    async def _exchange(self, message: Message, answers: list[tuple[int, float | None]]) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "market-pipeline",
            "Idempotency-Key": message.message_id,
            "X-Market-Pipeline-Topic": message.topic,
        }
        body = json.dumps(dict(message.payload), allow_nan=False).encode()
        client = httpx.AsyncClient(
            verify=_tls(),
            timeout=None,  # noqa: S113 - the deadline is total
            follow_redirects=False,
            trust_env=False,
            proxy=_proxy_for(self._url),
        )
        with anyio.fail_after(self._deadline_s):
            async with (
                client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                answers.append((response.status_code, _retry_after(response)))


def _read(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        parsed = None
    if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("is no http:// or https:// address")
    return parsed


def _told(failure: BaseException, deadline_s: float) -> str:
    if isinstance(failure, TimeoutError):
        return f"no answer within {deadline_s:g} s"
    if isinstance(failure, httpx.HTTPError | OSError):
        return f"could not be reached ({type(failure).__name__})"
    return f"the message could not be sent ({type(failure).__name__})"


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    is_seconds = text.isascii() and text.isdigit() and len(text) <= _MOST_RETRY_AFTER_DIGITS
    return float(text) if is_seconds else None


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _proxy_for(url: httpx.URL) -> str | None:
    # Only https: there a proxy sees a tunnel, never the address.
    if url.scheme != "https" or proxy_bypass(url.host):
        return None
    return getproxies().get("https")
