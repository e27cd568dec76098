"""The forward pass of a small BERT encoder in numpy.

One text at a time: there is no padding and no mask, so what else is scored cannot matter.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
_EPSILON = np.float32(1e-12)
_GELU = (np.float32(2 * np.sqrt(2 / np.pi)), np.float32(0.044715))


@dataclass(frozen=True, slots=True)
class Linear:
    """A product with `weight` (inputs by outputs) and a sum with `bias`."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """Map rows of inputs to rows of outputs."""
        product: Array = x @ self.weight
        product += self.bias
        return product


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation."""

    scale: Array
    shift: Array

    def __call__(self, x: Array) -> Array:
        """Bring every row to mean 0 and variance 1, then scale and shift it."""
        centred = x - x.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        normal: Array = centred / np.sqrt(variance + _EPSILON) * self.scale + self.shift
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

    def __call__(self, x: Array) -> Array:
        """Map the rows of one text's pieces to rows of the same shape."""
        length, width = x.shape
        split = self.query_key_value(x).reshape(length, 3, self.heads, width // self.heads)
        query, key, value = split.transpose(1, 2, 0, 3)
        weights = _softmax(
            query @ key.transpose(0, 2, 1) * np.float32((width // self.heads) ** -0.5)
        )
        mixed = (weights @ value).transpose(1, 0, 2).reshape(length, width)
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

    def logits(self, numbers: list[int]) -> Array:
        """Give the logits of one text."""
        x: Array = self.pieces[numbers] * self.piece_scales[numbers, None]
        x = self.before(x + self.positions[: len(numbers)])
        for layer in self.layers:
            x = layer(x)
        row: Array = self.head(x.mean(axis=0, keepdims=True))[0]
        return row


def read_encoder(stored: dict[str, Any], heads: int = 12) -> Encoder:
    """Build an encoder from the arrays of a weights file; int8 products are widened once."""

    def linear(name: str) -> Linear:
        wide = stored[f"{name}.weight"].astype(np.float32) * stored[f"{name}.scale"][:, None]
        return Linear(np.ascontiguousarray(wide.T), _wide(stored[f"{name}.bias"]))

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


def _wide(array: npt.NDArray[Any]) -> Array:
    return array.astype(np.float32)


def _softmax(x: Array) -> Array:
    grown = np.exp(x - x.max(axis=-1, keepdims=True))
    shares: Array = grown / grown.sum(axis=-1, keepdims=True)
    return shares


def _gelu(x: Array) -> Array:
    """Approximate the Gaussian error linear unit by tanh (Hendrycks and Gimpel 2016)."""
    slope, cubic = _GELU
    # A sigmoid of twice the argument is the tanh of it, moved to [0, 1]; exp is quick in numpy.
    curved: Array = x / (1 + np.exp(np.minimum(-slope * (x + cubic * x * x * x), np.float32(80))))
    return curved
