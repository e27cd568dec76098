"""Which benchmarks there are. A new one is a module in `measures` with a registered function."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks import measures
from benchmarks.lab import Lab
from benchmarks.rows import Row

Measure = Callable[[Lab], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named benchmark, what it tells, and the function that measures it."""

    name: str
    tells: str
    measure: Measure
    is_long: bool = False


_known: dict[str, Benchmark] = {}


def benchmark(name: str, tells: str, *, is_long: bool = False) -> Callable[[Measure], Measure]:
    """Register a function as the benchmark `name`; raise ValueError where the name is taken.

    One that `is_long` is measured only where it is named.
    """

    def register(measure: Measure) -> Measure:
        if name in _known:
            raise ValueError(f"two benchmarks are called {name}")
        _known[name] = Benchmark(name, tells, measure, is_long)
        return measure

    return register


def all_benchmarks() -> list[Benchmark]:
    """Load every module of `measures` and give the benchmarks, by name."""
    for module in pkgutil.iter_modules(measures.__path__, f"{measures.__name__}."):
        importlib.import_module(module.name)
    return [_known[name] for name in sorted(_known)]


def chosen(names: Iterable[str]) -> list[Benchmark]:
    """Give the benchmarks of these names (none: all but the long ones).

    Raises ValueError for an unknown one.
    """
    known = {each.name: each for each in all_benchmarks()}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(
            f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}"
        )
    wanted = set(names)
    return [each for name, each in known.items() if name in wanted or not (wanted or each.is_long)]
