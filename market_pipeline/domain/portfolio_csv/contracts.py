"""The option columns of a row to an option contract, from its symbol or its four fields."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from market_pipeline.domain.portfolio_csv.columns import (
    EXPIRATION,
    OPTION_FIELDS,
    OPTION_TYPE,
    STRIKE,
    SYMBOL,
    UNDERLYING,
    Row,
)
from market_pipeline.domain.symbols import OptionContract, parse_occ, parse_symbol

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
        if fields.underlying is not None and not row.problems:
            # The OCC root has lost the dot that the field still has.
            contract = OptionContract(
                fields.underlying,
                contract.expiration_date,
                contract.option_type,
                contract.strike_usd,
            )
    if contract is not None and contract.is_adjusted:
        row.complain(
            SYMBOL,
            "an adjusted contract does not stand for plainly 100 shares and cannot be valued; "
            "expected a standard one (or enter it as PRIVATE at a manual value)",
        )
    return contract


def _parse_option_type(raw: str) -> str:
    option_type = _OPTION_TYPES.get(raw.strip().upper())
    if option_type is None:
        raise ValueError("expected CALL or PUT")
    return option_type


def _compare(row: Row, contract: OptionContract, fields: _Fields) -> None:
    pairs = (
        (UNDERLYING, fields.underlying and fields.underlying.replace(".", ""), contract.root),
        (STRIKE, fields.strike_usd, contract.strike_usd),
        (EXPIRATION, fields.expiration_date, contract.expiration_date),
        (OPTION_TYPE, fields.option_type, contract.option_type),
    )
    for column, given, said in pairs:
        if given is not None and given != said:
            row.complain(column, f"disagrees with the symbol {contract.occ}, which says {said}")


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
