"""Sums over sliding windows, for many symbols at once, in which no digit is lost.

Rows are cut into chunks, chunks into parts. A window's sum is what all windows of its chunk share,
what those of its part share beyond, and its own rows at both edges: matrix products that are only
added, never subtracted. Cuts depend on `ordinals` alone: a row gets the same bits in any range.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.regression.model import Model
from market_pipeline.domain.regression.scratch import Scratch

CHUNK, PART = 128, 16
"""Rows of a chunk and of a part, on the scale of the ordinals."""

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Windows that end in a few neighbouring rows: which rows they share, and which only some have.

    Positions count from the chunk's first row; weights are zero outside a window.
    """

    rows: range
    middle: Whole
    edge: Whole
    middle_weights: Floats
    edge_weights: Floats
    decay: Floats


@dataclass(frozen=True, slots=True)
class Weighing:
    """Products of the proxies, ready to be summed over the windows in which a symbol was there."""

    shared: Floats
    middles: tuple[Floats, ...]
    edges: tuple[Floats, ...]
    is_decaying: bool

    def sums(self, rows: Floats, base: Floats, part: Part, at: int, scratch: Scratch) -> Floats:
        """Sum rows (x symbols) over a part's windows: products x (windows, symbols)."""
        count, symbols = base.shape
        sums = scratch.take(count * len(part.rows), symbols)
        np.matmul(self.edges[at], rows[part.edge], out=sums)
        inner = np.matmul(self.middles[at], rows[part.middle], out=scratch.take(count, symbols))
        inner += base
        shaped = sums.reshape(count, len(part.rows), symbols)
        shaped += inner[:, None] * part.decay if self.is_decaying else inner[:, None]
        return sums.reshape(count, -1)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Windows that end in `rows`, and the proxies' part of their sums.

    The slab of rows they need begins at `first`, which may lie before row 0.
    """

    rows: range
    first: int
    shared: slice
    parts: tuple[Part, ...]
    pairs: Weighing
    singles: Weighing
    ones: Weighing
    counts: Weighing

    def slab(self, values: Floats) -> Floats:
        """Take the chunk's rows of a longer matrix, NaN where it has none."""
        # One layout, whatever the caller's: products of another are summed in another order.
        known = np.ascontiguousarray(values[max(self.first, 0) : self.rows.stop])
        lacking = max(-self.first, 0)
        return np.pad(known, ((lacking, 0), (0, 0)), constant_values=np.nan) if lacking else known


def chunks(x: Floats, model: Model, rows: range, ordinals: Whole) -> Iterator[Chunk]:
    """Cut `rows` into chunks of at most `CHUNK`, and prepare the sums of `x` (rows x factors)."""
    labels = ordinals // CHUNK
    at = rows.start
    while at < rows.stop:
        begin, end = np.searchsorted(labels, [labels[at], labels[at] + 1])
        stop = min(int(end), rows.stop)
        yield _chunk(x, model, range(at, stop), int(begin), ordinals // PART)
        at = stop


def _chunk(x: Floats, model: Model, rows: range, begin: int, labels: Whole) -> Chunk:
    # No window is longer than what there is; a longer one would only be summed over nothing.
    window = min(model.window, rows.stop)
    first = begin - window + 1
    # As if all rows a chunk may have were asked for: what is shared does not depend on the range.
    shared = range(begin + CHUNK - window, begin + 1)
    inner = slice(shared.start - first, shared.stop - first) if shared else slice(0, 0)
    parts = tuple(_parts(model, window, rows, begin, shared, labels))
    z = np.zeros((rows.stop - first, x.shape[1] + 1))
    known = x[max(first, 0) : rows.stop]
    is_known = np.isfinite(known).all(axis=1, keepdims=True)
    z[max(-first, 0) :] = np.where(is_known, np.insert(known, 0, 1.0, axis=1), 0.0)
    # Lower triangle by columns: 1, x1, x2, ..., x1 x1, x1 x2, ...
    pairs = np.concatenate([z[:, at:].T * z[:, at] for at in range(z.shape[1])])
    weights = model.weights(begin - np.arange(first, rows.stop)[inner])
    # Twice: a product with a single row is summed in another order than one with many.
    one = np.ones((2, len(z)))
    is_decaying = model.half_life is not None
    ones = _weighing(one, inner, weights, parts, is_decaying=is_decaying)
    counts = _weighing(one, inner, None, parts, is_decaying=False)
    return Chunk(
        rows, first, inner, parts,
        _weighing(pairs, inner, weights, parts, is_decaying=is_decaying),
        _weighing(z.T, inner, weights, parts, is_decaying=is_decaying),
        ones, counts,
    )  # fmt: skip


def _parts(
    model: Model, window: int, rows: range, begin: int, shared: range, labels: Whole
) -> Iterator[Part]:
    first = begin - window + 1
    for label in range(labels[rows.start], labels[rows.stop - 1] + 1):
        start, stop = (int(at) for at in np.searchsorted(labels, [label, label + 1]))
        asked = range(max(start, rows.start), min(stop, rows.stop))
        if not asked:
            continue
        # Weights count from a row that every range with this part's windows holds.
        origin = begin if shared else start
        reach = np.arange(start - window + 1, asked.stop)
        in_all = (reach >= start + PART - window) & (reach <= start)
        in_shared = (reach >= shared.start) & (reach < shared.stop)
        middle, edge = reach[in_all & ~in_shared], reach[~in_all & ~in_shared]
        ages = np.array(asked)[:, None] - edge
        is_inside = (ages >= 0) & (ages < window)
        yield Part(
            asked, middle - first, edge - first,
            model.weights(origin - middle),
            np.where(is_inside, model.weights(np.maximum(ages, 0)), 0.0),
            model.weights(np.array(asked) - origin)[:, None],
        )  # fmt: skip


def _weighing(
    products: Floats,
    shared: slice,
    weights: Floats | None,
    parts: Sequence[Part],
    *,
    is_decaying: bool,
) -> Weighing:
    """Weigh products by what each row counts in each window; without `weights` rows are counted."""
    middles, edges = [], []
    for part in parts:
        by = part.edge_weights if weights is not None else np.sign(part.edge_weights)
        edges.append((products[:, None, part.edge] * by).reshape(-1, len(part.edge)))
        middle = products[:, part.middle]
        middles.append(middle if weights is None else middle * part.middle_weights)
    every = products[:, shared]
    return Weighing(
        every if weights is None else every * weights, tuple(middles), tuple(edges), is_decaying
    )
