"""The transport under every vendor client but Yahoo's: httpx, a call policy, and no leaks.

A key is added below the Request object, so that no URL, request, exception or log ever holds it;
the host is pinned; bodies come whole, unpacked under a limit, or as a typed error.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx
import structlog

from market_pipeline.domain.errors import BadPayload, Blocked, Unavailable, VendorError
from market_pipeline.vendors.bodies import BodyCorrupt, BodyCutShort, BodyReader, BodyTooLarge
from market_pipeline.vendors.loop_thread import io_portal
from market_pipeline.vendors.policy import CallGuard, CallPolicy
from market_pipeline.vendors.replies import (
    Redactor,
    Reply,
    VendorKey,
    error_for,
    missing_key,
)

MAX_BODY_BYTES = 32 * 1024 * 1024
PROBE_TIMEOUT_S = 5.0
_MAX_REDIRECTS = 3

log = structlog.get_logger()
T = TypeVar("T")


class HttpTransport:
    """GETs from one vendor's host under one policy. Synchronous and thread-safe.

    `follow_same_host` opts in to redirects within the host; any other redirect is an error.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        policy: CallPolicy,
        *,
        key: VendorKey | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BODY_BYTES,
        follow_same_host: bool = False,
    ) -> None:
        self.vendor, self.base = vendor, httpx.URL(base_url.rstrip("/"))
        if self.base.scheme not in ("http", "https") or not self.base.host:
            raise ValueError(f"{vendor}: the base URL must be http(s)://host[/path]")
        for library in ("httpx", "httpcore"):
            # Below WARNING they log URLs and headers of every request.
            logging.getLogger(library).setLevel(logging.WARNING)
        self._guard = CallGuard(vendor, policy)
        self._key, self._max_bytes, self._follow = key, max_bytes, follow_same_host
        self._headers = {"Accept-Encoding": "gzip, deflate", **(headers or {})}
        self.redact = Redactor(key.text if key is not None else "")
        self._clients: dict[int, httpx.AsyncClient] = {}
        self._clients_lock = threading.Lock()

    def get(
        self, path: str, params: Mapping[str, str] | None = None, endpoint: str | None = None
    ) -> Reply:
        """Fetch `path` (appended to the base URL, already percent-encoded) with its policy.

        `endpoint` names the call in errors and logs (default `path`). Returns a reply of status
        2xx or 404; raises a `VendorError` for everything else.
        """
        return self.ask(path, params, endpoint, lambda reply: reply)

    def ask(
        self,
        path: str,
        params: Mapping[str, str] | None,
        endpoint: str | None,
        read: Callable[[Reply], T],
    ) -> T:
        """Fetch as `get` does and give what `read` makes of the reply.

        For vendors that refuse with status 200: `read` runs under the policy, so that the
        `VendorError` it raises is retried and counted like one told by status.
        """
        url, name = self._url(path, params), endpoint or path
        self._check_key(name)
        return self._guard.run(name, lambda timeout_s: read(self._attempt(url, name, timeout_s)))

    def probe(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Fetch `path` once, quickly, outside policy: for reachability checks only."""
        self._check_key(path)
        return self._attempt(self._url(path, params), path, PROBE_TIMEOUT_S)

    def close(self) -> None:
        """Close the connections of this process."""
        with self._clients_lock:
            client = self._clients.pop(os.getpid(), None)
        if client is not None:
            io_portal().call(client.aclose)

    def _url(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        url = httpx.URL(f"{self.base}/{path.lstrip('/')}")
        return url.copy_merge_params(dict(params)) if params else url

    def _check_key(self, endpoint: str) -> None:
        problem = missing_key(self.vendor, endpoint, self._key) if self._key is not None else None
        if problem is not None:
            raise problem

    def _client(self) -> httpx.AsyncClient:
        # Keyed by process: connections must not be shared across a fork.
        with self._clients_lock:
            client = self._clients.get(os.getpid())
            if client is None:
                client = self._clients[os.getpid()] = httpx.AsyncClient(
                    transport=_PinnedTransport(self.base, self._key),
                    headers=self._headers,
                    timeout=None,  # noqa: S113 - ours is total and kept in _exchange
                    follow_redirects=False,
                )
            return client

    def _attempt(self, url: httpx.URL, endpoint: str, timeout_s: float) -> Reply:
        started = perf_counter()
        outcome = io_portal().call(self._exchange, url, endpoint, timeout_s)
        error = (
            outcome
            if isinstance(outcome, VendorError)
            else error_for(self.vendor, endpoint, outcome, self.redact, self._key)
        )
        log.debug(
            "vendor_request",
            vendor=self.vendor,
            endpoint=endpoint,
            outcome=error.kind if error else "ok",
            response_ms=round((perf_counter() - started) * 1000, 1),
        )
        if isinstance(outcome, VendorError):
            raise outcome
        if error is not None:
            raise error
        return outcome

    async def _exchange(
        self, url: httpx.URL, endpoint: str, timeout_s: float
    ) -> Reply | VendorError:
        # Errors are returned, not raised: raised inside `except` they would carry the library's
        # exception, and with it frames that hold the key, as their context.
        try:
            with anyio.fail_after(timeout_s):
                reply = await self._fetch(url)
                for _ in range(_MAX_REDIRECTS if self._follow else 0):
                    target = self._redirect_target(url, reply)
                    if target is None:
                        break
                    url, reply = target, await self._fetch(target)
                return reply
        except TimeoutError:
            return Unavailable(self.vendor, endpoint, f"no whole answer within {timeout_s:.1f} s")
        except (BodyTooLarge, BodyCorrupt) as error:
            return BadPayload(self.vendor, endpoint, self.redact(str(error)))
        except _ForeignHost as error:
            # Redacted before it is shortened: half a key at the cut would not be recognised.
            return Blocked(self.vendor, endpoint, self.redact(str(error))[:160])
        except BodyCutShort as error:
            return Unavailable(self.vendor, endpoint, str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            said = self.redact(str(error))[:160]
            return Unavailable(self.vendor, endpoint, f"{type(error).__name__}: {said}")

    async def _fetch(self, url: httpx.URL) -> Reply:
        async with self._client().stream("GET", url) as response:
            reader = BodyReader(response.headers.get("content-encoding", ""), self._max_bytes)
            async for chunk in response.aiter_raw():
                reader.feed(chunk)
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = self.redact.body(reader.finish())
            return Reply(response.status_code, headers, body)

    def _redirect_target(self, url: httpx.URL, reply: Reply) -> httpx.URL | None:
        if reply.status not in (301, 302, 303, 307, 308) or not reply.headers.get("location"):
            return None
        target = url.join(reply.headers["location"])
        if not _is_same_origin(target, self.base):
            raise _ForeignHost(f"redirects to another host ({target.host}), not followed")
        if self._key is not None:
            target = target.copy_remove_param(self._key.name)  # a vendor may echo it
        return target


class _ForeignHost(Exception):
    """A request or a redirect would have left the vendor's host."""


class _PinnedTransport(httpx.AsyncBaseTransport):
    """Sends to one origin only, and adds the key to a copy that nothing else ever sees."""

    def __init__(self, base: httpx.URL, key: VendorKey | None) -> None:
        self._base, self._key = base, key
        self._inner = httpx.AsyncHTTPTransport(proxy=_proxy_for(base), retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not _is_same_origin(request.url, self._base):
            raise _ForeignHost(f"{request.url.host} is not the configured host")
        return await self._inner.handle_async_request(self._keyed(request))

    def _keyed(self, request: httpx.Request) -> httpx.Request:
        if self._key is None:
            return request
        url, headers = request.url, request.headers.copy()
        if self._key.place == "query":
            url = url.copy_set_param(self._key.name, self._key.text)
        else:
            headers[self._key.name] = self._key.prefix + self._key.text
        return httpx.Request(
            request.method, url, headers=headers, stream=request.stream,
            extensions=request.extensions,
        )  # fmt: skip

    async def aclose(self) -> None:
        await self._inner.aclose()


def _is_same_origin(url: httpx.URL, base: httpx.URL) -> bool:
    return (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)


def _proxy_for(base: httpx.URL) -> str | None:
    # Only https: there a proxy sees a tunnel, never the key.
    if base.scheme != "https" or proxy_bypass(base.host):
        return None
    return getproxies().get("https")
