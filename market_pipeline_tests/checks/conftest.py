"""A warehouse the graph has filled, copied for every test that spoils it, and a way to judge it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.automation.jobs import range_tags
from market_pipeline.domain.books import Position
from market_pipeline.partitions import date_key
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import HISTORY_TO, bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.assets.test_headlines import EVENING, MIDNIGHT, MORNING
from market_pipeline_tests.assets.test_options import CALL, option
from market_pipeline_tests.fakes import TWO_FACTORS, FakeHours, FakeOptions, steady_bars
from market_pipeline_tests.news_making import FakeCollector

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 11, day) for day in range(16, 21))
WEEK = (MONDAY, FRIDAY)
IMPORTED = datetime(2026, 11, 13, 22, tzinfo=UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Span = tuple[date, date] | date | None
"""What a check is asked about: a range, a single partition, or nothing in particular."""


@dataclass
class Court:
    """A filled warehouse and the checks of the real graph over it."""

    graph: Graph
    file: Path

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse to be spoilt."""
        return self.graph.warehouse

    def judge(self, *checks: str, over: Span = WEEK) -> dict[str, dg.AssetCheckEvaluation]:
        """Run checks, named `asset.check` (none: all), and nothing else; give their verdicts."""
        job = self.graph.definitions().resolve_implicit_global_asset_job_def()
        known = {
            f"{key.asset_key.to_user_string()}.{key.name}": key
            for key in job.asset_layer.asset_graph.asset_check_keys
        }
        result = job.get_subset(
            asset_check_selection={known[name] for name in checks or known}
        ).execute_in_process(
            instance=self.graph.instance, tags=tags_of(over), run_config=QUIET, raise_on_error=False
        )
        return {
            f"{each.asset_key.to_user_string()}.{each.check_name}": each
            for each in result.get_asset_check_evaluations()
        }

    def edit(self, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Change the stored rows of the week."""
        rows = self.warehouse.read(table, first=MONDAY, last=FRIDAY)
        self.warehouse.replace_range(table, change(rows), MONDAY, FRIDAY)


def tags_of(over: Span) -> dict[str, str]:
    """Give the run tags by which Dagster names partitions."""
    if over is None:
        return {}
    first, last = over if isinstance(over, tuple) else (over, over)
    return range_tags(date_key(first), date_key(last))


def said(verdict: dg.AssetCheckEvaluation) -> dict[str, object]:
    """Give the evidence of a verdict as plain values."""
    return {name: value.value for name, value in verdict.metadata.items()}


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the graph over a week of five symbols, an option, cash, news and the hours of one.

    NOSUCH is watched and known to no vendor, YOUNG is watched and listed on Thursday.
    """
    folder = tmp_path_factory.mktemp("filled")
    settings = Settings(
        state_dir=folder,
        automation="off",
        first_session=date(2026, 1, 2),
        sandbox_url=None,
        intraday_symbols=("KO",),
        factors=TWO_FACTORS,
    )
    file = folder / "warehouse.db"
    warehouse = Warehouse.open(f"sqlite:///{file}")
    warehouse.upgrade()
    cash = Position(
        position_no=4, symbol="CASH", asset_class="cash", quantity=Decimal("2500.50"),
        entry_price_usd=Decimal(1), entry_date=date(2025, 6, 2), multiplier=1,
    )  # fmt: skip
    book = book_of(stock(1, "AAPL"), stock(2, "KO", -40), option(3, CALL, 2), cash)
    warehouse.import_book(book, IMPORTED)
    warehouse.watch(["NOSUCH", "YOUNG"], IMPORTED)
    prices = bars_of("AAPL", "KO", "SPY", "TLT")
    prices.frames = {**prices.frames, "YOUNG": steady_bars("YOUNG", THURSDAY, HISTORY_TO)}
    graph = Graph(warehouse, prices, options=FakeOptions(listings={"AAPL": [CALL]}))
    graph.hours = FakeHours(graph.clock, days=prices.frames)
    now = graph.clock()
    graph.news = FakeCollector((EVENING, MORNING, MIDNIGHT), at=now)
    graph.wire = FakeCollector((replace(MORNING, source="tiingo"),), name="tiingo", at=now)
    with settings_in_force(settings):
        # News first: the impact of the week's news is made with the week's sessions.
        assert graph.run(*WEEK, job="news_job").success
        assert graph.run(*WEEK).success
        assert graph.run(*WEEK, job="intraday_job").success
    warehouse.dispose()
    return file


@pytest.fixture
def court(filled: Path, state_dir: Path) -> Iterator[Court]:
    """Give the checks over a copy of the filled warehouse and its reports."""
    state_dir.mkdir(parents=True, exist_ok=True)
    file = Path(shutil.copy(filled, state_dir / "copy.db"))
    shutil.copytree(filled.parent / "reports", state_dir / "reports")
    warehouse = Warehouse.open(f"sqlite:///{file}")
    yield Court(Graph(warehouse, bars_of()), file)
    warehouse.dispose()
