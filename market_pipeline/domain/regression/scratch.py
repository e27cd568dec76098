"""Memory for intermediate results that is used again and again."""

import math
import threading

import numpy as np

from market_pipeline.domain.frames import Floats


class Scratch(threading.local):
    """Gives arrays, undefined inside, out of one buffer a thread; `reset` takes them all back.

    Fresh memory for every step would cost more than the arithmetic: each page is first zeroed.
    """

    def __init__(self) -> None:
        self._buffer: Floats = np.empty(0)
        self._taken = 0

    def reset(self) -> None:
        """Take back what was given; the buffer grows to what was asked for since the last time."""
        if self._taken > self._buffer.size:
            self._buffer = np.empty(self._taken)
        self._taken = 0

    def take(self, *shape: int) -> Floats:
        """Give an array of this shape."""
        begin, size = self._taken, math.prod(shape)
        self._taken += size
        if self._taken > self._buffer.size:
            return np.empty(shape)
        return self._buffer[begin : self._taken].reshape(shape)
