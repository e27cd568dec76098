"""Processes that die or race: a batch is stored whole or not at all, and once."""

import random
import time
from multiprocessing.synchronize import Event

import pytest

from market_pipeline.domain.ports import CollectedBatch, Rejected
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.processes import PATIENCE_S, run_together, start
from market_pipeline_tests.warehouse.rows import AT, bars, covered, day, fetched

SYMBOLS = ("AAPL", "MSFT", "TLT")
ROWS = 150
KILLS = {"sqlite": 20, "postgresql": 5}
MOMENT_S = 0.5
"""How long a process may go on after its first round: a round or a few of them."""


def round_of(symbol: str, number: int) -> CollectedBatch:
    """Build a batch in which every part carries the number of its round."""
    return CollectedBatch(
        frame=bars({(d, symbol): float(number) for d in range(ROWS)}),
        rejected=(Rejected(symbol, day(0), "round", str(number), ""),),
        coverage=(covered(0, number, subject=symbol),),
        log=(fetched(symbol, rows_fetched=number),),
        replace=number % 2 == 0,
    )


def rounds_stored(warehouse: Warehouse) -> dict[str, int]:
    """Give each symbol's round, after asserting that every part of the batch tells the same."""
    frame, log = warehouse.read("equity_bars"), warehouse.read("enrichment_fetch_log")
    rejects, coverage = warehouse.read("quarantine"), warehouse.coverage("equity_bars")
    found = {}
    for symbol in SYMBOLS:
        values = frame.loc[frame["symbol"] == symbol, "close"]
        number = 0 if values.empty else int(values.iloc[0])
        expected = list(range(1, number + 1))
        assert values.tolist() == [float(number)] * (ROWS if number else 0)
        fetches = log[log["subject"] == symbol].sort_values("rows_fetched")
        assert fetches["rows_fetched"].tolist() == expected
        assert fetches["rows_inserted"].tolist() == [ROWS, *[0] * number][:number]
        assert fetches["rows_updated"].tolist() == [0, *[ROWS] * number][:number]
        assert sorted(map(int, rejects.loc[rejects["symbol"] == symbol, "value"])) == expected
        assert (coverage[symbol].last_date if number else day(0)) == day(number)
        found[symbol] = number
    return found


def collect_without_end(url: str, ready: Event) -> None:
    """Commit round after round, going on from what is stored, until killed."""
    warehouse = Warehouse.open(url)
    numbers = rounds_stored(warehouse)
    while True:
        for symbol in SYMBOLS:
            numbers[symbol] += 1
            warehouse.commit_batch("equity_bars", round_of(symbol, numbers[symbol]))
        # Only now: the first statements of a process are slow, and kills would find no other.
        ready.set()


def test_a_killed_process_leaves_whole_batches(url: str) -> None:
    """After each SIGKILL rows, rejects, coverage and log tell of the same last round."""
    generator = random.Random(20240103)
    warehouse = Warehouse.open(url)
    kills = KILLS[warehouse.dialect]
    reached: list[int] = []
    for _ in range(kills):
        process = start(collect_without_end, url)
        time.sleep(generator.uniform(0, MOMENT_S))
        process.kill()
        process.join(PATIENCE_S)
        assert process.exitcode == -9, "the process ended by itself"
        reached.append(sum(rounds_stored(warehouse).values()))
    assert reached == sorted(reached)
    assert reached[-1] > len(SYMBOLS) * len(reached), "no batch was begun before a kill"
    warehouse.dispose()


def merge_everything(url: str, number: int) -> None:
    """Merge the same rows as every other process, then a batch of them."""
    warehouse = Warehouse.open(url)
    values = {(d, symbol): 1.0 for d in range(400) for symbol in SYMBOLS}
    for _ in range(3):
        warehouse.merge("equity_bars", bars(values))
        warehouse.commit_batch(
            "equity_bars",
            CollectedBatch(
                bars(values),
                coverage=tuple(covered(0, 400, subject=symbol) for symbol in SYMBOLS),
                log=(fetched(rows_fetched=number),),
            ),
        )
    warehouse.dispose()


def test_processes_that_merge_the_same_rows_leave_one_copy(url: str) -> None:
    """Two writers of equal rows both succeed, and every row is there once."""
    run_together(merge_everything, url)
    warehouse = Warehouse.open(url)
    assert warehouse.count("equity_bars") == 400 * len(SYMBOLS)
    assert warehouse.count("fetch_coverage") == len(SYMBOLS)
    assert warehouse.count("enrichment_fetch_log") == 6
    warehouse.dispose()


@pytest.mark.parametrize("threads", [6])
def test_threads_share_one_warehouse(warehouse: Warehouse, threads: int) -> None:
    """Threads read and write at once through one pool without losing a row."""
    from concurrent.futures import ThreadPoolExecutor

    def work(number: int) -> int:
        for d in range(8):
            warehouse.merge("equity_bars", bars({(d, f"S{number}"): 1.0}))
            warehouse.read("equity_bars", symbols=[f"S{number}"])
        return len(warehouse.read("equity_bars", symbols=[f"S{number}"]))

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(work, range(threads))) == [8] * threads
    assert warehouse.count("equity_bars") == 8 * threads
    assert set(warehouse.read("equity_bars")["fetched_at"]) == {AT}
