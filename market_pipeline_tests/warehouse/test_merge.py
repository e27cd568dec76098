"""Writing: only rows that differ are touched, and ranges become what they were told to be."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_pipeline.domain.ports import WriteCounts
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import AT, bars, closes, day, headlines

LATER = AT + timedelta(days=1)
NUMBERS = st.integers(0, 6)
CLOSES = st.dictionaries(
    st.tuples(NUMBERS, st.sampled_from(["AAPL", "BRK.B", "^GSPC"])),
    st.sampled_from([1.0, 2.0, 3.0]),
    max_size=12,
)


def test_a_second_merge_writes_nothing(warehouse: Warehouse) -> None:
    """Rows equal in all but the time of fetching stay, and keep the time they were first had."""
    rows = {(0, "A"): 1.0, (0, "B"): None, (1, "A"): 2.0}
    assert warehouse.merge("equity_bars", bars(rows)) == WriteCounts(inserted=3)
    again = warehouse.merge("equity_bars", bars(rows, fetched_at=LATER))
    assert again == WriteCounts(unchanged=3)
    assert set(warehouse.read("equity_bars")["fetched_at"]) == {pd.Timestamp(AT)}


def test_a_merge_touches_what_differs(warehouse: Warehouse) -> None:
    """A changed row is updated with its time, a new one inserted, and others are left alone."""
    warehouse.merge("equity_bars", bars({(0, "A"): 1.0, (0, "B"): None, (0, "C"): 3.0}))
    counts = warehouse.merge(
        "equity_bars",
        bars({(0, "A"): 1.0, (0, "B"): 2.0, (0, "D"): 4.0}, fetched_at=LATER),
    )
    assert counts == WriteCounts(inserted=1, updated=1, unchanged=1)
    frame = warehouse.read("equity_bars").set_index("symbol")
    assert frame["close"].to_dict() == {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0}
    later = frame["fetched_at"] == pd.Timestamp(LATER)
    assert later.to_dict() == {"A": False, "B": True, "C": False, "D": True}


def test_an_empty_merge_is_nothing(warehouse: Warehouse) -> None:
    """A frame without rows changes nothing."""
    assert warehouse.merge("equity_bars", bars({})) == WriteCounts()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=CLOSES, after=CLOSES, first=NUMBERS, length=NUMBERS)
def test_replacing_a_range_equals_the_model(
    warehouse: Warehouse,
    before: dict[tuple[int, str], float],
    after: dict[tuple[int, str], float],
    first: int,
    length: int,
) -> None:
    """The range becomes the frame, nothing else changes, and the counts are those of a dict."""
    last = first + length
    after = {key: value for key, value in after.items() if first <= key[0] <= last}
    warehouse.replace_range("equity_bars", bars(before), day(0), day(20))
    counts = warehouse.replace_range("equity_bars", bars(after), day(first), day(last))

    outside = {key: value for key, value in before.items() if not first <= key[0] <= last}
    inside = {key: value for key, value in before.items() if key not in outside}
    assert closes(warehouse.read("equity_bars")) == outside | after
    both = inside.keys() & after.keys()
    assert counts == WriteCounts(
        inserted=len(after.keys() - inside.keys()),
        updated=sum(inside[key] != after[key] for key in both),
        deleted=len(inside.keys() - after.keys()),
        unchanged=sum(inside[key] == after[key] for key in both),
    )


def test_kept_columns_stay_and_make_no_difference(warehouse: Warehouse) -> None:
    """A kept column is written with a new row only."""
    warehouse.replace_range("headlines", headlines([(0, "a", "x"), (0, "b", "y")]), day(0), day(0))
    again = headlines([(0, "a", "x"), (0, "b", "z"), (0, "c", "new")], first_seen_at=LATER)
    counts = warehouse.replace_range(
        "headlines", again, day(0), day(0), keep_columns=("first_seen_at",)
    )
    assert counts == WriteCounts(inserted=1, updated=1, unchanged=1)
    seen = warehouse.read("headlines").set_index("headline_hash")["first_seen_at"]
    stamps = {"a": AT, "b": AT, "c": LATER}
    assert seen.to_dict() == {name: pd.Timestamp(at) for name, at in stamps.items()}
    assert warehouse.replace_range("headlines", again, day(0), day(0)).updated == 2


@pytest.mark.parametrize("outside", [0, 4])
def test_rows_outside_the_range_are_refused(warehouse: Warehouse, outside: int) -> None:
    """A frame with a row before or after the range stores nothing."""
    with pytest.raises(ValueError, match="outside 2024-01-03 to 2024-01-05"):
        warehouse.replace_range(
            "equity_bars", bars({(2, "A"): 1.0, (outside, "A"): 1.0}), day(1), day(3)
        )
    assert warehouse.count("equity_bars") == 0


def test_a_table_without_dates_has_no_range(warehouse: Warehouse) -> None:
    """Only partitioned tables can be replaced by range."""
    with pytest.raises(ValueError, match="not partitioned"):
        warehouse.replace_range("portfolios", pd.DataFrame(), date(2024, 1, 1), date(2024, 1, 2))
