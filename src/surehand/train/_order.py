"""Which images form which batch on which device: a pure function of (seed, epoch), never of what ran before."""

import numpy as np
from jaxtyping import Int64, UInt64
from numpy import ndarray

from surehand.randomness import generator, uniforms


def batches(n: int, batch: int, *, seed: int, epoch: int) -> list[Int64[ndarray, " _"]]:
    """All n positions once, in the order of this epoch, cut into ceil(n / batch) batches of nearly equal size.

    Equal sizes, because a last batch of one image would break batch normalisation: from batches of 3 on, there is none.

    Args:
        n: images, at least 1.
        batch: the largest batch.
        seed: of the run.
        epoch: from 0.

    >>> [len(b) for b in batches(10, 4, seed=0, epoch=0)]
    [4, 3, 3]
    """
    return np.array_split(generator(seed, "order", epoch).permutation(n), -(-n // batch))


def shard(positions: Int64[ndarray, " b"], rank: int, world: int) -> Int64[ndarray, " s"]:
    """The part of a batch that one of `world` devices works on; the parts together are the batch."""
    return positions[rank::world]


def dropout_keys(ids: UInt64[ndarray, " b"], *, seed: int, epoch: int) -> Int64[ndarray, " b"]:
    """What names each sample's dropout masks in this epoch: independent of batch, device and step."""
    return (uniforms(seed, "dropout", epoch, ids=ids, columns=1)[:, 0] * 2.0**53).astype(np.int64)
