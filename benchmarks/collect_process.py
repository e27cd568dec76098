"""Bars from the sandbox in a process of its own, whose memory is thus that of one way to get them.

`python -m benchmarks.collect_process` reads a `Task` as JSON and prints a line of it (`Measured`).
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pandas as pd
from pydantic import SecretStr

from benchmarks.memory import memory_peak
from benchmarks.plain_writes import write_plainly
from benchmarks.plain_yfinance import download, yfinance_at
from benchmarks.processes import default_settings
from benchmarks.turns import seconds
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import build_universe
from market_pipeline.partitions import date_key
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.tables import equity_bars

COLLECT, DOWNLOAD, WRITE = "collect", "download", "write"


@dataclass(frozen=True)
class Task:
    """What to do for these symbols and the sessions from `first` to `last` (ISO dates).

    `collect` makes `equity_bars` for the sessions from `derived_first` on, which asks for a year
    before them as well; `download` asks yfinance with `at_once` threads (0: as many as it takes by
    itself); `write` writes the bars found in the warehouse at `filled_url`, encoded beforehand.
    """

    what: str
    folder: str
    symbols: Sequence[str]
    first: str
    last: str
    derived_first: str = ""
    at_once: int = 0
    sandbox_url: str = ""
    url: str = ""
    filled_url: str = ""


@dataclass(frozen=True)
class Measured:
    """Bars that came, seconds it took, and the process's memory in MB before and at most."""

    rows: int
    seconds: float
    memory_before: float
    memory_peak: float

    @property
    def memory_added(self) -> float:
        """What the work took of memory, in MB, on top of what its modules do."""
        return self.memory_peak - self.memory_before


def measure(environment: Mapping[str, str], task: Task) -> Measured:
    """Do the task in a process and give what it measured."""
    command = [sys.executable, "-m", "benchmarks.collect_process"]
    done = subprocess.run(
        command, env=environment, check=True, text=True, input=json.dumps(asdict(task)),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def universe_of(symbols: Sequence[str], sessions: Sequence[date]) -> pd.DataFrame:
    """Give the universe in which all of `symbols` are watched in every session."""
    return build_universe([], symbols, (), sessions)


def _run(task: Task) -> Measured:
    prepare = {COLLECT: _collecting, DOWNLOAD: _downloading, WRITE: _writing}[task.what]
    work, count = prepare(task)
    before = memory_peak()
    taken = seconds(work)
    peak = memory_peak()
    return Measured(count(), taken, before, peak)


def _collecting(task: Task) -> tuple[Callable[[], object], Callable[[], int]]:
    import yfinance  # noqa: F401  # what loads at first use is no part of it

    from benchmarks.plain_graph import PlainGraph

    settings = default_settings(
        Path(task.folder), sandbox_url=task.sandbox_url, database_url=SecretStr(task.url),
        vendor_concurrency=task.at_once,
    )  # fmt: skip
    graph = PlainGraph(settings, second_prices=None)
    first, last = date.fromisoformat(task.derived_first), date.fromisoformat(task.last)
    sessions = TradingCalendar.xnys().sessions(first, last)
    universe, keys = universe_of(task.symbols, sessions), [date_key(day) for day in sessions]
    return (
        lambda: graph.make(equity_bars.name, keys, symbol_universe=universe),
        lambda: graph.warehouse.count(equity_bars.name),
    )


def _downloading(task: Task) -> tuple[Callable[[], object], Callable[[], int]]:
    session = yfinance_at(task.sandbox_url, Path(task.folder))
    first, last = date.fromisoformat(task.first), date.fromisoformat(task.last)
    frames: list[pd.DataFrame] = []
    return (
        lambda: frames.append(
            download(session, task.symbols, first, last, task.at_once or True)
        ),
        lambda: int(frames[0]["Close"].notna().to_numpy().sum()),
    )  # fmt: skip


def _writing(task: Task) -> tuple[Callable[[], object], Callable[[], int]]:
    filled, empty = Warehouse.open(task.filled_url), Warehouse.open(task.url)
    rows = to_rows(equity_bars, filled.read(equity_bars.name), filled.dialect)
    filled.dispose()
    return (
        lambda: write_plainly(task.url, equity_bars, rows),
        lambda: empty.count(equity_bars.name),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_run(Task(**json.load(sys.stdin))))))
