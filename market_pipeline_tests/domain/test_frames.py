"""Frames: typed dates, and windows that do not depend on the block they are cut from."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.frames import (
    blocks,
    empty_frame,
    session_index,
    wide,
    windows_ending,
)


def test_an_empty_frame_has_typed_dates_and_instants() -> None:
    """Columns are typed by the ending of their name even without a row."""
    frame = empty_frame(["session_date", "symbol", "fetched_at"])
    assert list(map(str, frame.dtypes)) == ["datetime64[s]", "object", "datetime64[us, UTC]"]


def test_windows_before_the_first_session_are_missing() -> None:
    """A window that starts before the data holds NaN there and the rest in place."""
    windows = windows_ending(np.array([[1.0, 2.0, 3.0]]), range(1, 3), 3)
    np.testing.assert_array_equal(windows, [[[np.nan, 1, 2], [1, 2, 3]]])


def test_blocks_cover_every_row_once_in_order() -> None:
    """Blocks are a partition of the rows, at least one row each."""
    cut = list(blocks(range(7, 1000), 90, 260))
    assert [row for block in cut for row in block] == list(range(7, 1000))
    assert len(cut) > 10
    assert list(blocks(range(3, 5), 90, 10**9)) == [range(3, 4), range(4, 5)]


def test_wide_has_exactly_the_sessions_asked_for_and_refuses_duplicates() -> None:
    """Sessions without a row are NaN, rows of other dates are left out, a double key raises."""
    days = session_index([date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)])
    long = pd.DataFrame({"session_date": days[[0, 2]], "symbol": "A", "price": [1.0, 3.0]})
    spread = wide(long, "price", [date(2026, 1, 6), date(2026, 1, 7)])
    np.testing.assert_array_equal(spread.to_numpy(), [[np.nan], [3.0]])
    with pytest.raises(ValueError, match="duplicate"):
        wide(pd.concat([long, long]), "price", [date(2026, 1, 5)])
