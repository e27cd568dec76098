"""Exact amounts as whole numbers of ten-billionths, so that arrays of them can be computed.

What the columns hold (ten decimals) and nothing finer: a product of two is rounded once, half to
even, as Decimal does. Arrays have dtype object and hold Python's own integers: no overflow.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt

DECIMALS = 10
WHOLE = 10**DECIMALS
"""How many of them make one."""

ZERO = Decimal("0E-10")

Amounts = npt.NDArray[np.object_]

# Quantity and price have ten decimals each: 28 digits would round a large product.
PRECISION = 60
_UNIT = Decimal("1E-10")


def rounded(value: Decimal) -> Decimal:
    """Round a Decimal to ten decimals, half to even."""
    with localcontext(prec=PRECISION):
        return value.quantize(_UNIT)


def of_float(number: float) -> Decimal:
    """Turn a float into the shortest decimal that reads back as it, at ten decimals."""
    return rounded(Decimal(repr(float(number))))


def whole(value: Decimal) -> int:
    """Count the ten-billionths of `value`, which has ten decimals at most."""
    with localcontext(prec=PRECISION):
        return int(value.scaleb(DECIMALS))


def wholes_of_floats(numbers: Iterable[float]) -> Amounts:
    """Count the ten-billionths of floats, each read as `of_float` does."""
    return array([_whole_of_text(repr(float(number))) for number in numbers])


def _whole_of_text(text: str) -> int:
    """Count the ten-billionths in a number as Python writes it, by its digits where it can."""
    before, _, after = text.partition(".")
    if len(after) <= DECIMALS and after.isdecimal() and before.removeprefix("-").isdecimal():
        return int(before + after.ljust(DECIMALS, "0"))
    return whole(rounded(Decimal(text)))


def decimals(amounts: Iterable[Any]) -> list[Decimal]:
    """Give amounts as Decimals of ten decimals; equal ones, which are many, are made once."""
    made: dict[int, Decimal] = {}
    found = []
    with localcontext(prec=PRECISION):
        for amount in amounts:
            value = made.get(amount)
            if value is None:
                value = made[amount] = Decimal(int(amount)).scaleb(-DECIMALS)
            found.append(value)
    return found


def array(amounts: Sequence[int]) -> Amounts:
    """Make an array of Python integers: numpy's own would overflow."""
    made = np.empty(len(amounts), dtype=object)
    made[:] = amounts
    return made


def zeros(count: int) -> Amounts:
    """Make an array of `count` zeros."""
    return np.full(count, 0, dtype=object)


def product(one: Amounts, other: Amounts) -> Amounts:
    """Multiply amounts, rounding each product to ten-billionths, half to even."""
    return divided(one * other, WHOLE)


def divided(amounts: Amounts, by: int) -> Amounts:
    """Divide by a positive integer, half to even."""
    quotient = amounts // by
    twice = 2 * (amounts - quotient * by)
    up = (twice > by) | ((twice == by) & (quotient % 2 == 1))
    return np.asarray(np.where(up.astype(bool), quotient + 1, quotient))


def parts(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Part `total` by positive weights at ten decimals; the last part takes what rounding leaves.

    The parts sum to `total` exactly.
    """
    with localcontext(prec=PRECISION):
        whole_weight = sum(weights, ZERO)
        found = [rounded(total * weight / whole_weight) for weight in weights[:-1]]
        return [*found, total - sum(found, ZERO)]
