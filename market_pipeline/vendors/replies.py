"""What an HTTP status means, the same for every vendor; and keys taken out of what is said.

404 is left to the client, for only it knows whether that is an unknown symbol.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from pydantic import SecretStr

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    NotEntitled,
    Throttled,
    Unavailable,
    VendorError,
)
from market_pipeline.domain.secret_forms import any_of
from market_pipeline.vendors.bodies import excerpt, looks_like_html

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_SHORTEST_SECRET = 4
_SHORTEST_IN_BODY = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that may be parsed: status 2xx or 404, lower-case header names, whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class VendorKey:
    """A vendor's key, where it travels, and the words that help a person who lacks it.

    `place` is header or query; `prefix` stands before the key (`Bearer `); `setting` and `plan`
    go into `NotEntitled` messages.
    """

    secret: SecretStr | None
    place: str
    name: str
    setting: str
    plan: str
    prefix: str = ""

    @property
    def text(self) -> str:
        """The bare key, empty where none is set."""
        return self.secret.get_secret_value().strip() if self.secret is not None else ""

    @property
    def is_wellformed(self) -> bool:
        """Whether the key could be a key: visible ASCII only, so that no header breaks on it."""
        return bool(self.text) and self.text.isascii() and self.text.isprintable()


class Redactor:
    """Replaces secrets wherever they stand, in any case, as URLs, JSON and HTML write them too.

    In part or as a whole: see `domain.secret_forms`.
    """

    def __init__(self, *secrets: str) -> None:
        self._text = _any_of(secrets, _SHORTEST_SECRET)
        # A secret of fewer than 8 characters may be a word of the vendor's text; in a body it
        # stays, in a message it never does.
        in_body = _any_of(secrets, _SHORTEST_IN_BODY)
        self._body = re.compile(in_body.pattern.encode(), re.IGNORECASE) if in_body else None

    def __call__(self, text: str) -> str:
        """Give a message without the secrets."""
        return self._text.sub("[redacted]", text) if self._text else text

    def body(self, body: bytes) -> bytes:
        """Give a body without the secrets of 8 characters or more: some vendors echo the key."""
        return self._body.sub(b"[redacted]", body) if self._body else body


def _any_of(secrets: Iterable[str], shortest: int) -> re.Pattern[str] | None:
    long_enough = [secret for secret in secrets if len(secret) >= shortest]
    return re.compile(any_of(long_enough), re.IGNORECASE) if long_enough else None


def missing_key(vendor: str, endpoint: str, key: VendorKey) -> NotEntitled | None:
    """Give the error for a key that is unset or could not be one; None when it may be sent."""
    if not key.text:
        return NotEntitled(vendor, endpoint, f"no key: set {key.setting} ({key.plan})")
    if not key.is_wellformed:
        return NotEntitled(vendor, endpoint, f"{key.setting} holds characters no key has")
    return None


def error_for(
    vendor: str, endpoint: str, reply: Reply, redact: Redactor, key: VendorKey | None = None
) -> VendorError | None:
    """Give the typed error a status stands for, or None for 2xx and 404.

    401 and 403 mean the key or its plan; for a vendor without a key, or with a web page as the
    body, they mean that the client is refused.
    """
    status = reply.status
    if 200 <= status < 300 or status == 404:
        return None
    # Redacted before it is shortened: half a key at the cut would not be recognised.
    said = excerpt(redact(reply.body.decode("utf-8", errors="replace")).encode())
    detail = f"HTTP {status}: {said}"
    if status in (401, 403):
        if key is None or looks_like_html(reply.body):
            return Blocked(vendor, endpoint, f"refused: {detail}")
        return NotEntitled(
            vendor, endpoint, f"check {key.setting} and that its plan covers this ({key.plan}). "
            + detail
        )  # fmt: skip
    if status == 429:
        return Throttled(vendor, endpoint, detail, retry_after_s(reply.headers))
    if status >= 500 or status in (408, 425):
        return Unavailable(vendor, endpoint, detail)
    if status < 400:
        detail = f"HTTP {status}: sent elsewhere, not followed"
    return (Blocked if status < 400 else BadPayload)(vendor, endpoint, detail)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After` in seconds, from a number or a date; None when absent or unreadable.

    A date counts from the reply's own `Date` header, so that no clock of ours is involved.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        until, since = parsedate_to_datetime(value), parsedate_to_datetime(headers["date"])
        wait_s = (until - since).total_seconds()
    except (ValueError, TypeError, KeyError):
        return None
    return max(wait_s, 0.0) if math.isfinite(wait_s) else None
