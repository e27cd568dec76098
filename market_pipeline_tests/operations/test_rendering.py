"""Values as text: exact for machines, rounded for people, harmless everywhere."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.operations.rendering import for_people, harmless, plain, to_csv, to_json


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_in_json_reads_back_to_the_same_bits(value: float) -> None:
    """No digit of a statistic is lost on its way through JSON."""
    [row] = json.loads(to_json(pd.DataFrame({"beta": [value]})))
    assert row["beta"] == value
    assert str(row["beta"]) == str(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.0000000001"), "-0.0000000001"),
        (float("nan"), None),
        (float("inf"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (None, None),
        (True, True),
        (7, 7),
        (pd.Timestamp(2026, 11, 20), "2026-11-20"),
        (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, 21, 0, 0, 5, tzinfo=UTC), "2026-11-20T21:00:00.000005Z"),
        (pd.Timestamp("2026-11-20T16:00", tz="America/New_York"), "2026-11-20T21:00:00Z"),
    ],
)
def test_each_kind_of_value_has_one_form_in_json(value: Any, expected: Any) -> None:
    """Decimals are digits as text, dates ISO, instants UTC, what is missing null."""
    assert plain(value) == expected


def test_json_of_no_rows_is_an_empty_list() -> None:
    """A program gets a list whatever was found."""
    assert json.loads(to_json(pd.DataFrame({"a": []}))) == []


def test_json_is_ascii_so_that_it_cannot_steer_a_terminal() -> None:
    """Control and bidirectional characters are escaped, and read back as they were."""
    text = "a\x1b[31m\x9b\u202eb"
    written = to_json(pd.DataFrame({"headline": [text]}))
    assert written.isascii()
    assert "\x1b" not in written
    assert json.loads(written)[0]["headline"] == text


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "\u00a0=1", "\u3000@x"]
)
def test_csv_tames_texts_that_a_spreadsheet_would_run(text: str) -> None:
    """Such a text starts with an apostrophe, which makes it plain text to a spreadsheet."""
    [_, [cell]] = list(csv.reader(io.StringIO(to_csv(pd.DataFrame({"headline": [text]})))))
    assert cell.startswith("'")


def test_csv_leaves_numbers_alone_and_exact() -> None:
    """A negative number is no formula: floats and Decimals keep sign and digits."""
    frame = pd.DataFrame({"beta": [-(0.1 + 0.2)], "pnl_usd": [Decimal("-12.50")], "n": [-3]})
    assert to_csv(frame) == "beta,pnl_usd,n\n-0.30000000000000004,-12.50,-3\n"


def test_csv_quotes_what_would_break_a_row() -> None:
    """Commas and quotes stay inside their cell; a missing value is an empty one."""
    frame = pd.DataFrame({"a": ['x, "y"', None], "b": [True, False]})
    assert list(csv.reader(io.StringIO(to_csv(frame)))) == [
        ["a", "b"], ['x, "y"', "true"], ["", "false"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("price_usd", 270.123456789, "270.12"),
        ("price_usd", 0.123456789, "0.1235"),
        ("equity_usd", Decimal("-1234567.005"), "-1,234,567.00"),
        ("quantity", Decimal("1500.50"), "1,500.5"),
        ("quantity", Decimal(100), "100"),
        ("beta", -0.123456, "-0.1235"),
        ("t_stat", 2.34567, "2.35"),
        ("t_stat_next_5", -0.98765, "-0.99"),
        ("volume", 51234567.0, "51,234,567"),
        ("daily_return_pct", 1.23456, "1.23"),
        ("observations", 1090, "1,090"),
        ("beta", float("nan"), "-"),
        ("flags", None, "-"),
        ("published_at", pd.Timestamp("2026-11-20T21:00:01", tz="UTC"), "2026-11-20 21:00:01Z"),
        ("window_first_date", pd.Timestamp(2026, 7, 15), "2026-07-15"),
    ],
)
def test_people_read_rounded_values(name: str, value: Any, shown: str) -> None:
    """Money has two decimals, a price below a dollar four, statistics four, a t statistic two."""
    assert for_people(name, value) == shown


@given(st.text())
def test_harmless_text_is_printable_whatever_came(text: str) -> None:
    """No text can move the cursor, start a line or hide itself; plain text stays as it is."""
    assert harmless(text).isprintable()
    assert harmless(harmless(text)) == harmless(text)


def test_harmless_keeps_what_people_write() -> None:
    """Letters of any script stay, a no-break space becomes a plain one."""
    assert harmless("Café 株\N{NO-BREAK SPACE}5 %") == "Café 株 5 %"
    assert harmless("\x1b[31m\n") == "\\x1b[31m\\n"
