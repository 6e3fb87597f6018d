"""A convolution that is fast on small maps, too."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

# Results of at most so many places are computed as one product of matrices.
_FEW_PLACES = 16


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` without bias, padded so that stride 1 keeps height and width, and faster on a processor.

    Where a map has few places, as in the last stages of a network, PyTorch's kernels for processors take longer than
    one product of matrices, in training several times as long; a whole step of Darknet-53, at 64 pixels, takes twice as
    long (docs/results.md, section 4). What is exported is a convolution.

    Args:
        inputs, outputs: channels.
        kernel: height and width, odd.
        stride: of the result's places over the input's.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)

    def forward(self, input: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Features to features of ceil(h / stride) x ceil(w / stride) places."""
        if input.device.type == "cpu" and not torch.compiler.is_compiling():
            places = -(-input.shape[2] // self.stride[0]) * -(-input.shape[3] // self.stride[1])
            # In the other layout, kernels and maps would have to be turned first, at every step.
            flat = all(t.is_contiguous(memory_format=torch.channels_last) for t in (input, self.weight))
            if places <= _FEW_PLACES and flat:
                return self._as_product(input)
        return super().forward(input)

    def _as_product(self, features: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o h2 w2"]:
        """Each place's neighbourhood, flat, times the kernels (Chellapilla, Puri and Simard, 2006)."""
        patches = _Patches.apply(features.permute(0, 2, 3, 1), self.kernel_size[0], self.stride[0])
        kernels = self.weight.permute(0, 2, 3, 1).flatten(1)  # (o, k k i)
        return F.linear(patches, kernels).permute(0, 3, 1, 2)


class _Patches(torch.autograd.Function):
    """The k x k neighbourhood of every place, zeros beyond the border: (n, h, w, i) to (n, h2, w2, k k i)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: int, stride: int) -> Tensor:
        """Copy."""
        ctx.shape, ctx.kernel, ctx.stride = features.shape, kernel, stride
        margin = kernel // 2
        padded = F.pad(features, (0, 0, margin, margin, margin, margin))
        patches = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # (n, h2, w2, i, k, k)
        return patches.permute(0, 1, 2, 4, 5, 3).flatten(3)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Add up what a place did in all neighbourhoods: unfold's own gradient takes several times as long."""
        (n, height, width, inputs), kernel, stride = ctx.shape, ctx.kernel, ctx.stride
        rows, columns, margin = gradient.shape[1], gradient.shape[2], kernel // 2
        parts = gradient.unflatten(3, (kernel, kernel, inputs))
        # Nine numbers are added: in half precision each sum would be rounded.
        precise = torch.promote_types(gradient.dtype, torch.float32)
        total = gradient.new_zeros(n, height + 2 * margin, width + 2 * margin, inputs, dtype=precise)
        for y in range(kernel):
            for x in range(kernel):
                seen = slice(y, y + stride * rows, stride), slice(x, x + stride * columns, stride)
                total[:, seen[0], seen[1]] += parts[:, :, :, y, x]
        return total[:, margin : margin + height, margin : margin + width].to(gradient.dtype), None, None
