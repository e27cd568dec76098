"""Derived assets over years: the domain's functions alone, and the same through Dagster."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pandas as pd

from benchmarks.lab import Lab
from benchmarks.made_up import LAST, MadeUp
from benchmarks.registry import benchmark
from benchmarks.rows import Row, rate
from benchmarks.turns import in_turns, seconds
from market_pipeline.automation.jobs import range_tags
from market_pipeline.definitions import build_defs
from market_pipeline.domain import factors, metrics, snapshots
from market_pipeline.domain.bookkeeping import ledgers_of
from market_pipeline.domain.books import Book
from market_pipeline.domain.factor_definitions import DEFAULTS, longest_window, proxies_of
from market_pipeline.domain.frames import between
from market_pipeline.domain.option_splits import splits_by_symbol
from market_pipeline.domain.ports import OPTION_COLUMNS
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import build_universe, collectable
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.partitions import date_key
from market_pipeline.resources import open_warehouse, utc_now
from market_pipeline.settings import Settings, settings_in_force

_ASSETS = (
    "symbol_universe", "market_data_cache", "factor_exposures", "symbol_daily_metrics",
    "portfolio_snapshots",
)  # fmt: skip
_TABLES = {"factor_exposures": "symbol_factor_exposures"}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

_SIZES, _QUICK_SIZES = ((50, 504), (250, 126)), ((20, 20),)
"""Symbols and sessions; a year of bars before them is read as well."""

Seconds = dict[str, float]


@benchmark("derived", "sessions a second of each derived asset: its function, and through Dagster")
def derived(lab: Lab) -> Iterable[Row]:
    """Derive a range of sessions from made-up bars in memory, and from the warehouse by the graph.

    The graph reads, computes, writes into empty tables and records every partition.
    """
    found: list[Row] = []
    for symbols, sessions in _QUICK_SIZES if lab.is_quick else _SIZES:
        made_up = MadeUp(symbols, sessions, TradingCalendar.xnys())
        lab.say(f"{symbols} symbols, {sessions} sessions: making up their rows")
        plain, graph = _Plain(made_up), _Graph(lab, made_up)
        sides = {"function": plain.run, "through Dagster": graph.run}
        taken = in_turns(lab.size(full=2, quick=1), sides, lab.say)
        if plain.rows != graph.rows:
            raise RuntimeError(f"functions made {plain.rows} rows, the graph {graph.rows}")
        found += _rows_of(made_up, taken["through Dagster"], taken["function"])
    return found


def _rows_of(
    made_up: MadeUp, through: Sequence[Seconds], alone: Sequence[Seconds]
) -> Iterable[Row]:
    for name in _ASSETS:
        yield rate(
            f"derived.{name}.{made_up.symbol_count}x{made_up.session_count}",
            made_up.session_count,
            "sessions",
            [turn[name] for turn in through],
            peer="its function alone",
            peer_seconds=[turn[name] for turn in alone],
        )


class _Plain:
    """The domain's functions, one after another, each on what those before it made."""

    def __init__(self, made_up: MadeUp) -> None:
        self._calendar = made_up.calendar
        self._first, self._begin = made_up.first, made_up.first_bar
        self._bars = made_up.bars()
        self._books: list[Book] = made_up.books()
        self._made: dict[str, pd.DataFrame] = {}
        self.rows: dict[str, int] = {}

    def run(self) -> Seconds:
        """Give the seconds of each function."""
        steps = {
            "symbol_universe": self._universe,
            "market_data_cache": self._market_data,
            "factor_exposures": self._exposures,
            "symbol_daily_metrics": self._metrics,
            "portfolio_snapshots": self._snapshots,
        }
        return {name: seconds(self._step(name, step)) for name, step in steps.items()}

    def _step(self, name: str, function: Callable[[], pd.DataFrame]) -> Callable[[], None]:
        def run() -> None:
            self._made[name] = function()
            self.rows[name] = len(self._made[name])

        return run

    def _universe(self) -> pd.DataFrame:
        sessions = self._calendar.sessions(self._first, LAST)
        return build_universe(self._books, [], proxies_of(DEFAULTS), sessions)

    def _market_data(self) -> pd.DataFrame:
        return derive_market_data(
            self._bars,
            pd.DataFrame(columns=list(OPTION_COLUMNS)),
            self._made["symbol_universe"],
            sessions=self._calendar.sessions(self._begin, LAST),
            first=self._begin,
            last=LAST,
        ).frame

    def _exposures(self) -> pd.DataFrame:
        begin = self._calendar.shift(self._first, 1 - longest_window(DEFAULTS))
        data = between(self._made["market_data_cache"], begin, LAST)
        returns = factors.returns_for_regression(data, self._calendar.sessions(begin, LAST))
        universe = collectable(self._made["symbol_universe"])
        return factors.exposures(returns, DEFAULTS, self._first, LAST, universe).frame

    def _metrics(self) -> pd.DataFrame:
        begin = self._calendar.shift(self._first, -metrics.SESSIONS_BEFORE)
        return metrics.daily_metrics(
            between(self._made["market_data_cache"], begin, LAST),
            self._made["factor_exposures"],
            sessions=self._calendar.sessions(begin, LAST),
            first=self._first,
            last=LAST,
        )

    def _snapshots(self) -> pd.DataFrame:
        begin = self._calendar.shift(self._first, -snapshots.SESSIONS_BEFORE)
        return snapshots.snapshot_range(
            ledgers_of(self._books, {}, splits_by_symbol(self._bars), {}, {}),
            between(self._made["market_data_cache"], begin, LAST),
            sessions=self._calendar.sessions(begin, LAST),
            first=self._first,
        ).portfolios


@dataclass
class _Graph:
    """The assets through Dagster and the IO manager, from a warehouse that holds their inputs."""

    lab: Lab
    made_up: MadeUp
    rows: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.lab.settings()
        warehouse = open_warehouse(settings)
        for book in self.made_up.books():
            warehouse.import_book(book, utc_now())
        warehouse.merge("equity_bars", self.made_up.bars())
        warehouse.dispose()  # the last connection folds the log into the file
        self._filled = settings.state_dir / "warehouse.db"

    def run(self) -> Seconds:
        """Give the seconds of each asset's run, over a copy of the filled warehouse."""
        settings = self.lab.settings()
        shutil.copyfile(self._filled, Path(settings.state_dir) / self._filled.name)
        with settings_in_force(settings), dagster_instance() as instance:
            defs = build_defs(settings)
            taken = {
                name: seconds(lambda name=name: self._materialize(defs, instance, name))  # type: ignore[misc]  # the name is bound early on purpose
                for name in _ASSETS
            }
        self._count(settings)
        shutil.rmtree(settings.state_dir)
        return taken

    def _materialize(self, defs: dg.Definitions, instance: dg.DagsterInstance, name: str) -> None:
        key = dg.AssetKey(name)
        job = defs.resolve_job_def("session_job")
        job.execute_in_process(
            instance=instance,
            asset_selection=[key],
            tags=range_tags(date_key(self.made_up.first), date_key(LAST)),
            run_config=_QUIET,
        )

    def _count(self, settings: Settings) -> None:
        warehouse = open_warehouse(settings)
        self.rows = {name: warehouse.count(_TABLES.get(name, name)) for name in _ASSETS}
        warehouse.dispose()
