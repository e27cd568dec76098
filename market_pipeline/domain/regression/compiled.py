"""Machine code out of plain functions over arrays, by numba: imported where something is fitted.

No fast-math: a function gives the bits that its Python text gives, however many lanes it works on.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile at the first call, kept on disk for other processes; other threads run meanwhile."""
    try:
        made = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        # Neither beside the module nor in the user's cache may anything be kept.
        made = njit(nogil=True, error_model="numpy")(function)
    return cast(_Function, made)
