"""How both encoders are trained: rates by layer, a warm start and a slow end, batch by batch."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.sentiment.batches import batches, half_width

Say = Callable[[str], None]


class Course(Protocol):
    """What a recipe says of the steps of a training."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def head_rate(self) -> float: ...
    @property
    def decay_by_layer(self) -> float: ...


def descend(
    model: Any,
    course: Course,
    lengths: Sequence[int],
    seed: int,
    logits_of: Callable[[list[int]], Tensor],
    loss_of: Callable[[Tensor, list[int]], Tensor],
    tell: Callable[[int, float], None],
) -> None:
    """Train the weights of `model` (with `layers` and a `head`) that want it.

    Rows have `lengths`; `logits_of` and `loss_of` are asked for the numbers of a batch's rows,
    and `tell` hears of each epoch, from 1 on, and its mean loss.
    """
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    steps = course.epochs * math.ceil(len(lengths) / course.batch)
    optimizer = torch.optim.AdamW(_groups(model, course), betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / (0.1 * steps)) * max(0.02, 1 - step / steps)
    )
    for epoch in range(course.epochs):
        model.train()
        losses = []
        for some in batches(lengths, course.batch, draw):
            with half_width():
                logits = logits_of(some)
            loss = loss_of(logits.float(), some)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        tell(epoch + 1, float(np.mean(losses)))


def class_weights(labels: npt.NDArray[np.int64], count: int, balance: float) -> Tensor:
    """Weigh each of `count` classes by its inverse frequency to the power of `balance`."""
    counts = np.bincount(labels, minlength=count)
    return torch.tensor((counts.sum() / counts / count) ** balance, dtype=torch.float32)


def _groups(model: Any, course: Course) -> list[dict[str, object]]:
    """Give every weight its rate: the nearer to the words, the smaller."""
    depth, groups = len(model.layers), []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        place = int(name.split(".")[1]) if name.startswith("layers.") else -1
        rate = course.rate * course.decay_by_layer ** (depth - 1 - place)
        groups.append(
            {
                "params": [weight],
                "lr": course.head_rate if name.startswith("head") else rate,
                "weight_decay": 0.01 if weight.ndim > 1 else 0.0,
            }
        )
    return groups
