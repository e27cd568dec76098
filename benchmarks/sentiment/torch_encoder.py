"""The encoder of `market_pipeline.sentiment` in torch, to be trained from published weights."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.sentiment.published import Published

MAX_PIECES, HEADS = 64, 12
_PARTS = (
    ("o", "attention.output.dense"), ("n1", "attention.output.LayerNorm"),
    ("f1", "intermediate.dense"), ("f2", "output.dense"), ("n2", "output.LayerNorm"),
)  # fmt: skip


class TorchLayer(nn.Module):  # type: ignore[misc,unused-ignore]
    """One layer, named as in the weights file that is shipped."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.qkv, self.o, self.n1 = (
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
            _norm(width),
        )
        self.f1, self.f2, self.n2 = nn.Linear(width, inner), nn.Linear(inner, width), _norm(width)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        rows, length, width = x.shape
        split = self.qkv(x).view(rows, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(
            split[0], split[1], split[2], attn_mask=mask, dropout_p=dropout
        )
        mixed = self.o(mixed.transpose(1, 2).reshape(rows, length, width))
        x = self.n1(x + functional.dropout(mixed, dropout))
        fed = self.f2(functional.gelu(self.f1(x), approximate="tanh"))
        result: Tensor = self.n2(x + functional.dropout(fed, dropout))
        return result


class TorchEncoder(nn.Module):  # type: ignore[misc,unused-ignore]
    """Word pieces of a padded batch to three logits a row; number 0 is padding."""

    def __init__(self, published: Published, dropout: float) -> None:
        super().__init__()
        stored = published.weights
        words = stored["embeddings.word_embeddings.weight"].float()[published.kept]
        width = words.shape[1]
        # Published word vectors stay as they are: rare words keep their place among their like.
        self.words = nn.Embedding.from_pretrained(words, freeze=True)
        places = stored["embeddings.position_embeddings.weight"]
        kinds = stored["embeddings.token_type_embeddings.weight"]
        self.positions = nn.Parameter((places[:MAX_PIECES] + kinds[0]).clone())
        self.n = _norm(width)
        _load(self.n, stored, "embeddings.LayerNorm")
        count = len({name.split(".")[2] for name in stored if name.startswith("encoder.layer.")})
        inner = stored["encoder.layer.0.intermediate.dense.bias"].shape[0]
        self.layers = nn.ModuleList(TorchLayer(width, inner, dropout) for _ in range(count))
        for number, layer in enumerate(self.layers):
            _load_layer(layer, stored, f"encoder.layer.{number}.")
        self.head = nn.Linear(width, 3)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.dropout = dropout

    def forward(self, numbers: Tensor) -> Tensor:
        real = numbers != 0
        x = self.n(self.words(numbers) + self.positions[: numbers.shape[1]])
        x = functional.dropout(x, self.dropout, self.training)
        for layer in self.layers:
            x = layer(x, real[:, None, None, :])
        weight = real[..., None].to(x.dtype)
        mean = (x * weight).sum(1) / weight.sum(1)
        logits: Tensor = self.head(functional.dropout(mean, self.dropout, self.training))
        return logits


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Make one tensor of rows of different lengths."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])


def predicted(model: TorchEncoder, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Give the logits of every row."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found = np.zeros((len(rows), 3), dtype=np.float32)
    with torch.no_grad():
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            found[some] = model(padded([rows[i] for i in some])).numpy()
    return found


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-12)


def _load(module: nn.Linear | nn.LayerNorm, stored: dict[str, Tensor], name: str) -> None:
    module.weight.data = stored[f"{name}.weight"].float().clone()
    module.bias.data = stored[f"{name}.bias"].float().clone()


def _load_layer(layer: nn.Module, stored: dict[str, Tensor], prefix: str) -> None:
    for kind in ("weight", "bias"):
        parts = [stored[f"{prefix}attention.self.{n}.{kind}"] for n in ("query", "key", "value")]
        getattr(layer.qkv, kind).data = torch.cat(parts).float()
    for name, published_name in _PARTS:
        _load(getattr(layer, name), stored, prefix + published_name)
