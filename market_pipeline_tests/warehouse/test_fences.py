"""Fences: the run that began last writes, on either dialect and whoever dawdles."""

import multiprocessing
import threading
from datetime import date
from multiprocessing.synchronize import Event

import pytest
import sqlalchemy as sa

from market_pipeline.domain.errors import Superseded
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.fences import Fence
from market_pipeline.warehouse.operation_tables import write_fences

MONDAY, WEDNESDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 18), date(2026, 11, 20)
PATIENCE_S = 30.0


def fence(run: str, first: date = MONDAY, last: date = FRIDAY, asset: str = "bars") -> Fence:
    return Fence(asset, first, last, run)


def test_a_later_run_ends_the_right_of_the_one_before(warehouse: Warehouse) -> None:
    """Nothing of the refused write is stored; the successor's is."""
    early = warehouse.taking(fence("early"))
    early.meta_set("k", "early")
    late = warehouse.taking(fence("late"))
    with pytest.raises(Superseded, match="run late has begun"):
        early.meta_set("k", "early again")
    assert warehouse.meta_get("k") == "early"
    late.meta_set("k", "late")
    assert late.meta_get("k") == "late"


def test_a_step_that_is_tried_again_takes_its_fence_again(warehouse: Warehouse) -> None:
    """Tries of one run are no rivals."""
    first = warehouse.taking(fence("same"))
    warehouse.taking(fence("same")).meta_set("k", "second")
    first.meta_set("k", "first")
    assert warehouse.meta_get("k") == "first"


@pytest.mark.parametrize(
    ("later", "is_refused"),
    [
        (fence("late", WEDNESDAY, WEDNESDAY), True),  # one date of the range
        (fence("late", FRIDAY, date(2026, 12, 4)), True),  # its last date, and beyond
        (fence("late", date(2026, 11, 21), date(2026, 12, 4)), False),  # the days after
        (fence("late", asset="news"), False),  # another asset
    ],
)
def test_only_dates_in_common_are_fenced(
    warehouse: Warehouse, later: Fence, is_refused: bool
) -> None:
    """Runs of other assets and of other dates go on side by side."""
    early = warehouse.taking(fence("early"))
    warehouse.taking(later)
    if is_refused:
        with pytest.raises(Superseded):
            early.meta_set("k", "early")
    else:
        early.meta_set("k", "early")
        assert warehouse.meta_get("k") == "early"


def test_without_any_claim_everybody_writes(warehouse: Warehouse) -> None:
    """What no step has taken is not fenced off."""
    warehouse.behind(fence("whoever")).meta_set("k", "v")
    assert warehouse.meta_get("k") == "v"


def test_claims_do_not_pile_up(warehouse: Warehouse, url: str) -> None:
    """One that covers those before it takes their place; one that reaches beyond stays."""
    for run in range(5):
        warehouse.taking(fence(f"run{run}", WEDNESDAY, WEDNESDAY))
    warehouse.taking(fence("week"))
    warehouse.taking(fence("day", WEDNESDAY, WEDNESDAY))
    database = Database(url)
    with database.reading() as connection:
        kept = connection.scalars(sa.select(write_fences.c.run_id).order_by("epoch")).all()
    database.dispose()
    assert kept == ["week", "day"]


def test_a_claim_waits_for_the_transaction_that_has_asked(warehouse: Warehouse, url: str) -> None:
    """A writer that has the fence ends before its successor begins: never after it."""
    database = Database(url)
    early = warehouse.taking(fence("early")).behind(fence("early"))
    order: list[str] = []
    taken = threading.Event()

    def claim() -> None:
        other = Warehouse.open(url)
        other.taking(fence("late"))
        order.append("claimed")
        taken.set()
        other.dispose()

    with early._database.writing():
        thread = threading.Thread(target=claim)
        thread.start()
        assert not taken.wait(0.5), "the claim did not wait"
        order.append("committed")
    thread.join(PATIENCE_S)
    assert order == ["committed", "claimed"]
    database.dispose()


# -- two processes -------------------------------------------------------------------------


def orphan(url: str, begun: Event, succeeded: Event, told: "multiprocessing.Queue[str]") -> None:
    """Begin a step, dawdle until another run is done, then write."""
    warehouse = Warehouse.open(url)
    mine = warehouse.taking(fence("orphan"))
    begun.set()
    assert succeeded.wait(PATIENCE_S)
    try:
        mine.meta_set("rows", "orphan")
        told.put("written")
    except Superseded as error:
        told.put(str(error))
    warehouse.dispose()


def test_an_orphan_of_another_process_writes_nothing_over_its_successor(url: str) -> None:
    """The successor begins and commits while the orphan computes; its rows stay."""
    spawn = multiprocessing.get_context("spawn")
    begun, succeeded, told = spawn.Event(), spawn.Event(), spawn.Queue()
    process = spawn.Process(target=orphan, args=(url, begun, succeeded, told))
    process.start()
    assert begun.wait(PATIENCE_S)
    warehouse = Warehouse.open(url)
    warehouse.taking(fence("successor")).meta_set("rows", "successor")
    succeeded.set()
    assert "nothing was stored" in told.get(timeout=PATIENCE_S)
    process.join(PATIENCE_S)
    assert process.exitcode == 0
    assert warehouse.meta_get("rows") == "successor"
    warehouse.dispose()
