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
from market_pipeline.domain.verdicts import FailedCheck

SLOW_AFTER = timedelta(minutes=30)
MOST_FAILED, MOST_FAILED_SHARE = 5, 0.10
QUOTA_LEFT_SHARE = 0.10
LEAST_QUALITY = 0.85
OPEN_AFTER = timedelta(minutes=10)
CHECK_TOLD_FOR = timedelta(days=10)
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
    verdicts: list[Raise | Clear] = []
    for job, found in groupby(by_job, key=lambda run: run.job):
        of_job = list(found)
        verdicts += [_failed(job, of_job, dates_of), _slow(job, of_job, now)]
        verdicts += [v for v in (_symbols(job, of_job),) if v is not None]
    return verdicts


def _failed(
    job: str, runs: Sequence[RunOutcome], dates_of: Callable[[RunOutcome], Collection[str]]
) -> Raise | Clear:
    """Raise while a run that failed for good has no later ones that made up for it.

    `runs` are in the order of their creation.
    """
    final = [run for run in runs if run.is_final]
    failed = [
        run
        for at, run in enumerate(final)
        if run.status == FAILURE and not _is_made_up(run, final[at + 1 :], dates_of(run))
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


def _is_made_up(failed: RunOutcome, later: Iterable[RunOutcome], dates: Collection[str]) -> bool:
    """Ask whether every partition of a run that failed was part of a later success."""
    made = [run for run in later if run.status == SUCCESS]
    if failed.last_partition is None:
        return any(run.last_partition is None for run in made)
    ranges = [(run.first_partition or run.last_partition, run.last_partition) for run in made]
    return all(
        any(first <= date <= last for first, last in ranges if first and last) for date in dates
    )


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
    assets: Iterable[str], failed: Sequence[FailedCheck], now: datetime
) -> list[Raise | Clear]:
    """Judge each of `assets` by the checks that fail: one alert of its errors, one of warnings.

    What began to fail longer ago than `CHECK_TOLD_FOR` has been told, and was left alone.
    """
    verdicts: list[Raise | Clear] = []
    for asset in sorted(set(assets)):
        for kind, rule, severity in (
            ("check-failed", CHECK_FAILED, "ERROR"),
            ("check-warned", CHECK_WARNED, "WARN"),
        ):
            found = [c for c in failed if c.asset == asset and c.severity == severity]
            verdicts.append(_checks(asset, f"{kind}:{asset}", rule, found, now))
    return verdicts


def _checks(
    asset: str, key: str, rule: AlertRule, failed: Sequence[FailedCheck], now: datetime
) -> Raise | Clear:
    recent = sorted(
        (check for check in failed if now - check.failed_at <= CHECK_TOLD_FOR),
        key=lambda check: check.failed_at,
    )
    if failed and not recent:
        days = CHECK_TOLD_FOR.days
        return Clear(key, f"{len(failed)} fail for over {days} days: market-pipeline show checks")
    if not recent:
        return Clear(key, "every check holds again")
    return Raise(
        rule.alert(
            key,
            title=f"{asset}: a check failed",
            happened=f"{_listed(f'{c.check} ({_short(c.told)})' for c in recent)}",
            since=recent[0].failed_at,
            subject=f"asset {asset}; {_listed(check.dates for check in recent)}",
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
