"""Values as text: exactly for machines (JSON, CSV), rounded for people, harmless for terminals.

Belongs here: what one value looks like. Does not: which rows and columns are shown (`show`), or
where they are printed (`cli`).
"""

import csv
import io
import json
import math
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from market_pipeline.domain.portfolio_csv.cells import FORMULA_STARTS

Plain = str | int | float | bool | None

MISSING = "-"
_DECIMALS = {
    "t_stat": 2, "t_stat_next_5": 2, "response_ms": 0, "volume": 0, "average_volume_21d": 0,
    "split_ratio": 4,
}  # fmt: skip
_ENDING_DECIMALS = (("_usd", 2), ("_pct", 2))
_PRICE_NAMES = ("open", "high", "low", "close", "adj_close", "price_usd", "strike_usd",
    "raw_close", "total_return_close")  # fmt: skip
_STATISTIC_DECIMALS = 4


def plain(value: Any) -> Plain:
    """Give `value` as JSON holds it without loss.

    Dates and instants are ISO-8601 (instants in UTC, ending in Z), Decimals their digits as text,
    NaN, infinities and missing values None.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return None
    if isinstance(value, bool | int | float):
        return value
    return format(value, "f") if isinstance(value, Decimal) else _iso_or_text(value)


def _iso_or_text(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime):
        return value.date().isoformat()  # frames hold dates as naive timestamps
    return value.isoformat() if isinstance(value, date) else str(value)


def to_json(frame: pd.DataFrame) -> str:
    """Write rows as a JSON list of objects, one a line; floats read back to the same bits.

    ASCII only: nothing in a text can steer a terminal or fail to be encoded.
    """
    names = [str(name) for name in frame.columns]
    lines = [
        json.dumps(dict(zip(names, map(plain, row), strict=True)), allow_nan=False)
        for row in _rows(frame)
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def to_csv(frame: pd.DataFrame) -> str:
    """Write rows as CSV with a header; numbers in full, formula-like texts tamed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_csv_cell(value) for value in row] for row in _rows(frame))
    return out.getvalue()


def for_people(name: str, value: Any) -> str:
    """Write the value of column `name` for a table: rounded, thousands apart, one line."""
    exact = plain(value)
    if exact is None:
        return MISSING
    if isinstance(exact, bool):
        return "yes" if exact else "no"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, Decimal) and not name.endswith("_usd"):
        return f"{value.normalize():,f}"
    if isinstance(value, Decimal | float):
        return f"{value:,.{_decimals(name, abs(float(value)))}f}"
    return f"{exact:,}" if isinstance(exact, int) else harmless(str(exact))


def is_number_column(series: "pd.Series[Any]") -> bool:
    """Say whether a column holds numbers, which stand to the right in a table."""
    if series.dtype == object:
        return any(isinstance(value, Decimal | float | int) for value in series)
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def harmless(text: str) -> str:
    """Write text on one line so that nothing in it can steer a terminal or hide itself."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode("ascii")


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return frame.itertuples(index=False, name=None)


def _csv_cell(value: Any) -> str:
    exact = plain(value)
    if exact is None:
        return ""
    if isinstance(exact, bool):
        return "true" if exact else "false"
    # A Decimal is text by now, but a number it stays.
    if isinstance(exact, int | float) or isinstance(value, Decimal):
        return str(exact)
    # Blanks of any kind are plain ones once written, and some readers drop those.
    is_formula_like = any(
        text.startswith(FORMULA_STARTS) for text in (exact.lstrip(" "), exact.lstrip())
    )
    return f"'{harmless(exact)}" if is_formula_like else harmless(exact)


def _decimals(name: str, size: float) -> int:
    if name in _PRICE_NAMES:
        return 2 if size >= 1 or not size else 4
    if name in _DECIMALS:
        return _DECIMALS[name]
    endings = (digits for ending, digits in _ENDING_DECIMALS if name.endswith(ending))
    return next(endings, _STATISTIC_DECIMALS)
