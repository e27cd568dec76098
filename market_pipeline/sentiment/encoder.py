"""The forward pass of a small BERT encoder in numpy: many texts at once, each as if alone.

A product of many rows is several times as fast as one of few, but sums of floats depend on their
order, and a library of linear algebra orders them by how many rows there are. So rows are rounded
to whole numbers first, as weights are: sums of whole numbers below 2^24 are exact in 32 bits,
whatever their order. Texts are packed one after the other, with no padding. Attention is within a
text, in products whose shape is the text's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
# Where a run of texts of one length starts among the rows, how many there are, and that length.
Run = tuple[int, int, int]
_EPSILON = np.float32(1e-12)
_EXACT, _MOST_STEPS = 2**24, 4096
# Rows that stay in a core's cache; columns few enough for some thousand steps.
_ROWS, _COLUMNS = 256, 384
_GELU = (np.float32(2 * np.sqrt(2 / np.pi)), np.float32(0.044715))


@dataclass(frozen=True, slots=True)
class Block:
    """Whole-numbered weights (inputs by outputs) of some inputs of a product.

    `steps` is how many whole numbers a row of inputs is rounded to on each side of 0: as many as
    keep every sum of the product below 2^24.
    """

    weight: Array
    steps: np.float32

    def __call__(self, x: Array) -> Array:
        """Map rows of inputs to rows of sums, each row rounded by its own largest number."""
        size = np.maximum(x.max(axis=1, keepdims=True), -x.min(axis=1, keepdims=True))
        size = np.maximum(size, _EPSILON)
        whole = x * (self.steps / size)
        sums: Array = np.rint(whole, out=whole) @ self.weight
        sums *= size / self.steps
        return sums


@dataclass(frozen=True, slots=True)
class Linear:
    """A product with weights, block by block, scaled by output, and a sum with `bias`."""

    blocks: tuple[Block, ...]
    scale: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """Map rows of inputs to rows of outputs."""
        product = np.zeros((len(x), len(self.bias)), dtype=np.float32)
        start = 0
        for block in self.blocks:
            end = start + len(block.weight)
            product += block(x[:, start:end])
            start = end
        product *= self.scale
        product += self.bias
        return product


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation."""

    scale: Array
    shift: Array

    def __call__(self, x: Array) -> Array:
        """Bring every row to mean 0 and variance 1, then scale and shift it."""
        normal: Array = x - x.mean(axis=1, keepdims=True)
        normal /= np.sqrt(np.square(normal).mean(axis=1, keepdims=True) + _EPSILON)
        normal *= self.scale
        normal += self.shift
        return normal


@dataclass(frozen=True, slots=True)
class Layer:
    """Self-attention and a feed-forward step, each added to its input and normalised."""

    query_key_value: Linear
    output: Linear
    after_attention: Norm
    widen: Linear
    narrow: Linear
    after_feed_forward: Norm
    heads: int

    def __call__(self, x: Array, runs: Sequence[Run]) -> Array:
        """Map the rows of all texts' pieces to rows of the same shape."""
        heads, width = self.heads, x.shape[1]
        split = self.query_key_value(x)
        split[:, :width] *= np.float32((width // heads) ** -0.5)
        mixed = np.empty_like(x)
        for start, texts, length in runs:
            rows = slice(start, start + texts * length)
            parts = split[rows].reshape(texts, length, 3, heads, width // heads)
            query, key, value = parts.transpose(2, 0, 3, 1, 4)
            heard = _softmax(query @ key.transpose(0, 1, 3, 2)) @ value
            mixed[rows] = heard.transpose(0, 2, 1, 3).reshape(texts * length, width)
        x = self.after_attention(x + self.output(mixed))
        return self.after_feed_forward(x + self.narrow(_gelu(self.widen(x))))


@dataclass(frozen=True, slots=True)
class Encoder:
    """Word pieces to three logits: negative, neutral, positive."""

    pieces: npt.NDArray[np.int8]
    piece_scales: Array
    positions: Array
    before: Norm
    layers: tuple[Layer, ...]
    head: Linear

    def logits(self, texts: Sequence[Sequence[int]]) -> Array:
        """Give the logits of texts, a row each in their order; no text may be empty."""
        found = np.empty((len(texts), len(self.head.bias)), dtype=np.float32)
        for some in _packs([len(numbers) for numbers in texts]):
            found[some] = self._packed([texts[i] for i in some])
        return found

    def _packed(self, texts: Sequence[Sequence[int]]) -> Array:
        """Give the logits of texts that stand in the order of their lengths."""
        runs: list[Run] = []
        start = 0
        for length, alike in groupby(map(len, texts)):
            count = sum(1 for _ in alike)
            runs.append((start, count, length))
            start += count * length
        numbers = [number for text in texts for number in text]
        x: Array = self.pieces[numbers] * self.piece_scales[numbers, None]
        x += self.positions[np.concatenate([np.arange(len(text)) for text in texts])]
        x = self.before(x)
        for layer in self.layers:
            x = layer(x, runs)
        means = [
            x[start : start + count * length].reshape(count, length, -1).mean(axis=1)
            for start, count, length in runs
        ]
        return self.head(np.concatenate(means))


def _packs(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Deal texts out, short ones first, so that each pack has few rows enough for the cache."""
    pack: list[int] = []
    rows = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if pack and rows + lengths[i] > _ROWS:
            yield pack
            pack, rows = [], 0
        pack.append(i)
        rows += lengths[i]
    if pack:
        yield pack


def read_encoder(stored: dict[str, Any], heads: int = 12) -> Encoder:
    """Build an encoder from the arrays of a weights file; int8 weights are widened once."""

    def linear(name: str) -> Linear:
        weight = _wide(stored[f"{name}.weight"])
        blocks = tuple(
            _block(weight[:, start : start + _COLUMNS])
            for start in range(0, weight.shape[1], _COLUMNS)
        )
        return Linear(blocks, _wide(stored[f"{name}.scale"]), _wide(stored[f"{name}.bias"]))

    def norm(name: str) -> Norm:
        return Norm(_wide(stored[f"{name}.weight"]), _wide(stored[f"{name}.bias"]))

    count = sum(name.endswith(".qkv.weight") for name in stored)
    layers = [
        Layer(
            linear(f"layers.{i}.qkv"), linear(f"layers.{i}.o"), norm(f"layers.{i}.n1"),
            linear(f"layers.{i}.f1"), linear(f"layers.{i}.f2"), norm(f"layers.{i}.n2"), heads,
        )
        for i in range(count)
    ]  # fmt: skip
    return Encoder(
        stored["pieces.weight"], _wide(stored["pieces.scale"]), _wide(stored["positions"]),
        norm("n"), tuple(layers), linear("head"),
    )  # fmt: skip


def _block(weight: Array) -> Block:
    """Give a block for weights of outputs by inputs."""
    largest = float(np.abs(weight).sum(axis=1, dtype=np.float64).max())
    steps = max(1, min(_MOST_STEPS, int(_EXACT / max(largest, 1))))
    return Block(np.ascontiguousarray(weight.T), np.float32(steps))


def _wide(array: npt.NDArray[Any]) -> Array:
    return array.astype(np.float32)


def _softmax(x: Array) -> Array:
    x -= x.max(axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=-1, keepdims=True)
    return x


def _gelu(x: Array) -> Array:
    """Approximate the Gaussian error linear unit by tanh (Hendrycks and Gimpel 2016)."""
    slope, cubic = _GELU
    # A sigmoid of twice the argument is the tanh of it, moved to [0, 1]; exp is quick in numpy.
    curve = np.square(x)
    curve *= -slope * cubic
    curve -= slope
    curve *= x
    np.minimum(curve, np.float32(80), out=curve)
    np.exp(curve, out=curve)
    curve += 1
    return np.divide(x, curve, out=curve)
