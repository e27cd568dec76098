"""Every error this project raises on purpose, as one tree.

    MarketPipelineError
    |-- ConfigurationError        a setting is missing or contradicts another
    |-- InputError                a person's input is wrong; says what, where and what to do
    |   |-- NotASession           a date on which the exchange did not trade
    |   `-- PortfolioFileError    a portfolio file with every problem found in it
    |-- FencedOff                 another holder of the lock has written since; nothing was stored
    |-- Superseded                a later run writes the same dates; nothing was stored
    |-- NothingStored             what was asked for has not been made yet; says how to make it
    |-- DeliveryFailed            a channel did not take a message; it stays in the outbox
    `-- VendorError               the outside world did not deliver
        |-- NotEntitled           401/403: the key or its plan does not cover this; never retried
        |   `-- SwitchedOff         not asked at all: an operator switched the vendor off
        |-- UnknownSymbol         the vendor does not know the symbol; never retried
        |-- Blocked               the vendor refuses the client (login page, captcha, HTML 403)
        |-- BadPayload            the body is not what the endpoint promises
        |   `-- LayoutChanged     a required field, column or element is gone
        |-- CircuitOpen           not asked at all: the vendor failed too often just now
        |-- QuotaEnded            the day's requests are used up; asked again from `resets_at` on
        |-- MixedPrices           bars that would not continue those stored; nothing is kept
        `-- Transient             may work a moment later; retried
            |-- Throttled         429 or its equivalent; carries `retry_after_s`
            `-- Unavailable       5xx, time-out, reset, unreachable

Messages never carry a key: vendors redact before they raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


class MarketPipelineError(Exception):
    """Base of every error raised on purpose."""


class ConfigurationError(MarketPipelineError):
    """A setting is missing or contradicts another."""


class InputError(MarketPipelineError):
    """A person's input is wrong."""


class NotASession(InputError):
    """A date was asked for on which the exchange did not trade."""

    def __init__(self, asked: date, before: date | None, after: date | None, reason: str) -> None:
        self.asked, self.before, self.after, self.reason = asked, before, after, reason
        nearest = " and ".join(d.isoformat() for d in (before, after) if d is not None)
        super().__init__(
            f"{asked.isoformat()} is no trading session ({reason}); the nearest are {nearest}"
        )


class FencedOff(MarketPipelineError):
    """A holder of an expired lock came to write after its successor did."""

    def __init__(self, name: str, token: int, last_token: int) -> None:
        self.name, self.token, self.last_token = name, token, last_token
        super().__init__(
            f"{name}: lock {token} has expired and {last_token} has written since; "
            "nothing was stored, the successor collects the same"
        )


class Superseded(MarketPipelineError):
    """A run came to write dates that a later run has taken: a killed one whose step still lives."""

    def __init__(self, asset: str, run_id: str, holder: str) -> None:
        self.asset, self.run_id, self.holder = asset, run_id, holder
        super().__init__(
            f"{asset}: run {run_id[:8]} may not write these dates any more, for run {holder[:8]} "
            "has begun to since; nothing was stored"
        )


class NothingStored(MarketPipelineError):
    """What was asked for has not been made yet; the message says how to make it."""


class DeliveryFailed(MarketPipelineError):
    """A channel did not take a message. The text names no address and nothing a receiver wrote."""

    def __init__(self, channel: str, detail: str, retry_after_s: float | None = None) -> None:
        self.channel, self.detail, self.retry_after_s = channel, detail, retry_after_s
        super().__init__(f"{channel}: {detail.strip() or 'failed without a word'}")


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing wrong in one place of a file.

    `row` is the 1-based line of the file as an editor shows it (None: the file as a whole),
    `column` the header as written in the file, `value` what stood there (shortened).
    """

    row: int | None
    column: str | None
    value: str | None
    expected: str

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                f"row {self.row}" if self.row is not None else "",
                f"column {self.column}" if self.column else "",
            )
            if part
        )
        found = f"found {self.value!r}, " if self.value is not None else ""
        return f"{place}: {found}{self.expected}" if place else f"{found}{self.expected}"


class PortfolioFileError(InputError):
    """A portfolio file was refused; `problems` holds what was found, in file order.

    `unlisted` counts the problems beyond those, when there were too many to list.
    """

    def __init__(self, file: str, problems: Sequence[FileProblem], unlisted: int = 0) -> None:
        self.file, self.problems, self.unlisted = file, tuple(problems), unlisted
        lines = [f"  {problem}" for problem in self.problems]
        if unlisted:
            lines.append(f"  and {unlisted} more")
        found = len(self.problems) + unlisted
        super().__init__("\n".join([f"{file}: nothing was imported, {found} problem(s):", *lines]))


class VendorError(MarketPipelineError):
    """A vendor did not deliver. `kind` is the stable short name kept in logs and rows."""

    kind = "vendor_error"

    def __init__(self, vendor: str, endpoint: str, detail: str) -> None:
        self.vendor, self.endpoint, self.detail = vendor, endpoint, detail
        # Some errors below have no text of their own: the kind says more than nothing.
        super().__init__(f"{vendor} {endpoint}: {detail.strip() or self.kind}")


class NotEntitled(VendorError):
    kind = "not_entitled"


class SwitchedOff(NotEntitled):
    kind = "switched_off"


class UnknownSymbol(VendorError):
    kind = "unknown_symbol"


class Blocked(VendorError):
    kind = "blocked"


class BadPayload(VendorError):
    kind = "bad_payload"


class LayoutChanged(BadPayload):
    kind = "layout_changed"


class CircuitOpen(VendorError):
    kind = "circuit_open"


class QuotaEnded(VendorError):
    """The requests of a day are used up, by our own count or by the vendor's word.

    `resets_at` is when the next window begins, None where only the vendor knows.
    """

    kind = "quota_ended"

    def __init__(
        self, vendor: str, endpoint: str, detail: str, resets_at: datetime | None = None
    ) -> None:
        super().__init__(vendor, endpoint, detail)
        self.resets_at = resets_at


class MixedPrices(VendorError):
    """Bars of another adjustment than those stored: side by side they would show a false jump."""

    kind = "mixed_prices"


class Transient(VendorError):
    kind = "transient"


class Throttled(Transient):
    kind = "throttled"

    def __init__(
        self, vendor: str, endpoint: str, detail: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(vendor, endpoint, detail)
        self.retry_after_s = retry_after_s


class Unavailable(Transient):
    kind = "unavailable"
