"""Batches for the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor

from surehand.data import Augmentation, Samples, apply_augmentation, draw_augmentation

from ._order import dropout_keys

# Drawing costs the interpreter as much for one batch as for many, so it is done for so many at once.
_DRAWN_AT_ONCE = 16


@dataclass(frozen=True)
class Batch:
    """Images ready for the model: float32 (b, 3, h, w) in [0, 1], labels and dropout keys int64 (b,)."""

    images: Float[Tensor, "b 3 h w"]
    labels: Int64[Tensor, " b"]
    keys: Int64[Tensor, " b"]


def augmented(
    samples: Samples, plan: Sequence[Int64[ndarray, " _"]], augmentation: Augmentation, *, seed: int, epoch: int
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
    for first in range(0, len(plan), _DRAWN_AT_ONCE):
        some = plan[first : first + _DRAWN_AT_ONCE]
        positions = np.concatenate(some)
        ids, labels = samples.ids[positions], torch.from_numpy(samples.labels[positions])
        keys = torch.from_numpy(dropout_keys(ids, seed=seed, epoch=epoch))
        drawn = draw_augmentation(augmentation, ids, seed=seed, epoch=epoch, height=height, width=width)
        ends = np.cumsum([len(batch) for batch in some]).tolist()
        for batch, end in zip(some, ends, strict=True):
            rows = slice(end - len(batch), end)
            images = apply_augmentation(samples.pixels_of(batch), drawn and drawn[rows], threads=threads)
            yield Batch(images, labels[rows], keys[rows])
