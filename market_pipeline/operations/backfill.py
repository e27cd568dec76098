"""Run the real graph over a range of dates, in this process, recorded in Dagster's storage.

Three runs at most: the calendar days of its news, the sessions of the range, and the calendar days
of its hourly bars. What the runs did shows in the Dagster UI like any other.
"""

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg
import structlog

from market_pipeline.automation.jobs import (
    INTRADAY_GROUPS,
    NEWS_GROUPS,
    SESSION_GROUPS,
    range_tags,
)
from market_pipeline.definitions import build_defs
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.operations.dead_runs import PROCESS_TAG, bury_dead_runs, process_mark
from market_pipeline.partitions import date_key, latest_session
from market_pipeline.resources import utc_now
from market_pipeline.settings import Settings, current_settings, project_root

EVENT_BATCH = "100"

FACTOR_ASSETS = (
    "symbol_universe", "equity_bars", "market_data_cache", "factor_exposures",
    "symbol_daily_metrics",
)  # fmt: skip
"""What a factor's exposures are made of, its proxies' prices included, and what carries them."""

log = structlog.get_logger()

Progress = Callable[[str], None]


@dataclass(frozen=True)
class RunOutcome:
    """One Dagster run of a backfill."""

    job: str
    run_id: str
    first: date
    last: date
    succeeded: bool
    materialized: tuple[str, ...]
    rows_changed: int
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class BackfillResult:
    """Every run of a backfill, in order."""

    runs: tuple[RunOutcome, ...] = field(default_factory=tuple)

    @property
    def succeeded(self) -> bool:
        """Whether every run did all it was asked for."""
        return bool(self.runs) and all(run.succeeded for run in self.runs)

    @property
    def rows_changed(self) -> int:
        """Rows inserted, updated or deleted by all runs."""
        return sum(run.rows_changed for run in self.runs)


def run_backfill(
    first: date,
    last: date,
    *,
    select: Sequence[str] = (),
    factors: Sequence[str] = (),
    progress: Progress = lambda line: None,
    settings: Settings | None = None,
) -> BackfillResult:
    """Materialize the sessions and news days from `first` to `last`, both included.

    `select` names assets (empty: all). `factors` names definitions: then `FACTOR_ASSETS` are made
    unless `select` says otherwise, and exposures to other factors stay untouched. Picks up where
    an interrupted backfill stopped: what is collected is not asked for again. Raises `NotASession`
    where an end of the range is none while session assets are selected, `InputError` for a range
    that is empty or unknown names.
    """
    settings = settings or current_settings()
    _check_factors(settings, factors)
    select = select or (FACTOR_ASSETS if factors else ())
    defs = build_defs(settings)
    calendar = TradingCalendar.xnys(settings.extra_closures)
    wanted = _selected(defs, select)
    session_assets = [key for key, group in wanted.items() if group in SESSION_GROUPS]
    news_assets = [key for key, group in wanted.items() if group in NEWS_GROUPS]
    hour_assets = [
        key for key, group in wanted.items()
        if group in INTRADAY_GROUPS and (select or settings.has_intraday)
    ]  # fmt: skip
    if session_assets:
        _check_sessions(calendar, settings, first, last)
    else:
        _check_days(calendar, settings, first, last)
    outcomes = []
    with dagster_instance() as instance:
        bury_dead_runs(instance, progress)
        # News first: the impact of news on prices is made with the sessions.
        until = _days_until(calendar, last)
        if news_assets:
            outcomes.append(_run(defs, instance, "news_job", news_assets, first, until, progress))
        if session_assets:
            outcomes.append(
                _run(
                    defs, instance, "session_job", session_assets, first, last, progress,
                    _config_of(session_assets, factors),
                )
            )  # fmt: skip
        # Hours last: they are compared with the daily bars of their sessions.
        if hour_assets:
            outcomes.append(
                _run(defs, instance, "intraday_job", hour_assets, first, until, progress)
            )
    return BackfillResult(tuple(outcomes))


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """Open Dagster's instance as `dagster.yaml` at the root describes it."""
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH)
    home = Path(os.environ.get("DAGSTER_HOME") or project_root())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _selected(defs: dg.Definitions, select: Sequence[str]) -> dict[dg.AssetKey, str]:
    graph = defs.resolve_asset_graph()
    known = {key: graph.get(key).group_name for key in graph.materializable_asset_keys}
    if not select:
        return known
    by_name = {key.to_user_string(): key for key in known}
    unknown = sorted(set(select) - set(by_name))
    if unknown:
        raise InputError(
            f"no asset is called {', '.join(unknown)}; there are {', '.join(sorted(by_name))}"
        )
    return {by_name[name]: known[by_name[name]] for name in select}


def _check_factors(settings: Settings, factors: Sequence[str]) -> None:
    known = [definition.name for definition in settings.definitions]
    unknown = sorted(set(factors) - set(known))
    if unknown:
        raise InputError(
            f"no active factor definition is called {', '.join(unknown)}; there are "
            f"{', '.join(known)}"
        )


def _config_of(assets: Sequence[dg.AssetKey], factors: Sequence[str]) -> dict[str, object]:
    """Tell the exposures which definitions to measure, where not all."""
    if not factors or dg.AssetKey("factor_exposures") not in assets:
        return {}
    return {"factor_exposures": {"config": {"only": list(factors)}}}


def _days_until(calendar: TradingCalendar, last: date) -> date:
    """News and hours go on after a session: up to the latest one, they reach until today."""
    now = utc_now()
    today = now.astimezone(NEW_YORK).date()
    return today if last >= latest_session(calendar, now) else last


def _check_days(calendar: TradingCalendar, settings: Settings, first: date, last: date) -> None:
    _check_order(settings, first, last)
    if first > _days_until(calendar, last):
        latest = latest_session(calendar, utc_now())
        raise InputError(f"{first} is yet to come; the latest session that is complete is {latest}")


def _check_sessions(calendar: TradingCalendar, settings: Settings, first: date, last: date) -> None:
    _check_order(settings, first, last)
    calendar.require_session(first)
    calendar.require_session(last)
    latest = latest_session(calendar, utc_now())
    if last > latest:
        raise InputError(f"{last} is not over yet; the latest session that is complete is {latest}")


def _check_order(settings: Settings, first: date, last: date) -> None:
    if first > last:
        raise InputError(f"--from {first} is after --to {last}")
    if first < settings.first_session:
        raise InputError(
            f"{first} is before the first session {settings.first_session} "
            "(setting MARKET_PIPELINE_FIRST_SESSION)"
        )


def _run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job_name: str,
    assets: Sequence[dg.AssetKey],
    first: date,
    last: date,
    progress: Progress,
    ops: Mapping[str, object] | None = None,
) -> RunOutcome:
    """Run one job over a range of partitions and gather what it did."""
    job = defs.resolve_job_def(job_name)
    run_id = str(uuid.uuid4())
    names = sorted(key.to_user_string() for key in assets)
    span = date_key(first) if first == last else f"{date_key(first)} to {date_key(last)}"
    progress(f"{job_name}, {span}: {len(names)} assets (run {run_id[:8]})")
    record = _Record(progress, names)
    instance.add_event_listener(run_id, record)
    is_whole = set(assets) >= set(job.asset_layer.executable_asset_keys)
    result = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        # The whole job is asked for as such: naming its assets would leave its checks out.
        asset_selection=None if is_whole else list(assets),
        tags={**range_tags(date_key(first), date_key(last)), PROCESS_TAG: process_mark()},
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "ops": dict(ops or {}),
        },
        raise_on_error=False,
    )
    progress(record.checks_summary())
    return RunOutcome(
        job_name, run_id, first, last, result.success, tuple(record.assets), record.rows_changed,
        tuple(record.failures), tuple(record.warnings),
    )  # fmt: skip


class _Record:
    """Listens to a run's events: tells of each step, keeps what changed and what went wrong."""

    def __init__(self, progress: Progress, assets: Sequence[str]) -> None:
        self._progress = progress
        self._names = frozenset(assets)
        self._checks = {True: 0, False: 0}
        self.assets: dict[str, None] = {}
        self.rows_changed = 0
        self.failures: list[str] = []
        self.warnings: list[str] = []
        self._counted: set[str] = set()

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Take one event."""
        event = entry.dagster_event
        if event is None:
            self._progress(f"  {entry.user_message}")
        elif event.is_step_start and event.step_key in self._names:
            self._progress(f"{event.step_key} ...")
        elif event.is_step_materialization:
            self._take_materialization(event)
        elif event.is_step_failure:
            self._take_failure(event)
        elif event.is_step_up_for_retry:
            self._progress(f"{event.step_key}: not complete yet, trying again")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._take_check(event)

    def checks_summary(self) -> str:
        """Say how many checks held."""
        held, not_held = self._checks[True], self._checks[False]
        return f"{held} checks passed" + (f", {not_held} did not" if not_held else "")

    def _take_materialization(self, event: dg.DagsterEvent) -> None:
        name = event.asset_key.to_user_string() if event.asset_key else ""
        self.assets[name] = None
        if name in self._counted:
            return
        # The figures of a whole step stand on the event of each of its partitions.
        self._counted.add(name)
        metadata = event.step_materialization_data.materialization.metadata
        changed = sum(_number(metadata.get(key)) for key in _CHANGES)
        self.rows_changed += changed
        self._progress(f"{name} done, {changed:,} rows changed")

    def _take_failure(self, event: dg.DagsterEvent) -> None:
        error = event.step_failure_data.error
        said = "failed, and nothing is known of why"
        if error is not None:
            said = brief_cause(error.message, error.cls_name or "")
        while error is not None:
            # What lies behind the line that is shown; a terminal, which shows errors, has that.
            log.info("step_traceback", step=event.step_key, error=error.to_string())
            error = error.cause
            # The deepest cause says what happened, the rest who noticed.
            said = brief_cause(error.message, error.cls_name or "") if error is not None else said
        log.error("step_failed", step=event.step_key, error=said)
        self.failures.append(f"{event.step_key}: {said}")

    def _take_check(self, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        self._checks[evaluation.passed] += 1
        if evaluation.passed:
            return
        said = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}: "
        said += evaluation.description or "does not hold"
        is_error = evaluation.severity == dg.AssetCheckSeverity.ERROR
        (self.failures if is_error else self.warnings).append(said)


def brief_cause(message: str, class_name: str) -> str:
    """Say in one line what an error as Dagster keeps it (`package.Class: text`) says.

    The text alone where the error is one of ours or of Dagster; any other is called unexpected,
    by its class, for its text may be no more than a missing key.
    """
    path, _, text = message.strip().partition(f"{class_name}:")
    if not class_name or not _MODULE_PATH.fullmatch(path):  # another form: nothing to take off
        path, text = "", message.strip().removeprefix(class_name)
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    first = lines[0] if lines else ""
    if first and path.startswith(("market_pipeline.", "dagster.")):
        return first
    return f"unexpected {class_name or 'error'}" + (f": {first}" if first else "")


_MODULE_PATH = re.compile(r"(?:\w+\.)*")
_CHANGES = ("rows_inserted", "rows_updated", "rows_deleted")


def _number(value: object) -> int:
    return int(value.value or 0) if isinstance(value, dg.IntMetadataValue) else 0
