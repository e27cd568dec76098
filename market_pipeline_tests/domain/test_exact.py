"""Ten-billionths: what Decimal says, for every amount."""

from decimal import Decimal, localcontext

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from market_pipeline.domain.exact import (
    WHOLE,
    array,
    decimals,
    of_float,
    parts,
    product,
    whole,
    wholes_of_floats,
)

AMOUNTS = st.integers(-(10**20), 10**20)
FLOATS = st.floats(-1e7, 1e7, allow_nan=False)
UNIT = Decimal("1E-10")


@given(AMOUNTS, AMOUNTS)
@example(WHOLE // 2, 1)
@example(WHOLE // 2, 3)
@example(-(WHOLE // 2), 1)
def test_a_product_is_rounded_as_decimal_rounds(one: int, other: int) -> None:
    """Once, half to even, below zero too."""
    with localcontext(prec=80):
        left, right = (Decimal(amount) * UNIT for amount in (one, other))
        expected = (left * right).quantize(UNIT)
    assert decimals(product(array([one]), array([other]))) == [expected]


@given(FLOATS)
@example(0.1)
@example(123.45000457763672)
@example(1e-11)
@example(5e-11)
@example(-0.0)
def test_a_float_is_read_as_the_shortest_decimal(number: float) -> None:
    """By its digits or by Decimal, to the same amount."""
    assert wholes_of_floats(np.array([number])) == [whole(of_float(number))]
    assert of_float(number) == Decimal(repr(number)).quantize(UNIT)


@given(
    st.decimals(-(10**9), 10**9, places=10),
    st.lists(st.decimals("0.0001", 1000, places=4), min_size=1, max_size=6),
)
def test_parts_sum_to_the_whole(total: Decimal, weights: list[Decimal]) -> None:
    """Exactly, and each is its share but for rounding."""
    found = parts(total, weights)
    with localcontext(prec=60):
        assert sum(found) == total
        for part, weight in zip(found, weights, strict=True):
            share = total * weight / sum(weights)
            assert abs(part - share) <= len(weights) * UNIT
