"""One row of a transactions file to one transaction: what each type asks for.

A row with any problem gives no transaction; all of its problems are noted in the row.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from market_pipeline.domain.books import OPTION, STOCK
from market_pipeline.domain.portfolio_csv.amounts import Terms, read_amount
from market_pipeline.domain.portfolio_csv.cells import MAX_INTEGER_DIGITS
from market_pipeline.domain.portfolio_csv.columns import (
    AMOUNT,
    CURRENCY,
    DATE,
    FEES,
    LOT,
    NOTE,
    PRICE,
    QUANTITY,
    SYMBOL,
    TYPE,
    Row,
)
from market_pipeline.domain.portfolio_csv.contracts import read_multiplier
from market_pipeline.domain.portfolio_csv.option_names import parse_option
from market_pipeline.domain.symbols import OptionContract, parse_symbol
from market_pipeline.domain.transactions import (
    ASSIGNMENT,
    CASH_ONLY,
    DEPOSIT,
    DIVIDEND,
    EXERCISE,
    EXPIRY,
    FEE,
    INTEREST,
    SPLIT,
    TRADES,
    TYPES,
    US_DOLLAR,
    WITHDRAWAL,
    Transaction,
)

MAX_NOTE_LENGTH = 200

_TYPES = {name: name for name in TYPES} | {"exercise": EXERCISE}
_OPTION_ENDS = frozenset((EXERCISE, ASSIGNMENT, EXPIRY))
_WITHOUT_SYMBOL = frozenset((DEPOSIT, WITHDRAWAL))
_SYMBOL_OPTIONAL = frozenset((FEE, INTEREST))
_SIGNED = frozenset((DIVIDEND, INTEREST, FEE))
_VALUE_LIMIT = Decimal(10) ** MAX_INTEGER_DIGITS
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Instrument:
    """What a transaction is of."""

    symbol: str
    asset_class: str
    contract: OptionContract | None = None


def read_transaction(row: Row, transaction_no: int, as_of: date) -> Transaction | None:
    """Read a row into a transaction, or note in the row everything that is wrong with it."""
    row.require(DATE)
    row.require(TYPE, f"a value is required: one of {', '.join(TYPES)}")
    kind = row.convert(TYPE, _parse_type)
    day = _read_date(row, as_of)
    instrument = _read_instrument(row, kind)
    if instrument and instrument.contract and kind and day:
        _check_life(row, kind, day, instrument.contract)
    quantity, price = _read_quantity(row, kind), _read_price(row, kind)
    fees = _read_fees(row, kind)
    stated = read_multiplier(row, instrument.contract if instrument else None)
    multiplier = 1 if kind in CASH_ONLY else stated
    row.convert(CURRENCY, _parse_currency)
    note = row.remark_in(NOTE, MAX_NOTE_LENGTH)
    lot_date = _read_lot(row, kind, day)
    moved = None
    if kind and quantity is not None and fees is not None and not row.problems:
        moved = read_amount(row, Terms(kind, quantity, price, multiplier, fees))
    if row.problems or kind is None or day is None or quantity is None or moved is None:
        return None
    contract = instrument.contract if instrument else None
    return Transaction(
        transaction_no=transaction_no,
        trade_date=day,
        type=kind,
        quantity=quantity,
        amount_usd=moved[0],
        fees_usd=moved[1],
        price_usd=price,
        symbol=instrument.symbol if instrument else None,
        asset_class=instrument.asset_class if instrument else None,
        multiplier=multiplier,
        underlying=contract.stock if contract else None,
        strike_usd=contract.strike_usd if contract else None,
        expiration_date=contract.expiration_date if contract else None,
        option_type=contract.option_type if contract else None,
        note=note,
        lot_date=lot_date,
    )


def _parse_type(raw: str) -> str:
    kind = _TYPES.get(" ".join(raw.replace("_", " ").casefold().split()))
    if kind is None:
        raise ValueError(f"expected one of {', '.join(TYPES)}")
    return kind


def _read_date(row: Row, as_of: date) -> date | None:
    day = row.date_in(DATE)
    if day and day > as_of:
        row.complain(DATE, f"expected a date not after {as_of}, the day of the import")
    return day


def _read_lot(row: Row, kind: str | None, day: date | None) -> date | None:
    chosen = row.date_in(LOT)
    if kind is not None and row.is_filled(LOT) and kind not in TRADES | _OPTION_ENDS:
        row.complain(LOT, f"a {kind} closes no lot; expected a blank cell")
    if chosen and day and chosen > day:
        row.complain(LOT, f"expected the day the lot was opened, not after {day}")
    return chosen


def _read_instrument(row: Row, kind: str | None) -> _Instrument | None:
    if kind in _WITHOUT_SYMBOL:
        if row.is_filled(SYMBOL):
            row.complain(SYMBOL, f"a {kind} is of cash; expected a blank cell")
        return None
    if kind is not None and kind not in _SYMBOL_OPTIONAL:
        row.require(SYMBOL, f"a value is required: what the {kind} is of")
    contract = parse_option(row.text(SYMBOL))
    if contract is None:
        if kind in _OPTION_ENDS and row.is_filled(SYMBOL):
            row.complain(SYMBOL, "expected an option, such as AAPL270618C00250000")
        symbol = row.convert(SYMBOL, parse_symbol)
        return _Instrument(symbol, STOCK) if symbol else None
    if kind in (SPLIT, DIVIDEND):
        row.complain(SYMBOL, f"a {kind} is of a stock; expected its ticker")
    return _Instrument(contract.occ, OPTION, contract)


def _check_life(row: Row, kind: str, day: date, contract: OptionContract) -> None:
    expiration = contract.expiration_date
    if kind in TRADES and day > expiration:
        row.complain(DATE, f"the option had expired on {expiration}")
    if kind == EXPIRY and day < expiration:
        row.complain(DATE, f"the option does not expire before {expiration}")


def _read_quantity(row: Row, kind: str | None) -> Decimal | None:
    if kind == FEE and row.is_filled(FEES) and not row.is_filled(QUANTITY):
        return _ZERO  # all of it stands in the column of fees
    row.require(QUANTITY)
    quantity = row.number_in(QUANTITY)
    if quantity == 0:
        row.complain(QUANTITY, "expected a quantity other than zero")
    if not quantity or kind is None:
        return quantity
    if quantity < 0 and kind not in _SIGNED:
        row.complain(QUANTITY, "expected a number above zero: the type says the direction")
    elif kind == SPLIT and quantity == 1:
        row.complain(QUANTITY, "expected new shares for each old one: 4 for 4:1, 0.1 for 1:10")
    return quantity


def _read_price(row: Row, kind: str | None) -> Decimal | None:
    if kind in TRADES:
        row.require(PRICE)
    price = row.number_in(PRICE)
    if price is not None and price < 0:
        row.complain(PRICE, "expected a price of zero or more")
    if price is None or kind is None:
        return price
    if kind in CASH_ONLY - {DIVIDEND} and price != 1:
        row.complain(PRICE, f"the quantity of a {kind} is its amount; expected 1 or a blank cell")
    elif (kind in _OPTION_ENDS or kind == SPLIT) and price != 0:
        row.complain(PRICE, f"nothing is paid in a row of {kind}; expected a blank cell or 0")
    return price if kind in TRADES or kind == DIVIDEND else None


def _read_fees(row: Row, kind: str | None) -> Decimal | None:
    if not row.is_filled(FEES):
        return _ZERO
    fees = row.number_in(FEES)
    if fees is None:
        return None
    if fees < 0 and not (kind in TRADES and row.is_filled(AMOUNT)):
        row.complain(
            FEES,
            "expected zero or more (a rebate of a trade needs its Amount beside it; a refund is a "
            "fee with a minus quantity)",
        )
    if abs(fees) >= _VALUE_LIMIT / 10:
        row.complain(FEES, f"fees must stay below 10^{MAX_INTEGER_DIGITS - 1} USD")
    if kind == FEE and fees == 0 and not row.is_filled(QUANTITY):
        row.complain(FEES, "expected an amount other than zero")
    return fees


def _parse_currency(raw: str) -> str:
    if raw.strip().upper() != US_DOLLAR:
        raise ValueError("books are kept in US dollars; expected USD or a blank cell")
    return US_DOLLAR
