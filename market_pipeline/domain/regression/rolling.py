"""Rolling regressions of many symbols on the same proxies, in tiles of rows and symbols.

One row and all rows are one code path. Symbols that miss the same rows share a factorisation;
tiles bound the memory and can be computed side by side.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import starmap

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.regression.exact import Exact, fit_window
from market_pipeline.domain.regression.model import (
    FACTOR_FIELDS,
    SYMBOL_FIELDS,
    Fit,
    Model,
    Quality,
)
from market_pipeline.domain.regression.windows import Chunk, Whole, chunks

# Symbols of a tile: many enough that its operations outweigh calling them.
_SYMBOLS = 512
# Matrix products of the same numbers give the same bits only where they are as wide as a register.
_LANES = 8
_ARRAYS = (*FACTOR_FIELDS, *SYMBOL_FIELDS)


def rolling(
    y: Floats,
    x: Floats,
    model: Model,
    rows: range,
    *,
    ordinals: Whole | None = None,
    workers: int = 1,
) -> Iterator[Fit]:
    """Fit every column of `y` on all of `x` in the windows that end in `rows`, tile by tile.

    `y` is rows x symbols and `x` rows x factors, NaN where missing: a row counts for a symbol where
    it and all factors are there. `ordinals` place rows on a scale of their own, rising: a row gets
    the same bits whatever range it is computed in, if it keeps its ordinal.
    """
    whole = _Work(y, x, model)
    yield from _side_by_side(whole.tile, whole.tiles(rows, ordinals), workers)


def fit_all(
    y: Floats,
    x: Floats,
    model: Model,
    rows: range,
    *,
    ordinals: Whole | None = None,
    workers: int = 1,
) -> Fit:
    """Give all tiles of `rolling` as one `Fit`."""
    whole = _empty(rows, range(y.shape[1]), x.shape[1])
    work = _Work(y, x, model, whole)
    deque(_side_by_side(work.tile, work.tiles(rows, ordinals), workers), maxlen=0)
    return whole


def _side_by_side(
    tile: Callable[[Chunk, range], Fit], tasks: Iterable[tuple[Chunk, range]], workers: int
) -> Iterator[Fit]:
    if workers == 1:
        with _blas().limit(limits=1, user_api="blas"):
            yield from starmap(tile, tasks)
        return
    with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Fit]] = deque()
        for task in tasks:
            waiting.append(pool.submit(tile, *task))
            # Few tiles wait to be taken, however many there are.
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@cache
def _blas() -> ThreadpoolController:
    """Find the library of matrix products: these are so small that its threads would only wait."""
    return ThreadpoolController()


def _empty(rows: range, symbols: range, factors: int) -> Fit:
    def floats(*shape: int) -> Floats:
        return np.empty((*shape, len(rows), len(symbols)))

    shape = (len(rows), len(symbols))
    return Fit(
        rows, symbols, floats(factors), floats(factors), floats(factors),
        np.empty((factors, *shape), np.uint8), floats(), floats(), np.empty(shape, np.int64),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Work:
    """All that is to be fitted, and where to write it: into `whole`, or tile by tile."""

    y: Floats
    x: Floats
    model: Model
    whole: Fit | None = None

    def tiles(self, rows: range, ordinals: Whole | None) -> Iterator[tuple[Chunk, range]]:
        """Cut the work."""
        symbols = self.y.shape[1]
        places = np.arange(len(self.y)) if ordinals is None else ordinals
        for chunk in chunks(self.x, self.model, rows, places):
            for at in range(0, symbols, _SYMBOLS):
                yield chunk, range(at, min(at + _SYMBOLS, symbols))

    def tile(self, chunk: Chunk, symbols: range) -> Fit:
        """Fit one chunk's windows: by sums, and exactly where those do not do."""
        values = chunk.slab(self.y[:, symbols.start : symbols.stop])
        proxies = chunk.slab(self.x)
        whole = self.whole or _empty(chunk.rows, symbols, self.x.shape[1])
        fit = _part_of(whole, chunk.rows, symbols)
        with np.errstate(invalid="ignore", over="ignore"):
            is_safe = _by_sums(fit, whole, values, proxies, self.model, chunk)
        _mend(fit, ~is_safe, values, proxies, self.model, chunk)
        _judge(fit, self.model)
        return fit


def _by_sums(
    fit: Fit,
    whole: Fit,
    values: Floats,
    proxies: Floats,
    model: Model,
    chunk: Chunk,
) -> npt.NDArray[np.bool_]:
    """Fill `fit`, a part of `whole`, from sums of products; say where that is exact enough."""
    from market_pipeline.domain.regression import normal

    # Symbols that do not exist fill up the last lanes.
    lacking = -len(fit.symbols) % _LANES
    if lacking:
        values = np.pad(values, ((0, 0), (0, lacking)), constant_values=np.nan)
    is_there = np.isfinite(values)
    is_there &= np.isfinite(proxies).all(axis=1, keepdims=True)
    present, which = _patterns(is_there)
    known = np.ascontiguousarray(np.where(is_there, values, 0.0))
    factors = len(fit.beta)
    # Squares need the weight alone, here twice: a product with one row has an order of its own.
    layers = ((present, slice(None)), (known, slice(1, 2 + factors)), (known * known, [1, 1]))
    commons = zip(*(chunk.common(*layer) for layer in layers), strict=True)
    demands = normal.Demands(
        float(model.penalty), model.fewest(factors), model.half_life is not None
    )
    is_safe = np.empty((len(chunk.rows), len(fit.symbols)), dtype=bool)
    for part, common in zip(chunk.parts, commons, strict=True):
        present_cases, known_cases, squares = (
            normal.Cases(rows, sums) for (rows, _), sums in zip(layers, common, strict=True)
        )
        skipped = part.rows.start - chunk.first - part.start
        windows = normal.Part(
            part.start, part.oldest, part.size, skipped, part.decay, part.products
        )
        written = normal.Written(
            whole.beta, whole.std_error, whole.t_stat, whole.quality,
            whole.r_squared, whole.residual_deviation, whole.observations,
            is_safe[part.rows.start - chunk.rows.start :],
            part.rows.start - whole.rows.start,
            fit.symbols.start - whole.symbols.start,
        )  # fmt: skip
        normal.fit_part(
            windows, present_cases, known_cases, squares, which, len(fit.symbols), demands, written
        )
    return is_safe


def _patterns(is_there: npt.NDArray[np.bool_]) -> tuple[Floats, Whole]:
    """Give each pattern of missing rows once, and whose is whose; empty where each has its own."""
    seen: dict[bytes, int] = {}
    packed = np.ascontiguousarray(np.packbits(is_there, axis=0).T)
    which = np.array([seen.setdefault(column.tobytes(), len(seen)) for column in packed])
    if 2 * len(seen) > len(which):
        return is_there.astype(np.float64, order="C"), which[:0]
    _, firsts = np.unique(which, return_index=True)
    filled_up = np.resize(firsts, len(firsts) + -len(firsts) % _LANES)
    # Of one layout, as compiled code is made anew for each.
    return is_there[:, filled_up].astype(np.float64, order="C"), which


def _part_of(whole: Fit, rows: range, symbols: range) -> Fit:
    row, symbol = rows.start - whole.rows.start, symbols.start - whole.symbols.start
    at = (Ellipsis, slice(row, row + len(rows)), slice(symbol, symbol + len(symbols)))
    return Fit(rows, symbols, *(getattr(whole, name)[at] for name in _ARRAYS))


def _mend(
    fit: Fit,
    is_wanted: npt.NDArray[np.bool_],
    values: Floats,
    proxies: Floats,
    model: Model,
    chunk: Chunk,
) -> None:
    """Fit anew the windows whose sums lost digits."""
    for at_row, symbol in zip(*np.nonzero(is_wanted), strict=True):
        end = chunk.rows[at_row] - chunk.first + 1
        window = slice(max(end - model.window, 0), end)
        exact = fit_window(proxies[window], values[window, symbol], model)
        _put(fit, (at_row, symbol), exact)


def _put(fit: Fit, at: tuple[int, int], exact: Exact) -> None:
    fit.beta[:, *at], fit.std_error[:, *at] = exact.beta, exact.std_error
    with np.errstate(divide="ignore", invalid="ignore"):
        fit.t_stat[:, *at] = np.where(exact.std_error > 0, exact.beta / exact.std_error, np.nan)
    fit.r_squared[at], fit.residual_deviation[at] = exact.r_squared, exact.residual_deviation
    if exact.failure is not None:
        fit.quality[:, *at] = exact.failure


def _judge(fit: Fit, model: Model) -> None:
    """Take numbers away where there is no fit, cut betas, and say what each is worth."""
    is_missing = fit.quality[0] < Quality.FULL
    if is_missing.any():
        for name in (*FACTOR_FIELDS[:3], *SYMBOL_FIELDS[:2]):
            getattr(fit, name)[..., is_missing] = np.nan
    # LIMITED is the number after FULL.
    fit.quality[:] += ~is_missing & (fit.observations < model.window)
    if np.isfinite(model.cap):
        fit.quality[np.abs(fit.beta) > model.cap] = Quality.CAPPED
        np.clip(fit.beta, -model.cap, model.cap, out=fit.beta)
