"""What deserves an alert in the running of jobs: rules over runs, checks and quotas.

One alert a job or an asset, however many of its partitions are touched. As `alert_rules`: data and
pure functions, asked as often as one likes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby

from market_pipeline.domain.alerts import AlertRule, Clear, Raise
from market_pipeline.domain.catch_up import TOLD_AFTER, Tried
from market_pipeline.domain.ports import BreakerStatus, QuotaStatus
from market_pipeline.domain.run_history import FAILURE, STARTED, SUCCESS, RunOutcome
from market_pipeline.domain.verdicts import ERROR, FailedCheck

SLOW_AFTER = timedelta(minutes=30)
MOST_FAILED, MOST_FAILED_SHARE = 5, 0.10
QUOTA_LEFT_SHARE = 0.10
LEAST_QUALITY = 0.85
OPEN_AFTER = timedelta(minutes=10)
CHECK_TOLD_FOR = timedelta(days=10)
PRESENT_TOLD_AFTER = timedelta(minutes=10)
"""Two collections of headlines: what fails and passes in turn is no news each time."""

_SHOWN = 5
_LONGEST = 200

RUN_FAILED = AlertRule(
    severity="error",
    meaning="what the run makes is missing or as old as before; the rest goes on",
    command="market-pipeline runs --failed",
    section="run-failed",
)
RUN_SLOW = AlertRule(
    severity="warning",
    meaning="what the run makes comes late; runs that want the same assets wait for it",
    command="market-pipeline runs",
    section="run-slow",
)
SYMBOLS_FAILED = AlertRule(
    severity="warning",
    meaning="these symbols are valued with older prices, or not at all, until they are fetched",
    command="market-pipeline show fetches --failed",
    section="symbols-failed",
)
CHECK_FAILED = AlertRule(
    severity="error",
    meaning="rows of the asset do not hold what is claimed of them; do not rely on them unseen",
    command="market-pipeline show checks",
    section="check-failed",
)
CHECK_WARNED = AlertRule(
    severity="warning",
    meaning="the asset is there, but something of it is lacking, late or unusual",
    command="market-pipeline show checks",
    section="check-failed",
)
QUOTA_LOW = AlertRule(
    severity="warning",
    meaning="what is left over is asked for tomorrow; what is held comes first",
    command="market-pipeline show quotas",
    section="quota-low",
)
BREAKER_OPEN = AlertRule(
    severity="warning",
    meaning="the vendor is not asked, save for trial calls; other sources take over where any are",
    command="market-pipeline show breakers",
    section="breaker-open",
)
PARTITION_LATE = AlertRule(
    severity="error",
    meaning="portfolios are shown as of an older session; nothing is wrong with that one",
    command="market-pipeline runs",
    section="partition-late",
)
CATCH_UP_FAILED = AlertRule(
    severity="error",
    meaning="these dates are missing or half made; the others are filled",
    command="market-pipeline runs --failed",
    section="catch-up-failed",
)
QUALITY_LOW = AlertRule(
    severity="warning",
    meaning="prices lack bars or were refused and flagged: returns and betas are less certain",
    command="market-pipeline show quality",
    section="quality-low",
)


def run_alerts(
    runs: Sequence[RunOutcome], now: datetime, dates_of: Callable[[RunOutcome], Collection[str]]
) -> list[Raise | Clear]:
    """Judge every job by its runs of the last while, in any order.

    `dates_of` gives the partitions of which a run that failed was needed (none: it has none).
    """
    by_job = sorted(runs, key=lambda run: (run.job, run.created_at))
    made = [run for run in runs if run.is_final and run.status == SUCCESS]
    verdicts: list[Raise | Clear] = []
    for job, found in groupby(by_job, key=lambda run: run.job):
        of_job = list(found)
        verdicts += [_failed(job, of_job, made, dates_of), _slow(job, of_job, now)]
        verdicts += [v for v in (_symbols(job, of_job),) if v is not None]
    return verdicts


def _failed(
    job: str,
    runs: Sequence[RunOutcome],
    made: Sequence[RunOutcome],
    dates_of: Callable[[RunOutcome], Collection[str]],
) -> Raise | Clear:
    """Raise while a run of a job that failed for good was not made up for by those of `made`."""
    failed = [
        run
        for run in runs
        if run.is_final and run.status == FAILURE and not _is_made_up(run, made, dates_of(run))
    ]
    key = f"run-failed:{job}"
    if not failed:
        return Clear(key, "a later run succeeded for what had failed")
    last = max(failed, key=lambda run: run.created_at)
    return Raise(
        RUN_FAILED.alert(
            key,
            title=f"{job} failed",
            happened=(
                f"after its retries it failed for {len(failed)} partition(s) or range(s); the last "
                f"one, started by {last.started_by}: {last.error or 'no reason is on record'}"
            ),
            since=min(run.ended_at or run.created_at for run in failed),
            subject=f"job {job}; {_listed(run.partitions for run in failed)}",
        )
    )


def _is_made_up(failed: RunOutcome, made: Iterable[RunOutcome], dates: Collection[str]) -> bool:
    """Ask whether later runs made all that one failed to make, each asset of each partition.

    Of which assets that is not on record, runs of its job count alone.
    """
    wanted = failed.asset_names
    later = [
        run
        for run in made
        if run.created_at > failed.created_at
        and (run.asset_names & wanted if wanted else run.job == failed.job)
    ]
    if failed.last_partition is None:
        return any(run.last_partition is None for run in later if run.job == failed.job)
    if wanted:
        return all(wanted <= _made_of(date, later) for date in dates)
    return all(any(_has(run, date) for run in later) for date in dates)


def _made_of(date: str, runs: Iterable[RunOutcome]) -> frozenset[str]:
    return frozenset().union(*(run.asset_names for run in runs if _has(run, date)))


def _has(run: RunOutcome, date: str) -> bool:
    last = run.last_partition
    return last is not None and (run.first_partition or last) <= date <= last


def _slow(job: str, runs: Sequence[RunOutcome], now: datetime) -> Raise | Clear:
    """Raise while a run has been going on for longer than `SLOW_AFTER`."""
    began = [(run.started_at, run) for run in runs if run.status == STARTED and run.started_at]
    slow = [(at, run) for at, run in began if now - at > SLOW_AFTER]
    key = f"run-slow:{job}"
    if not slow:
        return Clear(key, f"no run takes longer than {SLOW_AFTER.seconds // 60} minutes")
    since, longest = min(slow, key=lambda pair: pair[0])
    return Raise(
        RUN_SLOW.alert(
            key,
            title=f"{job} takes long",
            happened=(
                f"{len(slow)} run(s) go on for over {SLOW_AFTER.seconds // 60} minutes, the "
                f"longest ({longest.run_id[:8]}) for {int((now - since).total_seconds() // 60)}"
            ),
            since=since,
            subject=f"job {job}; {_listed(run.partitions for _, run in slow)}",
        )
    )


def _symbols(job: str, runs: Sequence[RunOutcome]) -> Raise | Clear | None:
    """Judge the newest finished run that asked for symbols; None where none did."""
    asked = [run for run in runs if run.is_final and run.symbols_done is not None]
    if not asked:
        return None
    newest, key = asked[-1], f"symbols-failed:{job}"
    failed, total = newest.symbols_failed or 0, (newest.symbols_done or 0)
    total += failed
    if failed <= MOST_FAILED and failed <= MOST_FAILED_SHARE * total:
        return Clear(key, f"{total - failed} of {total} symbols were fetched")
    return Raise(
        SYMBOLS_FAILED.alert(
            key,
            title=f"{job}: many symbols failed",
            happened=f"{failed} of {total} symbols could not be fetched",
            since=newest.started_at or newest.created_at,
            subject=f"job {job}; {newest.partitions}; run {newest.run_id[:8]}",
        )
    )


def check_alerts(
    checks: Iterable[tuple[str, str]], failed: Sequence[FailedCheck], now: datetime
) -> list[Raise | Clear]:
    """Judge each of `checks` (asset, name) by its dates that fail: one alert a check.

    What is of the present is told once it has failed for `PRESENT_TOLD_AFTER`; what began to fail
    longer ago than `CHECK_TOLD_FOR` has been told, and was left alone.
    """
    of_check: dict[tuple[str, str], list[FailedCheck]] = {}
    for each in failed:
        of_check.setdefault((each.asset, each.check), []).append(each)
    return [
        _check(asset, name, of_check.get((asset, name), []), now)
        for asset, name in sorted(set(checks))
    ]


def _check(asset: str, name: str, failed: Sequence[FailedCheck], now: datetime) -> Raise | Clear:
    key = f"check-failed:{asset}.{name}"
    recent = [each for each in failed if now - each.failed_at <= CHECK_TOLD_FOR]
    if failed and not recent:
        days = CHECK_TOLD_FOR.days
        return Clear(key, f"it fails for over {days} days: market-pipeline show checks")
    told = [e for e in recent if e.first or now - e.failed_at >= PRESENT_TOLD_AFTER]
    if not told:
        return Clear(key, "the check holds again")
    newest = max(told, key=lambda each: each.failed_at)
    rule = CHECK_FAILED if any(each.severity == ERROR for each in told) else CHECK_WARNED
    return Raise(
        rule.alert(
            key,
            title=f"{asset}: {name} failed",
            happened=_short(newest.told),
            since=min(each.failed_at for each in told),
            subject=f"asset {asset}; {_listed(each.dates for each in told)}",
        )
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def quota_alert(vendor: str, status: QuotaStatus, now: datetime) -> Raise | Clear:
    """Raise while no more than a tenth of a vendor's daily requests is left."""
    key = f"quota-low:{vendor}"
    if status.left > QUOTA_LEFT_SHARE * status.limit:
        return Clear(key, f"{status.left} of {status.limit} requests are there")
    return Raise(
        QUOTA_LOW.alert(
            key,
            title=f"{vendor}: the day's requests are nearly used up",
            happened=(
                f"{status.left} of {status.limit} are left; the next are there at "
                f"{status.resets_at:%Y-%m-%d %H:%M %Z}"
            ),
            since=now,
            subject=f"vendor {vendor}",
        )
    )


def breaker_alert(status: BreakerStatus, since: datetime | None, now: datetime) -> Raise | Clear:
    """Raise while a vendor's breaker has not been closed for `OPEN_AFTER`.

    `since` is when it opened; None says that it is closed. A trial call that fails opens it again
    and is no new beginning.
    """
    key = f"breaker-open:{status.name}"
    if since is None or now - since <= OPEN_AFTER:
        return Clear(key, "a call was answered, and the vendor is asked again")
    return Raise(
        BREAKER_OPEN.alert(
            key,
            title=f"{status.name} is not asked: its calls fail",
            happened=(
                f"{status.failure_count} of its last {status.call_count} calls failed, and no "
                "trial call was answered since"
            ),
            since=since,
            subject=f"vendor {status.name}",
        )
    )


def late_alert(
    asset: str, stored: date | None, missing: Sequence[date], now: datetime
) -> Raise | Clear | None:
    """Judge an asset by the sessions it should have by now, after the last one `stored`.

    Of an asset that never had any nothing can be said (None).
    """
    if stored is None:
        return None
    key = f"partition-late:{asset}"
    if not missing:
        return Clear(key, f"the session of {stored} is there")
    return Raise(
        PARTITION_LATE.alert(
            key,
            title=f"{asset} is {len(missing)} session(s) late",
            happened=f"the last one is of {stored}; missing: {_listed(map(str, missing))}",
            since=now,
            subject=f"asset {asset}; {_listed(map(str, missing))}",
        )
    )


def catch_up_alert(job: str, tried: Mapping[date, Tried], now: datetime) -> Raise | Clear:
    """Raise while a missed date of a job stays missing after `TOLD_AFTER` attempts."""
    key = f"catch-up-failed:{job}"
    failed = {day: each for day, each in tried.items() if each.times >= TOLD_AFTER}
    if not failed:
        return Clear(key, "what was missed is there, or no longer due")
    over = sum(each.is_given_up for each in failed.values())
    return Raise(
        CATCH_UP_FAILED.alert(
            key,
            title=f"{job} cannot fill {len(failed)} missed date(s)",
            happened=(
                f"asked for {max(each.times for each in failed.values())} times in vain; "
                f"{over} given up, the others are tried again once a day at least"
            ),
            since=now,
            subject=f"job {job}; {_listed(str(day) for day in sorted(failed))}",
        )
    )


def quality_alert(session: date, scores: Sequence[float], now: datetime) -> Raise | Clear | None:
    """Raise while the mean quality score of a session's symbols is under `LEAST_QUALITY`."""
    if not scores:
        return None
    key, mean = "quality-low:symbol_daily_metrics", sum(scores) / len(scores)
    if mean >= LEAST_QUALITY:
        return Clear(key, f"the mean score of {session} is {mean:.2f}")
    low = sum(score < LEAST_QUALITY for score in scores)
    return Raise(
        QUALITY_LOW.alert(
            key,
            title="the quality of prices is low",
            happened=(
                f"the mean score of {len(scores)} symbols is {mean:.2f}; {low} of them are under "
                f"{LEAST_QUALITY}"
            ),
            since=now,
            subject=f"asset symbol_daily_metrics; {session}",
        )
    )


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
