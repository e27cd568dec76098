"""Every shipped definition through the graph: single sessions are the range, bit for bit."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.domain.factor_definitions import DEFAULTS
from market_pipeline.operations.backfill import FACTOR_ASSETS
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import HISTORY_FROM, HISTORY_TO, book_of, stock
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import PROXIES, FakeClock, FakePrices, steady_bars

DAYS = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)
MORE = {
    "recent": {"proxies": ["SPY"], "method": "ewls", "half_life": 30},
    "joint": {"proxies": ["SPY", "TLT", "QUAL"], "window": 120},
}
HELD = {
    "AAPL": HISTORY_FROM,
    "KO": HISTORY_FROM,
    "LATE": date(2026, 7, 1),
    "NEW": date(2026, 10, 15),
}
TABLES = ("symbol_factor_exposures", "enrichment_compute_log", "symbol_daily_metrics")


@dataclass
class Slices:
    """The same sessions made at once and one after another."""

    at_once: Warehouse
    one_by_one: Warehouse


def prices() -> FakePrices:
    """Bars with a spike of a stock on the first session, of a proxy on the second."""
    begun = dict.fromkeys(PROXIES, HISTORY_FROM) | HELD
    frames = {symbol: steady_bars(symbol, first, HISTORY_TO) for symbol, first in begun.items()}
    for symbol, day in (("AAPL", DAYS[0]), ("XLK", DAYS[1])):
        bars = frames[symbol]
        prices = ["open", "high", "low", "close", "adj_close"]
        bars.loc[bars["session_date"] == pd.Timestamp(day), prices] *= 1.25
    return FakePrices(frames)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Slices:
    """Make three sessions of all definitions: as one range, and as three runs."""
    folder = tmp_path_factory.mktemp("slices")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKET_PIPELINE_STATE_DIR", str(folder / "state"))
        patch.setenv("MARKET_PIPELINE_AUTOMATION", "off")
        patch.setenv("MARKET_PIPELINE_FIRST_SESSION", "2026-01-02")
        patch.setenv("MARKET_PIPELINE_FACTORS", json.dumps(MORE))
        forget_settings()
        made = Slices(*(opened(folder / f"{name}.db") for name in ("range", "days")))
        run(made.at_once, [(DAYS[0], DAYS[-1])])
        run(made.one_by_one, [(day, day) for day in DAYS])
    forget_settings()
    return made


def opened(path: Path) -> Warehouse:
    """Open a warehouse with the book in it."""
    warehouse = Warehouse.open(f"sqlite:///{path}")
    warehouse.upgrade()
    warehouse.import_book(book_of(*(stock(n, s) for n, s in enumerate(HELD, 1))), FakeClock().now)
    return warehouse


def run(warehouse: Warehouse, ranges: list[tuple[date, date]]) -> None:
    """Make the factors' assets of each range in turn."""
    assert len(current_settings().definitions) == len(DEFAULTS) + len(MORE)
    graph = Graph(warehouse, prices())
    for first, last in ranges:
        assert failed_steps(graph.run(first, last, only=FACTOR_ASSETS)) == []


def test_every_definition_is_measured_in_every_session(slices: Slices) -> None:
    """All shipped and two of our own, for stocks and proxies; the newest listing is too short."""
    rows = slices.at_once.read("symbol_factor_exposures")
    names = {each.name for each in DEFAULTS} | set(MORE)
    # One of `recent`, three of `joint`.
    factors = sum(len(each.factors) for each in DEFAULTS) + 1 + 3
    for _, of_day in rows.groupby("session_date"):
        assert set(of_day["definition"]) == names
        assert of_day["factor"].nunique() == factors
        assert set(of_day["symbol"]) == {*PROXIES, *HELD} - {"NEW"}
        assert len(of_day) == factors * (len(PROXIES) + len(HELD) - 1)
    assert {"full_history", "limited_history"} <= set(rows["quality"])
    assert set(rows["method"]) == {"ols", "ridge", "ewls"}
    late = rows[rows["symbol"] == "LATE"]
    is_full = late["quality"] == "full_history"
    assert set(late.loc[is_full, "definition"]) == {"market", "interest_rate", "recent"}
    notes = slices.at_once.read("enrichment_compute_log", where={"asset": "factor_exposures"})
    assert set(notes["subject"]) == {f"NEW:{name}" for name in names}
    assert set(notes["outcome"]) == {"insufficient_history"}


@pytest.mark.parametrize("table", TABLES)
def test_single_sessions_are_the_range_bit_for_bit(slices: Slices, table: str) -> None:
    """Rows, notes and daily metrics: whatever the next session was to show of this one."""
    whole, parts = (made.read(table) for made in (slices.at_once, slices.one_by_one))
    if "noted_at" in whole:
        whole, parts = (frame.drop(columns="noted_at") for frame in (whole, parts))
    assert len(whole) > 0
    pd.testing.assert_frame_equal(whole, parts, check_exact=True)


def test_a_spike_counts_in_its_own_session_and_in_no_later_one(slices: Slices) -> None:
    """A stock's is one return fewer from the next session on; a proxy's is so for everybody."""
    rows = slices.at_once.read("symbol_factor_exposures", where={"quality": "limited_history"})
    seen = rows.set_index(["symbol", "factor", "session_date"])["observations"]
    flagged = slices.at_once.read("market_data_cache", first=DAYS[0], last=DAYS[-1])
    is_back = flagged["flags"].astype(str).str.contains("reverted_jump")
    backs = set(
        zip(flagged.loc[is_back, "symbol"], flagged.loc[is_back, "session_date"], strict=True)
    )
    assert backs == {("AAPL", pd.Timestamp(DAYS[1])), ("XLK", pd.Timestamp(DAYS[2]))}
    assert ("AAPL", "market", pd.Timestamp(DAYS[0])) not in seen.index
    assert seen["AAPL", "market", pd.Timestamp(DAYS[1])] == 88
    assert ("KO", "sector_technology", pd.Timestamp(DAYS[1])) not in seen.index
    assert seen["KO", "sector_technology", pd.Timestamp(DAYS[2])] == 178
