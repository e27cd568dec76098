"""Adding news to a filled warehouse in a process of its own, whose memory is thus that of the work.

`python -m benchmarks.news_process URL WHAT NEW STORED`: WHAT is `search` (find each item's story,
write nothing) or `store`. Prints one line of JSON (`Measured`).
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial

import pandas as pd

from benchmarks.made_up_news import NOW, WINDOW_DAYS, PlainTone, is_retold, new_item
from benchmarks.memory import memory_peak
from market_pipeline.domain.headlines import raw_frame
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.tellings import Reader, Telling
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.news_joining import join_stories

BATCH = 2_000
SEARCH, STORE = "search", "store"


@dataclass(frozen=True)
class Measured:
    """Seconds of each batch, what became of the items, and the process's memory in MB."""

    items: int
    seconds: list[float]
    reading_seconds: float
    joined: int
    retold: int
    memory_before: float
    memory_peak: float


def measure(environment: Mapping[str, str], url: str, what: str, new: int, stored: int) -> Measured:
    """Run the process and give what it measured."""
    command = [sys.executable, "-m", "benchmarks.news_process", url, what, str(new), str(stored)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


def _run(url: str, what: str, new: int, stored: int) -> Measured:
    warehouse = Warehouse.open(url)
    reader = Reader(TradingCalendar.xnys(), PlainTone())
    took = partial(_search if what == SEARCH else _store, warehouse)
    next(_batches(reader, min(new, BATCH), stored))  # what loads at first use is no part of it
    before, began = memory_peak(), time.perf_counter()
    taken: list[float] = []
    items = joined = 0
    for tellings in _batches(reader, new, stored):
        at = time.perf_counter()
        joined += took(tellings)
        taken.append(time.perf_counter() - at)
        items += len(tellings)
    reading = time.perf_counter() - began - sum(taken)
    warehouse.dispose()
    retold = sum(map(is_retold, range(new)))
    return Measured(items, taken, reading, joined, retold, before, memory_peak())


def _batches(reader: Reader, new: int, stored: int) -> Iterator[list[Telling]]:
    for begin in range(0, new, BATCH):
        yield tellings_of(reader, range(begin, min(begin + BATCH, new)), new, stored)


def tellings_of(reader: Reader, numbers: range, new: int, stored: int) -> list[Telling]:
    """Read new items of these numbers."""
    items = [new_item(number, new, stored) for number in numbers]
    rows: pd.DataFrame = raw_frame(items, NOW + timedelta(seconds=numbers.start))
    return reader.read(rows.assign(table="finviz_headlines")).tellings


def _search(warehouse: Warehouse, tellings: list[Telling]) -> int:
    stories = warehouse.ask(lambda connection: join_stories(connection, tellings, WINDOW_DAYS))
    return len(tellings) - sum(story.is_new for story in stories.values())


def _store(warehouse: Warehouse, tellings: list[Telling]) -> int:
    stored = warehouse.news.store(
        tellings, version="plain-1", window_days=WINDOW_DAYS, ingested_at=NOW
    )
    return stored.joined


if __name__ == "__main__":
    url, what, new, stored = sys.argv[1:]
    print(json.dumps(asdict(_run(url, what, int(new), int(stored)))))
