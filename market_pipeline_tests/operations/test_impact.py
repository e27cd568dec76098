"""The report on the impact of news: which rows it is of, and the words where there are none."""

from datetime import date

import pandas as pd
import pytest

from market_pipeline.domain.errors import InputError, NothingStored
from market_pipeline.operations.impact import report_of
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.operations import rows

THURSDAY = date(2026, 11, 19)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with the impact of two sessions."""
    both = pd.concat([rows.impact(THURSDAY), rows.impact()])
    warehouse.replace_range("headline_impact", both, THURSDAY, rows.SESSION)
    return warehouse


def test_the_report_is_of_all_there_is(filled: Warehouse) -> None:
    """Without dates every session counts, and is named."""
    found = report_of(filled)
    assert (found.first, found.last) == (THURSDAY, rows.SESSION)
    total = found.frame.iloc[-1]
    assert (total["label"], total["confidence"]) == ("all", "all")
    assert (total["sessions"], total["pairs"]) == (2, 2)


def test_dates_and_symbols_narrow_it(filled: Warehouse) -> None:
    """One session, one symbol: one pair, in the bucket of its confidence."""
    found = report_of(filled, rows.SESSION, rows.SESSION, ["aapl"])
    assert found.frame["stories"].tolist() == [1, 1, 1, 1]
    assert found.frame.iloc[0][["label", "confidence"]].tolist() == ["positive", "high"]


def test_nothing_to_report_says_so(filled: Warehouse, warehouse: Warehouse) -> None:
    """Where there is none of the symbol or of the dates, those that there are get named."""
    with pytest.raises(NothingStored, match="2026-11-19 to 2026-11-20; there are"):
        report_of(filled, symbols=["KO"])
    with pytest.raises(NothingStored, match="2020-01-02 to 2020-01-03; there are some from"):
        report_of(filled, date(2020, 1, 2), date(2020, 1, 3))
    filled.replace_range("headline_impact", rows.impact()[:0], THURSDAY, rows.SESSION)
    with pytest.raises(NothingStored, match="--select headline_impact"):
        report_of(filled)


def test_what_cannot_be_is_refused(filled: Warehouse) -> None:
    """Dates in the wrong order, and what is no symbol."""
    with pytest.raises(InputError, match="is after"):
        report_of(filled, rows.SESSION, THURSDAY)
    with pytest.raises(InputError, match="no symbol"):
        report_of(filled, symbols=["=1"])
