"""The HTTP session yfinance is given: one host when told so, a total deadline, a size limit.

It judges chart answers before yfinance sees them, which also keeps failed answers out of
yfinance's cache. Cookie and crumb requests pass through; yfinance copes with their failures.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from curl_cffi import requests as curl_requests
from curl_cffi.curl import CURL_WRITEFUNC_ERROR

from market_pipeline.domain.errors import BadPayload, Unavailable, VendorError
from market_pipeline.vendors.bodies import looks_like_html, parse_json
from market_pipeline.vendors.replies import Redactor, Reply, error_for
from market_pipeline.vendors.yahoo_payloads import CHART, DAILY, VENDOR, chart_has_bars

_YAHOO_HOST = re.compile(r"(?:[a-z0-9-]+\.)*yahoo\.com")
_CHART_PATH = "/v8/finance/chart/"
_SUMMARY_PATH = "/v10/finance/quoteSummary/"
SUMMARY = "quoteSummary"
_UNAUTHORIZED = 401
_NO_REDACTION = Redactor()


class NoBars(Exception):
    """The symbol is known and has no bar in the range: no failure, but nothing to parse."""


class StaleCrumb(Exception):
    """Yahoo takes the crumb no more: it must be asked for another."""


class YahooSession(curl_requests.Session[Any]):
    """A curl session for yfinance; safe to share between threads."""

    def __init__(self, base_url: str | None, max_bytes: int) -> None:
        super().__init__(impersonate="chrome", allow_redirects=base_url is None)
        self._base_url = base_url.rstrip("/") if base_url else None
        self._max_bytes = max_bytes
        self._call = threading.local()

    @contextmanager
    def within(self, timeout_s: float, symbol: str, interval: str = DAILY) -> Iterator[None]:
        """Bound every request this thread makes inside to `timeout_s` in all, for `symbol`.

        A chart that comes must be of bars of `interval`.
        """
        self._call.deadline, self._call.symbol = monotonic() + timeout_s, symbol
        self._call.interval = interval
        try:
            yield
        finally:
            del self._call.deadline, self._call.symbol, self._call.interval

    # yfinance calls with these two and options; the parent spells out forty of them.
    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        """Send one request of yfinance's under the deadline of `within`."""
        left_s = getattr(self._call, "deadline", monotonic()) - monotonic()
        if left_s <= 0:
            raise Unavailable(VENDOR, CHART, "no whole answer in time")
        path = urlsplit(url).path
        is_chart, is_summary = path.startswith(_CHART_PATH), path.startswith(_SUMMARY_PATH)
        if is_chart or is_summary or self._base_url:
            options["allow_redirects"] = False
        body = _CappedBody(self._max_bytes)
        options |= {"timeout": left_s, "content_callback": body.feed}
        problem: VendorError | None = None
        response: Any = None
        try:
            response = super().request(method, self._rewrite(url), **options)
        except curl_requests.exceptions.RequestException as error:
            problem = _curl_problem(error, body)
            if not is_chart and not is_summary and not body.is_too_large:
                raise  # yfinance goes on without a cookie or crumb
        if problem is not None:
            raise problem
        response.content = bytes(body.collected)
        if is_chart:
            self._judge(response)
        elif is_summary:
            _judge_summary(response)
        return response

    def _judge(self, response: Any) -> None:
        headers = {name.lower(): value or "" for name, value in response.headers.items()}
        reply = Reply(response.status_code, headers, response.content)
        # 400 carries "no data for this range" in the same envelope as 404.
        is_enveloped = reply.status == 400 and not looks_like_html(reply.body)
        error = error_for(VENDOR, CHART, reply, _NO_REDACTION) if not is_enveloped else None
        if error is not None:
            raise error
        if not chart_has_bars(reply.body, self._call.symbol, self._call.interval):
            raise NoBars

    def _rewrite(self, url: str) -> str:
        parts = urlsplit(url)
        if not _YAHOO_HOST.fullmatch(parts.hostname or "") or parts.scheme != "https":
            raise BadPayload(VENDOR, "session", "yfinance asked for a host that is not Yahoo's")
        if self._base_url is None:
            return url
        return self._base_url + urlunsplit(("", "", parts.path or "/", parts.query, ""))


def _judge_summary(response: Any) -> None:
    """Raise for what yfinance would ask again for, or read as no data."""
    headers = {name.lower(): value or "" for name, value in response.headers.items()}
    reply = Reply(response.status_code, headers, response.content)
    if reply.status == _UNAUTHORIZED and not looks_like_html(reply.body):
        raise StaleCrumb
    error = error_for(VENDOR, SUMMARY, reply, _NO_REDACTION)
    if error is not None:
        raise error
    document = parse_json(reply.body, VENDOR, SUMMARY)
    if reply.status == 404 and not isinstance(document, dict):
        raise BadPayload(VENDOR, SUMMARY, "HTTP 404 without Yahoo's words for it")
    # An unknown symbol comes as 404 with an error inside, which is an answer like another.
    response.status_code, response.ok = 200, True


class _CappedBody:
    """Collects decompressed chunks, and stops curl at the limit."""

    def __init__(self, limit: int) -> None:
        self.collected = bytearray()
        self.is_too_large = False
        self._limit = limit

    def feed(self, chunk: bytes) -> int:
        if len(self.collected) + len(chunk) > self._limit:
            self.is_too_large = True
            return int(CURL_WRITEFUNC_ERROR)
        self.collected += chunk
        return len(chunk)


def _curl_problem(error: Exception, body: _CappedBody) -> VendorError:
    if body.is_too_large:
        return BadPayload(VENDOR, CHART, "the body is larger than the limit")
    if isinstance(error, curl_requests.exceptions.Timeout):
        return Unavailable(VENDOR, CHART, "no whole answer in time")
    return Unavailable(VENDOR, CHART, f"{type(error).__name__}: {str(error)[:120]}")
