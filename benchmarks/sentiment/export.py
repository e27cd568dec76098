"""Writes a trained encoder as the file that is shipped: products and word vectors in int8.

The same encoder gives the same bytes, so that the version can name them.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.sentiment.published import published
from benchmarks.sentiment.torch_encoder import TorchEncoder
from market_pipeline.sentiment.calibration import Calibration


def weights_file(model: TorchEncoder, calibration: Calibration) -> bytes:
    """Give the bytes of the weights file."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, tensor in model.state_dict().items():
        stored = {"words.weight": "pieces.weight"}.get(name, name)
        array = tensor.detach().numpy().astype(np.float32)
        if array.ndim == 2 and stored != "positions":
            narrow, scale = _narrowed(array)
            arrays[stored] = narrow
            arrays[stored.replace(".weight", ".scale")] = scale
        else:
            arrays[stored] = array.astype(np.float16 if stored == "positions" else np.float32)
    arrays["vocabulary"] = _bytes("\n".join(published().vocabulary))
    arrays["calibration"] = _bytes(json.dumps(asdict(calibration), sort_keys=True))
    return _packed(arrays)


def version_of(weights: bytes) -> str:
    """Name a weights file."""
    return f"bge-small-{hashlib.sha256(weights).hexdigest()[:8]}"


def write(weights: bytes, path: Path) -> None:
    """Write the file, whole or not at all."""
    beside = path.with_suffix(".part")
    beside.write_bytes(weights)
    beside.replace(path)


def _narrowed(
    array: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round every row to 255 steps of its own size."""
    scale = np.maximum(np.abs(array).max(axis=1), 1e-8) / 127
    narrow = np.round(array / scale[:, None]).astype(np.int8)
    return narrow, scale.astype(np.float32)


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _packed(arrays: dict[str, npt.NDArray[np.generic]]) -> bytes:
    """Pack as numpy's npz, with one date for all members."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.save(member, arrays[name], allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED
            )
    return whole.getvalue()
