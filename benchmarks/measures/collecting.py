"""Collecting: rows a second from the sandbox, through yfinance, into the warehouse."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from pydantic import SecretStr

from benchmarks.collect_process import universe_of
from benchmarks.lab import Lab
from benchmarks.plain_graph import PlainGraph
from benchmarks.plain_yfinance import yfinance_at
from benchmarks.registry import benchmark
from benchmarks.rows import Row, rate
from benchmarks.turns import in_turns, seconds
from market_pipeline.domain.collection import HISTORY_SESSIONS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.symbols import to_dashed
from market_pipeline.partitions import date_key, latest_session
from market_pipeline.resources import utc_now
from market_pipeline.sandbox.instruments import BUILT_IN

_BARS = "equity_bars"


@benchmark("collect", "rows a second of daily bars, from the sandbox to the warehouse")
def collect(lab: Lab) -> Iterable[Row]:
    """Make `equity_bars` as the asset does; the peer asks yfinance the same and keeps nothing."""
    calendar = TradingCalendar.xnys()
    last = latest_session(calendar, utc_now())
    first = calendar.shift(last, 1 - lab.size(full=1000, quick=250))
    symbols = list(BUILT_IN)[: lab.size(full=20, quick=5)]
    peer = _PlainYfinance(lab, symbols, calendar.shift(first, -HISTORY_SESSIONS), last)
    lab.say("asking once for everything, not counted: the sandbox makes up its prices")
    rows = peer.ask()
    for dialect in lab.dialects("collect"):
        sides = {
            dialect: _ours(lab, dialect, symbols, calendar.sessions(first, last), rows),
            "plain yfinance": lambda: seconds(peer.ask),
        }
        taken = in_turns(lab.size(full=3, quick=1), sides, lab.say)
        yield rate(
            f"collect.{dialect}", rows, "rows", taken[dialect],
            peer="yfinance alone", peer_seconds=taken["plain yfinance"],
        )  # fmt: skip


def _ours(
    lab: Lab, dialect: str, symbols: Sequence[str], sessions: Sequence[date], rows: int
) -> Callable[[], float]:
    """Give a turn of the asset's own body on an empty warehouse; it must store `rows`."""
    universe = universe_of(symbols, sessions)
    keys = [date_key(day) for day in sessions]

    def run() -> float:
        with lab.warehouse_url(dialect) as url:
            settings = lab.settings(sandbox_url=lab.sandbox_url(), database_url=SecretStr(url))
            graph = PlainGraph(settings, second_prices=None)
            taken = seconds(lambda: graph.make(_BARS, keys, symbol_universe=universe))
            stored = graph.warehouse.count(_BARS)
            graph.warehouse.dispose()
        if stored != rows:
            raise RuntimeError(f"{dialect}: stored {stored} rows where yfinance gives {rows}")
        return taken

    return run


class _PlainYfinance:
    """What a script would do: `Ticker.history` of each symbol, as many at once as we allow."""

    def __init__(self, lab: Lab, symbols: Sequence[str], first: date, last: date) -> None:
        self._symbols, self._first, self._last = symbols, first, last
        self._session = yfinance_at(lab.sandbox_url(), lab.new_folder())
        self._at_once = lab.settings().vendor_concurrency

    def ask(self) -> int:
        """Ask for every symbol's range; give how many rows came."""
        with ThreadPoolExecutor(self._at_once) as pool:
            return sum(pool.map(self._rows, self._symbols))

    def _rows(self, symbol: str) -> int:
        import yfinance

        ticker = yfinance.Ticker(to_dashed(symbol), session=self._session)
        history = ticker.history(
            start=self._first.isoformat(),
            end=(self._last + timedelta(days=1)).isoformat(),
            auto_adjust=False,
        )
        return len(history)
