"""The whole pipeline in one command: sandbox vendors, example books, 60 sessions, a report.

The real graph and the real clients, over data that is made up and says so. State goes to a folder
of its own, so that sandbox data never meets live data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console

from market_pipeline.automation.sensors import read_book
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.operations.backfill import BackfillResult, run_backfill
from market_pipeline.operations.demo_tables import print_portfolio, sandbox_banner
from market_pipeline.partitions import latest_session
from market_pipeline.reports.portfolio_view import view_of
from market_pipeline.reports.report import write_reports
from market_pipeline.reports.session_rows import SessionRows
from market_pipeline.resources import open_warehouse, utc_now
from market_pipeline.sandbox import create_app, generated
from market_pipeline.sandbox.server import SandboxServer
from market_pipeline.settings import Settings, current_settings, project_root, settings_in_force
from market_pipeline.warehouse import Warehouse

DEMO_FOLDER = "demo"
SANDBOX_PORT = 8765
EXAMPLES = Path("examples") / "portfolios"

DATA_TABLES = (
    "portfolios", "positions", "symbol_universe", "equity_bars", "option_contracts",
    "option_quotes", "option_values", "market_data_cache", "finviz_headlines", "wire_headlines",
    "headlines",
    "headline_sources", "headline_symbols", "headline_aggregates", "headline_impact",
    "company_profiles", "fundamentals",
    "factor_definitions", "symbol_factor_exposures", "symbol_daily_metrics", "portfolio_snapshots",
    "portfolio_positions", "portfolio_risk", "position_factor_exposures",
    "portfolio_factor_exposures", "portfolio_stress", "quarantine", "enrichment_compute_log",
)  # fmt: skip
"""Tables whose rows a second run on equal data must leave as they are."""


@dataclass(frozen=True)
class DemoResult:
    """What a demo did: its runs, the tables that changed, the reports it wrote."""

    backfill: BackfillResult
    changed_tables: tuple[str, ...]
    reports: tuple[Path, ...]

    @property
    def succeeded(self) -> bool:
        """Whether everything was done."""
        return self.backfill.succeeded


def run_demo(console: Console, *, sessions: int = 60, seed: int = 7) -> DemoResult:
    """Run the pipeline over the last `sessions` sessions of sandbox data and show the result."""
    base = current_settings()
    files = _example_files()
    app = create_app(generated(seed=seed, clock=utc_now), utc_now)
    with SandboxServer(app) as server:
        settings = _demo_settings(base, server.url)
        console.print(f"[bold]sandbox vendors[/] (seed {seed}) at {server.url}")
        with settings_in_force(settings):
            return _run(console, settings, files, sessions)


def _example_files() -> Sequence[Path]:
    folder = project_root() / EXAMPLES
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise ConfigurationError(f"no example portfolio in {EXAMPLES}: run the demo in a checkout")
    return files


def _demo_settings(base: Settings, sandbox_url: str) -> Settings:
    """Point everything at the sandbox and at a state folder of the demo's own."""
    return base.model_copy(
        update={
            "state_dir": base.state_dir / DEMO_FOLDER,
            "sandbox_url": sandbox_url,
            "database_url": None,
            "dagster_database_url": None,
            "redis_url": None,
            "inbox_dir": None,
            "polygon_api_key": None,
            "finviz_elite_key": None,
            "tiingo_api_key": None,
            "finnhub_api_key": None,
            "finviz_portfolio_ids": {},
            "ingestion_v2_enabled": True,
            "webhook_urls": None,
            "apprise_urls": None,
        }
    )


def _run(console: Console, settings: Settings, files: Sequence[Path], sessions: int) -> DemoResult:
    calendar = TradingCalendar.xnys(settings.extra_closures)
    last = latest_session(calendar, utc_now())
    first = calendar.shift(last, 1 - sessions) if sessions > 1 else last
    warehouse = open_warehouse(settings)
    try:
        before = _digests(warehouse)
        _import_books(console, warehouse, files)
        console.print(
            f"[bold]{len(calendar.sessions(first, last))} sessions[/], {first} to {last}, "
            "through the Dagster graph"
        )
        result = run_backfill(
            first, last, settings=settings,
            progress=lambda line: console.print(f"  {line}", style="dim", markup=False),
        )  # fmt: skip
        after = _digests(warehouse)
        changed = tuple(name for name in DATA_TABLES if before[name] != after[name])
        _show(console, warehouse, last)
        reports = write_reports(warehouse, last, settings.reports_of(last))
        _say_what_happened(console, result, before, changed)
        _say_what_next(console, settings, last, reports)
        return DemoResult(result, changed, tuple(reports))
    finally:
        warehouse.dispose()


def _digests(warehouse: Warehouse) -> dict[str, str]:
    return {name: warehouse.table_digest(name) for name in DATA_TABLES}


def _import_books(console: Console, warehouse: Warehouse, files: Sequence[Path]) -> None:
    today = utc_now().astimezone(NEW_YORK).date()
    for path in files:
        book = read_book(path, today)
        counts = warehouse.import_book(book, utc_now())
        state = "imported" if counts.changed else "known already"
        console.print(f"[bold]{path.name}[/]: {len(book.positions)} positions, {state}")


def _show(console: Console, warehouse: Warehouse, session: date) -> None:
    told = SessionRows(warehouse, session)
    for portfolio_id in told.names:
        console.print()
        sandbox_banner(console)
        print_portfolio(console, view_of(told, portfolio_id))


def _say_what_happened(
    console: Console, result: BackfillResult, before: dict[str, str], changed: Sequence[str]
) -> None:
    console.print()
    for run in result.runs:
        for line in run.failures:
            console.print(f"failed: {line}", style="bold red", markup=False)
        for line in run.warnings:
            console.print(f"worth a look: {line}", style="yellow", markup=False)
    if changed:
        console.print(f"{result.rows_changed:,} rows written; changed: {', '.join(changed)}")
    else:
        console.print(
            f"[bold green]Nothing changed:[/] all {len(before)} tables hold the same rows as "
            "before this run."
        )


def _say_what_next(
    console: Console, settings: Settings, session: date, reports: Sequence[Path]
) -> None:
    state = _shown(settings.state_dir)
    console.print("\n[bold]Reports[/]")
    for path in reports:
        _type(console, _shown(path))
    console.print("\n[bold]Next[/], looking at the demo's data:")
    _type(console, "source .venv/bin/activate")
    _type(console, f"export MARKET_PIPELINE_STATE_DIR={state}")
    _type(console, "market-pipeline show snapshot")
    _type(console, "market-pipeline show factors --symbol AAPL")
    _type(console, f"market-pipeline show headlines --date {session} --format json")
    _type(console, "market-pipeline news AAPL")
    _type(console, f"market-pipeline sandbox serve --port {SANDBOX_PORT} &")
    _type(console, f"MARKET_PIPELINE_SANDBOX_URL=http://127.0.0.1:{SANDBOX_PORT} make dev")
    console.print("and with your own books and real vendors:")
    _type(console, "unset MARKET_PIPELINE_STATE_DIR")
    _type(console, "market-pipeline doctor")
    _type(console, "market-pipeline portfolio import my_portfolio.csv")
    sandbox_banner(console)


def _type(console: Console, command: str) -> None:
    """Print something to be typed: whole, whatever the width of the terminal."""
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """Show a path as it would be typed from the project's root."""
    root = project_root()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
