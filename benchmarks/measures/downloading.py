"""Prices of many symbols, next to `yfinance.download` and to the database's own bulk path."""

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from benchmarks.collect_process import COLLECT, DOWNLOAD, WRITE, Measured, Task, measure
from benchmarks.lab import Lab
from benchmarks.plain_writes import PLAIN
from benchmarks.registry import benchmark
from benchmarks.rows import Row, amount, duration
from benchmarks.turns import in_turns
from market_pipeline.domain.collection import HISTORY_SESSIONS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import date_key, latest_session
from market_pipeline.resources import utc_now
from market_pipeline.sandbox.instruments import BUILT_IN

_FIVE_YEARS = 1260
_AT_ONCE = 5
_OURS, _FIVE_THREADS, _DEFAULT, _RAW = "ours", "five threads", "default threads", "raw"


@benchmark("download", "seconds for 50 symbols x 5 years, 5 at a time, sandbox to warehouse")
def download_50(lab: Lab) -> Iterable[Row]:
    """Collect 50 symbols next to `yfinance.download` and a plain write of the same rows."""
    symbols, sessions = lab.size(full=50, quick=10), lab.size(full=_FIVE_YEARS, quick=320)
    yield from _Contest(lab, "download", symbols, sessions).rows(lab.size(full=3, quick=1))


@benchmark(
    "download_full", "the same for 500 symbols x 5 years, and what grows with them", is_long=True
)
def download_500(lab: Lab) -> Iterable[Row]:
    """Collect 500 symbols in the same ways."""
    symbols, sessions = lab.size(full=500, quick=20), lab.size(full=_FIVE_YEARS, quick=320)
    yield from _Contest(lab, "download_full", symbols, sessions).rows(1)


@dataclass(frozen=True)
class _Side:
    """One way's figures, and the requests that the sandbox counted meanwhile."""

    measured: Measured
    requests: int


class _Contest:
    """The ways to get the same bars, each in a process of its own, against one sandbox."""

    def __init__(self, lab: Lab, name: str, symbols: int, sessions: int) -> None:
        self._lab, self._name = lab, name
        calendar = TradingCalendar.xnys()
        last = latest_session(calendar, utc_now())
        first = calendar.shift(last, 1 - sessions)
        self._symbols = _symbols(symbols)
        self._dates = {
            "first": date_key(first),
            "last": date_key(last),
            "derived_first": date_key(calendar.shift(first, HISTORY_SESSIONS)),
        }
        self._size = f"{symbols}x{sessions}"

    def rows(self, repetitions: int) -> Iterator[Row]:
        """Measure every database in turn with the two downloads, and check that rows agree."""
        self._lab.say("asking once for everything, not counted: the sandbox makes up its prices")
        expected = self._download(_AT_ONCE).measured.rows
        for dialect in self._lab.dialects(self._name):
            sides = {dialect: lambda dialect=dialect: self._turn(dialect, expected)}
            turns = in_turns(repetitions, sides, self._lab.say)[dialect]
            yield from _rows(f"{self._name}.{dialect}.{self._size}", dialect, turns)

    def _turn(self, dialect: str, expected: int) -> dict[str, _Side]:
        with self._lab.warehouse_url(dialect) as url, self._lab.warehouse_url(dialect) as empty:
            turn = {
                _OURS: self._measured(COLLECT, at_once=_AT_ONCE, url=url),
                _FIVE_THREADS: self._download(_AT_ONCE),
                _DEFAULT: self._download(0),
                _RAW: self._measured(WRITE, url=empty, filled_url=url),
            }
        for way, side in turn.items():
            took = f"{side.measured.seconds:.2f} s, {side.requests} requests"
            self._lab.say(f"{way}: {took}, {side.measured.memory_peak:.0f} MB")
            if side.measured.rows != expected:
                raise RuntimeError(f"{way}: {side.measured.rows} bars where there are {expected}")
        return turn

    def _download(self, threads: int) -> _Side:
        return self._measured(DOWNLOAD, at_once=threads)

    def _measured(self, what: str, **more: object) -> _Side:
        sandbox, folder = self._lab.sandbox(), str(self._lab.new_folder())
        task = Task(
            what, folder, self._symbols, sandbox_url=sandbox.url, **self._dates, **more  # type: ignore[arg-type]  # as the fields
        )  # fmt: skip
        sandbox.take_requests()
        found = measure(self._lab.environment(), task)
        return _Side(found, sandbox.take_requests())


def _rows(name: str, dialect: str, turns: Sequence[dict[str, _Side]]) -> Iterator[Row]:
    took = {way: [turn[way].measured.seconds for turn in turns] for way in turns[0]}
    for suffix, way, peer in (
        ("", _FIVE_THREADS, "yfinance.download, 5 threads"),
        (".default", _DEFAULT, "yfinance.download, its threads"),
        (".written", _RAW, PLAIN[dialect]),
    ):
        yield duration(f"{name}{suffix}", took[_OURS], peer=peer, peer_seconds=took[way])
    figures: dict[str, tuple[str, Callable[[_Side], float]]] = {
        "requests": ("requests", lambda side: float(side.requests)),
        "memory": ("MB", lambda side: side.measured.memory_peak),
        "memory_added": ("MB", lambda side: side.measured.memory_added),
    }
    for figure, (unit, of) in figures.items():
        yield amount(
            f"{name}.{figure}", unit, [of(turn[_OURS]) for turn in turns],
            peer="yfinance.download, 5 threads",
            peer_values=[of(turn[_FIVE_THREADS]) for turn in turns],
        )  # fmt: skip


def _symbols(count: int) -> list[str]:
    """Name symbols that the sandbox knows: its cast, then tickers it makes up."""
    made_up = ("".join(letters) for letters in product("J", *[string.ascii_uppercase] * 3))
    return [*BUILT_IN, *islice((name for name in made_up if name not in BUILT_IN), count)][:count]
