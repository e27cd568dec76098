"""What deserves an alert: rules, each of them data and a pure function of what was recorded.

A verdict says what is true now (`Raise`, `Clear`) or that nothing can be said (None), as often as
it is asked. A new rule is an `AlertRule`, a function and a section of docs/runbook.md.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from market_pipeline.domain.alerts import Alert, AlertRule, Clear, Raise
from market_pipeline.domain.notices import iso

EMPTY = "empty"
HEARTBEAT_KEY = "scheduler:headline:last_heartbeat"
SCHEDULER_ALERT = "scheduler:headline"
WAITING_ALERT = "headlines:waiting"
WAREHOUSE_ALERT = "warehouse:unreachable"

COLLECTION = AlertRule(
    severity="error",
    meaning=(
        "no new headlines arrive; those already stored stay, and are shown as stale once they "
        "are older than the freshness limit"
    ),
    command="market-pipeline doctor",
    section="collection-failing",
)
WAITING = AlertRule(
    severity="error",
    meaning=(
        "no new headlines are shown although sources deliver them: those already stored stay, "
        "and are shown as stale; what waits is not lost"
    ),
    command="market-pipeline show headlines",
    section="headlines-waiting",
)
SCHEDULER = AlertRule(
    severity="critical",
    meaning="nothing starts by itself: no headlines, prices or snapshots until it is back",
    command="market-pipeline watchdog",
    section="scheduler-silent",
)
WAREHOUSE = AlertRule(
    severity="critical",
    meaning="nothing can be stored or shown, and alerts are not recorded",
    command="market-pipeline db status",
    section="warehouse-unreachable",
)

# -- collections that fail -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CollectionOutcome:
    """One attempt at one source, as `collection_events` keeps it."""

    asset: str
    portfolio_id: str
    run_id: str | None
    source: str
    started_at: datetime
    duration_ms: float
    is_success: bool
    is_failover: bool = False
    error_kind: str | None = None

    @property
    def ended_at(self) -> datetime:
        """When the attempt was over."""
        return self.started_at + timedelta(milliseconds=self.duration_ms)

    @property
    def is_answered(self) -> bool:
        """Whether the source answered: an answer without any headline is one."""
        return self.is_success or self.error_kind == EMPTY


@dataclass(frozen=True, slots=True)
class Tick:
    """Everything one run collected for an asset: it failed when no portfolio got an answer."""

    attempts: tuple[CollectionOutcome, ...]

    @property
    def run_id(self) -> str | None:
        """The run that collected, where one is on record."""
        return self.attempts[0].run_id

    @property
    def started_at(self) -> datetime:
        """When its first attempt began."""
        return min(attempt.started_at for attempt in self.attempts)

    @property
    def ended_at(self) -> datetime:
        """When its last attempt was over."""
        return max(attempt.ended_at for attempt in self.attempts)

    @property
    def is_delivered(self) -> bool:
        """Whether any source answered for any portfolio."""
        return any(attempt.is_answered for attempt in self.attempts)


FAILURES = 3
WITHIN = timedelta(minutes=15)
SETTLED = timedelta(seconds=30)
"""A run goes on asking for its next portfolio this soon; a failure is judged once it is silent."""


def ticks(events: Sequence[CollectionOutcome]) -> list[Tick]:
    """Group the attempts of one asset (any order) into ticks, newest last.

    Attempts of one run are one tick, a step's retries included. Attempts without a run are one
    until a source is asked for the same portfolio again.
    """
    groups: dict[object, list[CollectionOutcome]] = {}
    loose, asked = 0, set[tuple[str, str]]()
    for event in sorted(events, key=lambda e: e.started_at):
        if event.run_id is not None:
            groups.setdefault(event.run_id, []).append(event)
            continue
        question = (event.portfolio_id, event.source)
        if question in asked:
            loose, asked = loose + 1, set()
        asked.add(question)
        groups.setdefault(loose, []).append(event)
    found = [Tick(tuple(attempts)) for attempts in groups.values()]
    return sorted(found, key=lambda tick: (tick.ended_at, tick.started_at))


def collection_alert(
    events: Sequence[CollectionOutcome],
    now: datetime,
    ended_runs: Collection[str] = (),
    *,
    failures: int = FAILURES,
    within: timedelta = WITHIN,
    settled: timedelta = SETTLED,
) -> Raise | Clear | None:
    """Judge the collections of one asset: `events` of the last while, in any order.

    Raise when the newest `failures` ticks all failed, began within `within` of each other and
    the newest ended no longer ago; Clear when the newest delivered. A failed tick counts once it
    has been silent for `settled`: until then its run may be asking for the next portfolio. Those
    of `ended_runs` ask no more and count at once.
    """
    known = ticks(events)
    while known and not known[-1].is_delivered and now - known[-1].ended_at < settled:
        if known[-1].run_id in ended_runs:
            break
        known.pop()
    if not known:
        return None
    key = f"collection:{known[-1].attempts[0].asset}"
    if known[-1].is_delivered:
        return Clear(key, "a collection delivered again")
    streak = [known[-1]]
    for tick in reversed(known[:-1]):
        if tick.is_delivered:
            break
        streak.insert(0, tick)
    newest = streak[-failures:]
    if len(newest) < failures or newest[-1].started_at - newest[0].started_at > within:
        return None
    if now - newest[-1].ended_at > within:
        return None
    return Raise(_collection_alert(key, streak))


def _collection_alert(key: str, streak: Sequence[Tick]) -> Alert:
    asset = streak[-1].attempts[0].asset
    last = {attempt.source: attempt.error_kind or "failed" for attempt in streak[-1].attempts}
    sources = ", ".join(f"{source} ({kind})" for source, kind in sorted(last.items()))
    books = sorted({attempt.portfolio_id for attempt in streak[-1].attempts})
    return COLLECTION.alert(
        key,
        title=f"{asset}: no source delivers",
        happened=(
            f"{len(streak)} collections in a row failed for all of {len(books)} portfolio(s); "
            f"in the last one: {sources}"
        ),
        since=streak[0].started_at,
        subject=f"asset {asset}; sources {', '.join(sorted(last))}",
    )


# -- items that wait to be made stories ----------------------------------------------------


def waiting_alert(
    waiting_since: datetime | None,
    now: datetime,
    limit: timedelta,
    events: Sequence[CollectionOutcome],
) -> Raise | Clear | None:
    """Judge the step `headlines`, which makes stories of what was collected, by what it left.

    Raise when items wait longer than `limit`, the age at which news is stale, although a source
    has answered again since: each collection is followed by the step. `events` are those begun
    since `waiting_since`. Clear when nothing waits.
    """
    if waiting_since is None:
        return Clear(WAITING_ALERT, "what was collected has been made part of stories")
    runs = {event.run_id for event in events if event.is_answered}
    if now - waiting_since <= limit or not runs:
        return None
    return Raise(
        WAITING.alert(
            WAITING_ALERT,
            title="headlines: what was collected is not made into stories",
            happened=(
                f"items collected wait since {iso(waiting_since.replace(microsecond=0))}; "
                f"collections that delivered since then, and left them waiting: {len(runs)}"
            ),
            since=waiting_since,
            subject="asset headlines",
        )
    )


# -- a scheduler that is silent ------------------------------------------------------------

SILENT_OPEN = timedelta(minutes=15)
SILENT_CLOSED = timedelta(minutes=75)


def scheduler_alert(
    last_heartbeat_at: datetime | None,
    now: datetime,
    market_open_since: datetime | None,
    *,
    is_expected: bool = False,
    silent_open: timedelta = SILENT_OPEN,
    silent_closed: timedelta = SILENT_CLOSED,
) -> Raise | Clear | None:
    """Judge the scheduler by its last heartbeat.

    Silent is older than `silent_closed`, or, while the market is open, more than `silent_open`
    since the later of the heartbeat and the opening (`market_open_since`; None when closed), so
    that the slow beat before the opening is no alarm. No heartbeat at all is silence only where
    one `is_expected`: of a scheduler that was never started nothing can be said (None).
    """
    if last_heartbeat_at is None:
        return _silence("no heartbeat was ever kept", now, now) if is_expected else None
    beat = last_heartbeat_at
    is_silent = now - beat > silent_closed or (
        market_open_since is not None and now - max(beat, market_open_since) > silent_open
    )
    if is_silent:
        return _silence(f"the last heartbeat came at {iso(beat)}", beat, now)
    return Clear(SCHEDULER_ALERT, f"a heartbeat came at {iso(beat)}")


def _silence(told: str, since: datetime, now: datetime) -> Raise:
    return Raise(
        SCHEDULER.alert(
            SCHEDULER_ALERT,
            title="The scheduler is silent",
            happened=f"{told}; it is {iso(now.replace(microsecond=0))}",
            since=since,
            subject="the Dagster daemon and its schedule headline_collection",
        )
    )
