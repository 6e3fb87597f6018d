"""Dropout whose masks belong to the sample, so training resumes exactly and does not depend on batches or processes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from surehand.errors import UsageError

_LANES = 4  # 16-bit random numbers in one 64-bit hash
_LEVELS = 1 << 16


class Dropout(nn.Module):
    """Dropout of features (Srivastava et al., JMLR 15, 2014) with masks that are a pure function of a key a sample.

    In training, each feature is set to 0 with probability p and the others are divided by 1 - p, so that the mean
    stays; the mask of row i depends on keys[i] and on this layer's position in the model alone. In evaluation nothing
    happens.

    Args:
        p: probability of dropping, in [0, 1); taken to the nearest 1/65536.
    """

    def __init__(self, p: float) -> None:
        if not 0 <= p < 1:
            raise UsageError(f"The dropout probability must lie in [0, 1); got {p}.")
        super().__init__()
        self.p = round(p * _LEVELS) / _LEVELS
        self.keys: Tensor | None = None
        self.position = 0

    def forward(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Features to features, some of them zero."""
        if not self.training:
            return features
        if self.keys is None:
            raise UsageError("Dropout needs keys in training: call the model within sample_keys(model, keys).")
        if len(self.keys) != len(features):
            raise UsageError(
                f"Dropout got {len(self.keys)} keys for {len(features)} samples; each sample needs its own."
            )
        kept = dropout_mask(self.keys, self.position, features.shape[1], self.p)
        return features * kept.to(features.dtype) * (1 / (1 - self.p))


@contextmanager
def sample_keys(model: nn.Module, keys: Int64[Tensor, " n"]) -> Iterator[None]:
    """Give every dropout layer of a model the keys of the samples of one batch, for the duration of a with-block.

    Args:
        model: any module; one without dropout is left alone.
        keys: one number a sample, already mixed from everything its masks shall depend on (seed, epoch, sample id), on
            the model's device. Row i of a batch is masked by keys[i].
    """
    layers = [layer for layer in model.modules() if isinstance(layer, Dropout)]
    before = [(layer.keys, layer.position) for layer in layers]
    try:
        for position, layer in enumerate(layers):
            layer.keys, layer.position = keys, position
        yield
    finally:
        for layer, state in zip(layers, before, strict=True):
            layer.keys, layer.position = state


def dropout_mask(keys: Int64[Tensor, " n"], position: int, features: int, p: float) -> Bool[Tensor, "n d"]:
    """Which features are kept: splitmix64 (Steele, Lea and Flood, OOPSLA 2014) of key, layer and feature.

    Args:
        keys: one number a sample.
        position: of the layer among the dropout layers of its model.
        features: how many, d.
        p: probability of dropping, a multiple of 1/65536 in [0, 1).

    Returns:
        bool (n, d) on the device of `keys`, True with probability 1 - p.
    """
    groups = -(-features // _LANES)
    state = _mix(keys + _wrapped((position + 1) * _GOLDEN))  # (n,)
    steps = torch.arange(1, groups + 1, device=keys.device) * _wrapped(_GOLDEN)  # (groups,)
    lanes = _mix(state[:, None] + steps).view(torch.int16)  # (n, 4 groups)
    return lanes[:, :features] >= round(p * _LEVELS) - _LEVELS // 2


def _wrapped(number: int) -> int:
    """The int64 with the same 64 lowest bits."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = _wrapped(0xBF58476D1CE4E5B9)
_SECOND = _wrapped(0x94D049BB133111EB)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    # torch shifts int64 arithmetically: the copies of the sign must go, or the mixing would lose bits.
    return (x >> bits) & ((1 << (64 - bits)) - 1)
