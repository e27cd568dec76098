"""Values that their column does not allow are found where they are, on either database."""

from datetime import date
from decimal import Decimal
from functools import partial

import pytest
import sqlalchemy as sa

from market_pipeline.warehouse import value_rules
from market_pipeline.warehouse.tables import metadata
from market_pipeline.warehouse.value_rules import Broken
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import FIRST, bars, day, held


def found(warehouse: Warehouse, first: date = FIRST, last: date = FIRST) -> list[Broken]:
    """Ask about the bars."""
    return warehouse.ask(lambda c: value_rules.broken(c, "equity_bars", first, last))


def spoil(url: str, column: str, value: str) -> None:
    """Write a value past the code that would refuse it."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"UPDATE equity_bars SET {column} = {value} WHERE symbol = 'KO'")
        )
    engine.dispose()


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with two sound bars of one day and one of another."""
    rows = bars({(0, "AAPL"): 10.0, (0, "KO"): 20.0, (1, "AAPL"): 11.0})
    warehouse.replace_range("equity_bars", rows, day(0), day(1))
    return warehouse


def test_sound_rows_break_nothing(filled: Warehouse) -> None:
    """Missing values of columns that may miss one are sound as well."""
    assert found(filled) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("close", "-1", "positive"),
        ("low", "0", "positive"),
        ("volume", "-5", "zero or more"),
        ("high", "9e999", "a finite number"),
    ],
)
def test_a_number_out_of_bounds_is_named(
    filled: Warehouse, url: str, column: str, value: str, rule: str
) -> None:
    """The column, what was expected, how many rows, and which."""
    if filled.dialect == "postgresql" and value == "9e999":
        value = "'Infinity'"
    spoil(url, column, value)
    assert found(filled) == [Broken(column, rule, 1, ("2024-01-02 KO",))]
    assert str(found(filled)[0]) == f"{column} is not {rule} in 1 rows"


def test_only_the_days_asked_for_are_judged(filled: Warehouse, url: str) -> None:
    """What is wrong on another day is another partition's."""
    spoil(url, "close", "-1")
    assert found(filled, day(1), day(1)) == []


def test_not_a_number_is_no_number(filled: Warehouse, url: str) -> None:
    """PostgreSQL keeps NaN, and holds it for larger than all; SQLite keeps none."""
    if filled.dialect == "sqlite":
        pytest.skip("SQLite stores NaN as NULL, which the column may hold")
    spoil(url, "close", "'NaN'")
    assert [each.rule for each in found(filled)] == ["a finite number"]


def test_a_word_in_a_number_is_found(filled: Warehouse, url: str) -> None:
    """SQLite stores whatever it is given; PostgreSQL refuses by itself."""
    if filled.dialect == "postgresql":
        with pytest.raises(sa.exc.DataError):
            spoil(url, "close", "'ten'")
        return
    spoil(url, "close", "'ten'")
    assert Broken("close", "stored as real or integer", 1, ("2024-01-02 KO",)) in found(filled)
    spoil(url, "close", "1")
    spoil(url, "source", "'" + "x" * 41 + "'")
    assert found(filled) == [Broken("source", "at most 40 characters", 1, ("2024-01-02 KO",))]


def test_every_table_can_be_asked(warehouse: Warehouse) -> None:
    """The rules of every table, dated or not, are SQL that both databases understand."""
    for name in metadata.tables:
        assert (
            warehouse.ask(partial(value_rules.broken, table_name=name, first=None, last=None)) == []
        )


def test_a_choice_that_is_none_is_found(warehouse: Warehouse, url: str) -> None:
    """Words outside the list of a column are named, with those that are allowed."""
    row = held([{"symbol": "KO", "asset_class": "stocks", "status": "unpriced"}])
    row["quantity"] = row["portfolio_id"].map(lambda _: Decimal(1))
    warehouse.replace_range("portfolio_positions", row, day(0), day(0))
    broken = warehouse.ask(lambda c: value_rules.broken(c, "portfolio_positions", day(0), day(0)))
    assert [(each.column, each.count) for each in broken] == [("asset_class", 1)]
    assert "stock, etf, option" in broken[0].rule
