"""Whatever a portfolio file holds: a whole import or a refusal, never a traceback, never a half."""

import os
import time
from collections import Counter
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pytest

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import PortfolioFileError
from market_pipeline.domain.portfolio_csv import parse_file
from market_pipeline.domain.transactions import TransactionFile
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.domain.fuzzed_files import spoilt_files

AS_OF = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 22, tzinfo=UTC)
TABLES = ("portfolios", "positions", "transaction_files", "transactions")
SHORT_TIER = 2_000
COUNT = int(os.environ.get("MARKET_PIPELINE_FUZZ_INPUTS", "1000000"))
SEED = int(os.environ.get("MARKET_PIPELINE_FUZZ_SEED", "1"))


def read(content: bytes) -> Book | TransactionFile | None:
    """Read a file; None where it is refused, in words that can be printed anywhere."""
    refusal: PortfolioFileError | None = None
    try:
        return parse_file(BytesIO(content), file_name="f.csv", portfolio_id="f", as_of=AS_OF)
    except PortfolioFileError as error:
        refusal = error
    assert refusal.problems, content
    assert all(line.isprintable() for line in str(refusal).split("\n")), content
    return None


def store(warehouse: Warehouse, content: bytes) -> str:
    """Import a file as the inbox does, and hold the tables to all or nothing."""
    found = read(content)
    if found is None:
        return "refused"
    if isinstance(found, Book):
        warehouse.import_book(found, AT)
        stored = warehouse.book("f")
        assert stored is not None, content
        assert stored.positions == found.positions, content
        return "positions"
    before = digests(warehouse)
    try:
        warehouse.transactions.import_file(found, AT)
    except PortfolioFileError:
        assert digests(warehouse) == before, content
        return "overlap"
    kept = {file.source_file: file for file in warehouse.transactions.files("f")}
    assert kept["f.csv"].transactions == found.transactions, content
    return "transactions"


def digests(warehouse: Warehouse) -> list[str]:
    """Give what the four tables hold, dates of import included."""
    return [warehouse.table_digest(table, exclude=()) for table in TABLES]


def fuzz(warehouse: Warehouse, count: int, every: int) -> Counter[str]:
    """Read `count` files and store one in `every`; a refused one leaves every table as it was."""
    told: Counter[str] = Counter()
    for at, content in enumerate(spoilt_files(count, SEED)):
        if at % every:
            found = read(content)
            told["refused" if found is None else "read"] += 1
            continue
        before = digests(warehouse)
        outcome = store(warehouse, content)
        if outcome == "refused":
            assert digests(warehouse) == before, content
        told[f"stored: {outcome}"] += 1
    return told


def test_two_thousand_spoilt_files_are_taken_whole_or_refused(warehouse: Warehouse) -> None:
    """Fifty of them against the tables of a real database, on either dialect."""
    told = fuzz(warehouse, SHORT_TIER, every=40)
    assert sum(told.values()) == SHORT_TIER
    assert told["read"] > SHORT_TIER / 10, told
    assert told["refused"] > SHORT_TIER / 4, told
    assert told["stored: positions"], told
    assert told["stored: transactions"], told


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_spoilt_files_are_taken_whole_or_refused(tmp_path: Path) -> None:
    """MARKET_PIPELINE_FUZZ_INPUTS and _SEED say how many and which; one in 500 is stored."""
    warehouse = Warehouse.open(f"sqlite:///{tmp_path / 'fuzzed.db'}")
    warehouse.upgrade()
    started = time.perf_counter()
    told = fuzz(warehouse, COUNT, every=500)
    rate = COUNT / (time.perf_counter() - started)
    warehouse.dispose()
    assert sum(told.values()) == COUNT
    print(f"{COUNT:,} files, {rate:,.0f} a second: {dict(told)}")  # noqa: T201  # the figure asked for
