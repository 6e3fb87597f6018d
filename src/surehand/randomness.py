"""All randomness as a pure function of what it is for: (seed, epoch, sample id), never of what ran before.

Nothing here reads or writes a global generator. That makes resume exact, and makes results independent of batch size,
worker count and world size.
"""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Key = int | str


def key_of(*key: Key) -> int:
    """A 128-bit number that names a stream.

    >>> key_of(0, "augment", 3) == key_of(0, "augment", 3) != key_of(0, "augment", 4)
    True
    """
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=16).digest(), "little")


def generator(*key: Key) -> np.random.Generator:
    """A numpy generator of its own for one purpose, e.g. ``generator(seed, "order", epoch)``."""
    return np.random.Generator(np.random.Philox(key=key_of(*key)))


def uniforms(*key: Key, ids: NDArray[np.uint64], columns: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one row per sample; a row depends on the key and its own id alone.

    Each number is splitmix64 (Steele, Lea and Flood, OOPSLA 2014) of the id, counted from a state drawn from the key.

    Args:
        key: what the numbers are for.
        ids: uint64 (n,).
        columns: numbers a sample.

    Returns:
        float64 (n, columns).
    """
    start = key_of(*key)
    state = _mix(np.asarray(ids, np.uint64) ^ np.uint64(start & 0xFFFFFFFFFFFFFFFF))  # (n,)
    bits = _mix(state[:, None] + (_steps(columns) + np.uint64(start >> 64)))  # (n, columns)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


@lru_cache
def _steps(columns: int) -> NDArray[np.uint64]:
    steps = np.arange(1, columns + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # wraps on purpose
    steps.flags.writeable = False
    return steps


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
