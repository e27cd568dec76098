"""Answers kept behind the `Coordination` port: found, counted, taken back.

A kept answer carries the generation of its subject as it was before the database was read. Taking
back counts the generation up, so an answer computed from old rows is a miss however late it is put.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from market_pipeline.domain.ports import Clock, Coordination

T = TypeVar("T")

TTL_S = 300.0
"""Seconds an answer stands without being taken back."""

HOT_READS, HOT_WITHIN_S = 3, 3600.0
"""An answer asked for so often within an hour is worth computing before it is asked for again."""

_GENERATION_TTL_S = 24 * 3600.0
_NO_GENERATION = "0"


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of answer: its name in the statistics, its keys, and its shape."""

    name: str
    key_form: str
    shape: Any

    def key(self, subject: str) -> str:
        """Give the key of the answer on `subject`."""
        return self.key_form.format(subject)

    def written(self, value: T, generation: str) -> str:
        """Write an answer with its generation, as it is kept."""
        return f"{generation}\n{self._adapter.dump_json(value).decode()}"

    def read(self, kept: str, generation: str) -> tuple[T] | None:
        """Read a kept answer of this very generation; None where it is another, or unreadable."""
        written_in, _, text = kept.partition("\n")
        if written_in != generation:
            return None
        try:
            return (self._adapter.validate_json(text, strict=True),)
        except ValidationError:  # of an older version, cut short, or not ours
            return None

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.shape)


@dataclass(frozen=True, slots=True)
class KindStats:
    """How often answers of a kind were there, and how often they had to be computed."""

    kind: str
    hits: int
    misses: int

    @property
    def hit_share(self) -> float | None:
        """Share of reads that hit; None before the first."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else None


class AnswerCache:
    """Keeps answers of some kinds; every process that shares the coordination shares them."""

    def __init__(
        self, coordination: Coordination, clock: Clock, kinds: Sequence[Kind[Any]]
    ) -> None:
        self._coordination, self._clock, self._kinds = coordination, clock, tuple(kinds)

    def answer(self, kind: Kind[T], subject: str, compute: Callable[[], T]) -> T:
        """Give the kept answer, or compute and keep it; the read is counted either way."""
        key = kind.key(subject)
        kept = self._coordination.get(key)
        # After the kept answer, so that a hit was current when it was looked at; and before the
        # rows are read, so that an answer of old rows can never pass for one of new rows.
        generation = self._generation(subject)
        self._count(f"cache:reads:{key}", ttl_s=HOT_WITHIN_S)
        found = None if kept is None else kind.read(kept, generation)
        if found is not None:
            self._count(f"cache:hits:{kind.name}")
            return found[0]
        self._count(f"cache:misses:{kind.name}")
        return self._computed(kind, subject, compute, generation)

    def warm(self, kind: Kind[T], subject: str, compute: Callable[[], T]) -> None:
        """Compute and keep an answer that nobody asked for yet; no read is counted."""
        self._computed(kind, subject, compute, self._generation(subject))

    def reads_of(self, kind: Kind[Any], subject: str) -> int:
        """Give how often the answer was asked for in the hour that began with the first time."""
        return number(self._coordination.get(f"cache:reads:{kind.key(subject)}"))

    def take_back(self, subjects: Iterable[str]) -> int:
        """Make every kept answer on `subjects` a miss; give how many there were."""
        subjects = list(dict.fromkeys(subjects))
        for subject in subjects:
            key = _generation_key(subject)
            # A new count starts at the present instant: one that was lost never comes again.
            if self._count(key, ttl_s=_GENERATION_TTL_S) == 1:
                self._coordination.increment(key, int(self._clock().timestamp() * 1000))
        return self._coordination.delete(
            [kind.key(subject) for subject in subjects for kind in self._kinds]
        )

    def stats(self) -> tuple[KindStats, ...]:
        """Give the hits and misses of every kind since counting began."""
        return tuple(
            KindStats(
                kind.name,
                number(self._coordination.get(f"cache:hits:{kind.name}")),
                number(self._coordination.get(f"cache:misses:{kind.name}")),
            )
            for kind in self._kinds
        )

    def _computed(
        self, kind: Kind[T], subject: str, compute: Callable[[], T], generation: str
    ) -> T:
        value = compute()
        self._coordination.put(kind.key(subject), kind.written(value, generation), TTL_S)
        return value

    def _count(self, key: str, ttl_s: float | None = None) -> int:
        return count(self._coordination, key, ttl_s=ttl_s)

    def _generation(self, subject: str) -> str:
        return self._coordination.get(_generation_key(subject)) or _NO_GENERATION


def _generation_key(subject: str) -> str:
    return f"cache:generation:{subject}"


def count(coordination: Coordination, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
    """Add to the count under `key`, and give what it has become."""
    try:
        return coordination.increment(key, by, ttl_s=ttl_s)
    except ValueError:  # what stands there is no number: somebody else's, and worth nothing
        coordination.delete([key])
        return coordination.increment(key, by, ttl_s=ttl_s)


def number(text: str | None) -> int:
    """Read a count; 0 where none is kept."""
    try:
        return int(text or 0)
    except ValueError:  # as in `count`: the next one begins anew
        return 0
