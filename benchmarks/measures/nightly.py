"""One night's exposures on PostgreSQL: how its seconds divide among database, fits and Dagster."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import SecretStr

from benchmarks.lab import POSTGRESQL, Lab
from benchmarks.made_up import LAST, MadeUp
from benchmarks.registry import benchmark
from benchmarks.rows import Row, amount, duration
from benchmarks.stopwatch import Stopwatch
from benchmarks.turns import in_turns
from market_pipeline.assets import factors as asset
from market_pipeline.automation.jobs import range_tags
from market_pipeline.checks import framework, generic
from market_pipeline.checks.framework import Claim
from market_pipeline.definitions import build_defs
from market_pipeline.domain import factors
from market_pipeline.domain.factor_definitions import DEFAULTS, proxies_of
from market_pipeline.domain.factors import ASSET, EXPOSURE_COLUMNS
from market_pipeline.domain.frames import empty_frame
from market_pipeline.domain.ports import OPTION_COLUMNS
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import build_universe
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.partitions import date_key
from market_pipeline.resources import open_warehouse
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse, queries
from market_pipeline.warehouse.factor_store import FactorStore

_NAME = "nightly"
_ERROR = dg.AssetCheckSeverity.ERROR
_TABLE = "symbol_factor_exposures"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

_READING, _FRAMES, _WRITING = "reading", "frames_of_rows", "writing"
_FITS, _SHAPING, _CHECKS, _DAGSTER = "fits", "shaping", "checks", "dagster"
_PARTS = (_READING, _FRAMES, _WRITING, _FITS, _SHAPING, _CHECKS, _DAGSTER)
_DATABASE = (_READING, _FRAMES, _WRITING)


@benchmark(_NAME, "one session's exposures of 3,000 symbols on PostgreSQL: who takes the seconds")
def nightly(lab: Lab) -> Iterable[Row]:
    """Materialize `factor_exposures` of one session, all shipped definitions, as the graph does.

    Warehouse and Dagster's storage are both on PostgreSQL. Every turn writes all rows anew.
    """
    if POSTGRESQL not in lab.dialects(_NAME):
        return []
    count = lab.size(full=3000, quick=100)
    made_up = MadeUp(count, 1, TradingCalendar.xnys())
    with lab.warehouse_url(POSTGRESQL) as url, lab.dagster_url() as storage:
        settings = lab.settings(
            database_url=SecretStr(url), dagster_database_url=SecretStr(storage)
        )
        lab.say(f"{count} symbols: making up and storing their prices")
        _fill(settings, made_up)
        with settings_in_force(settings), dagster_instance() as instance:
            lab.say("once to warm up")
            night = _Night(settings, count, instance)
            night.run()
            taken = in_turns(lab.size(full=5, quick=1), {"night": night.run}, lab.say)
    return list(_rows_of(f"{_NAME}.{count}", taken["night"]))


def _rows_of(name: str, turns: list[dict[str, float]]) -> Iterator[Row]:
    whole = [sum(turn.values()) for turn in turns]
    yield duration(name, whole)
    for part in _PARTS:
        shares = [
            100 * turn.get(part, 0.0) / total for turn, total in zip(turns, whole, strict=True)
        ]
        yield amount(f"{name}.{part}", "% of the seconds", shares)
    database = [sum(turn[part] for part in _DATABASE) for turn in turns]
    shares = [100 * part / total for part, total in zip(database, whole, strict=True)]
    yield amount(f"{name}.database", "% of the seconds", shares)


def _fill(settings: Settings, made_up: MadeUp) -> None:
    """Store what the asset reads: the universe of the last session, prices of a year before it."""
    sessions = made_up.calendar.sessions(made_up.first_bar, LAST)
    universe = build_universe(made_up.books(), [], proxies_of(DEFAULTS), [LAST])
    prices = derive_market_data(
        made_up.bars(), pd.DataFrame(columns=list(OPTION_COLUMNS)), universe,
        sessions=sessions, first=made_up.first_bar, last=LAST,
    ).frame  # fmt: skip
    warehouse = open_warehouse(settings)
    warehouse.merge("symbol_universe", universe)
    warehouse.merge("market_data_cache", prices)
    warehouse.dispose()


@dataclass
class _Night:
    """The asset's run of the last session, under a stopwatch."""

    settings: Settings
    symbols: int
    instance: dg.DagsterInstance

    def run(self) -> dict[str, float]:
        """Give the seconds of each part; the rows of the run before are taken away first."""
        warehouse = open_warehouse(self.settings)
        warehouse.replace_range(_TABLE, empty_frame(EXPOSURE_COLUMNS), LAST, LAST)
        watch = _watch()
        try:
            job = build_defs(self.settings).resolve_job_def("session_job")
            gc.collect()
            with watch.running():
                result = job.execute_in_process(
                    instance=self.instance, asset_selection=[dg.AssetKey(ASSET)],
                    tags=range_tags(date_key(LAST), date_key(LAST)), run_config=_QUIET,
                )  # fmt: skip
        finally:
            watch.give_back()
        # A warning may be right: the made-up session is not the last one by the clock.
        verdicts = [e for e in result.get_asset_check_evaluations() if e.severity == _ERROR]
        failed = [each.check_name for each in verdicts if not each.passed]
        rows = warehouse.count(_TABLE)
        warehouse.dispose()
        wanted = sum(len(each.factors) for each in DEFAULTS) * self.symbols
        if failed or rows != wanted:
            raise RuntimeError(f"{rows} exposures instead of {wanted}; failed: {failed}")
        return watch.seconds


def _watch() -> Stopwatch:
    """Wrap what reads, writes, computes and checks; whatever else runs is Dagster's."""
    watch = Stopwatch(_DAGSTER)
    watch.wrap(_READING, Warehouse, "read", "ask")
    watch.wrap(_FRAMES, queries, "to_frame")
    watch.wrap(_WRITING, Warehouse, "taking", "replace_notes", "replace_ranges")
    watch.wrap(_WRITING, FactorStore, "settle_definitions", "replace_exposures")
    watch.wrap(_SHAPING, asset, "returns_for_regression", "_measure")
    watch.wrap(_FITS, factors, "rolling")
    for module in (framework, generic):
        watch.replace(module, "claims", lambda make: _judged(watch, make))
    return watch


def _judged(watch: Stopwatch, make: Callable[..., Any]) -> Callable[..., Any]:
    """Let checks be made of judges whose seconds count."""

    def claims(of: str, stated: Sequence[Claim], **options: Any) -> dg.AssetChecksDefinition:
        timed = [replace(each, judge=watch.wrapped(_CHECKS, each.judge)) for each in stated]
        made: dg.AssetChecksDefinition = make(of, timed, **options)
        return made

    return claims
