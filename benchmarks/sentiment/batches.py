"""What the trainings of both encoders share: batches of like length, and products in bfloat16."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch


def batches(lengths: Sequence[int], size: int, draw: np.random.Generator) -> Iterator[list[int]]:
    """Deal the numbers of rows out in batches of like length, in an order of chance."""
    order = draw.permutation(len(lengths)).tolist()
    dealt = []
    for start in range(0, len(order), 20 * size):
        near = sorted(order[start : start + 20 * size], key=lambda i: lengths[i])
        dealt += [near[i : i + size] for i in range(0, len(near), size)]
    for place in draw.permutation(len(dealt)):
        yield dealt[place]


def half_width() -> Any:
    """Let products be done in bfloat16; sums and norms stay in 32 bits."""
    return torch.autocast("cpu", dtype=torch.bfloat16)
