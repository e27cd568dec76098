"""The option columns of a row to an option contract, from its symbol or its four fields."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from market_pipeline.domain.books import OPTION_MULTIPLIER
from market_pipeline.domain.portfolio_csv.columns import (
    EXPIRATION,
    MULTIPLIER,
    OPTION_FIELDS,
    OPTION_TYPE,
    STRIKE,
    SYMBOL,
    UNDERLYING,
    Row,
)
from market_pipeline.domain.symbols import OptionContract, parse_occ, parse_symbol

_MOST_SHARES = 10_000
_OPTION_TYPES = {"CALL": "call", "C": "call", "PUT": "put", "P": "put"}


@dataclass(frozen=True, slots=True)
class _Fields:
    """What the four option columns say; None where blank or faulty."""

    underlying: str | None
    strike_usd: Decimal | None
    expiration_date: date | None
    option_type: str | None


def read_contract(row: Row) -> OptionContract | None:
    """Read an option row's contract; symbol and fields must agree where both are given.

    Notes in the row what is missing, impossible or contradictory.
    """
    fields = _Fields(
        underlying=row.convert(UNDERLYING, parse_symbol),
        strike_usd=row.number_in(STRIKE),
        expiration_date=row.date_in(EXPIRATION),
        option_type=row.convert(OPTION_TYPE, _parse_option_type),
    )
    contract = parse_occ(row.text(SYMBOL))
    if contract is None:
        contract = _contract_of_fields(row, fields)
    else:
        _compare(row, contract, fields)
        if fields.underlying is not None and not contract.is_adjusted and not row.problems:
            # The OCC root has lost the dot that the field still has.
            contract = OptionContract(
                fields.underlying,
                contract.expiration_date,
                contract.option_type,
                contract.strike_usd,
            )
    return contract


def read_multiplier(row: Row, contract: OptionContract | None) -> int:
    """Read the dollars a contract is worth for one of its price; 1 where there is no contract.

    The standard 100 where the cell is blank. A root with a digit must be told: a mini (10), or a
    contract that a corporate action has changed, stands for what only its deliverables say.
    """
    if contract is None:
        if row.is_filled(MULTIPLIER) and row.number_in(MULTIPLIER) != 1:
            row.complain(MULTIPLIER, "only options have this; expected a blank cell")
        return 1
    if not row.is_filled(MULTIPLIER):
        if contract.is_adjusted:
            row.complain(
                SYMBOL,
                f"an adjusted contract does not stand for plainly {OPTION_MULTIPLIER} shares; "
                f"expected its {MULTIPLIER} in the column of that name (10 for a mini)",
            )
        return OPTION_MULTIPLIER
    number = row.number_in(MULTIPLIER)
    if number is None:
        return OPTION_MULTIPLIER
    if number != int(number) or not 1 <= number <= _MOST_SHARES:
        row.complain(MULTIPLIER, f"expected a whole number from 1 to {_MOST_SHARES}")
        return OPTION_MULTIPLIER
    return int(number)


def _parse_option_type(raw: str) -> str:
    option_type = _OPTION_TYPES.get(raw.strip().upper())
    if option_type is None:
        raise ValueError("expected CALL or PUT")
    return option_type


def _compare(row: Row, contract: OptionContract, fields: _Fields) -> None:
    pairs = (
        (UNDERLYING, _root_of(fields.underlying, contract), contract.root),
        (STRIKE, fields.strike_usd, contract.strike_usd),
        (EXPIRATION, fields.expiration_date, contract.expiration_date),
        (OPTION_TYPE, fields.option_type, contract.option_type),
    )
    for column, given, said in pairs:
        if given is not None and given != said:
            row.complain(column, f"disagrees with the symbol {contract.occ}, which says {said}")


def _root_of(underlying: str | None, contract: OptionContract) -> str | None:
    """Give the root that a named underlying stands for: of an adjusted contract also its stock."""
    if underlying is not None and contract.is_adjusted and underlying == contract.stock:
        return contract.root
    return underlying and underlying.replace(".", "")


def _contract_of_fields(row: Row, fields: _Fields) -> OptionContract | None:
    for column in OPTION_FIELDS:
        if not row.is_filled(column):
            row.complain(
                column,
                "an option needs an OCC symbol (such as AAPL270618C00250000) "
                f"or all of {', '.join(OPTION_FIELDS)}",
            )
    underlying, strike, expiration = fields.underlying, fields.strike_usd, fields.expiration_date
    if underlying is None or strike is None or expiration is None or fields.option_type is None:
        return None
    try:
        contract = OptionContract(underlying, expiration, fields.option_type, strike)
    except ValueError as error:
        row.complain(_column_at_fault(underlying, expiration), str(error))
        return None
    # An unreadable symbol has its own problem by now.
    symbol = row.text(SYMBOL).upper().replace("-", ".")
    if symbol and symbol != underlying:
        row.complain(SYMBOL, f"expected {underlying} or {contract.occ}, as the option fields say")
    return contract


def _column_at_fault(underlying: str, expiration: date) -> str:
    """Find which field an option cannot be made of, the type being right."""
    trials = ((UNDERLYING, underlying, date(2000, 1, 1)), (EXPIRATION, "A", expiration))
    for column, trial_underlying, trial_expiration in trials:
        try:
            OptionContract(trial_underlying, trial_expiration, "call", Decimal(1))
        except ValueError:
            return column
    return STRIKE
