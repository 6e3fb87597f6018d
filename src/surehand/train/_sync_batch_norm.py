"""Batch normalisation over the whole global batch, on any backend.

torch's own SyncBatchNorm runs on accelerators alone. Without it, 2 x 64 images is another function than 1 x 128, and
each device ends with running statistics of its own (pytorch/pytorch#13711).
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _SumOverDevices(torch.autograd.Function):
    """y = the sum of x over devices; every device's loss depends on every x, so the gradient is a sum as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone()
        dist.all_reduce(total)
        return total


class SyncBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose training statistics are those of all devices' images together."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (n, c, h, w) by the mean and variance over n, h, w and devices."""
        if not self.training:
            return super().forward(x)
        dtype, x = x.dtype, x.float()
        count = _SumOverDevices.apply(x.new_tensor([x.numel() / x.shape[1]]))
        mean = _SumOverDevices.apply(x.sum((0, 2, 3))) / count  # (c,)
        centred = x - mean[:, None, None]
        variance = _SumOverDevices.apply(centred.square().sum((0, 2, 3))) / count  # (c,)
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(dtype)


def synchronise(model: nn.Module) -> None:
    """Turn every `nn.BatchNorm2d` of the model into one over all devices, in place; parameters and names stay."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncBatchNorm2d
