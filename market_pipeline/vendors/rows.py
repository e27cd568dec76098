"""Rows of decoded JSON into typed frames: what each field is, and what happens to a bad one.

A field gone from every row is a changed layout; from one row, or unreadable there, that row is
rejected with its reason and the rest is kept.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from market_pipeline.domain.errors import LayoutChanged
from market_pipeline.domain.ports import FetchedFrame, Rejected
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.vendors.bodies import clean_text

_NO_VALUE = object()
_LARGEST_COUNT = 1_000_000
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

DATE, INSTANT, NUMBER, TEXT = "datetime64[s]", "datetime64[us, UTC]", "float64", "object"


class Unreadable(ValueError):
    """A value is not what its field promises; the message continues the field's name."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a frame and where it stands in a row.

    `path` are the keys down to the value, `read` makes it typed (ValueError: unreadable), `dtype`
    the column's. Absent and null are the same; both are an error only where `is_required`.
    """

    column: str
    path: tuple[str, ...]
    read: Callable[[Any], Any]
    dtype: str = NUMBER
    is_required: bool = False


def read_rows(
    rows: Sequence[Any],
    fields: Sequence[Field],
    *,
    vendor: str,
    endpoint: str,
    subject: str | None = None,
) -> FetchedFrame:
    """Read `rows` as a frame with one column a field, in the rows' order.

    `subject` is the symbol named in rejections where a row carries no readable one of its own.
    Raises `LayoutChanged` where no row at all has a required field.
    """
    _require_layout(rows, fields, vendor, endpoint)
    good: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    for row in rows:
        try:
            good.append(_read_row(row, fields))
        except ValueError as error:
            rejected.append(_rejection(row, fields, str(error), subject))
    columns = [field.column for field in fields]
    frame = pd.DataFrame(good, columns=columns)
    return FetchedFrame(
        frame.astype({field.column: field.dtype for field in fields}), tuple(rejected)
    )


def _require_layout(
    rows: Sequence[Any], fields: Sequence[Field], vendor: str, endpoint: str
) -> None:
    for field in fields:
        if field.is_required and rows and all(_find(row, field.path) is _NO_VALUE for row in rows):
            name = ".".join(field.path)
            raise LayoutChanged(vendor, endpoint, f"the field {name} is missing from every row")


def _read_row(row: Any, fields: Sequence[Field]) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise Unreadable("row is no object")
    values: dict[str, Any] = {}
    for field in fields:
        name, raw = ".".join(field.path), _find(row, field.path)
        if raw is _NO_VALUE:
            if field.is_required:
                raise Unreadable(f"{name} is missing")
            values[field.column] = None
            continue
        try:
            values[field.column] = field.read(raw)
        except ValueError as error:
            raise Unreadable(f"{name} {error}") from None
    return values


def _find(row: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return _NO_VALUE if row is None else row


def _rejection(row: Any, fields: Sequence[Field], detail: str, subject: str | None) -> Rejected:
    symbol = _told(row, fields, "symbol") or _told(row, fields, "contract") or subject
    return Rejected(
        symbol=getattr(symbol, "occ", symbol),
        session_date=_told(row, fields, "session_date"),
        rule="missing_field" if detail.endswith("is missing") else "bad_value",
        value=clean_text(json.dumps(row, default=str), 400),
        detail=clean_text(detail, 200),
    )


def _told(row: Any, fields: Sequence[Field], column: str) -> Any:
    for field in fields:
        raw = _find(row, field.path)
        if field.column == column and raw is not _NO_VALUE:
            with suppress(ValueError):
                return field.read(raw)
    return None


def number(value: Any) -> float:
    """Read a finite JSON number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Unreadable("is no number")
    return float(value)


def not_negative(value: Any) -> float:
    """Read a finite JSON number, zero or more."""
    if number(value) < 0:
        raise Unreadable("is negative")
    return float(value)


def count(value: Any) -> int:
    """Read a whole JSON number from 1 to a million."""
    if number(value) != int(value) or not 1 <= value <= _LARGEST_COUNT:
        raise Unreadable("is no count")
    return int(value)


def text(value: Any) -> str:
    """Read a JSON string as clean text."""
    if not isinstance(value, str):
        raise Unreadable("is no text")
    return clean_text(value)


def flag(value: Any) -> bool:
    """Read a JSON boolean."""
    if not isinstance(value, bool):
        raise Unreadable("is neither true nor false")
    return value


def day(value: Any) -> date:
    """Read an ISO date."""
    if not isinstance(value, str):
        raise Unreadable("is no date")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Unreadable("is no ISO date") from None


def instant(value: Any, per_second: int) -> datetime:
    """Read a stamp counted from 1970 in UTC, `per_second` units a second, to the microsecond."""
    if type(value) is not int:
        raise Unreadable("is no whole stamp")
    try:
        seconds, rest = divmod(value, per_second)
        stamp = datetime.fromtimestamp(seconds, UTC).replace(
            microsecond=rest * 1_000_000 // per_second
        )
    except (OverflowError, OSError, ValueError):
        raise Unreadable("is out of range") from None
    if not _EARLIEST < stamp < _LATEST:
        raise Unreadable("is out of range")
    return stamp


def from_ms(value: Any) -> datetime:
    """Read milliseconds since 1970, UTC."""
    return instant(value, 1_000)


def from_ns(value: Any) -> datetime:
    """Read nanoseconds since 1970, UTC."""
    return instant(value, 1_000_000_000)


def new_york_day(value: Any) -> date:
    """Read milliseconds since 1970 as the New York date they fall on."""
    return from_ms(value).astimezone(NEW_YORK).date()


def results_of(document: Mapping[str, Any]) -> list[Any] | None:
    """Give the rows of an envelope: a list, one object as a list of one, None when absent."""
    results = document.get("results")
    if isinstance(results, dict):
        return [results]
    return results if isinstance(results, list) else None
