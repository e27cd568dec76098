"""Sessions that were made before what they are made from changed: a restated or late bar, a story.

Dagster's record says when each asset's session was last made, the warehouse since when its inputs
are as they are. Does not belong here: how far a change reaches (`domain.refreshing`), or when what
is out of date is made anew (`catch_up`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pandas as pd

from market_pipeline.domain.factor_definitions import MARKET, longest_window
from market_pipeline.domain.lots import MAX_PRICE_AGE
from market_pipeline.domain.refreshing import (
    CHAINED,
    EXPOSURES,
    IMPACT,
    SNAPSHOTS,
    Found,
    Made,
    after_broken_chain,
    after_changed_bars,
    after_late_stories,
    after_moved_betas,
    before_their_betas,
    is_open,
    reaches,
)
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import date_key, key_date
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.input_changes import (
    bars_changed_after,
    bars_checked_at,
    priced_since,
    stories_added_after,
)

MARGIN = timedelta(hours=1)
"""What came this long before the last look is looked at again: it may have been stored after it."""

NEWS_DAYS = 60
"""Stories are of these days: none is kept that was older when it came."""

_MOST = 2_000
"""So many sessions lately made are looked at."""

_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outdated:
    """The assets to be made anew by session, and up to when every change has been answered."""

    sessions: Mapping[date, frozenset[str]]
    seen: datetime | None


def outdated(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    calendar: TradingCalendar,
    settings: Settings,
    last: date,
    seen: datetime | None,
) -> Outdated:
    """Find what was made too early, up to session `last`; changes until `seen` are answered.

    Names what a change reaches by itself, not all that is made from it. With `seen` None all there
    is gets compared.
    """
    checked_at = warehouse.ask(bars_checked_at)
    since = _EPOCH if seen is None else seen - MARGIN
    found: Found = {}
    if checked_at is not None and (seen is None or checked_at > seen):
        changes = warehouse.ask(lambda connection: bars_changed_after(connection, since))
        _join(found, _by_bars(instance, warehouse, calendar, settings, changes, last))
    told = warehouse.ask(lambda connection: stories_added_after(connection, since))
    first = max(min(told, default=last), last - timedelta(days=NEWS_DAYS))
    sessions = calendar.sessions(first, last)
    made = {IMPACT: made_at(instance, IMPACT, sessions)} if told else {}
    _join(found, after_late_stories(told, made, sessions))
    _join(found, _by_filled(instance, warehouse, calendar, since, last))
    sessions_found = {day: frozenset(names) for day, names in sorted(found.items())}
    return Outdated(sessions_found, seen if found else checked_at or seen)


def _by_bars(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    calendar: TradingCalendar,
    settings: Settings,
    changes: pd.DataFrame,
    last: date,
) -> Found:
    if changes.empty:
        return {}
    first = changes["session_date"].min().date()
    sessions = calendar.sessions(first, max(last, first))
    reach = reaches(longest_window(settings.definitions))
    made: Made = {name: made_at(instance, name, sessions) for name in reach}
    changes = changes[is_open(changes, made, sessions)]
    found: Found = {}
    if not changes.empty:
        universe = warehouse.read(
            "symbol_universe", first=first, last=last,
            symbols=sorted(set(changes["symbol"])), columns=["session_date", "symbol", "reasons"],
        )  # fmt: skip
        found = after_changed_bars(changes, universe, made, reach, sessions)
    _join(found, _by_chains(warehouse, made, sessions))
    return found


def _by_filled(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    calendar: TradingCalendar,
    since: datetime,
    last: date,
) -> Found:
    """Find what was made before a session ahead of it, which was made or made anew since."""
    filled = _made_since(instance, SNAPSHOTS, since) | _made_since(instance, EXPOSURES, since)
    first = min(filled, default=last)
    if first >= last:
        return {}
    sessions = calendar.sessions(first, last)
    made: Made = {
        name: made_at(instance, name, sessions) for name in (SNAPSHOTS, EXPOSURES, IMPACT)
    }
    found = _by_chains(warehouse, made, sessions)
    pairs = warehouse.ask(lambda connection: priced_since(connection, first, last))
    for day, earlier in pairs:
        if day <= last and earlier >= calendar.shift(day, -MAX_PRICE_AGE):
            found.setdefault(day, set()).add(SNAPSHOTS)
    return found


def _made_since(instance: dg.DagsterInstance, name: str, since: datetime) -> set[date]:
    key = dg.AssetKey.from_user_string(name)
    lately = dg.AssetRecordsFilter(key, after_timestamp=since.timestamp())
    records = instance.fetch_materializations(lately, limit=_MOST).records
    return {key_date(each.partition_key) for each in records if each.partition_key}


def _by_chains(warehouse: Warehouse, made: Made, sessions: list[date]) -> Found:
    """Find what goes on from a session that has come out otherwise since."""
    kept = warehouse.read(SNAPSHOTS, first=sessions[0], last=sessions[-1], columns=list(CHAINED))
    found = after_broken_chain(kept, made, sessions)
    _join(found, _by_betas(warehouse, made, sessions))
    return found


def _by_betas(warehouse: Warehouse, made: Made, sessions: list[date]) -> Found:
    """Find what news did with betas that have been measured anew since."""
    days = before_their_betas(made, sessions)
    if not days:
        return {}
    first, columns = sessions[sessions.index(days[0]) - 1], ["session_date", "symbol", "beta"]
    kept = warehouse.read(IMPACT, first=days[0], last=days[-1], columns=columns)
    betas = warehouse.read(
        "symbol_factor_exposures", first=first, last=days[-1], columns=columns,
        symbols=sorted(set(kept["symbol"])), where={"factor": MARKET.name},
    )  # fmt: skip
    return after_moved_betas(kept.drop_duplicates(), betas, days, sessions)


def made_at(instance: dg.DagsterInstance, name: str, days: Iterable[date]) -> dict[date, float]:
    """Give when each of some sessions of an asset was last made, in seconds of the epoch."""
    key, latest = dg.AssetKey.from_user_string(name), _latest(instance, name, days)
    if not latest:
        return {}
    these = dg.AssetRecordsFilter(key, storage_ids=list(latest.values()))
    records = instance.fetch_materializations(these, limit=len(latest)).records
    return {key_date(r.partition_key): r.timestamp for r in records if r.partition_key}


def made_of(instance: dg.DagsterInstance, name: str, days: Iterable[date]) -> set[date]:
    """Give those of some sessions of which an asset was ever made; cheaper than when."""
    return {key_date(each) for each in _latest(instance, name, days)}


def _latest(instance: dg.DagsterInstance, name: str, days: Iterable[date]) -> Mapping[str, int]:
    key, keys = dg.AssetKey.from_user_string(name), {date_key(day) for day in days}
    return instance.get_latest_storage_id_by_partition(key, _MATERIALIZED, keys)


def _join(found: Found, more: Found) -> None:
    for day, names in more.items():
        found.setdefault(day, set()).update(names)
