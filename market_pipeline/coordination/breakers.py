"""A circuit breaker that every process shares: pybreaker decides, a `BreakerFields` remembers.

Belongs here: what counts as a failure, and who may make the trial call. Where the fields are
kept belongs to `local`, `redis` and `failover`. pybreaker's own Redis storage is not used: it
swallows connection errors, so that nothing could fail over, and cuts instants to whole seconds.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import pybreaker

from market_pipeline.domain.errors import CircuitOpen, NotEntitled, Transient, UnknownSymbol
from market_pipeline.domain.ports import BreakerRule, BreakerStatus, Lease

ANSWERED = (NotEntitled, UnknownSymbol)
"""401, 403 and 404 are answers of a vendor that is up: they count as good calls."""

GOOD, FAILED = "0", "1"


@dataclass(frozen=True, slots=True)
class BreakerRecord:
    """What a breaker must remember; `state` in pybreaker's spelling.

    `recent` tells the last calls, oldest first, one character each: `GOOD` or `FAILED`.
    """

    state: str = pybreaker.STATE_CLOSED
    recent: str = ""
    opened_at: datetime | None = None

    @property
    def failure_count(self) -> int:
        """How many of the last calls failed."""
        return self.recent.count(FAILED)


class BreakerFields(Protocol):
    """Keeps one breaker's record where every process sees it."""

    def read(self) -> BreakerRecord: ...

    def set_state(self, state: str) -> None: ...

    def set_opened_at(self, opened_at: datetime) -> None: ...

    def add_outcome(self, outcome: str, window: int) -> str:
        """Append a call's outcome, atomically; keep and return the last `window` of them."""
        ...

    def clear_outcomes(self) -> None: ...


class Leases(Protocol):
    """The part of `Coordination` that picks the one process to make a trial call."""

    def acquire_lease(self, name: str, owner: str, ttl_s: float) -> Lease | None: ...

    def release_lease(self, lease: Lease) -> None: ...


class _Storage(pybreaker.CircuitBreakerStorage):
    """One call's view of the shared record: read once at the start, written as things happen."""

    def __init__(self, fields: BreakerFields, rule: BreakerRule) -> None:
        super().__init__("shared")
        self._fields, self._rule = fields, rule
        self._record = fields.read()
        self._successes = 0
        self._is_frozen = False

    def freeze(self) -> None:
        """Ignore every later write, for pybreaker knows no third outcome beside good and bad."""
        self._is_frozen = True

    @property
    def state(self) -> str:
        return self._record.state

    @state.setter
    def state(self, state: str) -> None:
        if not self._is_frozen:
            self._fields.set_state(state)
            self._record = replace(self._record, state=state)

    # pybreaker opens at `counter >= fail_max`. The rule is asked in its place, with fail_max 1.
    @property
    def counter(self) -> int:
        record = self._record
        return int(self._rule.opens(len(record.recent), record.failure_count))

    def increment_counter(self) -> None:
        if not self._is_frozen:
            self._note(FAILED)

    def reset_counter(self) -> None:
        """Take a good call into the window; pybreaker calls this after each, and on closing."""
        if self._is_frozen:
            return
        if self._record.state == pybreaker.STATE_HALF_OPEN:
            self._fields.clear_outcomes()
            self._record = replace(self._record, recent="")
        elif len(self._record.recent) < self._rule.window_calls or self._record.failure_count:
            self._note(GOOD)
        # else the window is full of good calls, as nearly always: one more changes nothing.

    def _note(self, outcome: str) -> None:
        recent = self._fields.add_outcome(outcome, self._rule.window_calls)
        self._record = replace(self._record, recent=recent)

    @property
    def opened_at(self) -> datetime | None:
        return self._record.opened_at

    @opened_at.setter
    def opened_at(self, opened_at: datetime) -> None:
        if not self._is_frozen:
            self._fields.set_opened_at(opened_at)
            self._record = replace(self._record, opened_at=opened_at)

    # One success closes the circuit and one process makes the trial: no need to share this count.
    @property
    def success_counter(self) -> int:
        return self._successes

    def increment_success_counter(self) -> None:
        if not self._is_frozen:
            self._successes += 1

    def reset_success_counter(self) -> None:
        self._successes = 0


def _is_no_failure(error: BaseException) -> bool:
    return not isinstance(error, Transient)


class SharedBreaker:
    """The `Breaker` port over shared fields.

    Closed, it opens once the share of `Transient` errors among the last calls, whoever made them,
    reaches the rule's. Open, it refuses with `CircuitOpen` for `reset_s` seconds; then one process
    at a time makes a trial call: success closes it, a `Transient` opens it again, and a trial
    without an outcome gives way to the next after `reset_s`. Errors that say nothing of the
    vendor's health (`BadPayload`, `Blocked`, `QuotaEnded`, a bug, an interrupt) are no outcome.
    """

    def __init__(self, name: str, rule: BreakerRule, fields: BreakerFields, leases: Leases) -> None:
        self._name, self._rule = name, rule
        self._fields, self._leases = fields, leases

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run the body as one call to the vendor; raise `CircuitOpen` instead when open."""
        with ExitStack() as held:
            storage = _Storage(self._fields, self._rule)
            if storage.state != pybreaker.STATE_CLOSED:
                self._become_the_trial(held)
                storage = _Storage(self._fields, self._rule)  # another trial may just have ended
            try:
                with self._machine(storage).calling():
                    try:
                        yield
                    except (Transient, *ANSWERED):
                        raise
                    except BaseException:
                        storage.freeze()
                        raise
            except pybreaker.CircuitBreakerError:
                raise self._refusal() from None

    def status(self) -> BreakerStatus:
        """Read how the breaker stands now, for every process."""
        record = self._fields.read()
        return BreakerStatus(
            self._name,
            record.state.replace("-", "_"),
            record.failure_count,
            record.opened_at,
            len(record.recent),
        )

    def _machine(self, storage: _Storage) -> pybreaker.CircuitBreaker:
        # A machine for each call: one that lives longer caches the state, and resets the shared
        # count when it notices that another process closed the circuit.
        return pybreaker.CircuitBreaker(
            fail_max=1,  # the storage's counter asks the rule
            reset_timeout=self._rule.reset_s,
            exclude=[_is_no_failure],
            state_storage=storage,
            name=self._name,
            throw_new_error_on_trip=False,  # the caller must see the vendor's own error
        )

    def _become_the_trial(self, held: ExitStack) -> None:
        lease = self._leases.acquire_lease(
            f"breaker-trial:{self._name}", uuid4().hex, self._rule.reset_s
        )
        if lease is None:
            raise self._refusal()
        held.callback(self._leases.release_lease, lease)

    def _refusal(self) -> CircuitOpen:
        return CircuitOpen(
            self._name,
            "(not asked)",
            f"{self._rule.failure_rate:.0%} or more of its last calls failed; one trial call every "
            f"{self._rule.reset_s:g} s until it answers",
        )
