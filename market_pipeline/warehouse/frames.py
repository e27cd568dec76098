"""Frames to rows and back, column by column, as the table says.

Reading gives dates as datetime64[s], instants as datetime64[us, UTC], exact numbers as Decimal
objects, required text as str, optional text as objects with None. Writing refuses with
ValueError, naming table and column, what a column cannot hold: alike on both dialects.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from market_pipeline.warehouse.tables import Exact, Instant
from market_pipeline.warehouse.values import canonical, fault_in_text

Row = tuple[Any, ...]
_INT32 = 2**31
_NUMERIC_CONTENT = {"floating", "integer", "mixed-integer-float", "decimal", "empty"}


def kind_of(column: sa.Column[Any]) -> str:
    """Name how `column` is held: date, instant, exact, float, integer, boolean or text."""
    kinds: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
        (Exact, "exact"),
        (Instant, "instant"),
        (sa.Date, "date"),
        (sa.Float, "float"),
        (sa.Integer, "integer"),
        (sa.Boolean, "boolean"),
        (sa.String, "text"),
    )
    for known, kind in kinds:
        if isinstance(column.type, known):
            return kind
    raise TypeError(f"{column} has a type no frame can hold: {column.type!r}")


def length_of(column: sa.Column[Any]) -> int | None:
    """Give how many characters a text column holds, None where there is no limit."""
    return column.type.length if isinstance(column.type, sa.String) else None


# -- to rows -------------------------------------------------------------------------------


def to_rows(table: sa.Table, frame: pd.DataFrame, dialect: str) -> list[Row]:
    """Turn `frame` into rows in the table's column order, as the driver takes them.

    Raises ValueError for missing, extra or unfit columns and for two rows with one key.
    """
    _check_columns(table, frame)
    columns = {
        column.name: _encode(column, frame[column.name], dialect) for column in table.columns
    }
    _check_keys(table, columns)
    return list(zip(*columns.values(), strict=True))


def _check_columns(table: sa.Table, frame: pd.DataFrame) -> None:
    if not frame.columns.is_unique:
        raise ValueError(f"{table.name}: the frame has two columns of one name")
    expected, given = {c.name for c in table.columns}, set(frame.columns)
    missing, extra = sorted(expected - given), sorted(str(name) for name in given - expected)
    if missing or extra:
        raise ValueError(
            f"{table.name}: the frame does not have the table's columns "
            f"(missing: {', '.join(missing) or 'none'}; extra: {', '.join(extra) or 'none'})"
        )


def _check_keys(table: sa.Table, columns: dict[str, list[Any]]) -> None:
    names = [column.name for column in table.primary_key]
    seen: set[Row] = set()
    for key in zip(*(columns[name] for name in names), strict=True):
        if key in seen:
            shown = ", ".join(f"{n}={v}" for n, v in zip(names, key, strict=True))
            raise ValueError(f"{table.name}: the frame has two rows with the key {shown}")
        seen.add(key)


def _encode(column: sa.Column[Any], series: pd.Series, dialect: str) -> list[Any]:
    place = f"{column.table.name}.{column.name}"
    missing = series.isna()
    if not column.nullable and missing.any():
        raise ValueError(f"{place}: {int(missing.sum())} rows have no value, and one is required")
    if missing.all():
        return [None] * len(series)
    return _ENCODERS[kind_of(column)](column, series, dialect, place)


def _encode_dates(_column: Any, series: pd.Series, dialect: str, place: str) -> list[Any]:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        raise ValueError(f"{place}: a date has no time zone")  # noqa: TRY004  # a wrong value
    if series.dtype.kind == "M":
        stamps = series.to_numpy()
    else:
        stamps = np.array([_plain_date(v, place) for v in series], dtype="datetime64[us]")
    days = stamps.astype("datetime64[D]")
    if ((days != stamps) & ~np.isnat(stamps)).any():
        raise ValueError(f"{place}: a date has no time of day")
    if dialect == "postgresql":
        return list(days.tolist())
    return _each_once(days.astype("datetime64[s]"), lambda d: np.datetime_as_string(d, unit="D"))


def _plain_date(value: Any, place: str) -> date | None:
    if pd.isna(value):
        return None
    if not isinstance(value, date) or (isinstance(value, datetime) and value.tzinfo is not None):
        raise ValueError(f"{place}: {_shown(value)} is no date")
    return value


def _encode_instants(_column: Any, series: pd.Series, dialect: str, place: str) -> list[Any]:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        stamps = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    else:
        stamps = np.array([_naive_utc(v, place) for v in series], dtype="datetime64[us]")
    stamps = stamps.astype("datetime64[us]")
    if dialect == "postgresql":
        return _each_once(stamps, lambda d: [stamp.replace(tzinfo=UTC) for stamp in d.tolist()])
    return _each_once(stamps, lambda d: [f"{text}Z" for text in np.datetime_as_string(d)])


def _naive_utc(value: Any, place: str) -> datetime | None:
    if pd.isna(value):
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{place}: {_shown(value)} is no instant with a time zone")
    return value.astimezone(UTC).replace(tzinfo=None)


def _each_once(stamps: Any, convert: Callable[[Any], Any]) -> list[Any]:
    """Convert every distinct stamp once, NaT to None: a date stands there for every symbol."""
    codes, distinct = pd.factorize(stamps)
    cells = np.empty(len(distinct) + 1, dtype=object)  # the last is NaT's, whose code is -1
    cells[:-1] = convert(distinct)
    return list(cells[codes].tolist())


def _encode_floats(_column: Any, series: pd.Series, _dialect: str, place: str) -> list[Any]:
    # Adding zero makes -0.0 a plain zero: SQLite cannot tell them apart.
    return _nulled(_as_floats(series, place) + 0.0)


def _as_floats(series: pd.Series, place: str) -> Any:
    is_number = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if not is_number and pd.api.types.infer_dtype(series, skipna=True) not in _NUMERIC_CONTENT:
        raise ValueError(f"{place}: the values are {series.dtype}, not numbers")
    return series.to_numpy(dtype="float64", na_value=np.nan)


def _nulled(values: Any) -> list[Any]:
    missing = np.isnan(values)
    if not missing.any():
        return list(values.tolist())
    objects = values.astype(object)
    objects[missing] = None
    return list(objects.tolist())


def _encode_integers(column: Any, series: pd.Series, _dialect: str, place: str) -> list[Any]:
    if isinstance(column.type, sa.BigInteger) and series.dtype.kind == "i":
        return list(series.to_numpy(dtype="int64").tolist())  # floats lose the last digits
    values = _as_floats(series, place)
    known = values[~np.isnan(values)]
    if (known != np.floor(known)).any() or (np.abs(known) >= _INT32).any():
        raise ValueError(f"{place}: a value is no whole number of 32 bits")
    return [None if value is None else int(value) for value in _nulled(values)]


def _encode_exact(_column: Any, series: pd.Series, dialect: str, place: str) -> list[Any]:
    values = [_exact(value, place) for value in series]
    if dialect == "postgresql":
        return values
    return [None if value is None else format(value, "f") for value in values]


def _exact(value: Any, place: str) -> Decimal | None:
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        value = Decimal(int(value))
    if isinstance(value, Decimal) and not value.is_nan():
        try:
            return canonical(value)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
    if pd.isna(value):
        return None
    raise ValueError(f"{place}: {_shown(value)} is no Decimal, and money is exact here")


def _encode_booleans(_column: Any, series: pd.Series, _dialect: str, place: str) -> list[Any]:
    if not pd.api.types.is_bool_dtype(series):
        raise ValueError(f"{place}: the values are {series.dtype}, not true or false")
    return [None if pd.isna(value) else bool(value) for value in series]


def _encode_text(column: Any, series: pd.Series, _dialect: str, place: str) -> list[Any]:
    # As one array of objects: going through the series costs ten times as much.
    values, missing = series.to_numpy(dtype=object, copy=True), series.isna().to_numpy()
    values[missing] = None
    texts = list(values.tolist())
    for text in set(texts):
        if text is None:
            continue
        if not isinstance(text, str):
            raise ValueError(f"{place}: {_shown(text)} is no text")  # noqa: TRY004  # a wrong value
        fault = fault_in_text(text, length_of(column))
        if fault:
            raise ValueError(f"{place}: {_shown(text)} {fault}")
    return texts


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_ENCODERS: dict[str, Callable[[Any, pd.Series, str, str], list[Any]]] = {
    "date": _encode_dates,
    "instant": _encode_instants,
    "float": _encode_floats,
    "integer": _encode_integers,
    "exact": _encode_exact,
    "boolean": _encode_booleans,
    "text": _encode_text,
}


# -- from rows -----------------------------------------------------------------------------


def raw(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """Select `column` as the driver gives it: a whole column is converted at once later."""
    kind = kind_of(column)
    if dialect == "postgresql":
        # Counted from 1970, as numpy counts: a Python object a cell costs four times as much.
        if kind == "date":
            return sa.type_coerce(column, sa.Integer) - sa.literal_column("date '1970-01-01'")
        if kind == "instant":
            return sa.cast(sa.extract("epoch", column) * 1_000_000, sa.BigInteger)
        return column
    if kind in ("date", "instant", "exact"):
        return sa.type_coerce(column, sa.String)
    return sa.type_coerce(column, sa.Integer) if kind == "boolean" else column


def to_frame(
    columns: Sequence[sa.Column[Any]], rows: Sequence[Sequence[Any]], dialect: str
) -> pd.DataFrame:
    """Turn rows selected through `raw` into a frame with the types of the module's charter."""
    return pd.DataFrame(
        {
            column.name: _decode(column, list(map(itemgetter(at), rows)), dialect)
            for at, column in enumerate(columns)
        }
    )


def _decode(column: sa.Column[Any], cells: list[Any], dialect: str) -> Any:
    kind = kind_of(column)
    if kind == "date":
        return np.array(cells, dtype="datetime64[D]").astype("datetime64[s]")
    if kind == "instant":
        if dialect == "sqlite":
            cells = [None if text is None else text[:-1] for text in cells]
        return pd.DatetimeIndex(np.array(cells, dtype="datetime64[us]")).tz_localize("UTC")
    if kind == "float":
        return np.array(cells, dtype="float64")
    if kind == "exact":
        return _objects([None if cell is None else canonical(Decimal(cell)) for cell in cells])
    required, optional = _DTYPES[kind]
    return pd.Series(cells, dtype=optional if column.nullable else required)


_DTYPES: dict[str, tuple[Any, Any]] = {
    "integer": ("int64", "Int64"),
    "boolean": ("bool", "boolean"),
    "text": ("str", object),
}


def _objects(cells: list[Any]) -> Any:
    # Assigned as a whole: numpy would otherwise look into the cells for a shape.
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column
