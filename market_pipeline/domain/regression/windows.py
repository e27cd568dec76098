"""Sums over sliding windows, for many symbols at once, in which no digit is lost.

Rows are cut into chunks, chunks into parts. A window's sum is what all windows of its chunk share,
what those of its part share beyond, and its own rows at both edges, which grow from window to
window: only added, never subtracted. Cuts depend on `ordinals` alone, so that a row's bits do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats
from market_pipeline.domain.regression.model import Model

CHUNK, PART = 128, 16
"""Rows of a chunk and, at most, of a part, on the scale of the ordinals."""

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Windows that end in a few neighbouring rows: `rows`, the first of them at `start` or later.

    Positions count from the chunk's first row. All windows share the rows `middle` and the chunk's;
    the one that ends in row `start` + k also has rows `oldest` + k to `oldest` + `size` - 2, and
    `start` + 1 to `start` + k. A row of `products` holds 1 (rows are counted), the row's weight,
    and that times the proxies and their products with each other, lower triangle by columns; sums
    of what is weighed count by `decay`, one a window.
    """

    rows: range
    start: int
    oldest: int
    size: int
    middle: Whole
    decay: Floats
    products: Floats


@dataclass(frozen=True, slots=True)
class Chunk:
    """Windows that end in `rows`; the slab of rows they need begins at `first`, maybe before row 0.

    All windows that a chunk may have share the rows `shared`.
    """

    rows: range
    first: int
    shared: slice
    parts: tuple[Part, ...]

    def slab(self, values: Floats) -> Floats:
        """Take the chunk's rows of a longer matrix, NaN where it has none."""
        # One layout, whatever the caller's: products of another are summed in another order.
        known = np.ascontiguousarray(values[max(self.first, 0) : self.rows.stop])
        lacking = max(-self.first, 0)
        return np.pad(known, ((lacking, 0), (0, 0)), constant_values=np.nan) if lacking else known

    def common(self, values: Floats, columns: slice | list[int]) -> Iterator[Floats]:
        """Sum values (x cases) times products over what a part's windows share, part by part.

        At least two columns: a product with a single row is summed in another order.
        """
        base = self.parts[0].products[self.shared, columns].T @ values[self.shared]
        for part in self.parts:
            products = part.products[part.middle][:, columns]
            yield products.T @ values[part.middle] + base


def chunks(x: Floats, model: Model, rows: range, ordinals: Whole) -> Iterator[Chunk]:
    """Cut `rows` into chunks of at most `CHUNK`, and prepare the sums of `x` (rows x factors)."""
    labels = ordinals // CHUNK
    at = rows.start
    while at < rows.stop:
        begin, end = np.searchsorted(labels, [labels[at], labels[at] + 1])
        stop = min(int(end), rows.stop)
        yield _chunk(x, model, range(at, stop), int(begin), ordinals)
        at = stop


def _chunk(x: Floats, model: Model, rows: range, begin: int, ordinals: Whole) -> Chunk:
    first = begin - model.window + 1
    # As if all rows a chunk may have were asked for: what is shared does not depend on the range.
    shared = range(begin + CHUNK - model.window, begin + 1)
    inner = slice(shared.start - first, shared.stop - first) if shared else slice(0, 0)
    z = np.zeros((rows.stop - first, x.shape[1] + 1))
    known = x[max(first, 0) : rows.stop]
    is_known = np.isfinite(known).all(axis=1, keepdims=True)
    z[max(-first, 0) :] = np.where(is_known, np.insert(known, 0, 1.0, axis=1), 0.0)
    parts = tuple(_parts(z, model, rows, begin, shared, ordinals))
    return Chunk(rows, first, inner, parts)


def _parts(
    z: Floats, model: Model, rows: range, begin: int, shared: range, ordinals: Whole
) -> Iterator[Part]:
    window, first = model.window, begin - model.window + 1
    # All windows of a part hold its first row.
    size = min(PART, 1 << (window.bit_length() - 1))
    labels = ordinals // size
    products = _products(z, model, begin - first)
    for label in range(labels[rows.start], labels[rows.stop - 1] + 1):
        start, stop = (int(at) for at in np.searchsorted(labels, [label, label + 1]))
        asked = range(max(start, rows.start), min(stop, rows.stop))
        if not asked:
            continue
        in_all = np.arange(start + size - window, start + 1)
        in_shared = (in_all >= shared.start) & (in_all < shared.stop)
        # Weights count from a row that every range with this part's windows holds.
        origin = begin if shared else start
        if origin != begin and model.half_life is not None:
            products = _products(z, model, origin - first)
        yield Part(
            asked, start - first, start - window + 1 - first, size, in_all[~in_shared] - first,
            model.weights(np.array(asked) - origin), products,
        )  # fmt: skip


def _products(z: Floats, model: Model, origin: int) -> Floats:
    """Multiply 1 and the proxies (rows x 1 + factors) with each other and a row's weight."""
    weights = model.weights(origin - np.arange(len(z)))[:, None]
    weighed = [weights * z[:, at:] * z[:, [at]] for at in range(z.shape[1])]
    # A row without its proxies counts for nobody.
    return np.hstack([z[:, :1], *weighed])
