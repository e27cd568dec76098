"""Frames in, frames out: what is read is what was written, typed alike on both dialects."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_pipeline.warehouse.tables import metadata
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import AT, bars, closes, day, headlines, held, metrics

on_one_warehouse = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LARGEST = Decimal("999999999999999999.9999999999")


def test_bars_come_back_as_written(warehouse: Warehouse) -> None:
    """Dates, text, floats and instants survive the way in and out, in key order."""
    written = bars({(1, "MSFT"): 2.5, (0, "MSFT"): 0.1 + 0.2, (0, "AAPL"): 1e-308})
    warehouse.merge("equity_bars", written)
    read = warehouse.read("equity_bars")
    expected = written.sort_values(["session_date", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(read[list(expected.columns)], expected, check_dtype=False)
    dtypes = {name: str(dtype) for name, dtype in read.dtypes.items()}
    assert dtypes["session_date"] == "datetime64[s]"
    assert dtypes["fetched_at"] == "datetime64[us, UTC]"
    assert dtypes["symbol"] == dtypes["source"] == "str"
    assert dtypes["volume"] == "float64"


@pytest.mark.parametrize("table_name", sorted(metadata.tables))
def test_an_empty_table_reads_as_typed_columns(warehouse: Warehouse, table_name: str) -> None:
    """No row gives no row, but the very types that rows would have."""
    frame = warehouse.read(table_name)
    assert len(frame) == 0
    assert list(frame.columns) == [c.name for c in metadata.tables[table_name].columns]
    for name, dtype in frame.dtypes.items():
        if str(name).endswith("_date"):
            assert dtype == "datetime64[s]"
        if str(name).endswith("_at"):
            assert dtype == "datetime64[us, UTC]"


def test_nan_is_stored_as_null(warehouse: Warehouse) -> None:
    """A NaN is no number in SQL either: it is NULL, and reads as NaN."""
    warehouse.merge("equity_bars", bars({(0, "AAPL"): np.nan, (0, "MSFT"): 1.0}))
    assert warehouse.read("equity_bars", where={"close": None})["symbol"].tolist() == ["AAPL"]
    assert np.isnan(warehouse.read("equity_bars")["close"]).tolist() == [True, False]


@on_one_warehouse
@given(value=st.floats(allow_nan=False))
def test_floats_keep_every_bit(warehouse: Warehouse, value: float) -> None:
    """A float reads back as the same float, subnormal and infinite ones included."""
    warehouse.merge("equity_bars", bars({(0, "AAPL"): value}))
    assert warehouse.read("equity_bars")["close"].tolist() == [value]


@on_one_warehouse
@given(
    quantity=st.decimals(-LARGEST, LARGEST, places=10),
    price=st.none() | st.sampled_from([LARGEST, -LARGEST, Decimal("1E-10"), Decimal("-0.0")]),
)
def test_exact_numbers_round_trip(
    warehouse: Warehouse, quantity: Decimal, price: Decimal | None
) -> None:
    """Every Decimal of NUMERIC(28, 10) reads back equal, as a Decimal, written one way."""
    warehouse.replace_range(
        "portfolio_positions", held([{"quantity": quantity, "price_usd": price}]), day(0), day(0)
    )
    row = warehouse.read("portfolio_positions").iloc[0]
    assert row["quantity"] == quantity
    assert isinstance(row["quantity"], Decimal)
    assert row["price_usd"] == price
    again = held([{"quantity": Decimal(f"{quantity:f}000"), "price_usd": price}])
    assert warehouse.replace_range("portfolio_positions", again, day(0), day(0)).unchanged == 1


def test_optional_values_read_as_missing(warehouse: Warehouse) -> None:
    """Missing text and exact numbers are None, missing dates NaT, required integers int64."""
    warehouse.replace_range("portfolio_positions", held([{"quantity": Decimal(1)}]), day(0), day(0))
    frame = warehouse.read("portfolio_positions")
    row = frame.iloc[0]
    assert row["source"] is None
    assert row["market_value_usd"] is None
    assert pd.isna(row["price_date"])
    assert frame["position_no"].dtype == "int64"


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=9))])
def test_instants_of_any_zone_are_one_instant(warehouse: Warehouse, zone: timezone) -> None:
    """An instant is stored in UTC to the microsecond, whatever zone it came in."""
    warehouse.merge("equity_bars", bars({(0, "AAPL"): 1.0}, fetched_at=AT.astimezone(zone)))
    assert warehouse.read("equity_bars")["fetched_at"].tolist() == [pd.Timestamp(AT)]


def test_text_of_any_script_and_quote_survives(warehouse: Warehouse) -> None:
    """Emoji, tabs, backslashes, quotes and the COPY end mark are plain text."""
    texts = ["\\.", "\\N", "a\tb\nc", "'; DROP TABLE headlines; --", "\U0001f4c8 naïve 株", ""]
    frame = headlines([(0, str(number), text) for number, text in enumerate(texts)])
    warehouse.replace_range("headlines", frame, day(0), day(0))
    assert warehouse.read("headlines")["headline"].tolist() == texts


def bad_frames() -> list[Any]:
    """Frames with one fault each, and what the message must name."""
    good = bars({(0, "AAPL"): 1.0, (1, "AAPL"): 2.0})
    return [
        pytest.param(good.drop(columns="open"), "missing: open", id="missing column"),
        pytest.param(good.assign(extra=1), "extra: extra", id="extra column"),
        pytest.param(good.assign(symbol="A\0"), "symbol.*NUL", id="NUL"),
        pytest.param(good.assign(symbol="\ud800"), "symbol.*surrogate", id="lone surrogate"),
        pytest.param(good.assign(symbol="A" * 33), "symbol.*33 characters", id="too long"),
        pytest.param(good.assign(symbol=[1, 2]), "symbol.*no text", id="number for text"),
        pytest.param(
            good.assign(symbol=pd.Series(["A", None])), "symbol.*required", id="missing key"
        ),
        pytest.param(good.assign(split_ratio=np.nan), "split_ratio.*required", id="NaN required"),
        pytest.param(good.assign(close="1.5"), "close.*not numbers", id="text for number"),
        pytest.param(good.assign(close=True), "close.*not numbers", id="bool for number"),
        pytest.param(good.assign(session_date=AT), "session_date.*time zone", id="instant as date"),
        pytest.param(
            good.assign(session_date=pd.Timestamp("2024-01-02 10:00")), "time of day", id="time"
        ),
        pytest.param(good.assign(session_date="2024-01-02"), "no date", id="text for date"),
        pytest.param(
            good.assign(fetched_at=datetime(2024, 1, 2)),  # noqa: DTZ001  # the fault itself
            "fetched_at.*time zone",
            id="naive instant",
        ),
        pytest.param(
            good.assign(session_date=pd.Timestamp(day(0))),
            r"two rows with the key session_date=2024-01-02, symbol=AAPL",
            id="duplicate key",
        ),
    ]


@pytest.mark.parametrize(("frame", "message"), bad_frames())
def test_a_frame_a_table_cannot_hold_is_refused(
    warehouse: Warehouse, frame: pd.DataFrame, message: str
) -> None:
    """Both dialects refuse the same frames, name the column, and store nothing of them."""
    with pytest.raises(ValueError, match=message):
        warehouse.merge("equity_bars", frame)
    with pytest.raises(ValueError, match=message):
        warehouse.replace_range("equity_bars", frame, day(0), day(9))
    assert warehouse.count("equity_bars") == 0


@pytest.mark.parametrize("value", [1.5, "1.5", True, Decimal("1e18"), Decimal("Infinity")])
def test_money_must_be_exact(warehouse: Warehouse, value: object) -> None:
    """A float, text or an overflowing number is no money."""
    with pytest.raises(ValueError, match="quantity"):
        warehouse.merge("portfolio_positions", held([{"quantity": value}]))


@pytest.mark.parametrize("value", [0.5, 2**31, -(2**31), float("inf")])
def test_integers_are_whole_and_of_32_bits(warehouse: Warehouse, value: float) -> None:
    """A fraction or a number PostgreSQL's INTEGER cannot hold is refused on both dialects."""
    frame = metrics([(0, "AAPL", 1.0)]).assign(observations=value)
    with pytest.raises(ValueError, match="observations"):
        warehouse.merge("symbol_daily_metrics", frame)


def test_reading_selects(warehouse: Warehouse) -> None:
    """Dates, symbols, columns and conditions each narrow what is read."""
    warehouse.merge("equity_bars", bars({(d, s): float(d) for d in range(5) for s in "ABC"}))
    part = warehouse.read("equity_bars", first=day(1), last=day(2), symbols=["C", "A", "Z"])
    assert closes(part) == {(1, "A"): 1.0, (1, "C"): 1.0, (2, "A"): 2.0, (2, "C"): 2.0}
    assert list(warehouse.read("equity_bars", columns=["close", "symbol"]).columns) == [
        "close",
        "symbol",
    ]
    assert len(warehouse.read("equity_bars", where={"symbol": ["A", "B"], "close": 4.0})) == 2
    assert len(warehouse.read("equity_bars", where={"session_date": day(3)})) == 3
    assert len(warehouse.read("equity_bars", symbols=[])) == 0


def test_any_number_of_symbols_may_be_asked_for(warehouse: Warehouse) -> None:
    """More symbols than a query may name parameters still narrow the frame."""
    warehouse.merge("equity_bars", bars({(0, "A"): 1.0, (0, "B"): 2.0}))
    many = ["B", *(f"X{number}" for number in range(70_000))]
    frame = warehouse.read("equity_bars", symbols=many, columns=["close"])
    assert frame.to_dict("list") == {"close": [2.0]}


def test_symbols_are_ordered_by_bytes(warehouse: Warehouse) -> None:
    """Both dialects order symbols alike, whatever the database's collation."""
    symbols = ["BRK.B", "BRKA", "^GSPC", "a", "Z", "AAPL251219C00150000"]
    warehouse.merge("equity_bars", bars({(0, symbol): 1.0 for symbol in symbols}))
    assert warehouse.read("equity_bars")["symbol"].tolist() == sorted(symbols)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"table_name": "nowhere"}, "no table nowhere"),
        ({"table_name": "equity_bars", "columns": ["x"]}, "no column x"),
        ({"table_name": "equity_bars", "where": {"x": 1}}, "no column x"),
        ({"table_name": "portfolios", "first": date(2024, 1, 2)}, "not partitioned"),
        ({"table_name": "portfolios", "symbols": ["A"]}, "no column symbol"),
    ],
)
def test_what_is_not_there_cannot_be_read(
    warehouse: Warehouse, arguments: dict[str, Any], message: str
) -> None:
    """An unknown table or column is a ValueError that says what there is."""
    with pytest.raises(ValueError, match=message):
        warehouse.read(**arguments)


def test_bounds_and_count(warehouse: Warehouse) -> None:
    """Bounds are None for an empty table, else its first and last date."""
    assert warehouse.bounds("equity_bars") is None
    warehouse.merge("equity_bars", bars({(3, "A"): 1.0, (7, "B"): 2.0, (5, "A"): 1.0}))
    assert warehouse.bounds("equity_bars") == (day(3), day(7))
    assert warehouse.count("equity_bars") == 3


def test_the_digest_is_of_rows_and_not_of_dialects(url: str, tmp_path: Any) -> None:
    """Equal rows have one digest on either dialect; any other value gives another."""
    here, there = Warehouse.open(url), Warehouse.open(f"sqlite:///{tmp_path / 'other.db'}")
    there.upgrade()
    rows = {(0, "A"): 0.1, (0, "B"): np.nan, (1, "A"): -0.0}
    here.merge("equity_bars", bars(rows))
    later = bars(rows, fetched_at=AT + timedelta(days=1))
    there.merge("equity_bars", later.iloc[::-1])
    money = held([{"quantity": Decimal("1.50"), "price_date": day(0)}])
    for warehouse in (here, there):
        warehouse.replace_range("portfolio_positions", money, day(0), day(0))
    for table_name in ("equity_bars", "portfolio_positions", "quarantine"):
        assert here.table_digest(table_name) == there.table_digest(table_name)
    before = there.table_digest("equity_bars")
    there.merge("equity_bars", bars({(0, "A"): math.nextafter(0.1, 1)}))
    assert there.table_digest("equity_bars") != before
    here.dispose()
    there.dispose()
