"""An onboarding whose process is killed goes on in the next one, to the rows of an undisturbed one.

Real processes over a real warehouse, with fakes for vendors; what Dagster had noted of the run dies
with the process, as where the kill comes before its record. `end_to_end/` kills real daemons.
"""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.assets import onboarding as settling
from market_pipeline.automation import sensors
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.automation.simulation import DERIVED, VARYING, Simulation
from market_pipeline_tests.fakes import FakePrices
from market_pipeline_tests.new_processes import new_process

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
SESSION = date(2026, 11, 20)
FILE = (
    "Symbol,Quantity,Entry Price Per Share,Entry Date\n"
    "AAPL,10,150,2026-01-05\nKO,-25,60,2026-02-02\nMSFT,3,300,2026-03-02\n"
)
SYMBOLS = ("AAPL", "KO", "MSFT", "SPY", "TLT")
PATIENCE_S = 60
TABLES = ("positions", "onboarding_symbols", *DERIVED)
CALM: dict[str, pd.DataFrame] = {}
"""The rows of an undisturbed onboarding, by table, once they were made."""


@dataclass
class LastWords(FakePrices):
    """A price source whose process is killed when it is asked for one history too many."""

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        if len(self.asked) == 2:
            die()
        return super().daily_bars(symbol, first, last)


def die(*_: object, **__: object) -> None:
    """End this process as SIGKILL does, in the middle of whatever it does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after_the_import() -> None:
    """Die between the import's commit and the sensor's answer, which notes that it is done."""
    sensors.books_digest = die  # type: ignore[assignment]  # never returns


def before_it_is_settled() -> None:
    """Die with the snapshots stored and the onboarding still open."""
    settling._settle = die  # never returns


def while_histories_arrive() -> None:
    """Die when the third history is asked for: `LastWords` does it."""


def simulation(warehouse: Warehouse, prices: FakePrices | None = None) -> Simulation:
    """Give the automation over fakes that know the file's symbols."""
    known = prices or bars_of(*SYMBOLS)
    return Simulation(Graph(warehouse, known))


def killed(url: str, moment: Callable[[], None]) -> None:
    """Take the inbox, and die on the way."""
    moment()
    prices = bars_of(*SYMBOLS)
    if moment is while_histories_arrive:
        prices = LastWords(prices.frames)
    simulation(Warehouse.open(url), prices).sensor("portfolio_inbox", NOW)


def rows(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """Give what the tables say, save when and by which run."""
    frames = {table: warehouse.read(table) for table in TABLES}
    return {
        table: frame.drop(columns=[name for name in frame if name in VARYING])
        for table, frame in frames.items()
    }


def dropped() -> None:
    """Put the file into the inbox."""
    inbox = current_settings().inbox
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "alpha.csv").write_text(FILE, encoding="utf-8")


@pytest.fixture
def undisturbed(state_dir: Path, tmp_path: Path, sqlite_template: Path) -> dict[str, pd.DataFrame]:
    """Give what an onboarding that nobody disturbs leads to; made once for all tests."""
    assert state_dir
    if not CALM:
        dropped()
        opened = Warehouse.open(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'calm.db')}")
        simulation(opened).sensor("portfolio_inbox", NOW)
        CALM.update(rows(opened))
        opened.dispose()
    return CALM


@pytest.mark.parametrize(
    ("moment", "state", "stored"),
    [
        (after_the_import, "pending", range(1)),
        (while_histories_arrive, "processing", range(3)),
        (before_it_is_settled, "processing", range(5, 6)),
    ],
)
def test_a_killed_onboarding_goes_on(
    undisturbed: dict[str, pd.DataFrame], warehouse: Warehouse, tmp_path: Path,
    moment: Callable[[], None], state: str, stored: range,
) -> None:  # fmt: skip
    """What was stored is not asked for again, nothing stands twice, and a tick is all it takes."""
    dropped()
    process = new_process(killed, f"sqlite:///{tmp_path / 'warehouse.db'}", moment)
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == -signal.SIGKILL
    (one,) = warehouse.onboarding.all()
    assert one.state == state
    covered = len(warehouse.coverage("equity_bars"))
    assert covered in stored
    prices = bars_of(*SYMBOLS)
    resumed = simulation(warehouse, prices)
    resumed.sensor("portfolio_inbox", NOW)
    assert [run.is_success for run in resumed.started] == [True]
    assert len(prices.asked) == len(SYMBOLS) - covered
    (one,) = warehouse.onboarding.all()
    assert (one.state, one.session_date) == ("completed", SESSION)
    assert len(warehouse.read("portfolio_snapshots")) == 1
    found = rows(warehouse)
    for table, expected in undisturbed.items():
        pd.testing.assert_frame_equal(found[table], expected, check_exact=True, obj=table)
