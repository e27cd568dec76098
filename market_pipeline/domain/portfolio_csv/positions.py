"""One row of a portfolio file to one position: what each investment class asks for.

A row with any problem gives no position; all of its problems are noted in the row.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from market_pipeline.domain.books import (
    CASH,
    OPTION,
    PRIVATE,
    STOCK,
    Position,
)
from market_pipeline.domain.portfolio_csv.cells import MAX_INTEGER_DIGITS
from market_pipeline.domain.portfolio_csv.columns import (
    CLASS,
    ENTRY_DATE,
    ENTRY_PRICE,
    EXIT_DATE,
    EXIT_PRICE,
    EXPIRATION,
    OPTION_TYPE,
    QUANTITY,
    STRIKE,
    SUBTYPE,
    SYMBOL,
    UNDERLYING,
    Row,
)
from market_pipeline.domain.portfolio_csv.contracts import read_contract, read_multiplier
from market_pipeline.domain.portfolio_csv.dollars import is_of_dollars
from market_pipeline.domain.symbols import OptionContract, is_option, parse_symbol

CASH_SYMBOL = "CASH"
MAX_SUBTYPE_LENGTH = 64

_CLASSES = {
    "PUBLIC": STOCK,
    "OPTION": OPTION,
    "OPTIONS": OPTION,
    "PRIVATE": PRIVATE,
    "CASH": CASH,
}
_FREE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}")
_VALUE_LIMIT = Decimal(10) ** MAX_INTEGER_DIGITS


@dataclass(frozen=True, slots=True)
class _Instrument:
    """What is held, before how much of it and since when."""

    symbol: str
    asset_class: str
    contract: OptionContract | None = None


def read_position(row: Row, position_no: int, as_of: date) -> Position | None:
    """Read a row into a position, or note in the row everything that is wrong with it."""
    row.require(SYMBOL)
    row.require(QUANTITY)
    row.require(ENTRY_DATE)
    instrument = _read_instrument(row)
    asset_class = instrument.asset_class if instrument else None
    subtype = row.remark_in(SUBTYPE, MAX_SUBTYPE_LENGTH)
    quantity = row.number_in(QUANTITY)
    if quantity == 0:
        row.complain(QUANTITY, "expected a quantity other than zero (negative is short)")
    entry_price = _read_entry_price(row, asset_class)
    entry_date, exit_date = _read_dates(row, as_of)
    exit_price = _read_exit_price(row, asset_class)
    contract = instrument.contract if instrument else None
    if contract and entry_date and entry_date > contract.expiration_date:
        row.complain(ENTRY_DATE, f"the option had expired on {contract.expiration_date}")
    multiplier = read_multiplier(row, contract)
    if quantity and entry_price and abs(quantity * entry_price) * multiplier >= _VALUE_LIMIT:
        row.complain(QUANTITY, f"quantity times price must stay below 10^{MAX_INTEGER_DIGITS} USD")
    if row.problems or not instrument or not quantity or entry_price is None or not entry_date:
        return None
    return Position(
        position_no=position_no,
        symbol=instrument.symbol,
        asset_class=instrument.asset_class,
        quantity=quantity,
        entry_price_usd=entry_price,
        entry_date=entry_date,
        multiplier=multiplier,
        subtype=subtype,
        underlying=contract.stock if contract else None,
        strike_usd=contract.strike_usd if contract else None,
        expiration_date=contract.expiration_date if contract else None,
        option_type=contract.option_type if contract else None,
        exit_date=exit_date,
        exit_price_usd=exit_price,
    )


def _read_instrument(row: Row) -> _Instrument | None:
    symbol = row.text(SYMBOL)
    asset_class = _read_class(row, symbol)
    if asset_class is None:
        return None
    if asset_class == OPTION:
        contract = read_contract(row)
        return _Instrument(contract.occ, OPTION, contract) if contract else None
    for column in (STRIKE, EXPIRATION, OPTION_TYPE):
        if row.is_filled(column):
            row.complain(column, "only options have this; expected a blank cell")
    if row.is_filled(UNDERLYING) and row.text(UNDERLYING).upper() != symbol.upper():
        row.complain(UNDERLYING, "only options have this; expected a blank cell")
    name = row.convert(SYMBOL, parse_symbol if asset_class == STOCK else _parse_free_name)
    if name is None:
        return None
    if asset_class == CASH:
        name = name.upper()
        if not is_of_dollars(name):
            row.complain(
                SYMBOL,
                "cash is counted in US dollars and no other currency; expected CASH, a name that "
                "says so (USD, US dollars) or a US money-market fund such as SPAXX",
            )
    return _Instrument(name, asset_class)


def _read_class(row: Row, symbol: str) -> str | None:
    """Read the class, or tell it from the rest of the row when the cell is blank."""
    written = row.text(CLASS).upper()
    if CLASS in row.faulty:
        return None
    if not written:
        return _detect_class(row, symbol)
    asset_class = _CLASSES.get(written)
    if asset_class is None:
        row.complain(CLASS, "expected PUBLIC, OPTIONS, PRIVATE, CASH or a blank cell")
    elif symbol.upper() == CASH_SYMBOL and asset_class != CASH:
        row.complain(CLASS, "the symbol CASH is a balance in US dollars; expected CASH or blank")
    elif asset_class != OPTION and is_option(symbol):
        row.complain(CLASS, "the symbol is an option's; expected OPTIONS or a blank cell")
    else:
        return asset_class
    return None


def _detect_class(row: Row, symbol: str) -> str:
    names_other = row.is_filled(UNDERLYING) and row.text(UNDERLYING).upper() != symbol.upper()
    if is_option(symbol) or names_other:
        return OPTION
    if any(row.is_filled(column) for column in (STRIKE, EXPIRATION, OPTION_TYPE)):
        return OPTION
    return CASH if symbol.upper() == CASH_SYMBOL else STOCK


def _parse_free_name(raw: str) -> str:
    name = re.sub(r" +", " ", raw.strip())
    if not _FREE_NAME.fullmatch(name):
        raise ValueError("expected a name of up to 32 letters, digits, spaces and . _ -")
    return name


def _read_entry_price(row: Row, asset_class: str | None) -> Decimal | None:
    if asset_class == CASH and not row.is_filled(ENTRY_PRICE):
        return Decimal(1)
    row.require(ENTRY_PRICE)
    price = row.number_in(ENTRY_PRICE)
    if price is None:
        return None
    if asset_class == CASH and price != 1:
        row.complain(ENTRY_PRICE, "cash has the price 1; expected 1 or a blank cell")
    elif asset_class == STOCK and price <= 0:
        row.complain(ENTRY_PRICE, "expected a price above zero")
    elif price < 0:
        row.complain(ENTRY_PRICE, "expected a price of zero or more (a short has a minus quantity)")
    return price


def _read_dates(row: Row, as_of: date) -> tuple[date | None, date | None]:
    entry_date, exit_date = row.date_in(ENTRY_DATE), row.date_in(EXIT_DATE)
    for column, day in ((ENTRY_DATE, entry_date), (EXIT_DATE, exit_date)):
        if day and day > as_of:
            row.complain(column, f"expected a date not after {as_of}, the date of the book")
    if entry_date and exit_date and exit_date < entry_date:
        row.complain(EXIT_DATE, f"expected a date not before the entry date {entry_date}")
    return entry_date, exit_date


def _read_exit_price(row: Row, asset_class: str | None) -> Decimal | None:
    if row.is_filled(EXIT_DATE) and not row.is_filled(EXIT_PRICE):
        row.complain(EXIT_PRICE, "an exit date needs an exit price")
    if row.is_filled(EXIT_PRICE) and not row.is_filled(EXIT_DATE):
        row.complain(EXIT_DATE, "an exit price needs an exit date")
    price = row.number_in(EXIT_PRICE)
    if price is not None and price < 0:
        row.complain(EXIT_PRICE, "expected a price of zero or more")
    if price is not None and asset_class == CASH and price != 1:
        row.complain(EXIT_PRICE, "cash has the price 1; expected 1")
    return price
