"""Least squares from sums of products: an L D L' factorisation of many small matrices at once.

A case is a window of a symbol or pattern. Cases go in blocks that the first cache holds: rows are
a case's numbers, and a step is one operation on rows of `_LANES` cases. Compiled, and one module:
machine code that is kept is made anew when its own file changes, whatever it takes from others.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.regression.compiled import compiled
from market_pipeline.domain.regression.model import Quality

# Cases of a block.
_LANES = 64
# Deviations from the mean keep this share of the squares themselves: two digits are lost.
_LEAST_DEVIATION = 1e-2
# Squared residuals are this share of y's: five digits are lost.
_LEAST_RESIDUAL = 1e-5
# The sum of the variance inflation factors: four digits are lost.
_MOST_INFLATION = 1e4

_FULL, _TOO_FEW = int(Quality.FULL), int(Quality.TOO_FEW)

# Rows of the proxies' side: these, then a row a factor of sums, squared deviations, inverse pivots
# and variances of beta for a residual variance of 1, then the triangle by columns.
_COUNT, _TOTAL, _FREEDOM, _SAFE, _SUMS = range(5)
# Rows of a solution: these, then a row a factor of products with y and of betas.
_MEAN, _SQUARES, _EXPLAINED, _RESIDUAL, _TRUSTED, _RIGHT = range(6)


@compiled
def _rows_of_proxies(factors: int) -> int:
    """Count the rows of the proxies' side."""
    return _SUMS + 4 * factors + factors * (factors + 1) // 2


@compiled
def _rows_of_solution(factors: int) -> int:
    """Count the rows of a solution."""
    return _RIGHT + 2 * factors


@compiled
def _variances_at(factors: int) -> int:
    """Give the row of the first beta's variance."""
    return _SUMS + 3 * factors


@compiled
def _column(factors: int, at: int) -> int:
    """Give the row of the diagonal of a column; those under it follow."""
    return _SUMS + 4 * factors + at * factors - at * (at - 1) // 2


@compiled
def _add_row(
    sums: Floats, products: Floats, row: int, first: int, values: Floats, start: int
) -> None:
    """Add values of a row (cases from `start` on) times its products (from `first` on)."""
    lanes = min(_LANES, values.shape[1] - start)
    for at in range(len(sums)):
        product = products[row, first + at]
        for lane in range(lanes):
            sums[at, lane] += product * values[row, start + lane]


@compiled
def _begin(
    part: "Part", first: int, values: Floats, start: int, common: Floats, older: Floats
) -> None:
    """Sum what all windows share and their oldest rows, into one block a window, the last first."""
    lanes = min(_LANES, values.shape[1] - start)
    last = len(older) - 1
    for at in range(older.shape[1]):
        for lane in range(lanes):
            older[last, at, lane] = common[at, start + lane]
    for window in range(last - 1, -1, -1):
        older[window] = older[window + 1]
        _add_row(older[window], part.products, part.oldest + window, first, values, start)


@compiled
def _total(older: Floats, newer: Floats, decay: float, out: Floats) -> None:
    """Complete one window's sums."""
    for at in range(len(out)):
        for lane in range(_LANES):
            out[at, lane] = (older[at, lane] + newer[at, lane]) * decay


@compiled
def _factorise(block: Floats, room: Floats, factors: int, penalty: float) -> None:
    """Factorise the proxies' side: count, total, sums and triangle are there, the rest is made.

    The triangle holds sums of products and becomes L under its diagonal.
    """
    block[_SAFE] = 1.0
    _deviate(block, factors)
    if penalty > 0:
        for at in range(factors):
            diagonal = _column(factors, at)
            for lane in range(_LANES):
                block[diagonal, lane] *= 1 + penalty / block[_COUNT, lane]
    _eliminate(block, room, factors)
    if penalty > 0:
        _ridge(block, room, factors, penalty)
    else:
        block[_FREEDOM] = factors
        _inverse_diagonal(block, room, factors)
    _distrust(block, room, factors)


@compiled
def _deviate(block: Floats, factors: int) -> None:
    """Turn products into those of deviations from the mean."""
    deviations = _SUMS + factors
    for at in range(factors):
        diagonal = _column(factors, at)
        for lane in range(_LANES):
            block[deviations + at, lane] = block[diagonal, lane]
        for later in range(at, factors):
            here = diagonal + later - at
            for lane in range(_LANES):
                mean = block[_SUMS + at, lane] / block[_TOTAL, lane]
                block[here, lane] -= block[_SUMS + later, lane] * mean
        for lane in range(_LANES):
            least = block[deviations + at, lane] * _LEAST_DEVIATION
            block[_SAFE, lane] *= block[diagonal, lane] > least
            block[deviations + at, lane] = block[diagonal, lane]


@compiled
def _eliminate(block: Floats, room: Floats, factors: int) -> None:
    """Eliminate below each pivot in turn: columns become L's under the diagonal."""
    pivots = _SUMS + 2 * factors
    for at in range(factors):
        diagonal = _column(factors, at)
        for lane in range(_LANES):
            block[pivots + at, lane] = 1.0 / block[diagonal, lane]
        for later in range(at + 1, factors):
            for lane in range(_LANES):
                room[0, lane] = block[diagonal + later - at, lane] * block[pivots + at, lane]
            changed = _column(factors, later)
            for below in range(factors - later):
                source = diagonal + later - at + below
                for lane in range(_LANES):
                    block[changed + below, lane] -= block[source, lane] * room[0, lane]
        for below in range(1, factors - at):
            for lane in range(_LANES):
                block[diagonal + below, lane] *= block[pivots + at, lane]


@compiled
def _inverse_column(block: Floats, room: Floats, factors: int, at: int) -> None:
    """Write column `at` of the inverse of L, but for its ones, into rows of `room`."""
    for later in range(at + 1, factors):
        source = _column(factors, at) + later - at
        for lane in range(_LANES):
            room[later, lane] = -block[source, lane]
    for later in range(at + 1, factors - 1):
        column = _column(factors, later)
        for below in range(1, factors - later):
            for lane in range(_LANES):
                room[later + below, lane] -= block[column + below, lane] * room[later, lane]


@compiled
def _inverse_diagonal(block: Floats, room: Floats, factors: int) -> None:
    """Write the diagonal of the inverse matrix: one column of the inverse of L after another."""
    pivots, variances = _SUMS + 2 * factors, _variances_at(factors)
    for at in range(factors):
        _inverse_column(block, room, factors, at)
        for lane in range(_LANES):
            block[variances + at, lane] = block[pivots + at, lane]
        for later in range(at + 1, factors):
            for lane in range(_LANES):
                square = room[later, lane] * room[later, lane]
                block[variances + at, lane] += square * block[pivots + later, lane]


@compiled
def _ridge(block: Floats, room: Floats, factors: int, penalty: float) -> None:
    """Write the variances of penalised betas, and the hat matrix's trace."""
    deviations, pivots, variances = (
        _SUMS + factors, _SUMS + 2 * factors, _SUMS + 3 * factors,
    )  # fmt: skip
    lower = np.zeros((factors, factors, _LANES))
    for at in range(factors):
        _inverse_column(block, room, factors, at)
        lower[at, at] = 1.0
        lower[at, at + 1 :] = room[at + 1 : factors]
    shrunk = np.zeros((2, _LANES))
    for at in range(factors):
        shrunk[1] = 0.0
        for other in range(factors):
            room[0] = 0.0
            for below in range(max(at, other), factors):
                for lane in range(_LANES):
                    product = lower[at, below, lane] * lower[other, below, lane]
                    room[0, lane] += product * block[pivots + below, lane]
            if other == at:
                block[variances + at] = room[0]
            for lane in range(_LANES):
                square = room[0, lane] * room[0, lane]
                shrunk[1, lane] += square * block[deviations + other, lane]
        for lane in range(_LANES):
            share = penalty / block[_COUNT, lane]
            shrunk[0, lane] += block[variances + at, lane] * block[deviations + at, lane]
            block[variances + at, lane] -= share * shrunk[1, lane]
    for lane in range(_LANES):
        block[_FREEDOM, lane] = factors - penalty / block[_COUNT, lane] * shrunk[0, lane]


@compiled
def _distrust(block: Floats, room: Floats, factors: int) -> None:
    """Say where the proxies are too alike for sums, or something broke down."""
    deviations, pivots, variances = (
        _SUMS + factors, _SUMS + 2 * factors, _SUMS + 3 * factors,
    )  # fmt: skip
    room[0] = 0.0
    for at in range(factors):
        for lane in range(_LANES):
            room[0, lane] += block[variances + at, lane] * block[deviations + at, lane]
            block[_SAFE, lane] *= block[pivots + at, lane] > 0
    for lane in range(_LANES):
        # NaN compares false: what broke down is not safe.
        block[_SAFE, lane] *= room[0, lane] < _MOST_INFLATION


@compiled
def _gather(blocks: Floats, which: npt.NDArray[np.int64], out: Floats) -> None:
    """Give each lane the pattern it has, out of blocks of factorised patterns."""
    for lane in range(len(which)):
        block, place = which[lane] // _LANES, which[lane] % _LANES
        for at in range(len(out)):
            out[at, lane] = blocks[block, at, place]


@compiled
def _solve(block: Floats, out: Floats, factors: int, penalty: float) -> None:
    """Solve for y: its sum, squares and products with the proxies are in `out`, the rest is made.

    The row `_MEAN` holds the sum of y, `_SQUARES` that of its squares.
    """
    betas = _RIGHT + factors
    for lane in range(_LANES):
        out[_TRUSTED, lane] = out[_SQUARES, lane] * _LEAST_DEVIATION
    for at in range(factors):
        for lane in range(_LANES):
            mean = out[_MEAN, lane] / block[_TOTAL, lane]
            out[_RIGHT + at, lane] -= block[_SUMS + at, lane] * mean
            # What ridge needs as it was.
            out[betas + at, lane] = out[_RIGHT + at, lane]
    for lane in range(_LANES):
        out[_SQUARES, lane] -= out[_MEAN, lane] / block[_TOTAL, lane] * out[_MEAN, lane]
        out[_TRUSTED, lane] = block[_SAFE, lane] * (out[_SQUARES, lane] > out[_TRUSTED, lane])
    _substitute(block, out, factors)
    if penalty > 0:
        _explain_shrunk(block, out, factors, penalty)
    for lane in range(_LANES):
        out[_RESIDUAL, lane] = out[_SQUARES, lane] - out[_EXPLAINED, lane]
        least = _LEAST_RESIDUAL * out[_SQUARES, lane]
        out[_TRUSTED, lane] *= out[_RESIDUAL, lane] > least


@compiled
def _substitute(block: Floats, out: Floats, factors: int) -> None:
    """Turn products with y into betas, forwards and backwards; write what they explain."""
    betas, pivots = _RIGHT + factors, _SUMS + 2 * factors
    for at in range(factors - 1):
        column = _column(factors, at)
        for below in range(1, factors - at):
            for lane in range(_LANES):
                right = block[column + below, lane] * out[betas + at, lane]
                out[betas + at + below, lane] -= right
    out[_EXPLAINED] = 0.0
    for at in range(factors):
        for lane in range(_LANES):
            beta = out[betas + at, lane] * block[pivots + at, lane]
            out[_EXPLAINED, lane] += out[betas + at, lane] * beta
            out[betas + at, lane] = beta
    for at in range(factors - 2, -1, -1):
        column = _column(factors, at)
        for below in range(1, factors - at):
            for lane in range(_LANES):
                known = block[column + below, lane] * out[betas + at + below, lane]
                out[betas + at, lane] -= known


@compiled
def _explain_shrunk(block: Floats, out: Floats, factors: int, penalty: float) -> None:
    """Write what penalised betas explain of the squares."""
    betas, deviations = _RIGHT + factors, _SUMS + factors
    out[_EXPLAINED] = 0.0
    for at in range(factors):
        for lane in range(_LANES):
            beta = out[betas + at, lane]
            shrunk = penalty / block[_COUNT, lane] * beta * block[deviations + at, lane]
            out[_EXPLAINED, lane] += beta * (out[_RIGHT + at, lane] + shrunk)


class Part(NamedTuple):
    """Windows as `windows.Part` has them; the first `skipped` are not asked for."""

    start: int
    oldest: int
    size: int
    skipped: int
    decay: Floats
    products: Floats


class Cases(NamedTuple):
    """Values of rows x cases, and the sums (products x cases) that a part's windows share."""

    values: Floats
    common: Floats


class Demands(NamedTuple):
    """What a model asks of a fit."""

    penalty: float
    fewest: int
    is_decaying: bool


class Written(NamedTuple):
    """Where numbers go: arrays as `Fit` has them, and the first row and symbol to write."""

    beta: Floats
    std_error: Floats
    t_stat: Floats
    quality: npt.NDArray[np.uint8]
    r_squared: Floats
    residual_deviation: Floats
    observations: npt.NDArray[np.int64]
    is_safe: npt.NDArray[np.bool_]
    row: int
    symbol: int


@compiled
def fit_part(
    part: Part,
    present: Cases,
    known: Cases,
    squares: Cases,
    which: npt.NDArray[np.int64],
    symbols: int,
    demands: Demands,
    written: Written,
) -> None:
    """Fit `symbols` cases of each window of a part, and write what a `Fit` holds.

    `present` has 1 where a pattern's row counts, `known` y there, both 0 elsewhere. `which` names
    each symbol's pattern, or is empty: each has its own. `is_safe` is written true also where there
    are too few observations to want a fit.
    """
    factors = len(known.common) - 1
    is_shared = len(which) > 0
    patterns = present.values.shape[1] if is_shared else 0
    height, windows = _rows_of_proxies(factors), len(part.decay)
    blocks = np.zeros((-(-patterns // _LANES), windows, height, _LANES))
    older = np.zeros((part.size, len(present.common), _LANES))
    newer = np.zeros((len(present.common), _LANES))
    block, room = np.zeros((height, _LANES)), np.zeros((max(factors, 1), _LANES))
    for at in range(len(blocks)):
        newer[:] = 0.0
        _begin(part, 0, present.values, at * _LANES, present.common, older)
        for window in range(part.skipped + windows):
            asked = window - part.skipped
            _proxies(part, present.values, at * _LANES, window, older, newer, block, factors)
            if asked >= 0:
                _factorise(block, room, factors, demands.penalty)
                blocks[at, asked] = block
    out = np.zeros((_rows_of_solution(factors), _LANES))
    older_y, newer_y = np.zeros((part.size, 1 + factors, _LANES)), np.zeros((1 + factors, _LANES))
    older_square, newer_square = np.zeros((part.size, 1, _LANES)), np.zeros((1, _LANES))
    for first in range(0, symbols, _LANES):
        lanes = min(_LANES, symbols - first)
        newer[:], newer_y[:], newer_square[:] = 0.0, 0.0, 0.0
        if not is_shared:
            _begin(part, 0, present.values, first, present.common, older)
        _begin(part, 1, known.values, first, known.common, older_y)
        _begin(part, 1, squares.values, first, squares.common, older_square)
        for window in range(part.skipped + windows):
            asked = window - part.skipped
            if not is_shared:
                _proxies(part, present.values, first, window, older, newer, block, factors)
            if window > 0:
                row = part.start + window
                _add_row(newer_y, part.products, row, 1, known.values, first)
                _add_row(newer_square, part.products, row, 1, squares.values, first)
            if asked < 0:
                continue
            if is_shared:
                _gather(blocks[:, asked], which[first : first + lanes], block)
            else:
                _factorise(block, room, factors, demands.penalty)
            decay = part.decay[asked]
            _total(older_square[window], newer_square, decay, out[_SQUARES : _SQUARES + 1])
            _total(older_y[window], newer_y, decay, out[_MEAN : _MEAN + 1])
            _total(older_y[window, 1:], newer_y[1:], decay, out[_RIGHT : _RIGHT + factors])
            _solve(block, out, factors, demands.penalty)
            _scale(block, out, factors, demands.is_decaying)
            _write(block, out, factors, lanes, demands.fewest, written, asked, first)


@compiled
def _proxies(
    part: Part,
    present: Floats,
    first: int,
    window: int,
    older: Floats,
    newer: Floats,
    block: Floats,
    factors: int,
) -> None:
    """Take a window's newest row in, and complete its sums if it is asked for."""
    if window > 0:
        _add_row(newer, part.products, part.start + window, 0, present, first)
    if window < part.skipped:
        return
    decay, triangle = part.decay[window - part.skipped], _column(factors, 0)
    # Observations do not decay.
    _total(older[window], newer, 1.0, block[_COUNT : _COUNT + 1])
    _total(older[window, 1:], newer[1:], decay, block[_TOTAL : _TOTAL + 1])
    _total(older[window, 2:], newer[2:], decay, block[_SUMS : _SUMS + factors])
    _total(older[window, 2 + factors :], newer[2 + factors :], decay, block[triangle:])


@compiled
def _scale(block: Floats, out: Floats, factors: int, is_decaying: bool) -> None:
    """Turn what `_solve` left into errors: of betas where products were, of y in `_EXPLAINED`."""
    variances = _variances_at(factors)
    for lane in range(_LANES):
        freedom = block[_COUNT, lane] - 1 - block[_FREEDOM, lane]
        out[_MEAN, lane] = out[_RESIDUAL, lane] / freedom
    for at in range(factors):
        for lane in range(_LANES):
            variance = block[variances + at, lane] * out[_MEAN, lane]
            out[_RIGHT + at, lane] = np.sqrt(variance)
    for lane in range(_LANES):
        # Weights count as if their mean were 1.
        scale = block[_COUNT, lane] / block[_TOTAL, lane] if is_decaying else 1.0
        out[_EXPLAINED, lane] = np.sqrt(out[_MEAN, lane] * scale)


@compiled
def _write(
    block: Floats,
    out: Floats,
    factors: int,
    lanes: int,
    fewest: int,
    written: Written,
    window: int,
    first: int,
) -> None:
    row, begin, betas = written.row + window, written.symbol + first, _RIGHT + factors
    for at in range(factors):
        for lane in range(lanes):
            written.beta[at, row, begin + lane] = out[betas + at, lane]
            written.std_error[at, row, begin + lane] = out[_RIGHT + at, lane]
            t_stat = out[betas + at, lane] / out[_RIGHT + at, lane]
            written.t_stat[at, row, begin + lane] = t_stat
            is_enough = block[_COUNT, lane] >= fewest
            written.quality[at, row, begin + lane] = _FULL if is_enough else _TOO_FEW
    for lane in range(lanes):
        is_enough = block[_COUNT, lane] >= fewest
        written.r_squared[row, begin + lane] = 1 - out[_RESIDUAL, lane] / out[_SQUARES, lane]
        written.residual_deviation[row, begin + lane] = out[_EXPLAINED, lane]
        written.observations[row, begin + lane] = int(block[_COUNT, lane])
        written.is_safe[window, first + lane] = (out[_TRUSTED, lane] > 0) or not is_enough
