"""Least squares from sums of products: an L D L' factorisation of many small matrices at once.

Every step is one operation on all windows. Arrays are (factors, cases), a case being a window of a
symbol or pattern; `is_safe` is false where sums cannot give ten digits: one for `exact.py`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.regression.scratch import Scratch

# Deviations from the mean keep this share of the squares themselves: two digits are lost.
_LEAST_DEVIATION = 1e-2
# Squared residuals are this share of y's: five digits are lost.
_LEAST_RESIDUAL = 1e-5
# The sum of the variance inflation factors: four digits are lost.
_MOST_INFLATION = 1e4


@dataclass(frozen=True, slots=True)
class Factorised:
    """The proxies' side of each case: what symbols with the same missing rows have in common.

    `columns[j]` is column j of L under its diagonal. `variance` is that of a beta for a residual
    variance of 1, `freedom` the trace of the hat matrix.
    """

    count: Floats
    total: Floats
    sums: Floats
    deviations: Floats
    columns: tuple[Floats, ...]
    inverse_pivots: Floats
    variance: Floats
    freedom: Floats
    is_safe: npt.NDArray[np.bool_]

    def take(self, which: npt.NDArray[np.int64], windows: int) -> "Factorised":
        """Give each symbol the pattern it has."""

        def taken(value: Floats) -> Floats:
            patterns = value.shape[-1] // windows
            shaped = value.reshape(*value.shape[:-1], windows, patterns)
            return shaped[..., which].reshape(*value.shape[:-1], windows * len(which))

        return Factorised(
            taken(self.count), taken(self.total), taken(self.sums), taken(self.deviations),
            tuple(taken(column) for column in self.columns), taken(self.inverse_pivots),
            taken(self.variance), taken(self.freedom), taken(self.is_safe),  # type: ignore[arg-type]  # a mask is taken alike
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Solution:
    """Betas, and the weighted sums of squares of y and of what is left of it."""

    beta: Floats
    squares: Floats
    residual: Floats
    is_safe: npt.NDArray[np.bool_]


def factorise(
    pairs: Floats, count: Floats, factors: int, penalty: float, scratch: Scratch
) -> Factorised:
    """Factorise sums of products, lower triangle by columns with the intercept first.

    `pairs` is (products, cases) and is written over; `count` is the observations.
    """
    cases = pairs.shape[1]
    total, sums = pairs[0], pairs[1 : factors + 1]
    columns = _columns(pairs[factors + 1 :], factors)
    room, one = scratch.take(factors, cases), scratch.take(cases)
    deviations = scratch.take(factors, cases)
    is_safe = np.ones(cases, dtype=bool)
    for at, column in enumerate(columns):
        np.multiply(column[0], _LEAST_DEVIATION, out=deviations[at])
        mean = np.divide(sums[at], total, out=one)
        np.subtract(column, np.multiply(sums[at:], mean, out=room[at:]), out=column)
        is_safe &= column[0] > deviations[at]
        deviations[at] = column[0]
    share = penalty / count
    if penalty:
        for column in columns:
            column[0] *= 1 + share
    inverse_pivots = _eliminate(columns, room, scratch.take(factors, cases))
    variance = scratch.take(factors, cases)
    if penalty:
        freedom = _ridge(columns, inverse_pivots, deviations, share, variance)
    else:
        freedom = np.full(cases, float(factors))
        _inverse_diagonal(columns, inverse_pivots, room, scratch.take(factors, cases), variance)
    inflation = _dot(variance, deviations, room)
    # NaN compares false: what broke down is not safe.
    is_safe &= inflation < _MOST_INFLATION
    is_safe &= (inverse_pivots > 0).all(axis=0)
    below = tuple(column[1:] for column in columns)
    return Factorised(
        count, total, sums, deviations, below, inverse_pivots, variance, freedom, is_safe
    )


def _columns(flat: Floats, factors: int) -> list[Floats]:
    ends = np.cumsum([0, *range(factors, 0, -1)])
    return [flat[a:b] for a, b in pairwise(ends)]


def _eliminate(columns: list[Floats], room: Floats, inverse_pivots: Floats) -> Floats:
    """Eliminate below each pivot in turn: columns become L's under the diagonal."""
    for at, column in enumerate(columns):
        inverse = np.divide(1.0, column[0], out=inverse_pivots[at])
        for later in range(at + 1, len(columns)):
            low = np.multiply(column[later - at], inverse, out=room[at])
            columns[later] -= np.multiply(column[later - at :], low, out=room[later:])
        column[1:] *= inverse
    return inverse_pivots


def _inverse_diagonal(
    columns: list[Floats], inverse_pivots: Floats, room: Floats, column: Floats, result: Floats
) -> None:
    """Write the diagonal of the inverse matrix: one column of the inverse of L after another."""
    count = len(columns)
    for at in range(count):
        inverse = np.negative(columns[at][1:], out=column[at + 1 :])
        for later in range(at + 1, count - 1):
            inverse[later - at :] -= np.multiply(
                columns[later][1:], inverse[later - at - 1], out=room[later + 1 :]
            )
        weighted = np.multiply(inverse, inverse_pivots[at + 1 :], out=room[at + 1 :])
        np.add.reduce(np.multiply(inverse, weighted, out=weighted), axis=0, out=result[at])
        result[at] += inverse_pivots[at]


def _ridge(
    columns: list[Floats],
    inverse_pivots: Floats,
    deviations: Floats,
    share: Floats,
    variance: Floats,
) -> Floats:
    """Write the variances of penalised betas; give the hat matrix's trace."""
    count, cases = inverse_pivots.shape
    lower = np.zeros((count, count, cases))
    for at in range(count):
        lower[at, at] = 1.0
        for later in range(at + 1, count):
            lower[later, : at + 1] -= columns[at][later - at] * lower[at, : at + 1]
    scaled = lower * inverse_pivots[:, None]
    diagonal = np.add.reduce(lower * scaled, axis=0)
    for at in range(count):
        inverse = np.add.reduce(lower[:, [at]] * scaled, axis=0)
        inverse *= inverse
        variance[at] = diagonal[at] - share * np.add.reduce(inverse * deviations, axis=0)
    freedom: Floats = count - share * np.add.reduce(diagonal * deviations, axis=0)
    return freedom


def _dot(left: Floats, right: Floats, room: Floats) -> Floats:
    """Multiply and sum over the factors, in their order: einsum's order depends on the shape."""
    result: Floats = np.add.reduce(np.multiply(left, right, out=room), axis=0)
    return result


def solve(
    proxies: Factorised, crosses: Floats, squares: Floats, penalty: float, scratch: Scratch
) -> Solution:
    """Solve for y from its sums of products with the proxies (intercept first) and with itself.

    `crosses` is (1 + factors, cases) and is written over, as is `squares`.
    """
    right = crosses[1:]
    room, scaled = scratch.take(*right.shape), scratch.take(*right.shape)
    mean = crosses[0] / proxies.total
    right -= np.multiply(proxies.sums, mean, out=room)
    least = squares * _LEAST_DEVIATION
    squares -= mean * crosses[0]
    plain = right.copy() if penalty else right
    for at, low in enumerate(proxies.columns[:-1]):
        right[at + 1 :] -= np.multiply(low, right[at], out=room[at + 1 :])
    beta = np.multiply(right, proxies.inverse_pivots, out=scaled)
    explained = _dot(right, beta, room)
    for at in reversed(range(len(beta) - 1)):
        beta[at] -= _dot(proxies.columns[at], beta[at + 1 :], room[at + 1 :])
    if penalty:
        shrunk = _dot(beta * beta, proxies.deviations, room)
        explained = _dot(beta, plain, room) + penalty / proxies.count * shrunk
    residual = squares - explained
    is_safe = proxies.is_safe & (squares > least)
    is_safe &= residual > _LEAST_RESIDUAL * squares
    return Solution(beta, squares, residual, is_safe)
