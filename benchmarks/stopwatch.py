"""Where the seconds of real code go: functions are wrapped for a while, none is changed.

Seconds count for the innermost wrapped function alone, so that shares add up to the whole. One
thread is watched: what its own threads do meanwhile counts for the function that waits for them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any


class Stopwatch:
    """Seconds by name, and calls; what runs outside all wrapped functions counts for `rest`."""

    def __init__(self, rest: str) -> None:
        self._rest = rest
        self._running: list[str] = []
        self._since = 0.0
        self._replaced: list[tuple[Any, str, Any]] = []
        self.seconds: dict[str, float] = {}

    def wrap(self, name: str, owner: Any, *attributes: str) -> None:
        """Let calls of functions of a module or class count for `name`."""
        for attribute in attributes:
            self.replace(owner, attribute, lambda original: self.wrapped(name, original))

    def replace(self, owner: Any, attribute: str, change: Callable[[Any], Any]) -> None:
        """Put what `change` makes of an attribute in its place, until it is given back."""
        original = getattr(owner, attribute)
        self._replaced.append((owner, attribute, original))
        setattr(owner, attribute, change(original))

    def give_back(self) -> None:
        """Put every attribute's original back."""
        while self._replaced:
            setattr(*self._replaced.pop())

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function that does the same, and whose seconds count for `name`."""
        if isgeneratorfunction(function):
            return wraps(function)(
                lambda *given, **named: self._each(name, function(*given, **named))
            )

        @wraps(function)
        def run(*given: Any, **named: Any) -> Any:
            with self._counting(name):
                return function(*given, **named)

        return run

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count from now on; what is wrapped nowhere counts for the rest."""
        self.seconds = {}
        with self._counting(self._rest):
            yield

    def _each(self, name: str, items: Iterator[Any]) -> Iterator[Any]:
        nothing = object()
        while True:
            with self._counting(name):
                item = next(items, nothing)
            if item is nothing:
                return
            yield item

    @contextmanager
    def _counting(self, name: str) -> Iterator[None]:
        self._take()
        self._running.append(name)
        try:
            yield
        finally:
            self._take()
            self._running.pop()

    def _take(self) -> None:
        """Give the seconds since the last change to what was running."""
        now = time.perf_counter()
        if self._running:
            name = self._running[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now
