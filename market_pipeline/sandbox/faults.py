"""Misbehaviour on demand: which request is spoilt, and how the answer goes wrong on the wire.

Rules are set and cleared while the server runs. Belongs here: rules, choosing, sending badly.
Does not: what a spoilt body looks like inside (`spoilt_bodies`).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from market_pipeline.sandbox import spoilt_bodies
from market_pipeline.sandbox.finviz import LOGIN_PAGE
from market_pipeline.sandbox.spoilt_bodies import DataFault

FaultKind = Literal[
    "rate_limited", "server_error", "timeout", "slow_body", "reset", "truncated", "html",
    "login_page", "empty_body", "empty_list", "renamed", "nan", "negative", "duplicates",
    "delayed_plan",
]  # fmt: skip
VendorName = Literal[
    "*", "yahoo", "polygon", "alpha_vantage", "finviz", "finviz_elite", "tiingo", "finnhub"
]  # fmt: skip
LONGEST_HANG_S = 120.0
_SLOW_CHUNKS = 40
_DEFAULT_STATUS = 503


class FaultParams(BaseModel):
    """How a fault goes: seconds to hang or dribble, the status, rows to spoil, names to use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retry_after_s: float | None = Field(default=None, ge=0)
    status: int = Field(default=_DEFAULT_STATUS, ge=500, le=599)
    seconds: float = Field(default=30.0, gt=0, le=LONGEST_HANG_S)
    rows: int = Field(default=1, ge=1)
    columns: dict[str, str] | list[str] | None = None


class FaultSpec(BaseModel):
    """One rule: matching requests are spoilt `count` times (None: always), or by chance.

    `path` is a regular expression looked for in the vendor's path and query.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    vendor: VendorName = "*"
    path: str = ""
    count: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0
    params: FaultParams = FaultParams()

    @field_validator("path")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as problem:
            raise ValueError(f"no regular expression: {problem}") from None
        return value


@dataclass
class _Rule:
    number: int
    spec: FaultSpec
    fired: int = 0
    dice: Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = Random(self.spec.seed)  # noqa: S311  # repeatable chance, not a secret

    def matches(self, vendor: str, asked: str) -> bool:
        spec = self.spec
        if spec.count is not None and self.fired >= spec.count:
            return False
        if spec.vendor not in ("*", vendor) or not re.search(spec.path, asked):
            return False
        return spec.probability >= 1 or self.dice.random() < spec.probability

    def shown(self) -> dict[str, object]:
        return {"id": self.number, "fired": self.fired, **self.spec.model_dump()}


class FaultBook:
    """The rules in force, oldest first; the first that matches a request spoils it."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._last_number = 0

    def add(self, specs: Sequence[FaultSpec]) -> list[int]:
        """Put rules in force and give their numbers."""
        for spec in specs:
            self._last_number += 1
            self._rules.append(_Rule(self._last_number, spec))
        return [rule.number for rule in self._rules[len(self._rules) - len(specs) :]]

    def clear(self, number: int | None = None) -> int:
        """Take one rule (None: all) out of force; give how many there were."""
        kept = [rule for rule in self._rules if number is not None and rule.number != number]
        removed = len(self._rules) - len(kept)
        self._rules = kept
        return removed

    def shown(self) -> list[dict[str, object]]:
        """List the rules with how often each has fired."""
        return [rule.shown() for rule in self._rules]

    def choose(self, vendor: str, asked: str) -> FaultSpec | None:
        """Give the fault that befalls this request, and count it."""
        for rule in self._rules:
            if rule.matches(vendor, asked):
                rule.fired += 1
                return rule.spec
        return None


@dataclass(frozen=True)
class Exchange:
    """One request under way: the application to ask, and both directions of the wire."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    vendor: str


async def misbehave(fault: FaultSpec, exchange: Exchange) -> None:
    """Answer a request as the fault says."""
    params = fault.params
    if fault.kind == "timeout":
        await _hang(params.seconds, exchange.receive)
        await _send(exchange.send, _Answer(504, [], b""))
    elif fault.kind == "empty_body":
        await _send(exchange.send, _of_text(200, "", "text/html"))
    elif fault.kind == "rate_limited":
        answer = _of_text(429, *spoilt_bodies.too_many_requests(exchange.vendor))
        if params.retry_after_s is not None:
            answer.headers.append((b"retry-after", f"{params.retry_after_s:g}".encode()))
        await _send(exchange.send, answer)
    elif fault.kind == "server_error":
        page = spoilt_bodies.error_page(params.status)
        await _send(exchange.send, _of_text(params.status, page, "text/html"))
    elif fault.kind in ("html", "login_page"):
        page = LOGIN_PAGE if fault.kind == "login_page" else spoilt_bodies.NOTICE
        await _send(exchange.send, _of_text(200, page, "text/html"))
    else:
        await _spoil(fault, exchange)


async def _spoil(fault: FaultSpec, exchange: Exchange) -> None:
    """Let the application answer, and spoil the sending or the body."""
    answer = await _collect(exchange)
    if fault.kind == "slow_body":
        await _dribble(answer, fault.params.seconds, exchange)
    elif fault.kind == "reset":
        await exchange.send(answer.start())
        half = answer.body[: len(answer.body) // 2]
        # The announced length is never reached: the server drops the connection.
        await exchange.send({"type": "http.response.body", "body": half, "more_body": True})
    elif fault.kind == "truncated":
        await _send(exchange.send, answer.with_body(answer.body[: len(answer.body) // 2]))
    else:
        params = fault.params
        asked = DataFault(fault.kind, exchange.vendor, params.rows, params.columns)
        body = spoilt_bodies.spoil(asked, answer.body)
        await _send(exchange.send, answer.with_body(body))


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def start(self) -> Message:
        kept = [(name, value) for name, value in self.headers if name != b"content-length"]
        length = (b"content-length", str(len(self.body)).encode())
        return {"type": "http.response.start", "status": self.status, "headers": [*kept, length]}

    def with_body(self, body: bytes) -> "_Answer":
        return _Answer(self.status, self.headers, body)


def _of_text(status: int, text: str, content_type: str) -> _Answer:
    return _Answer(status, [(b"content-type", content_type.encode())], text.encode())


async def _collect(exchange: Exchange) -> _Answer:
    status, headers, body = 500, [], bytearray()

    async def keep(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        else:
            body.extend(message.get("body", b""))

    await exchange.app(exchange.scope, exchange.receive, keep)
    return _Answer(status, headers, bytes(body))


async def _send(send: Send, answer: _Answer) -> None:
    await send(answer.start())
    await send({"type": "http.response.body", "body": answer.body})


async def _dribble(answer: _Answer, seconds: float, exchange: Exchange) -> None:
    await exchange.send(answer.start())
    size = max(len(answer.body) // _SLOW_CHUNKS, 1)
    pieces = [answer.body[i : i + size] for i in range(0, len(answer.body), size)]
    for piece in pieces:
        await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
        if await _hang(seconds / len(pieces), exchange.receive):
            return
    await exchange.send({"type": "http.response.body", "body": b""})


async def _hang(seconds: float, receive: Receive) -> bool:
    """Wait, and say whether the client gave up meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True
