"""Compiled comparisons of 64-bit hashes, all pairs, without storing the pairs."""

import numpy as np
from numpy.typing import NDArray

from surehand.kernels import kernel

_compiled = kernel(boundscheck=False)


@_compiled
def _bits(x: np.uint64) -> np.uint64:
    """How many bits are set (Warren, Hacker's Delight, figure 5-2), in a form that compiles to vector code."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@_compiled
def count_near(queries: NDArray[np.uint64], keys: NDArray[np.uint64], most: int, counts: NDArray[np.int64]) -> None:
    """counts[i] = how many keys differ from query i in at most `most` bits."""
    limit = np.uint64(most)
    for i in range(queries.size):
        query = queries[i]
        n = 0
        for j in range(keys.size):
            n += int(_bits(query ^ keys[j]) <= limit)
        counts[i] = n


@_compiled
def _root(parent: NDArray[np.int64], node: np.int64) -> np.int64:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@_compiled
def join_near(
    hashes: NDArray[np.uint64],
    unit: NDArray[np.int64],
    most: int,
    cap: int,
    parent: NDArray[np.int64],
    size: NDArray[np.int64],
) -> None:
    """Join the units of near images, nearest pairs first, while the joined size stays within `cap`.

    Args:
        hashes, unit: one row an image.
        most: bits in which near images may differ.
        cap: largest size of a joined unit, in images.
        parent, size: one row a unit; a forest of trees (Tarjan, J. ACM 22, 1975), changed in place.
    """
    distance = np.empty(hashes.size, np.uint8)
    for level in range(most + 1):
        wanted = np.uint8(level)
        for i in range(1, hashes.size):
            query = hashes[i]
            hits = 0
            for j in range(i):
                distance[j] = np.uint8(_bits(query ^ hashes[j]))
                hits += int(distance[j] == wanted)
            if hits == 0:
                continue
            for j in range(i):
                if distance[j] == wanted:
                    a, b = _root(parent, unit[i]), _root(parent, unit[j])
                    if a != b and size[a] + size[b] <= cap:
                        parent[max(a, b)] = min(a, b)
                        size[min(a, b)] = size[a] + size[b]
