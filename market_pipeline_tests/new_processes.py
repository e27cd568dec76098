"""Processes of a test's own, from a fork server: they start without importing libraries again."""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

FROM_SERVER = multiprocessing.get_context("forkserver")
# One list for all tests, for there is one server. Not our own package: where it is not installed
# the server does not find it.
FROM_SERVER.set_forkserver_preload(
    ["dagster", "pandas", "sqlalchemy", "yfinance", "alembic.command", "psycopg", "redis", "pytest"]
)


class _Environment:
    """Variables that are set where it is unpickled, before whatever is unpickled after it.

    The modules of a target are imported then, and may read them.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def __reduce__(self) -> tuple[object, ...]:
        return take_environment, (self._variables,)


def take_environment(variables: Mapping[str, str]) -> _Environment:
    """Give this process these variables and no others."""
    os.environ.clear()
    os.environ.update(variables)
    return _Environment(variables)


def new_process(target: Callable[..., object], *args: Any) -> BaseProcess:
    """Make a process that calls `target(*args)` in the environment of now, not of the server's."""
    return FROM_SERVER.Process(
        target=_call, args=(_Environment(os.environ), target, args), daemon=True
    )


def _call(_environment: _Environment, target: Callable[..., object], args: tuple[Any, ...]) -> None:
    target(*args)
