"""Five hundred symbols under a vendor's quota: as long as it dictates, and the held come first."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from market_pipeline.coordination import LocalCoordination
from market_pipeline.coordination.rates import Pace
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.sandbox import SandboxServer, Throttle, create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.market import Bars
from market_pipeline.vendors.alpha_vantage import AlphaVantageClient
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import CALENDAR
from market_pipeline_tests.quotas.simulated import SimulatedTime

START = datetime(2026, 11, 21, 1, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)
PER_MINUTE, PER_DAY, SYMBOLS = 5, 500, 500
PROXIES = ("SPY", "TLT")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXY"


class ThreadedTime(SimulatedTime):
    """Simulated time for threads: it passes only while every one that asks waits for its turn."""

    def sleep(self, seconds: float) -> None:
        with self._changed:
            self._sleep(self._new_waiter(), seconds)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Keep time from passing while work is done that does not wait for it."""
        with self._changed:
            self._awake += 1
        try:
            yield
        finally:
            with self._changed:
                self._awake -= 1
                self._pass_time()

    def _new_waiter(self) -> int:
        self._waiters = getattr(self, "_waiters", 0) + 1
        return self._waiters


class Timed:
    """A source whose every call holds time still but where it waits."""

    def __init__(self, source: AlphaVantageClient, time: ThreadedTime) -> None:
        self._source, self._time = source, time

    @property
    def name(self) -> str:
        return self._source.name

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        with self._time.awake():
            return self._source.daily_bars(symbol, first, last)


class Recent(GeneratedMarket):
    """The market without its early years, which the vendor would send with each answer."""

    def bars(self, symbol: str) -> Bars | None:
        whole = super().bars(symbol)
        return None if whole is None else whole.take(slice(-300, None))


@pytest.fixture
def time() -> Iterator[ThreadedTime]:
    clock = ThreadedTime(START)
    yield clock
    clock.close()


@pytest.mark.timeout(400)
def test_500_symbols_take_what_the_quota_dictates_and_the_held_come_first(
    state_dir: Path, warehouse: Warehouse, time: ThreadedTime
) -> None:
    """Real client, rate, quota, graph and sandbox; at most 5 % longer than 5 a minute allow."""
    names = [f"Q{a}{b}" for a in LETTERS for b in LETTERS][: SYMBOLS - len(PROXIES)]
    held, watched = names[-30:], names[:-30]  # last by name: the alphabet is no priority
    book = book_of(*(stock(number, symbol) for number, symbol in enumerate(held, 1)))
    warehouse.import_book(book, START)
    warehouse.watch(watched, START)
    throttle = Throttle(time, PER_MINUTE, PER_DAY)
    coordination = LocalCoordination(
        state_dir / "rates.sqlite3", time, Pace(lambda: int(time().timestamp() * 1000), time.sleep)
    )
    quota = coordination.quota("alpha_vantage", PER_DAY)
    policy = CallPolicy(
        attempts=1, bucket=coordination.rate_bucket("alpha_vantage", PER_MINUTE, 60), quota=quota
    )
    market = Recent(7, lambda: START, CALENDAR)
    with SandboxServer(create_app(market, lambda: START, throttle)) as server:
        client = AlphaVantageClient(
            f"{server.url}/alpha_vantage", SecretStr("any"),
            clock=time, policy=policy, premium=True,
        )  # fmt: skip
        graph = Graph(warehouse, bars_of())
        graph.clock = time  # type: ignore[assignment]  # any clock will do
        members = {"alpha_vantage": Member(Timed(client, time), quota)}
        graph.prices = PriceChain("prices", members, Orders(("alpha_vantage",)))  # type: ignore[assignment]
        result = graph.run(FRIDAY, only=("symbol_universe", "equity_bars"))
        client.close()
    assert result.success
    assert (len(throttle.answered), throttle.refused) == (SYMBOLS, 0)
    took_s = (throttle.answered[-1] - START).total_seconds()
    assert took_s <= 1.05 * 60 * SYMBOLS / PER_MINUTE
    fetched = warehouse.read("enrichment_fetch_log")
    assert fetched["is_success"].all()
    began = fetched.set_index("subject")["started_at"]
    assert began[[*held, *PROXIES]].max() <= began[watched].min()
    assert len(began) == SYMBOLS
