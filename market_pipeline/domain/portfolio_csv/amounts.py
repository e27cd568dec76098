"""The cash that moved, as a row states it, held against what the rest of the row comes to.

The two may differ by rounding only: of the price and a fraction of a share as written, and of the
amount to a cent. Anything more is a charge that has to be stated, or a mistake.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from market_pipeline.domain.portfolio_csv.cells import MAX_INTEGER_DIGITS
from market_pipeline.domain.portfolio_csv.columns import AMOUNT, FEES, PRICE, QUANTITY, Row
from market_pipeline.domain.transactions import TRADES, cash_effect

_ZERO, _CENT = Decimal(0), Decimal("0.01")
_VALUE_LIMIT = Decimal(10) ** MAX_INTEGER_DIGITS
_DECIMALS = re.compile(r"\.([0-9]*)")
# Spreadsheets drop zeros at the end: fewer digits than these are no sign of coarse rounding.
_PRICE_DIGITS, _SHARE_DIGITS = 2, 3
# What regulators and exchanges charge of a sale, with room: a share of the money, so much a share
# or a share of a contract, and the rounding of each to a cent.
_CHARGED_SHARE, _CHARGED_A_SHARE, _CHARGED_A_CONTRACT = (
    Decimal("0.0001"), Decimal("0.0005"), Decimal("0.01"),
)  # fmt: skip
_CHARGED_ROUNDING = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a row says beside its amount; `price` in USD of a unit, None where there is none."""

    kind: str
    quantity: Decimal
    price: Decimal | None
    multiplier: int
    fees: Decimal

    @property
    def units(self) -> Decimal:
        """Count what the price is of."""
        return abs(self.quantity) * self.multiplier


def read_amount(row: Row, terms: Terms) -> tuple[Decimal, Decimal] | None:
    """Give the cash that moved and the fees in it, in USD; None where the row contradicts itself.

    A blank amount is what follows from the rest. Where amounts are net of charges that no column
    states (`Row.is_net`) the charges are what is missing.
    """
    computed = cash_effect(terms.kind, terms.quantity, terms.price, terms.multiplier, terms.fees)
    if abs(computed) >= _VALUE_LIMIT:
        row.complain(QUANTITY, f"quantity times price must stay below 10^{MAX_INTEGER_DIGITS} USD")
        return None
    if not row.is_filled(AMOUNT):
        return computed, terms.fees
    amount = row.number_in(AMOUNT)
    if amount is None:
        return None
    missing, rounding = computed - amount, _rounding(row, terms)
    if abs(missing) <= rounding:
        return amount, terms.fees
    if row.is_net and not row.is_filled(FEES) and 0 < missing <= rounding + _most_charged(terms):
        return amount, missing.quantize(_CENT)
    expected = (
        f"does not follow from type, quantity, price and fees; expected about {computed:.2f} "
        f"(negative is paid; rounding explains {rounding:.2f}), or a blank cell"
    )
    if 0 < missing < abs(computed) and terms.kind in TRADES:
        expected += f"; where the other {missing:.2f} were charged, they belong to the fees"
    row.complain(AMOUNT, expected)
    return None


def _rounding(row: Row, terms: Terms) -> Decimal:
    """Give by how many USD amount and product may differ because they are rounded."""
    if terms.price is None:
        return _CENT
    of_price = terms.units * _half(row, PRICE, _PRICE_DIGITS)
    is_whole = terms.quantity == terms.quantity.to_integral_value()
    half = _ZERO if is_whole else _half(row, QUANTITY, _SHARE_DIGITS)
    return _CENT + of_price + half * terms.multiplier * terms.price


def _half(row: Row, column: str, fewest: int) -> Decimal:
    """Give half a unit of the last digit that is written of a number."""
    written = _DECIMALS.search(row.text(column))
    digits = max(len(written[1]) if written else 0, fewest)
    return Decimal(5).scaleb(-digits - 1)


def _most_charged(terms: Terms) -> Decimal:
    each = _CHARGED_A_SHARE if terms.multiplier == 1 else _CHARGED_A_CONTRACT
    return _CHARGED_ROUNDING + terms.units * ((terms.price or _ZERO) * _CHARGED_SHARE + each)
