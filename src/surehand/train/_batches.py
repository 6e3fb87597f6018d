"""Batches for the model."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt64
from numpy import ndarray
from torch import Tensor

from surehand.data import Augmentation, Samples, augment

from ._order import dropout_keys


@dataclass(frozen=True)
class Batch:
    """Images ready for the model: float32 (b, 3, h, w) in [0, 1], labels and dropout keys int64 (b,)."""

    images: Float[Tensor, "b 3 h w"]
    labels: Int64[Tensor, " b"]
    keys: Int64[Tensor, " b"]


def augmented(
    samples: Samples, plan: Iterable[Int64[ndarray, " _"]], augmentation: Augmentation, *, seed: int, epoch: int
) -> Iterator[Batch]:
    """The batches that `plan` lists, each made by as many threads as torch computes with.

    Not one batch ahead in a thread of its own: on a processor that would take a core from the step, whose other threads
    then wait for it, and cost more than it hides.

    Args:
        samples: the training images.
        plan: positions in `samples`, batch by batch.
        augmentation: what is done to each image, by its id and the epoch.
        seed: of the run.
        epoch: from 0.
    """
    threads, (height, width, _) = torch.get_num_threads(), samples.pixels.shape[1:]
    with ThreadPoolExecutor(threads, thread_name_prefix="batches") as pool:
        for positions in map(np.asarray, plan):
            ids = samples.ids[positions]
            images = torch.empty((len(positions), height, width, 3)).permute(0, 3, 1, 2)
            make = partial(_make, samples, positions, ids, augmentation, seed, epoch, images)
            list(pool.map(make, np.array_split(np.arange(len(positions)), threads)))
            keys = torch.from_numpy(dropout_keys(ids, seed=seed, epoch=epoch))
            yield Batch(images, torch.from_numpy(samples.labels[positions]), keys)


def _make(
    samples: Samples,
    positions: Int64[ndarray, " b"],
    ids: UInt64[ndarray, " b"],
    augmentation: Augmentation,
    seed: int,
    epoch: int,
    images: Float[Tensor, "b 3 h w"],
    part: Int64[ndarray, " p"],
) -> None:
    """Fill a part of a batch."""
    if len(part):
        rows = slice(int(part[0]), int(part[-1]) + 1)
        pixels = samples.pixels_of(positions[rows])
        augment(pixels, ids[rows], seed=seed, epoch=epoch, augmentation=augmentation, out=images[rows])
