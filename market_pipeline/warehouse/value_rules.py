"""What the values of a table may be, beyond their type: judged by the database, where the rows are.

A name says its unit, and so mostly what may stand in it; where a table means more, it says so here.
Belongs here: the rules, and the question which rows break them. Does not: which rows are doubtful
though possible (`domain/price_rules.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from market_pipeline.warehouse.columns import Exact
from market_pipeline.warehouse.frames import kind_of, length_of
from market_pipeline.warehouse.queries import partition_of, table_named

_SHOWN = 20
_LARGEST = 1e300
"""No finite number of ours is larger; infinity and, on PostgreSQL, NaN are."""
_SLACK = 1e-9
"""By how much a ratio of floats may leave its bounds."""

Number = sa.ColumnElement[float]
Holds = Callable[[Number], sa.ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule of a column, and the rows that break it.

    `rule` says what was expected; `keys` are those of the first rows, their parts joined by blanks.
    """

    column: str
    rule: str
    count: int
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column} is not {self.rule} in {self.count} rows"


def _positive(value: Number) -> sa.ColumnElement[bool]:
    return value > 0


def _not_negative(value: Number) -> sa.ColumnElement[bool]:
    return value >= 0


def _between(low: float, high: float) -> Holds:
    return lambda value: value.between(low - _SLACK, high + _SLACK)


_POSITIVE = ("positive", _positive)
_NOT_NEGATIVE = ("zero or more", _not_negative)
_SHARE = ("a share of one", _between(0, 1))
_PERCENT = ("a percentage of the whole", _between(0, 100))
_SIGNED_SHARE = ("between -1 and 1", _between(-1, 1))

_BY_NAME: dict[str, tuple[str, Holds]] = {
    **dict.fromkeys(
        (
            "multiplier", "strike_usd", "open", "high", "low", "close", "adj_close",
            "window", "cap", "half_life", "underlying_price",
        ),
        _POSITIVE,
    ),
    **dict.fromkeys(
        (
            "volume", "average_volume_21d", "dividend_usd", "split_ratio", "observations",
            "min_observations", "penalty", "std_error", "residual_volatility", "bid", "ask", "last",
            "open_interest", "implied_volatility", "long_usd", "short_usd", "gross_usd",
            "position_count",
            "long_count", "short_count", "stale_count", "unpriced_count", "source_count",
            "expected", "priced", "flagged", "rejected", "scenario_days", "sessions_known",
            "options_without_greeks", "factor_volatility_usd", "specific_volatility_usd",
            "market_cap", "market_cap_usd", "shares_outstanding", "volatility_21d_pct",
            "volatility_63d_pct", "effective_positions",
        ),
        _NOT_NEGATIVE,
    ),
    **dict.fromkeys(
        (
            "quality_score", "validation_rate", "relevance", "r_squared", "sentiment_confidence",
            "vendor_confidence", "herfindahl",
        ),
        _SHARE,
    ),
    **dict.fromkeys(
        (
            "completeness_pct", "covered_pct", "historical_covered_pct", "factor_covered_pct",
            "similarity", "volatility_21d_percentile", "volatility_63d_percentile",
        ),
        _PERCENT,
    ),
    **dict.fromkeys(("sentiment_score", "vendor_score"), _SIGNED_SHARE),
}  # fmt: skip

_ONE_OF: dict[str, tuple[str, ...]] = {
    "asset_class": ("stock", "etf", "option", "index", "private", "cash"),
    "option_type": ("call", "put"),
    "price_kind": ("close", "mid", "last"),
    "sentiment_label": ("positive", "neutral", "negative"),
    "market_session": ("pre", "regular", "after", "closed"),
    "contract_kind": ("standard", "mini", "adjusted"),
}

_OF_TABLE: dict[tuple[str, str], tuple[str, Holds]] = {
    ("market_data_cache", "price_usd"): _POSITIVE,
    ("symbol_daily_metrics", "price_usd"): _POSITIVE,
    ("market_data_cache", "delta"): _SIGNED_SHARE,
    ("option_values", "delta"): _SIGNED_SHARE,
    ("symbol_universe", "priority"): _POSITIVE,
}

_SQLITE_TYPES = {
    "integer": ("integer",), "boolean": ("integer",), "float": ("real", "integer"),
    "text": ("text",), "date": ("text",), "instant": ("text",), "exact": ("text",),
}  # fmt: skip
"""What SQLite must have stored for a kind of column: its own types bind nobody."""


def broken(
    connection: sa.Connection, table_name: str, first: date | None, last: date | None
) -> list[Broken]:
    """Give the rules that rows of a table break, dated within [first, last] where both are told.

    One pass over the rows, whatever the number of rules. Raises ValueError for an unknown table.
    """
    table = table_named(table_name)
    within = sa.true() if first is None else partition_of(table).between(first, last)
    rules = list(_rules(table, connection.dialect.name))
    counts = [sa.func.sum(sa.case((_is_broken(c, holds), 1), else_=0)) for c, _, holds in rules]
    found = connection.execute(sa.select(*counts).select_from(table).where(within)).one()
    return [
        Broken(column.name, rule, int(count), _keys(connection, table, within, column, holds))
        for (column, rule, holds), count in zip(rules, found, strict=True)
        if count
    ]


def _is_broken(column: sa.Column[Any], holds: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A missing value breaks the rules of a column that must have one, and no rule elsewhere."""
    return sa.not_(holds) if column.nullable else sa.or_(column.is_(None), sa.not_(holds))


def _rules(
    table: sa.Table, dialect: str
) -> Iterator[tuple[sa.Column[Any], str, sa.ColumnElement[bool]]]:
    for column in table.columns:
        kind = kind_of(column)
        if dialect == "sqlite":
            stored = sa.func.typeof(column).in_(("null", *_SQLITE_TYPES[kind]))
            yield column, f"stored as {' or '.join(_SQLITE_TYPES[kind])}", stored
        length = length_of(column)
        if kind == "text" and length is not None:
            yield column, f"at most {length} characters", sa.func.length(column) <= length
        if kind == "float":
            yield column, "a finite number", column.between(-_LARGEST, _LARGEST)
        choices = _ONE_OF.get(column.name)
        if kind == "text" and choices is not None:
            yield column, f"one of {', '.join(choices)}", column.in_(choices)
        named = _OF_TABLE.get((table.name, column.name)) or _BY_NAME.get(column.name)
        if named is not None and kind in ("float", "integer", "exact"):
            yield column, named[0], named[1](_number(column))


def _number(column: sa.Column[Any]) -> Number:
    """Give the value as a float: an exact number is a text on SQLite."""
    return sa.cast(column, sa.Float(53)) if isinstance(column.type, Exact) else column


def _keys(
    connection: sa.Connection,
    table: sa.Table,
    within: sa.ColumnElement[bool],
    column: sa.Column[Any],
    holds: sa.ColumnElement[bool],
) -> tuple[str, ...]:
    key = list(table.primary_key)
    wrong = sa.select(*key).where(within, _is_broken(column, holds)).order_by(*key).limit(_SHOWN)
    return tuple(" ".join(str(part) for part in row) for row in connection.execute(wrong))
