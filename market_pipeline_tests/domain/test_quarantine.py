"""Findings: named the same whenever they are found again."""

from datetime import date

import pandas as pd

from market_pipeline.domain.quarantine import (
    FINDING_COLUMNS,
    finding_frame,
    joined_flags,
    quarantine_id,
)
from market_pipeline.warehouse import tables


def test_findings_are_the_table_less_what_the_writer_adds() -> None:
    """A finding becomes a row with `quarantine_id` and `seen_at` added, no more."""
    added = {"quarantine_id", "seen_at"}
    assert set(FINDING_COLUMNS) == set(tables.quarantine.columns.keys()) - added
    assert tuple(finding_frame([]).columns) == FINDING_COLUMNS


def test_an_id_is_stable_fits_its_column_and_tells_its_parts_apart() -> None:
    """Moving a character from one part to the next gives another id."""
    day = date(2026, 1, 5)
    one = quarantine_id("a", "KO", day, "bad_price", "close=-1.0")
    assert one == quarantine_id("a", "KO", day, "bad_price", "close=-1.0")
    assert len(one) == 32
    others = {
        quarantine_id("aK", "O", day, "bad_price", "close=-1.0"),
        quarantine_id("a", "KO", None, "bad_price", "close=-1.0"),
        quarantine_id("a", None, day, "bad_price", "close=-1.0"),
        quarantine_id("a", "KO", day, "bad_price", "close=-2.0"),
        quarantine_id("a", "KO", day, "bad_price", "\ud800"),
    }
    assert len(others | {one}) == 6


def test_flags_are_sorted_and_missing_where_nothing_is_wrong() -> None:
    """The column is NULL, not empty text, for a clean row."""
    marks = pd.DataFrame(
        {"zero_volume": [True, False], "missing_open": [True, False]}, index=[7, 9]
    )
    flags = joined_flags(marks)
    assert flags[7] == "missing_open,zero_volume"
    assert pd.isna(flags[9])
