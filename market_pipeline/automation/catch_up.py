"""The sensors that fill what an outage left out: missed sessions, and missed days of news.

Dagster makes up for the latest missed tick of a schedule and no other, so what should be there is
compared with what is. A session made before its inputs changed is as good as missing. Belongs here:
what is there, and whether anything runs. Does not: what is asked for next, and how often
(`domain.catch_up`), or what a change reaches (`outdated`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from market_pipeline.assets.collection_alerts import apply
from market_pipeline.automation.blocked import blocked
from market_pipeline.automation.corrected import corrected
from market_pipeline.automation.failures import left_by_failures
from market_pipeline.automation.job_assets import JobAssets, assets_of
from market_pipeline.automation.jobs import range_tags
from market_pipeline.automation.outdated import made_at, made_of, outdated
from market_pipeline.automation.under_way import why_wait
from market_pipeline.domain.catch_up import (
    Memory,
    Stretch,
    Tried,
    next_stretch,
    noted,
    settled,
    to_go_on_with,
)
from market_pipeline.domain.flags import BATCH, INGESTION
from market_pipeline.domain.freshness import oldest_kept
from market_pipeline.domain.operation_rules import catch_up_alert
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.refreshing import Found
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.partitions import date_key, key_date, latest_session
from market_pipeline.resources.flags import why_resting
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.input_changes import pasts_told

EVERY_S = 60
SESSIONS_AT_ONCE, DAYS_AT_ONCE = 60, 15
"""Dates of one run: a range costs little more than a date, and one that fails is done again."""

LOOKED_AT_AGAIN = 20
"""The last so many dates are looked at each time, whether or not they were all there before."""

SESSION_GRACE, NEWS_GRACE = timedelta(hours=1), timedelta(hours=2)
"""How long after a session's daily run began, or a day ended, the schedule has its turn."""

BEHIND = {"dagster/priority": "-1"}
"""Run tags: what is new goes before what was missed."""

_SHOWN = 5


@dataclass(frozen=True)
class Watch:
    """What is watched for one job: the dates that should be there, and since when one is whole.

    `due` gives the dates from one on that should be there; `ends_at` the instant after which a date
    must have been made, None where any time will do. `main` tells which dates there ever were.
    `calendar`: of dates that are made anew as well once their inputs have changed, and whose `main`
    is made without what it waits for in the end.
    """

    job: str
    kind: str
    flag: str
    main: dg.AssetKey
    most: int
    due: Callable[[Settings, date, datetime], Sequence[date]]
    ends_at: Callable[[date], datetime] | None = None
    calendar: TradingCalendar | None = None


def missed_sessions(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultSensorStatus,
    at_utc: str,
) -> dg.SensorDefinition:
    """Fill sessions that the daily graph, which starts at `at_utc` (HH:MM), has missed, and make
    those anew whose inputs have changed since."""
    starts = timedelta(hours=int(at_utc[:-3]), minutes=int(at_utc[-2:]))

    def due(settings: Settings, since: date, now: datetime) -> Sequence[date]:
        first, last = (
            max(since, settings.first_session),
            latest_session(calendar, now - starts - SESSION_GRACE),
        )
        return calendar.sessions(first, last) if first <= last else []

    watch = Watch(
        job.name, "session", BATCH, dg.AssetKey("portfolio_snapshots"), SESSIONS_AT_ONCE, due,
        calendar=calendar,
    )  # fmt: skip
    return _sensor("missed_sessions", job, watch, status)


def missed_news(
    job: UnresolvedAssetJobDefinition, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """Fill days of news within retention that were not collected after they had ended."""

    def due(settings: Settings, since: date, now: datetime) -> Sequence[date]:
        kept = oldest_kept(now, timedelta(days=settings.headline_retention_days))
        first = max(since, settings.first_session, kept)
        last = (now - NEWS_GRACE).astimezone(NEW_YORK).date() - timedelta(days=1)
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    watch = Watch(
        job.name, "day", INGESTION, dg.AssetKey("headlines"), DAYS_AT_ONCE, due, end_of_day
    )
    return _sensor("missed_news", job, watch, status)


def end_of_day(day: date) -> datetime:
    """Give the instant at which a day ends in New York."""
    return datetime.combine(day + timedelta(days=1), time(), NEW_YORK).astimezone(UTC)


def _sensor(
    name: str,
    job: UnresolvedAssetJobDefinition,
    watch: Watch,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=EVERY_S,
        default_status=status,
        description=(
            f"Asks for every {watch.kind} that was missed, oldest first, one run of at most "
            f"{watch.most} at a time; gives one up aloud that cannot be made."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.SensorResult:
        now = clock()
        made_here = assets_of(context, watch.job)
        rests = why_resting(settings, watch.flag) or why_wait(
            context.instance, made_here.jobs, made_here.names, now, name
        )
        if rests is not None:
            return dg.SensorResult(skip_reason=rests, cursor=context.cursor)
        memory = _recalled(context.cursor) or Memory(_begin(context, watch, settings, now))
        found = _looked(context.instance, warehouse, watch, settings, made_here, memory, now)
        memory = noted(memory, found.lacking, now)
        verdict = catch_up_alert(watch.job, memory.tried, now)
        said = apply(warehouse.notices, verdict, now)
        memory = replace(memory, since=found.since, seen=found.seen, pasts=found.pasts)
        late = to_go_on_with(found.waiting, memory.tried)
        if late is not None:
            # The rest is asked for again as before, and this with it once that is there.
            memory = replace(memory, tried=_gone_on(memory.tried, late))
            alone = Stretch(late, late, frozenset({watch.main.to_user_string()}))
            request = _request(watch, alone, made_here, memory.tried, now)
            return dg.SensorResult(run_requests=[request], cursor=_kept(memory))
        stretch = next_stretch(found.due, found.lacking, memory.tried, now, watch.most)
        if stretch is None:
            told = "; ".join(filter(None, [said, _told(watch, memory, found)]))
            return dg.SensorResult(skip_reason=told, cursor=_kept(memory))
        memory = replace(memory, asked=(stretch.first, stretch.last))
        request = _request(watch, stretch, made_here, memory.tried, now)
        return dg.SensorResult(run_requests=[request], cursor=_kept(memory))

    return sensor


@dataclass(frozen=True, slots=True)
class _Look:
    """What should be there, what each date lacks of it, and from when to look next time.

    `anew` are the dates that were made before an input changed, `waiting` those that are without
    what matters most; `seen` and `pasts` see `Memory`.
    """

    due: Sequence[date]
    lacking: Mapping[date, frozenset[str]]
    anew: frozenset[date]
    waiting: frozenset[date]
    since: date
    seen: datetime | None
    pasts: str


def _looked(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    watch: Watch,
    settings: Settings,
    assets: JobAssets,
    memory: Memory,
    now: datetime,
) -> _Look:
    """Compare what should be there with Dagster's record, and that with what it was made from."""
    due = watch.due(settings, memory.since, now)
    missing = _missing(instance, watch, assets.names, due)
    _add(missing, blocked(warehouse, assets, due))
    since = settled(due, missing, LOOKED_AT_AGAIN) if due else memory.since
    lacking = {day: assets.with_what_lacks_them(names) for day, names in missing.items()}
    if watch.calendar is not None and due:
        lacking |= left_by_failures(instance, assets, watch.calendar, due[0], now)
    if watch.calendar is None or not due:
        return _Look(due, lacking, frozenset(), frozenset(), since, memory.seen, memory.pasts)
    main = watch.main.to_user_string()
    waiting = frozenset(day for day, names in missing.items() if main in names)
    old = outdated(instance, warehouse, watch.calendar, settings, due[-1], memory.seen)
    _add(lacking, {
        day: assets.with_what_follows(names & assets.following)
        for day, names in old.sessions.items()
    })  # fmt: skip
    others, pasts = _made_from_other_pasts(warehouse, settings, memory.pasts)
    others = {day: changed for day, changed in others.items() if day <= due[-1]}
    _add(lacking, {day: assets.with_what_lacks_them(names) for day, names in others.items()})
    if lacking:
        due = watch.calendar.sessions(min(due[0], *lacking), due[-1])
    anew = frozenset(old.sessions) | frozenset(others)
    return _Look(due, dict(sorted(lacking.items())), anew, waiting, since, old.seen, pasts)


def _add(lacking: dict[date, frozenset[str]], more: Mapping[date, frozenset[str]]) -> None:
    for day, names in more.items():
        lacking[day] = lacking.get(day, frozenset()) | names


def _made_from_other_pasts(
    warehouse: Warehouse, settings: Settings, known: str
) -> tuple[Found, str]:
    """Find what was made from another past than is told, and name the past that all is made from.

    Nothing is compared while what is told is as it was then, nor before the run of an import has
    collected what is new in it.
    """
    told = warehouse.ask(pasts_told)
    is_open = any(one.failed_at is None for one in warehouse.onboarding.unfinished())
    if told == known or is_open:
        return {}, known
    changed = corrected(warehouse)
    found = {day: names for day, names in changed.items() if day >= settings.first_session}
    return found, known if found else told


def _begin(
    context: dg.SensorEvaluationContext, watch: Watch, settings: Settings, now: datetime
) -> date:
    """Give the first date to look after, on the first look: what was never begun is not missed.

    That is the first made of the last `LOOKED_AT_AGAIN` that are due, else the last one ever made;
    where none was, the first to come.
    """
    due = watch.due(settings, date.min, now)
    ever = sorted(map(key_date, context.instance.get_materialized_partitions(watch.main)))
    if not ever or not due:
        return (due[-1] if due else now.date()) + timedelta(days=1)
    recent = due[max(len(due) - LOOKED_AT_AGAIN, 0)]
    return next((day for day in ever if day >= recent), ever[-1])


def _missing(
    instance: dg.DagsterInstance, watch: Watch, assets: frozenset[str], due: Sequence[date]
) -> dict[date, frozenset[str]]:
    """Give the dates of `due` that are not whole, with the assets they lack."""
    lacks: dict[date, set[str]] = {}
    for name in assets if due else ():
        made = _made(instance, watch, name, due)
        for day in due:
            if day not in made:
                lacks.setdefault(day, set()).add(name)
    return {day: frozenset(names) for day, names in sorted(lacks.items())}


def _made(instance: dg.DagsterInstance, watch: Watch, name: str, due: Sequence[date]) -> set[date]:
    """Give the dates of which an asset was made, after they had ended where that matters."""
    if watch.ends_at is None:
        return made_of(instance, name, due)
    made = made_at(instance, name, due)
    return {day for day, at in made.items() if at >= watch.ends_at(day).timestamp()}


def _gone_on(tried: Mapping[date, Tried], day: date) -> dict[date, Tried]:
    return {**tried, day: replace(tried[day], went_on=True)}


def _request(
    watch: Watch,
    found: Stretch,
    job_assets: JobAssets,
    tried: Mapping[date, Tried],
    now: datetime,
) -> dg.RunRequest:
    first, last = date_key(found.first), date_key(found.last)
    times = tried[found.first].times if found.first in tried else 0
    return dg.RunRequest(
        run_key=f"catch_up:{watch.job}:{first}:{last}:{times}:{now.isoformat()}",
        tags={**range_tags(first, last), **BEHIND},
        asset_selection=job_assets.selection(found.assets),
    )


def _told(watch: Watch, memory: Memory, found: _Look) -> str:
    """Say why nothing is asked for."""
    if not found.due:
        return f"no {watch.kind} from {memory.since} on is due yet"
    if not found.lacking:
        return f"every {watch.kind} from {found.due[0]} to {found.due[-1]} is there"
    names = [
        f"{day} ({'given up' if memory.tried[day].is_given_up else 'tried again later'} after "
        f"{memory.tried[day].times})"
        for day in list(found.lacking)[:_SHOWN]
    ]
    old = f", {len(found.anew)} of them out of date" if found.anew else ""
    return f"{len(found.lacking)} {watch.kind}(s) missing{old}: {', '.join(names)}"


def _kept(memory: Memory) -> str:
    """Write what is remembered as a sensor's cursor."""
    return json.dumps(
        {
            "since": memory.since.isoformat(),
            "seen": memory.seen.isoformat() if memory.seen else None,
            "pasts": memory.pasts,
            "asked": [day.isoformat() for day in memory.asked or ()],
            "tried": {
                d.isoformat(): [t.times, t.at.isoformat(), t.went_on]
                for d, t in memory.tried.items()
            },
        }
    )


def _recalled(cursor: str | None) -> Memory | None:
    """Read a sensor's cursor; None where there is none yet."""
    if not cursor:
        return None
    told = json.loads(cursor)
    asked = [date.fromisoformat(day) for day in told["asked"]]
    tried = {
        date.fromisoformat(day): Tried(times, datetime.fromisoformat(at), any(went_on))
        for day, (times, at, *went_on) in told["tried"].items()
    }
    seen = datetime.fromisoformat(told["seen"]) if told.get("seen") else None
    between = (asked[0], asked[1]) if asked else None
    since, pasts = date.fromisoformat(told["since"]), told.get("pasts", "")
    return Memory(since, between, tried, seen, pasts)
