"""Which images are alike: 64-bit difference hashes that differ in few bits."""

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from ._duplicates_kernels import count_near

# Of 64 bits. On video frames of held hands this is where a frame's neighbours are and other scenes are not.
NEAR_BITS = 4


def near_counts(
    queries: UInt64[np.ndarray, " q"], keys: UInt64[np.ndarray, " k"], bits: int = NEAR_BITS
) -> Int64[np.ndarray, " q"]:
    """How many keys lie within `bits` of each query."""
    counts = np.zeros(len(queries), np.int64)
    count_near(queries, keys, bits, counts)
    return counts


def has_twin(
    queries: Bool[np.ndarray, " n"],
    keys: Bool[np.ndarray, " n"],
    dhash: UInt64[np.ndarray, " n"],
    labels: Int64[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Which of the rows marked `queries` have a near image of their own class among the rows marked `keys`."""
    found = np.zeros(len(dhash), bool)
    for label in np.unique(labels[queries]):
        own = labels == label
        rows = np.flatnonzero(queries & own)
        found[rows] = near_counts(dhash[rows], dhash[keys & own]) > 0
    return found
