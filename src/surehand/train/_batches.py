"""Batches for the model, made one step ahead in a thread of their own."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
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
    """The batches that `plan` lists, each made while the model works on the one before.

    Gathering and augmenting let go of the interpreter lock, so the thread costs the model nothing but processor time.

    Args:
        samples: the training images.
        plan: positions in `samples`, batch by batch.
        augmentation: what is done to each image, by its id and the epoch.
        seed: of the run.
        epoch: from 0.
    """

    def make(positions: ndarray) -> Batch:
        ids = samples.ids[positions]
        images = augment(samples.pixels_of(positions), ids, seed=seed, epoch=epoch, augmentation=augmentation)
        keys = torch.from_numpy(dropout_keys(ids, seed=seed, epoch=epoch))
        return Batch(images, torch.from_numpy(samples.labels[positions]), keys)

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        following: Future[Batch] | None = None
        for positions in plan:
            ready, following = following, thread.submit(make, np.asarray(positions))
            if ready is not None:
                yield ready.result()
        if following is not None:
            yield following.result()
