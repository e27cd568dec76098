"""Latest prices and exposures: never older than the database, whatever happens in between."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.ports import Coordination
from market_pipeline.reads import SymbolReads, SymbolState
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reads.told import Clock

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
AT = datetime(2026, 11, 20, 22, tzinfo=UTC)
SYMBOLS = ("AAPL", "KO")


def priced(day: date, **prices: float) -> pd.DataFrame:
    """Make rows of `market_data_cache`."""
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(day), "symbol": list(prices), "asset_class": "stock",
            "price_usd": list(prices.values()), "price_kind": "close", "open": 1.0, "high": 1.0,
            "low": 1.0, "adj_close": 1.0, "volume": 1.0, "dividend_usd": 0.0, "split_ratio": 0.0,
            "return_1d": 0.01, "multiplier": 1, "delta": None, "flags": None, "source": "fake",
            "fetched_at": pd.Timestamp(AT),
        }
    ).astype({"session_date": "datetime64[s]"})  # fmt: skip


def exposed(day: date, symbol: str, beta: float) -> pd.DataFrame:
    """Make a row of `symbol_factor_exposures`."""
    return pd.DataFrame(
        {
            "session_date": [pd.Timestamp(day)], "symbol": symbol, "factor": "market",
            "beta": beta, "std_error": 0.1, "t_stat": 1.0, "r_squared": 0.5,
            "residual_volatility": 0.1, "observations": 250,
            "window_first_date": pd.Timestamp("2025-11-20"), "quality": "full_history",
            "method": "ols", "definition": "market", "definition_version": 1,
        }
    ).astype({"session_date": "datetime64[s]", "window_first_date": "datetime64[s]"})  # fmt: skip


def write(warehouse: Warehouse, day: date = FRIDAY, **prices: float) -> None:
    """Commit the prices of a session, as the IO manager does."""
    warehouse.replace_range("market_data_cache", priced(day, **prices), day, day)


@pytest.fixture
def reads(warehouse: Warehouse, coordination: Coordination, clock: Clock) -> Iterator[SymbolReads]:
    opened = SymbolReads(warehouse, coordination, clock)
    yield opened
    opened.close()


def test_the_newest_price_and_its_exposures(warehouse: Warehouse, reads: SymbolReads) -> None:
    """Each of its own last session; a price of a month ago is none."""
    write(warehouse, THURSDAY, KO=60.0, AAPL=250.0)
    write(warehouse, FRIDAY, AAPL=251.0)
    write(warehouse, FRIDAY - timedelta(days=40), GONE=1.0)
    day = THURSDAY
    warehouse.replace_range("symbol_factor_exposures", exposed(day, "KO", 0.5), day, day)
    coke, apple = reads.latest("KO"), reads.latest("AAPL")
    assert coke is not None
    assert (coke.session_date, coke.price_usd, coke.return_1d_pct) == (THURSDAY, 60.0, 1.0)
    assert [(e.factor, e.beta, e.session_date) for e in coke.exposures] == [
        ("market", 0.5, THURSDAY)
    ]
    assert apple is not None
    assert (apple.session_date, apple.price_usd, apple.exposures) == (FRIDAY, 251.0, ())
    assert reads.latest("GONE") is reads.latest("NOSUCH") is None


def test_a_kept_answer_is_given_until_a_commit_changes_a_row(
    warehouse: Warehouse, coordination: Coordination, clock: Clock, reads: SymbolReads
) -> None:
    """Prices, exposures and metrics take it back; an equal rerun does not; a failed one neither."""
    write(warehouse, KO=60.0)
    other = SymbolReads(warehouse, coordination, clock)
    assert reads.latest("KO") == other.latest("KO") == reads.latest("KO")
    assert (reads.stats().hits, other.stats().hits, other.stats().misses) == (1, 2, 1)
    write(warehouse, KO=60.0)
    with pytest.raises(ValueError, match="outside"):
        warehouse.replace_range("market_data_cache", priced(THURSDAY, KO=9.0), FRIDAY, FRIDAY)
    reads.latest("KO")
    assert reads.stats().hits == 3
    warehouse.replace_range("symbol_factor_exposures", exposed(FRIDAY, "KO", 0.7), FRIDAY, FRIDAY)
    for each in (reads, other):
        state = each.latest("KO")
        assert state is not None
        assert state.exposures[0].beta == 0.7
    warehouse.merge("market_data_cache", priced(FRIDAY, KO=61.0))
    assert [each.latest("KO").price_usd for each in (reads, other)] == [61.0, 61.0]  # type: ignore[union-attr]


def test_a_rolled_back_write_takes_nothing_back(warehouse: Warehouse, reads: SymbolReads) -> None:
    """Rows and generation come and go together, wherever a writer dies."""
    write(warehouse, KO=60.0)
    reads.latest("KO")

    def dies() -> None:
        with warehouse._database.writing() as connection:
            connection.execute(sa.text("UPDATE market_data_cache SET price_usd = 1"))
            connection.execute(sa.text("UPDATE read_generations SET generation = 'x'"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dies()
    state = reads.latest("KO")
    assert state is not None
    assert state.price_usd == 60.0
    assert reads.stats().hits == 1


@pytest.mark.parametrize("kept", ["", "0", "{generation}\n", "{generation}\n{{}}", "x\nnull"])
def test_what_cannot_be_read_is_a_miss(
    warehouse: Warehouse, coordination: Coordination, reads: SymbolReads, kept: str
) -> None:
    """Cut short, of another shape or state: the database answers."""
    write(warehouse, KO=60.0)
    with warehouse._database.reading() as connection:
        generation = connection.scalar(sa.text("SELECT generation FROM read_generations"))
    coordination.put("symbol:latest:KO", kept.format(generation=generation))
    coordination.put("symbols:filled", kept)
    state = reads.latest("KO")
    assert state is not None
    assert not reads.status().is_ready


def test_filled_in_the_background_it_is_ready_and_follows_changes(
    warehouse: Warehouse, coordination: Coordination, clock: Clock, reads: SymbolReads
) -> None:
    """Ready once all is kept, for every process; not ready from a commit to the next filling."""
    write(warehouse, KO=60.0, AAPL=250.0)
    assert not reads.status().is_ready
    assert reads.latest("KO") is not None  # cold: the database answers
    reads.start(every_s=0.02)
    other = SymbolReads(warehouse, coordination, clock)
    until(lambda: other.status().is_ready)
    assert (other.status().entries, other.status().filled_at) == (2, clock())
    misses = other.stats().misses
    assert other.latest("AAPL") is not None
    assert other.stats().misses == misses
    write(warehouse, KO=61.0, AAPL=250.0, TLT=90.0)
    until(lambda: other.status().is_ready and other.status().entries == 3)


def test_a_database_that_is_away_is_no_end_of_filling(
    tmp_path: Path, coordination: Coordination, clock: Clock
) -> None:
    """What failed is logged without its words, and tried again until it works."""
    warehouse = Warehouse.open(f"sqlite:///{tmp_path / 'late.db'}")
    reads = SymbolReads(warehouse, coordination, clock)
    with structlog.testing.capture_logs() as events:
        reads.start(every_s=0.02)
        until(lambda: any(e["event"] == "symbol_cache_not_filled" for e in events))
        warehouse.upgrade()
        write(warehouse, KO=60.0)
        until(lambda: reads.status().is_ready)
    reads.close()
    warehouse.dispose()


def test_threads_that_read_while_prices_rise_never_see_one_fall(
    warehouse: Warehouse, coordination: Coordination, clock: Clock
) -> None:
    """Two processes' readers, real concurrency: who saw a price never sees an older one."""
    write(warehouse, KO=1.0)
    committed = [1.0]
    wrong: list[tuple[float, float]] = []
    ended = threading.Event()

    def read(reads: SymbolReads) -> None:
        while not ended.is_set():
            floor = committed[0]
            state = reads.latest("KO")
            if state is None or state.price_usd < floor:
                wrong.append((floor, -1.0 if state is None else state.price_usd))

    readers = [SymbolReads(warehouse, coordination, clock) for _ in range(2)]
    threads = [threading.Thread(target=read, args=(readers[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for price in range(2, 25):
        write(warehouse, KO=float(price))
        committed[0] = float(price)
    ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def until(is_there: Callable[[], object], patience_s: float = 10.0) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + patience_s
    while not is_there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Slow(SymbolReads):
    """A process whose answers are kept long after they were read."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.late: list[tuple[str, Mapping[str, SymbolState | None]]] = []
        self.is_late = False

    def _keep(self, generation: str, answers: Mapping[str, SymbolState | None]) -> None:
        if self.is_late:
            self.late.append((generation, answers))
        else:
            super()._keep(generation, answers)


class Interleavings(RuleBasedStateMachine):
    """Reads, writes, fillings, losses, and answers kept late, in any order."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.warehouse = Warehouse.open(f"sqlite:///{path / 'w.db'}")
        self.warehouse.upgrade()
        clock = Clock()
        self.coordination = LocalCoordination(path / "state.sqlite3", clock)
        self.readers = [Slow(self.warehouse, self.coordination, clock) for _ in range(2)]
        self.truth: dict[str, float] = {}
        self.beta: float | None = None

    def teardown(self) -> None:
        if hasattr(self, "warehouse"):
            self.coordination.close()
            self.warehouse.dispose()
            self.folder.cleanup()

    @rule(prices=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 5).map(float)))
    def write(self, prices: dict[str, float]) -> None:
        rows = priced(FRIDAY, **prices)
        self.warehouse.replace_range("market_data_cache", rows, FRIDAY, FRIDAY)
        self.truth = prices

    @rule(beta=st.integers(1, 3).map(float))
    def measure(self, beta: float) -> None:
        rows = exposed(FRIDAY, "KO", beta)
        self.warehouse.replace_range("symbol_factor_exposures", rows, FRIDAY, FRIDAY)
        self.beta = beta

    @rule(who=st.integers(0, 1))
    def fill(self, who: int) -> None:
        self.readers[who].fill()

    @rule(who=st.integers(0, 1), is_late=st.booleans())
    def slow_down(self, who: int, is_late: bool) -> None:
        self.readers[who].is_late = is_late

    @rule(who=st.integers(0, 1))
    def keep_late(self, who: int) -> None:
        reader = self.readers[who]
        late, reader.late = reader.late, []
        for generation, answers in reader.late or late:
            SymbolReads._keep(reader, generation, answers)

    @rule(symbol=st.sampled_from(SYMBOLS))
    def lose(self, symbol: str) -> None:
        self.coordination.delete([f"symbol:latest:{symbol}"])

    @rule(who=st.integers(0, 1), symbol=st.sampled_from(SYMBOLS))
    def read(self, who: int, symbol: str) -> None:
        state = self.readers[who].latest(symbol)
        assert (None if state is None else state.price_usd) == self.truth.get(symbol)
        if state is not None and symbol == "KO":
            assert [e.beta for e in state.exposures] == ([] if self.beta is None else [self.beta])

    @invariant()
    def ready_means_that_all_is_kept(self) -> None:
        if hasattr(self, "readers") and self.readers[0].status().is_ready:
            assert self.readers[0].status().entries == len(self.truth)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
