"""Rows of a broker's holdings to our positions: known on the day of the export, at their cost.

Brokers' lists of holdings tell no day of purchase: a position is entered on the day of the file.
"""

from market_pipeline.domain.books import OPTION_MULTIPLIER
from market_pipeline.domain.portfolio_csv.columns import (
    CLASS,
    ENTRY_DATE,
    ENTRY_PRICE,
    QUANTITY,
    SYMBOL,
)
from market_pipeline.domain.portfolio_csv.option_names import parse_option
from market_pipeline.domain.portfolio_csv.profiles.profile import (
    BrokerRow,
    Cell,
    Translation,
    number_of,
    unit_cost,
)


def held(row: BrokerRow, symbol: Cell, quantity: Cell, cost: Cell) -> Translation:
    """Write a holding in our columns; `cost` is that of all of it."""
    contract = parse_option(symbol[1])
    name = contract.occ if contract else symbol[1]
    count = number_of(quantity[1])
    return Translation(
        {
            SYMBOL: (symbol[0], name),
            QUANTITY: quantity,
            ENTRY_PRICE: unit_cost(cost, count, OPTION_MULTIPLIER if contract else 1),
            ENTRY_DATE: _day(row),
        }
    )


def cash(row: BrokerRow, symbol: Cell, name: str, value: Cell) -> Translation:
    """Write a balance in our columns, under a `name` of its own."""
    return Translation(
        {
            SYMBOL: (symbol[0], name),
            QUANTITY: value,
            CLASS: (symbol[0], "CASH"),
            ENTRY_DATE: _day(row),
        }
    )


def _day(row: BrokerRow) -> Cell:
    return "date of the file", row.day.isoformat() if row.day else ""
