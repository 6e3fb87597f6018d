"""What is attacked, checked on entry."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt64
from torch import Tensor

from surehand.errors import UsageError

from ._goal import Goal
from ._method import Rows
from ._threat import Threat

# On a CPU, as few as keep a batch within its caches; elsewhere, as many as fill the device.
_PIXELS_AT_ONCE = {"cpu": 2**17}
_PIXELS_AT_ONCE_ELSEWHERE = 2**22
_LEAST = 8


@dataclass(frozen=True)
class Samples:
    """Images, what is wanted of each, and their ids; a batch of them moves to the model's device."""

    images: Tensor
    goal: Goal
    ids: UInt64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, start: int, stop: int, threat: Threat, seed: int, device: torch.device) -> Rows:
        """Some of the samples as rows of a batch."""
        some = slice(start, stop)
        # Copies: tensors that were made in a caller's inference mode cannot take part in gradients.
        labels = self.goal.labels[some].to(device).clone()
        targets = None if self.goal.targets is None else self.goal.targets[some].to(device).clone()
        clean = self.images[some].to(device).clone(memory_format=torch.channels_last)
        return Rows(clean, Goal(labels, targets), self.ids[some], threat, seed)


def checked(images: Tensor, labels: Tensor, targets: Tensor | None, ids: np.ndarray | None) -> Samples:
    """The samples, if they are what an attack can be run on.

    Args:
        images: float32 (n, 3, h, w) in [0, 1].
        labels: the truth, int64 (n,).
        targets: what the attacker wants, int64 (n,), nowhere the truth; None: any wrong class.
        ids: uint64 (n,), what each sample's random numbers depend on; None: their positions.

    Raises:
        UsageError: anything else.
    """
    images = images.detach()
    if images.dtype != torch.float32 or images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise UsageError(
            f"images must be float32 of shape (n, 3, h, w), none of them 0; got {images.dtype} of shape"
            f" {tuple(images.shape)}."
        )
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        raise UsageError(
            f"images must lie in [0, 1], so that epsilon means pixels; got values from {low:g} to {high:g}. Divide grey"
            " levels by 255; leave normalisation to the model's first layer."
        )
    _check_classes("labels", labels, len(images))
    if targets is not None:
        _check_classes("targets", targets, len(images))
        same = int((targets.cpu() == labels.cpu()).sum())
        if same:
            raise UsageError(f"A target must differ from the true label; {same} do not. Leave those images out.")
    if ids is None:
        ids = np.arange(len(images), dtype=np.uint64)
    if ids.dtype != np.uint64 or ids.shape != (len(images),):
        raise UsageError(f"ids must be uint64 of shape ({len(images)},); got {ids.dtype} of shape {ids.shape}.")
    return Samples(images, Goal(labels, targets), ids)


def batch_size_of(batch_size: int | None, images: Tensor, device: torch.device) -> int:
    """The batch size asked for, or one that suits the size of the images and the device.

    Raises:
        UsageError: less than 1.
    """
    if batch_size is None:
        area = images.shape[2] * images.shape[3]
        return max(_LEAST, _PIXELS_AT_ONCE.get(device.type, _PIXELS_AT_ONCE_ELSEWHERE) // area)
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1; got {batch_size}.")
    return batch_size


def _check_classes(name: str, classes: Tensor, n: int) -> None:
    if classes.dtype != torch.int64 or classes.shape != (n,):
        raise UsageError(
            f"{name} must be int64 of shape ({n},), one class an image; got {classes.dtype} of shape"
            f" {tuple(classes.shape)}."
        )
    if int(classes.min()) < 0:
        raise UsageError(f"{name} must be class numbers from 0 on; got {int(classes.min())}.")
