"""Random numbers that depend on names, not on the order of asking.

Belongs here: seeded streams and hashes. A stream's first n draws never change with its length;
a hashed draw depends only on the key and the day. Does not: anything about markets.
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_MANTISSA_SHIFT, _MANTISSA = np.uint64(11), float(1 << 53)

Hashes = npt.NDArray[np.uint64]


def stream(seed: int, *names: object) -> np.random.Generator:
    """Give the generator that belongs to these names."""
    return np.random.default_rng(_digest(16, seed, *names))


def key(seed: int, *names: object) -> int:
    """Give the 64-bit number that belongs to these names."""
    return _digest(8, seed, *names)


def unit(seed: int, *names: object) -> float:
    """Give the one draw in [0, 1) that belongs to these names."""
    return _digest(8, seed, *names) / 2.0**64


def hashed_uniform(
    keys: Hashes, days: npt.NDArray[np.int64], channel: int
) -> npt.NDArray[np.float64]:
    """Draw in [0, 1) for every (key, day), broadcast; `channel` parts independent uses.

    SplitMix64 (Steele, Lea, Flood 2014), its state being key + golden ratio x counter.
    """
    counter = days.astype(np.uint64) * np.uint64(16) + np.uint64(channel)
    with np.errstate(over="ignore"):
        z = keys + _GOLDEN * (counter + np.uint64(1))
        z = (z ^ (z >> _SHIFTS[0])) * _MIX_1
        z = (z ^ (z >> _SHIFTS[1])) * _MIX_2
        z = z ^ (z >> _SHIFTS[2])
    drawn: npt.NDArray[np.float64] = (z >> _MANTISSA_SHIFT).astype(np.float64) / _MANTISSA
    return drawn


def _digest(size: int, *names: object) -> int:
    text = "/".join(str(name) for name in names)
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "big")
